"""The lock of the tests can be installed by an old pip, with the options that the Makefile uses.

Only packages that others require with extras are installed, and those others: the old pip fails at them.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.parts import ROOT

pytestmark = pytest.mark.slow

OLD_PIP = "23.2.1"
"""With hashes and without --no-deps, this release rejects requirements with extras: `coverage[toml]>=7.10.6`."""
LOCK = "tests/requirements.lock"
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def read_install_arguments(lock: str) -> list[str]:
    """Return the arguments that the Makefile gives to pip in order to install a lock."""
    variables = dict(re.findall(r"^(\w+) := (.*)$", MAKEFILE, re.MULTILINE))
    (arguments,) = re.findall(rf"^\t\$\(VENV\)/pip (install .*-r {re.escape(lock)})$", MAKEFILE, re.MULTILINE)
    return shlex.split(re.sub(r"\$\((\w+)\)", lambda name: variables[name[1]], arguments))


def list_packages_with_extras() -> set[str]:
    """Return the packages of this environment that others require with extras, and those others."""
    found = set()
    for distribution in distributions():
        for line in distribution.requires or ():
            required = Requirement(line)
            if required.extras and (required.marker is None or required.marker.evaluate({"extra": ""})):
                found |= {canonicalize_name(required.name), canonicalize_name(distribution.name)}
    return found


def write_part_of_lock(folder: Path) -> Path:
    """Write the entries of the tests' lock for packages with extras into a lock of its own."""
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / LOCK).read_text(encoding="utf-8"))
    wanted = list_packages_with_extras()
    part = [entry for entry in entries if entry.partition("==")[0] in wanted]
    assert any(entry.startswith("coverage==") for entry in part)
    path = folder / "part.lock"
    path.write_text("\n".join([*part, ""]), encoding="utf-8")
    return path


@pytest.fixture
def old_pip(tmp_path) -> list[str]:
    """Return the command of pip 23.2.1 in a virtual environment of its own."""
    folder = tmp_path / "old-pip"
    subprocess.run([sys.executable, "-Im", "venv", "--without-pip", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    newer_pip = [sys.executable, "-Im", "pip", "--python", python]
    subprocess.run([*newer_pip, "install", "--quiet", f"pip=={OLD_PIP}"], check=True)
    return [python, "-Im", "pip"]


def run(command: list[str]) -> tuple[int, str]:
    environment = os.environ | {"PIP_NO_COMPILE": "1"}  # nothing of what is installed is run
    done = subprocess.run(
        command, cwd="/", env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout


def test_old_pip_installs_locked_packages_with_the_options_of_the_makefile(old_pip, tmp_path):
    assert run([*old_pip, "--version"])[1].startswith(f"pip {OLD_PIP} ")
    options = read_install_arguments(LOCK)
    assert {"--no-deps", "--require-hashes"} <= set(options)
    options[-1] = str(write_part_of_lock(tmp_path))
    code, output = run([*old_pip, *options])
    assert code == 0, output
