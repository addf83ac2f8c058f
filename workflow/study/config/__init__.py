"""The config: its keys as models, and every mistake in it named before any job starts."""

from study.config.messages import ConfigError
from study.config.whole import checked

__all__ = ["ConfigError", "checked"]
