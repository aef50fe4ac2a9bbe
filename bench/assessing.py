"""Measures scans of images with the real Trivy: the cost of the first run, and of a run with cached results."""

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
"""The number of packages in each image. A slim image of a distribution has about this many."""
PROJECT = Path(__file__).resolve().parent.parent
MEASURING_PROGRAM = """
import sys
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from bot.__main__ import main
try:
    main()
finally:
    peaks = (getrusage(who).ru_maxrss // 1024 for who in (RUSAGE_SELF, RUSAGE_CHILDREN))
    print(*peaks, file=sys.stderr)
"""
"""A program that runs basebump, and prints the peak memory of basebump and of its largest child process, in MiB."""


@dataclass(frozen=True)
class ScanCost:
    """The cost of one scan of the folder."""

    seconds: float
    own_mebibytes: int
    """The peak memory of basebump."""
    scanner_mebibytes: int
    """The peak memory of the largest child process."""


def measure_scans() -> None:
    trivy = find_trivy()
    if find_docker_registry() is None or trivy is None:
        print("scans: not measured, because docker-registry or Trivy is not installed")
        return
    with DockerRegistry() as registry, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        registry.push(database().build_database_artifact(), "trivy-db", TAG)
        _write_folder(registry, folder)
        config = _write_config(registry, folder, trivy)
        _run_scan(folder, config)  # this run downloads the database, because the download must not be measured
        (folder / "state.db").unlink()
        cold, cached = _run_scan(folder, config), _run_scan(folder, config)
    print(f"updates of {IMAGES} images with {PACKAGES} packages each, {2 * IMAGES} scans:")
    memory = f"{cold.own_mebibytes} MiB, and {cold.scanner_mebibytes} MiB for Trivy"
    print(f"  first run:           {cold.seconds:.1f} s, {memory}")
    faster = cold.seconds / cached.seconds
    print(f"  with cached results: {cached.seconds:.1f} s, {cached.own_mebibytes} MiB: {faster:.1f} times as fast")


def _write_folder(registry: DockerRegistry, folder: Path) -> None:
    """Push two versions of each image, and write a Dockerfile for it that pins the older version."""
    for number in range(IMAGES):
        old, new = (
            registry.push(_build_image(f"{number}-{word}", version), f"team/image-{number}", "1")
            for word, version in (("old", "3.5.0-1"), ("new", "3.5.2-1"))
        )
        assert old != new
        service = folder / "tree" / f"service-{number}"
        service.mkdir(parents=True)
        (service / "Dockerfile").write_text(f"FROM {registry.host}/team/image-{number}:1@{old}\n")
    subprocess.run(["git", "init", "--quiet"], cwd=folder / "tree", check=True)
    subprocess.run(["git", "add", "."], cwd=folder / "tree", check=True)


def _build_image(name: str, openssl: str) -> ImageIndex:
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


def _write_config(registry: DockerRegistry, folder: Path, trivy: str) -> Path:
    config = folder / "basebump.yaml"
    config.write_text(
        f"schema: 1\nstate: sqlite:///{folder}/state.db\nregistries: [{{host: '{registry.host}', insecure: true}}]\n"
        f"scanners: [{{kind: trivy, binary: '{trivy}', database: '{registry.host}/trivy-db:{TAG}'}}]\n"
    )
    return config


def _run_scan(folder: Path, config: Path) -> ScanCost:
    command = [sys.executable, "-c", MEASURING_PROGRAM, "scan", str(folder / "tree"), "--config", str(config)]
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=PROJECT, env={"HOME": str(folder), "PATH": ""}, check=True, capture_output=True, text=True
    )
    seconds = time.perf_counter() - start
    assert done.stdout.count("fixes 2") == IMAGES, done.stdout
    own, scanner = done.stderr.split()[-2:]
    return ScanCost(seconds, int(own), int(scanner))


if __name__ == "__main__":
    measure_scans()
