"""Assessing images with the real Trivy: what a move costs the first time, and once it is remembered."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from support.parts import find_docker_registry, find_trivy
from support.registries.docker_registry import DockerRegistry
from support.scanners.trivy import database

from bot.demo.images import DemoPackage, ImageIndex, build_debian_root, build_image, build_index, build_layer
from bot.demo.trivy_database import TAG

IMAGES = 20
PACKAGES = 100
"""In each: a slim image of a distribution has about as many."""
PROJECT = Path(__file__).resolve().parent.parent
MEASURED = """
import sys
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from bot.__main__ import main
try:
    main()
finally:
    peaks = (getrusage(who).ru_maxrss // 1024 for who in (RUSAGE_SELF, RUSAGE_CHILDREN))
    print(*peaks, file=sys.stderr)
"""
"""Runs basebump, and prints the peak of its memory and of the largest of its children, in MiB."""


@dataclass(frozen=True)
class Cost:
    """What one scan of the folder took."""

    seconds: float
    own: int
    """MiB, at its peak."""
    scanner: int
    """MiB of the largest child, at its peak."""


def measure_assessing() -> None:
    trivy = find_trivy()
    if find_docker_registry() is None or trivy is None:
        print("assessing: docker-registry or Trivy is not on this machine, so it was not measured")
        return
    with DockerRegistry() as registry, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        registry.push(database().build_database_artifact(), "trivy-db", TAG)
        _write(registry, folder)
        config = _config(registry, folder, trivy)
        _run(folder, config)  # downloads the database, which is no part of either
        (folder / "state.db").unlink()
        cold, cached = _run(folder, config), _run(folder, config)
    print(f"assessing {IMAGES} images of {PACKAGES} packages that moved, {2 * IMAGES} scans:")
    print(f"  for the first time: {cold.seconds:.1f} s, {cold.own} MiB, and {cold.scanner} MiB for Trivy")
    faster = cold.seconds / cached.seconds
    print(f"  remembered:         {cached.seconds:.1f} s, {cached.own} MiB: {faster:.1f} times as fast")


def _write(registry: DockerRegistry, folder: Path) -> None:
    """Write a file for each image, which holds the digest before the one that its tag points to."""
    for number in range(IMAGES):
        old, new = (
            registry.push(_image(f"{number}-{word}", version), f"team/image-{number}", "1")
            for word, version in (("old", "3.5.0-1"), ("new", "3.5.2-1"))
        )
        assert old != new
        service = folder / "tree" / f"service-{number}"
        service.mkdir(parents=True)
        (service / "Dockerfile").write_text(f"FROM {registry.host}/team/image-{number}:1@{old}\n")
    subprocess.run(["git", "init", "--quiet"], cwd=folder / "tree", check=True)
    subprocess.run(["git", "add", "."], cwd=folder / "tree", check=True)


def _image(name: str, openssl: str) -> ImageIndex:
    packages = [
        DemoPackage("openssl", openssl),
        *(DemoPackage(f"package-{number}", "1-1") for number in range(PACKAGES - 1)),
    ]
    return build_index(
        [
            build_image(
                [build_layer({**build_debian_root("13.1", packages), "name": name.encode()})], created=datetime.now(UTC)
            )
        ]
    )


def _config(registry: DockerRegistry, folder: Path, trivy: str) -> Path:
    config = folder / "basebump.yaml"
    config.write_text(
        f"schema: 1\nstate: sqlite:///{folder}/state.db\nregistries: [{{host: '{registry.host}', insecure: true}}]\n"
        f"scanners: [{{kind: trivy, binary: '{trivy}', database: '{registry.host}/trivy-db:{TAG}'}}]\n"
    )
    return config


def _run(folder: Path, config: Path) -> Cost:
    command = [sys.executable, "-c", MEASURED, "scan", str(folder / "tree"), "--config", str(config)]
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=PROJECT, env={"HOME": str(folder), "PATH": ""}, check=True, capture_output=True, text=True
    )
    seconds = time.perf_counter() - start
    assert done.stdout.count("fixes 2") == IMAGES, done.stdout
    own, scanner = done.stderr.split()[-2:]
    return Cost(seconds, int(own), int(scanner))


if __name__ == "__main__":
    measure_assessing()
