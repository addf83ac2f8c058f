"""From the config to the jobs: checks, what each job reads and uses, and what makes it stale.

This is the only place that knows the config. It imports none of the science, so that a dry run
starts quickly; only `job`, which scripts share, and `verify`, which checks results, import
`gahb.store`.
"""
