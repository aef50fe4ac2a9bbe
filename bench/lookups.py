"""Measures lookups in a real registry on this machine: requests per image, and the time compared with Renovate's."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from processes import AS_INSTALLED
from support.parts import find_docker_registry
from support.registries.docker_registry import DockerRegistry

from bot.demo.images import DemoPackage, ImageIndex, build_debian_root, build_image, build_index, build_layer

IMAGES = 215
FILES = 430
"""The number of files. Every image is in two files."""
ROUNDS = 3
PROJECT = Path(__file__).resolve().parent.parent


def measure_lookups() -> None:
    if find_docker_registry() is None:
        print("lookups: not measured, because docker-registry is not installed")
        return
    with DockerRegistry() as registry, tempfile.TemporaryDirectory() as scratch:
        tree = BenchmarkTree(registry, Path(scratch))
        print(f"lookups, {IMAGES} images in {FILES} files, a real registry on loopback:")
        tree.write(tree.push("first"))
        tree.measure("no updates", "no state")
        tree.measure("no updates", "first with state", state=True)
        tree.measure("no updates", "state", state=True)
        tree.push("second", only=1)
        tree.measure("one update", "state", state=True)
        tree.push("third")
        tree.measure("updates of all images", "no state")
        tree.measure("updates of all images", "state", state=True)
        tree.write({})
        tree.measure("nothing pinned", "no state")
        tree.compare()


class BenchmarkTree:
    """A folder of Dockerfiles, and the registry with their images."""

    def __init__(self, registry: DockerRegistry, folder: Path) -> None:
        self.registry = registry
        self.files = folder / "tree"
        self.config = folder / "basebump.yaml"
        self.stateful = folder / "stateful.yaml"
        entry = f"schema: 1\nregistries: [{{host: '{registry.host}', insecure: true}}]\nscanners: [{{kind: none}}]\n"
        self.config.write_text(entry)
        self.stateful.write_text(f"{entry}state: sqlite:///state.db\n")

    def push(self, word: str, only: int = IMAGES) -> dict[int, str]:
        """Push new versions of the first `only` images, and return the digests by the number of the image."""
        return {
            number: self.registry.push(_build_image(f"{word} {number}"), f"team/image-{number}", "1")
            for number in range(only)
        }

    def write(self, pinned: Mapping[int, str]) -> None:
        for number in range(FILES):
            folder = self.files / f"service-{number}"
            folder.mkdir(parents=True, exist_ok=True)
            which = number % IMAGES
            digest = f"@{pinned[which]}" if which in pinned else ""
            (folder / "Dockerfile").write_text(f"FROM {self.registry.host}/team/image-{which}:1{digest}\n")
        if not (self.files / ".git").exists():
            subprocess.run(["git", "init", "--quiet"], cwd=self.files, check=True)
        subprocess.run(["git", "add", "."], cwd=self.files, check=True)

    def measure(self, what: str, how: str, *, state: bool = False) -> None:
        self.registry.forget()
        self.scan(state=state)
        requests = self.registry.requests()
        methods = ", ".join(f"{sum(each.method == method for each in requests)} {method}" for method in ("HEAD", "GET"))
        print(f"  {what}, {how}: {len(requests) / IMAGES:.2f} requests per image ({methods})")

    def scan(self, *options: str, state: bool = False) -> float:
        config = self.stateful if state else self.config
        command = [sys.executable, "-m", "bot", "scan", str(self.files), "--config", str(config), "--format", "json"]
        return _measure_seconds([*command, *options], PROJECT, AS_INSTALLED)

    def compare(self) -> None:
        """Compare the time that lookups need in addition to reading the files, measured with whole processes."""
        theirs = shlex.split(os.environ.get("RENOVATE", "")) or [shutil.which("renovate") or ""]
        ours = median(self.scan() for _ in range(ROUNDS)) - median(self.scan("--offline") for _ in range(ROUNDS))
        if theirs == [""]:
            print(f"  beyond reading the files: basebump {ours:.2f} s; Renovate is not installed")
            return
        self.registry.forget()
        looked = median(self.run_renovate(theirs, "lookup") for _ in range(ROUNDS))
        requests = len(self.registry.requests()) / ROUNDS / IMAGES
        beyond = looked - median(self.run_renovate(theirs, "extract") for _ in range(ROUNDS))
        print(
            f"  beyond reading the files: basebump {ours:.2f} s; Renovate {beyond:.2f} s, "
            f"{requests:.1f} requests per image: {beyond / ours:.1f} times as fast"
        )

    def run_renovate(self, command: list[str], mode: str) -> float:
        with tempfile.TemporaryDirectory() as scratch:
            config = Path(scratch) / "config.json"
            config.write_text(json.dumps(self._build_renovate_config()))
            environment = {
                "RENOVATE_CONFIG_FILE": str(config),
                "RENOVATE_BASE_DIR": scratch,
                "RENOVATE_PLATFORM": "local",
                "RENOVATE_DRY_RUN": mode,
                "LOG_LEVEL": "fatal",
            }
            return _measure_seconds(command, self.files, environment)

    def _build_renovate_config(self) -> Mapping[str, object]:
        return {
            "onboarding": False,
            "requireConfig": "ignored",
            "useBaseBranchConfig": "none",
            "enabledManagers": ["dockerfile"],
            "pinDigests": True,
            "hostRules": [{"matchHost": f"https://{self.registry.host}", "insecureRegistry": True}],
        }


def _build_image(content: str) -> ImageIndex:
    root = build_layer(build_debian_root("12.7", [DemoPackage("base-files", content)]))
    return build_index([build_image([root]), build_image([root], platform="linux/arm64")])


def _measure_seconds(command: list[str], where: Path, environment: Mapping[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=where, env={**os.environ, **environment}, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start
