"""A file of weights that says what it was made with, as stores do in their attributes."""

import json
from pathlib import Path


def sign(path: str | Path, parameters: dict) -> None:
    """Write into the header of a file of weights what it was made with.

    The header is written here, in order: safetensors shuffles its entries, and the same weights
    would be other bytes each time. It is JSON after its length in 8 bytes; its own length is a
    multiple of 8, so that tensors are aligned.

    Args:
        path: of the file, which is replaced.
        parameters: as in `gahb.store.provenance`.
    """
    content = Path(path).read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header["__metadata__"]["parameters"] = json.dumps(parameters, sort_keys=True)
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    written = json.dumps(header).encode()
    written += b" " * (-len(written) % 8)
    Path(path).write_bytes(len(written).to_bytes(8, "little") + written + content[start:])
