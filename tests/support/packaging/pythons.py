"""The Python versions that basebump supports, and their programs on this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from support.parts import ROOT

VERSIONS = tuple(
    re.findall(r'"Programming Language :: Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
)
_PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
"""Where pyenv keeps its Pythons; read before any test has a home of its own."""


def find_python(version: str) -> str | None:
    """Return a Python of a version that starts; a name on PATH can be a shim without that version."""
    program = f"print(__import__('sys').version.startswith('{version}.'))"
    for candidate in _candidates(version):
        done = subprocess.run([candidate, "-Ic", program], capture_output=True, text=True, check=False)
        if done.stdout == "True\n":
            return candidate
    return None


def _candidates(version: str) -> Iterator[str]:
    yield sys.executable
    folders = [*os.environ["PATH"].split(os.pathsep), *map(str, sorted(_PYENV.glob(f"versions/{version}.*/bin")))]
    yield from filter(None, (shutil.which(f"python{version}", path=folder) for folder in folders))
