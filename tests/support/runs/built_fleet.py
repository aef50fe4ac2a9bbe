"""A fleet whose own images are in the registry on loopback, and runs that read how they were built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from support.git import DiskRepository
from support.own_builds import make_image
from support.runs.worlds import NOW, TEMPLATES, LoopbackHub

from bot.demo.images import ImageIndex, PlatformImage, build_index
from bot.forges.local.fleet import LocalFleet
from bot.model.image_name import Digest
from bot.model.own_build import ConfiguredBuild, OwnBuild
from bot.model.report import RunReport
from bot.model.vocabulary import RunLevel
from bot.pipeline.run import run_fleets
from bot.pipeline.run_context import RunContext, RunOptions
from bot.pipeline.sweep import SweepResult, sweep_fleets
from bot.ports import Fleet, ImageBuilder
from bot.state.database import Database

PYTHON, WEB, GOLDEN = "docker.io/library/python", "docker.io/acme/web", "docker.io/golden/python"


def build_base(*words: str) -> ImageIndex:
    """Return an index of two platforms, each with a different last layer."""
    return build_index(
        [make_image(*words, platform=platform) for platform in ("linux/amd64",)]
        + [make_image(*words, "arm64", platform="linux/arm64")]
    )


class BuiltFleet:
    """Local repositories, and own images below `docker.io/acme` and `docker.io/golden`."""

    def __init__(self, loopback: LoopbackHub, folder: Path, configured: Sequence[ConfiguredBuild] = ()) -> None:
        self.loopback, self.folder = loopback, folder
        self.database = Database.sqlite(folder / "state.db")
        loopback.rulebook = replace(loopback.rulebook, own_globs=("docker.io/acme/*", "docker.io/golden/*"))
        (folder / "fleet").mkdir()
        self._build_fleet: Callable[[], Fleet] = lambda: LocalFleet(folder / "fleet")
        self.use_configured(configured)
        self.builders: tuple[ImageBuilder, ...] = ()

    def use_fleet(self, build_fleet: Callable[[], Fleet]) -> None:
        """Let the next runs be over another fleet."""
        self._build_fleet = build_fleet

    def use_configured(self, configured: Sequence[ConfiguredBuild]) -> None:
        """Replace the entries of `builds` in the config."""
        self.loopback.builds = configured
        self.loopback.remember(self.database)

    def push_base(self, *words: str, repository: str = PYTHON, tag: str = "3.12") -> Digest:
        """Point the tag of a base image to an image with these layers."""
        return self.loopback.store.set_tag(repository.partition("/")[2], tag, build_base(*words))

    def push(self, item: PlatformImage | ImageIndex, repository: str = WEB, tag: str = "main") -> Digest:
        return self.loopback.store.set_tag(repository.partition("/")[2], tag, item)

    def create(self, name: str, **files: str) -> DiskRepository:
        """Create a repository. The names of files are `dockerfile` and `manifest`."""
        paths = {"dockerfile": "Dockerfile", "manifest": "deploy.yaml"}
        return DiskRepository.create(
            self.folder / "fleet" / name, {paths[key]: content for key, content in files.items()}
        )

    def run(self, hours: int = 0, level: RunLevel = RunLevel.REPORT, **options) -> RunReport:
        """Run over all repositories, so many hours after the first run."""
        context, orders = self.prepare(hours, level, options)
        return run_fleets((self._build_fleet(),), context, orders)

    def sweep(self, hours: int = 0) -> SweepResult:
        """Do a sweep of the service, so many hours after the first run."""
        context, orders = self.prepare(hours)
        return sweep_fleets((self._build_fleet(),), context, orders)

    def prepare(
        self, hours: int = 0, level: RunLevel = RunLevel.REPORT, options: Mapping[str, object] | None = None
    ) -> tuple[RunContext, RunOptions]:
        """Return the services and the options of a run, so many hours after the first run."""
        self.loopback.now = NOW + timedelta(hours=hours)
        orders = RunOptions(self.loopback.rulebook, "basebump/", templates=TEMPLATES, level=level, **(options or {}))
        return replace(self.loopback.world(), builders=self.builders), orders

    def load_builds(self) -> dict[Digest, OwnBuild]:
        return {each.build.digest: each.build for each in self.loopback.state.own_builds.load_builds()}

    def count_requests(self, hours: int) -> list[str]:
        """Return the requests of a run, without those that look up base images."""
        before = len(self.loopback.registry.served_requests)
        self.run(hours)
        served = self.loopback.registry.served_requests[before:]
        return [f"{each.method} {each.path}" for each in served if "/library/" not in each.path]


def write_manifest(image: str) -> str:
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec: {{template: {{spec: {{containers: [{{name: web, image: "{image}"}}]}}}}}}
"""
