"""Prints the SBOM of a virtual environment that basebump is installed in: `python -m tools.sbom FOLDER`."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from bot import __version__
from tools.checkout import ROOT


def sbom(environment: Path) -> str:
    """Return it in CycloneDX's JSON, held to its schema by what makes it, and the same for the same packages."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        about = Path(folder) / "pyproject.toml"  # it names the version, which the real one leaves to the code
        about.write_text(re.sub(r"(?m)^dynamic = .*$", f'version = "{__version__}"', text), encoding="utf-8")
        command = [sys.executable, "-m", "cyclonedx_py", "environment", "--spec-version", "1.6", "--validate"]
        command += ["--output-reproducible", "--pyproject", str(about), str(environment)]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    sys.stdout.write(sbom(Path(sys.argv[1])))
