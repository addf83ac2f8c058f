"""From the config to the jobs: checks, what each job reads and uses, and what makes it stale.

This is the only place that knows the config. Nothing of the science is imported, so that a dry run
starts quickly; what scripts share (`job`) and what checks results (`verify`) import `gahb.store`.
"""
