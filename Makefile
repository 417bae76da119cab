# `make demo` and `make test` need Python 3.11 or later and nothing else.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed

DEMO_CONFIG := configs/macbdf_demo.py
DEMO_DATA := data/demo
DEMO_WORK := work_dirs/macbdf_demo
DEMO_SEED ?= 0
# Further arguments of make_demo_dataset.py, and options of the config, for a shorter run.
DEMO_DATA_ARGS ?=
DEMO_OPTIONS ?=
DEMO_ROOTS := $(foreach part,train val test,$(part)_dataloader.dataset.data_root=$(DEMO_DATA))

.PHONY: venv demo test test-slow lint clean

venv: $(STAMP)

$(STAMP): setup.cfg constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade pip
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable '.[lite,dev]'
	$(RUN) -W ignore tools/check_environment.py
	touch $@

# Each step takes up where it was stopped; remove $(DEMO_WORK) to train afresh.
demo: venv
	$(RUN) tools/make_demo_dataset.py --out $(DEMO_DATA) --seed $(DEMO_SEED) $(DEMO_DATA_ARGS)
	$(RUN) -W ignore tools/train.py $(DEMO_CONFIG) --work-dir $(DEMO_WORK) --seed $(DEMO_SEED) \
		--resume --cfg-options $(DEMO_ROOTS) $(DEMO_OPTIONS)
	$(RUN) -W ignore tools/test.py $(DEMO_WORK)/macbdf_demo.py --work-dir $(DEMO_WORK)
	$(RUN) -W ignore tools/make_report.py $(DEMO_WORK)

test: venv
	$(RUN) -m pytest -n 2

test-slow: venv
	$(RUN) -m pytest -n 2 -m slow

lint: venv
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
