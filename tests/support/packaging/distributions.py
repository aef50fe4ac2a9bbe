"""The wheel and the sdist of a folder, built without an index: the backend is a test dependency."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class BuiltDistributions:
    """The two files of a release."""

    wheel: Path
    sdist: Path


def build_distributions(source: Path, into: Path, umask: int = -1) -> BuiltDistributions:
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(into)]
    done = subprocess.run(command, cwd=source, umask=umask, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,), (sdist,) = into.glob("basebump-*.whl"), into.glob("basebump-*.tar.gz")
    return BuiltDistributions(wheel, sdist)
