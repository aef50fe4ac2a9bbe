"""The images of a release, for all processes of tests that are here at once.

The step of the workflow builds the first image. The second one is built from the same layers, without an archive.
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.packaging.buildah import BuildahProgram
from support.packaging.workflow_steps import WorkflowSteps, copy_checkout
from support.parts import find_debian_with_python

from bot import __version__

BASE, IMAGE, WITH_TRIVY = "localhost/python-base", "localhost/basebump-basebump", "localhost/basebump-trivy"
CHECKOUT, PROGRAMS = "checkout", "programs"
"""Folders beside the images: the checkout that was built, and the `buildah` of scripts."""
BASE_DOCKERFILE = """\
FROM scratch
ADD python.tar /
"""
"""Any Debian with Python will do; images of others cannot be had where nothing but loopback and packages are."""
GITHUB = {
    "GITHUB_ACTOR": "ada",
    "GITHUB_REF_NAME": f"v{__version__}",
    "GITHUB_REPOSITORY": "Acme/basebump",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_SHA": "c" * 40,
}
"""What GitHub says to a job of a release."""
_INDEX = ("index-url", "extra-index-url", "trusted-host", "proxy")


@contextmanager
def share_images(shared: Path) -> Iterator[BuildahProgram]:
    """Build the images unless another process did; the last process deletes them."""
    folder = shared / "buildah"
    mine = folder / f"used-by-{os.getpid()}"
    with _lock_file(shared / "buildah.lock"):
        folder.mkdir(exist_ok=True)
        builder = BuildahProgram(folder)
        if not (folder / "is-built").exists():
            _build_images(builder, folder)
            (folder / "is-built").touch()
        mine.touch()
    try:
        yield builder
    finally:
        with _lock_file(shared / "buildah.lock"):
            mine.unlink()
            if not list(folder.glob("used-by-*")):
                builder.remove()


def build_release_steps(folder: Path, checkout: Path) -> WorkflowSteps:
    """Return the steps of release.yml in a checkout; those that use buildah use the images of `folder`."""
    path = f"{folder / PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    return WorkflowSteps("release.yml", checkout, {**GITHUB, "PATH": path})


@contextmanager
def _lock_file(path: Path) -> Iterator[None]:
    with path.open("a", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _build_images(builder: BuildahProgram, folder: Path) -> None:
    """Build the images on Debian; the package index is passed as a secret."""
    base = folder / "base"
    base.mkdir(exist_ok=True)
    (base / "Dockerfile").write_text(BASE_DOCKERFILE, encoding="utf-8")
    shutil.copy(find_debian_with_python(), base)
    builder.build(base, BASE)
    (folder / PROGRAMS).mkdir()
    builder.write_program(folder / PROGRAMS / "buildah", {"BASE": BASE}, _build_secrets(folder))
    checkout = copy_checkout(folder / CHECKOUT)
    steps = build_release_steps(folder, checkout)
    ran = steps.run("image", "Build the image", matrix={"target": "basebump", "architecture": "amd64"})
    assert ran.code == 0, ran.log[-4000:]
    if platform.machine() == "x86_64":
        arguments = {"BASE": BASE, "LOCK": "deploy/image/everything.lock"}
        builder.build(checkout, WITH_TRIVY, arguments, _build_secrets(folder), target="trivy")


def _build_secrets(folder: Path) -> dict[str, Path]:
    told = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    found = re.findall(r"^(?:global|:env:|install)\.([a-z-]+)='(.*)'$", told.stdout, re.MULTILINE)
    lines = [f"{key} = {value}" for key, value in dict(found).items() if key in _INDEX]
    config, authority = folder / "pip.conf", folder / "ca.pem"
    config.write_text("\n".join(["[global]", "cert = /run/secrets/ca", "timeout = 180", *lines]), encoding="utf-8")
    trusted = next(filter(None, map(os.environ.get, ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"))), None)
    shutil.copy(trusted or "/etc/ssl/certs/ca-certificates.crt", authority)
    return {"pip": config, "ca": authority}
