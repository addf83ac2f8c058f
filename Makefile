# Prepares .venv and calls snakemake or pytest in it; the workflow itself does not need make.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# For snakemake: make all ARGS="--configfile mine.yaml"; on a cluster: make resume PROFILE=slurm
ARGS ?=
PROFILE ?= profiles/local
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: all report publish resume test test-all stale cost verify gpu lint notebook docs site lock written
all: $(READY) written
	$(BIN)/snakemake --profile $(PROFILE) $(ARGS) -- all

# All results in one file: results/report/index.html
report: $(READY) written
	mkdir -p results/report
	$(BIN)/snakemake --profile $(PROFILE) $(ARGS) --report results/report/index.html \
	    --report-after-run -- all

# The report as the web page of the repository: branch gh-pages of `origin`.
publish: report
	$(BIN)/python -m ghp_import --no-jekyll --push --message "Report" results/report

# Unit tests, a tiny study and real staleness; test-all adds clusters, faults and pages.
test: $(READY)
	$(BIN)/python -m pytest

test-all: $(READY)
	$(BIN)/python -m pytest -m ""

# After a hard kill: drop the lock that it left behind, then go on.
resume: $(READY) written
	$(BIN)/snakemake --unlock $(ARGS)
	$(MAKE) all

# What `make all` would recompute, and why, in words.
stale: $(READY) written
	$(BIN)/python -m study.stale --profile $(PROFILE) $(ARGS) -- all

# What the study costs: expected, and measured for what has run.
cost: $(READY) written
	$(BIN)/python -m study.cost --profile $(PROFILE) $(ARGS) -- all

# Is every store and every file of weights in results/ complete, as declared and finite?
verify: $(READY)
	$(BIN)/python -m study.verify results

# Checks the files of --configfile: snakemake names neither the file nor the line of a mistake.
written: $(READY)
	@$(BIN)/python -m study.written \
	    $(filter %.yaml %.yml %.json,$(patsubst --configfile=%,%,$(ARGS))) > /dev/null

# On a machine with a GPU: tests, a tiny study and benchmarks in ten minutes, to results/gpu.
gpu: $(READY)
	$(BIN)/python benchmarks/gpu.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint

# The tutorial in Jupyter, with the project's environment as its kernel.
notebook: $(READY)
	$(BIN)/python -m pip install --quiet --constraint envs/requirements.lock jupyterlab
	$(BIN)/jupyter lab docs/tutorial.ipynb

# The generated pages of docs/, and the numbers from docs/gallery.
docs: $(READY)
	$(BIN)/python docs/generate.py

# The documentation as static pages with search: site/index.html
# A page says that no reference is slower than plain torch; this is measured first, in seconds.
site: $(READY)
	$(BIN)/python benchmarks/theories.py --check
	rm -rf site
	$(BIN)/python docs/website/build.py site

$(READY): envs/requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement envs/requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# Pins everything that pyproject.toml requires, as tested, for pip and for conda.
lock:
	rm -rf .lock && $(PYTHON) -m venv .lock
	.lock/bin/python -m pip install --quiet setuptools .[workflow,dev,docs]
	.lock/bin/python -m pip freeze --all --exclude pip --exclude gahb | sed 's/+cpu//' > envs/requirements.lock
	{ printf '%s\n' '# conda env create --file envs/environment.yml && conda activate gahb' \
	    '# The pins are those of requirements.lock; `make lock` writes both.' 'name: gahb' \
	    'channels: [conda-forge, nodefaults]' 'dependencies:' '  - python=3.11' '  - make' '  - pip' \
	    '  - pip:'; sed 's/^/      - /' envs/requirements.lock; } > envs/environment.yml
	rm -rf .lock build workflow/*.egg-info
