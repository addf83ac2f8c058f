"""From the config to the jobs: validation, what each job uses, and what makes it stale.

This is the only place that knows the config file. It imports nothing of the science, so that a dry
run starts quickly.
"""
