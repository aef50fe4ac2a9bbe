"""Print the SBOM of a virtual environment that contains basebump's dependencies: `python -m tools.sbom FOLDER`."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from bot import __version__
from tools.checkout import ROOT


def build_sbom(environment: Path) -> str:
    """Return the validated SBOM in CycloneDX JSON. The same packages always result in the same SBOM."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        # A copy of pyproject.toml with a static version, because the real file reads the version from the code.
        about = Path(folder) / "pyproject.toml"
        about.write_text(re.sub(r"(?m)^dynamic = .*$", f'version = "{__version__}"', text), encoding="utf-8")
        command = [sys.executable, "-m", "cyclonedx_py", "environment", "--spec-version", "1.6", "--validate"]
        command += ["--output-reproducible", "--pyproject", str(about), str(environment)]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    sys.stdout.write(build_sbom(Path(sys.argv[1])))
