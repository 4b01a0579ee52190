# Two commands are enough: `make demo` and `make test`. Each sets up what it needs first; a second call is quick.
PY := .venv/bin/python

.PHONY: demo test lint bench setup lock help

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile

demo: ## set up, then take a notebook the whole way to an answering endpoint
	@python3 tools/provision.py python panel
	@$(PY) -m nbops demo

test: ## set up everything, then run every test
	@python3 tools/provision.py python panel system peers
	@$(PY) tools/run_tests.py

lint: ## style, types and the direction of imports
	@python3 tools/provision.py python
	@$(PY) tools/run_tests.py --only lint

bench: ## measure against the bars, with peers and the machine's floor in the same run
	@python3 tools/provision.py python panel system peers serving-peers
	@$(PY) -m benchmarks

setup: ## set up without running anything
	@python3 tools/provision.py python panel

lock: ## resolve requirements.lock and the peers' locks anew
	@.venv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --upgrade \
		--extra audit --extra dask --extra kubernetes --extra mlflow --extra onnx --extra postgres --extra ray --extra s3 --extra search --extra sign --group dev --output-file requirements.lock pyproject.toml
	@.venv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --upgrade \
		--python-version 3.11 --output-file tools/peers.lock tools/peers.in
	@.venv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --upgrade \
		--python-version 3.11 --output-file tools/serving_peers.lock tools/serving_peers.in
