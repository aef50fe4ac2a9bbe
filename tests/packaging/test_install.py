"""A default install, from the wheel and the lock alone, does its whole job on every Python of this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from support.packaging.dependencies import DEFAULT, list_direct_dependencies, normalise_name, read_lock
from support.packaging.distributions import BuiltDistributions
from support.packaging.pythons import VERSIONS, find_python
from support.parts import ROOT

from bot import __version__
from tools.sbom import build_sbom

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def install(distributions: BuiltDistributions, tmp_path_factory) -> Callable[[str], Path]:
    """Return a function that installs basebump for one version of Python. A second call returns the same folder."""

    @cache
    def install_for(version: str) -> Path:
        python = find_python(version)
        if python is None:
            pytest.skip(f"optional: Python {version} is not installed on this machine")
        made = tmp_path_factory.mktemp("installed") / version
        subprocess.run([python, "-Im", "venv", "--without-pip", str(made)], check=True)
        pip = [sys.executable, "-m", "pip", "--python", str(made / "bin" / "python"), "install", "--quiet", "--no-deps"]
        pip.append("--no-compile")  # most of it is not run here
        subprocess.run([*pip, "--require-hashes", "--requirement", str(ROOT / "requirements.lock")], check=True)
        subprocess.run([*pip, "--no-index", str(distributions.wheel)], check=True)
        return made

    return install_for


@pytest.fixture(scope="module", params=VERSIONS)
def folder(request, install) -> Path:
    """Return a virtual environment as `pip install` makes it, with only the packages of the lock."""
    return install(request.param)


@pytest.fixture
def basebump(folder, tmp_path):
    """Run the command that was installed; return exit code, stdout and stderr."""

    def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
        known = {"HOME": os.environ["HOME"], "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        command = [str(folder / "bin" / "basebump"), *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=known | environment, capture_output=True, text=True, timeout=300, check=False
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_default_install_has_all_required_packages(folder):
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "check"]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "No broken requirements found.\n")


def test_installed_command_starts_without_warnings_and_completes_arguments(basebump):
    assert basebump("--version", PYTHONWARNINGS="error") == (0, f"basebump, version {__version__}\n", "")
    words = {"COMP_WORDS": "basebump sc", "COMP_CWORD": "1"}
    assert basebump(_BASEBUMP_COMPLETE="bash_complete", **words)[1] == "plain,scan\n"


def test_installed_command_scans_a_folder(basebump, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM python:3.12-slim\n", encoding="utf-8")
    code, said, talk = basebump("scan", ".", "--offline")
    assert (code, talk) == (0, "")
    assert "python:3.12-slim" in said


def test_installed_command_prints_the_shipped_config_schema(basebump):
    assert basebump("config", "schema") == (0, (ROOT / "config" / "schema.json").read_text(encoding="utf-8"), "")


def test_installed_command_runs_the_demo(basebump):
    code, said, talk = basebump("demo")
    assert code == 0, talk
    assert "unchanged" in said


def test_manual_page_is_installed_with_the_command(folder):
    page = folder / "share" / "man" / "man1" / "basebump.1"
    assert page.read_bytes() == (ROOT / "docs" / "basebump.1").read_bytes()


def test_sbom_lists_every_locked_package_and_the_direct_dependencies(install):
    """The SBOM is built as by `make sbom`, and is checked with the schema of CycloneDX."""
    text = build_sbom(install(VERSIONS[0]))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    locked_here = {(each.package, each.version) for each in read_lock(DEFAULT).values()}
    assert {(normalise_name(each["name"]), each["version"]) for each in document["components"]} == locked_here
    assert all(each["licenses"] and each["purl"].startswith("pkg:pypi/") for each in document["components"])
    about = document["metadata"]["component"]
    assert (about["name"], about["version"], about["type"]) == ("basebump", __version__, "application")
    (asked,) = (each["dependsOn"] for each in document["dependencies"] if each["ref"] == about["bom-ref"])
    expected = {each.package for each in list_direct_dependencies() if each.group == "default"}
    assert {normalise_name(each) for each in asked} == expected
