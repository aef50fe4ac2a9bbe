"""The lock of the tests can be installed by an old pip, with the options that the Makefile uses."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest
from support.parts import ROOT

pytestmark = pytest.mark.slow

OLD_PIP = "23.2.1"
"""With hashes and without --no-deps, this release rejects requirements with extras: `coverage[toml]>=7.10.6`."""
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def makefile_install(lock: str) -> list[str]:
    """Return the arguments that the Makefile gives to pip in order to install a lock."""
    variables = dict(re.findall(r"^(\w+) := (.*)$", MAKEFILE, re.MULTILINE))
    (arguments,) = re.findall(rf"^\t\$\(VENV\)/pip (install .*-r {re.escape(lock)})$", MAKEFILE, re.MULTILINE)
    return shlex.split(re.sub(r"\$\((\w+)\)", lambda name: variables[name[1]], arguments))


@pytest.fixture(scope="module")
def old_pip(tmp_path_factory) -> list[str]:
    """Return the command of pip 23.2.1 in a virtual environment into which it has installed the lock of the tests."""
    folder = tmp_path_factory.mktemp("old-pip")
    subprocess.run([sys.executable, "-Im", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-Im", "pip"]
    subprocess.run([*pip, "install", "--quiet", f"pip=={OLD_PIP}"], check=True)
    options = makefile_install("tests/requirements.lock")
    assert {"--no-deps", "--require-hashes"} <= set(options)
    options[-1] = str(ROOT / options[-1])
    code, output = run([*pip, *options])
    assert code == 0, output
    return pip


def run(command: list[str]) -> tuple[int, str]:
    environment = os.environ | {"PIP_NO_COMPILE": "1"}  # nothing of what is installed is run
    done = subprocess.run(
        command, cwd="/", env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout


def test_old_pip_installs_test_lock_with_options_of_makefile(old_pip):
    assert run([*old_pip, "--version"])[1].startswith(f"pip {OLD_PIP} ")
    assert run([*old_pip, "check"]) == (0, "No broken requirements found.\n")
