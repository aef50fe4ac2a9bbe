"""Writes the reports in `recorded/` again; its README explains how to run it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from support.registries.docker_registry import DockerRegistry
from support.scanners.trivy import RECORDED, TrivyStand


def main() -> None:
    with DockerRegistry() as registry, tempfile.TemporaryDirectory() as cache:
        stand = TrivyStand(registry, Path(cache))
        for name, make in RECORDED.items():
            report = stand.report(make()).replace(registry.host.encode(), b"127.0.0.1:5000")
            Path(__file__).parent.joinpath("recorded", f"{name}.json").write_bytes(report)


if __name__ == "__main__":
    main()
