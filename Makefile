# Two commands matter: `make demo` (a running product on a public grid) and `make test` (all checks and tests).
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=
PAGES  := $(shell find field_api/web -type f -not -path '*/node_modules/*' -not -path '*/dist/*')

.DEFAULT_GOAL := help
.PHONY: help demo test check bench bench-scope soak lock wheel clean peers system-packages

help:  ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.run  ## A running product on the reference grid; ARGS='--for 60' ends by itself
	$(BIN)/gridcrew up --demo $(ARGS)

test: $(VENV)/.test .peers/modpoll/.made system-packages  ## Install what tests need and run all checks and tests
	$(MAKE) check
	$(BIN)/python -m pytest -n 3 --dist loadgroup

check: $(VENV)/.test  ## Style, types, contracts, sizes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/test_tidy.py tests/test_docs.py

bench: $(VENV)/.test .peers/.made system-packages  ## Measure; results go to benchmarks/results/
	$(BIN)/python -m benchmarks

bench-scope: $(VENV)/.test  ## The public yardstick of outage scope (docs/benchmark.md); ARGS='--scenarios 10'
	$(BIN)/python -m benchmarks scope_accuracy $(ARGS)

soak: $(VENV)/.test system-packages  ## Half an hour of faults, recorded in benchmarks/results/; needs privileges
	$(BIN)/python -m benchmarks.fault_soak

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.lock pyproject.toml $(PAGES) | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: requirements/test.lock $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.lock
	@touch $@

peers: .peers/.made  ## Foreign programs that benchmarks run beside ours, in environments of their own

.peers/modpoll/.made: requirements/peer-tools.txt
	$(PYTHON) -m venv .peers/modpoll && .peers/modpoll/bin/python -m pip install --quiet -r requirements/peer-tools.txt
	@mkdir -p .peers/bin && ln -sf ../modpoll/bin/modpoll .peers/bin/modpoll && touch $@

.peers/.made: requirements/peers.txt requirements/peer-graphs.txt requirements/peer-routing.txt benchmarks/peers/package.json .peers/modpoll/.made
	$(PYTHON) -m venv .peers/thingsboard && .peers/thingsboard/bin/python -m pip install --quiet -r requirements/peers.txt
	.peers/thingsboard/bin/python -m pip install --quiet --no-deps --target .peers/graphs --upgrade -r requirements/peer-graphs.txt
	.peers/thingsboard/bin/python -m pip install --quiet --no-deps --target .peers/routing --upgrade -r requirements/peer-routing.txt
	cp benchmarks/peers/package.json .peers/package.json && cd .peers && npm install --silent --no-audit --no-fund --no-package-lock
	@touch $@

system-packages:
	@sh .ci/system-packages

lock:  ## Renew the lock files after a change of dependencies
	$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --extra demo --extra archive --extra dlt698 --extra notify --extra build pyproject.toml -o requirements/run.lock
	$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --extra demo --extra archive --extra dlt698 --extra notify --extra build --extra gis --extra test -c requirements/run.lock pyproject.toml -o requirements/test.lock

wheel: $(VENV)/.run  ## Our packages and the built front end, nothing else
	$(BIN)/python -m hatchling build -t wheel

clean:  ## Remove what was built (not the data in var/)
	rm -rf $(VENV) dist build field_api/web/dist field_api/web/node_modules
