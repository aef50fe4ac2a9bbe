"""One update of a base image on its whole way: proposed, merged, rebuilt, running.

The parts are real: git, the registry, buildah, and the official client of Kubernetes. The forge and the API server of
the cluster are the test servers that are held to their descriptions. Only the time is set.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from support.clusters.kubernetes_stand import TOKEN, KubernetesStand
from support.clusters.objects import make_owner, make_pod, make_replica_set
from support.forges.github.stand import GitHubStand
from support.packaging.buildah import BuildahProgram
from support.registries.docker_registry import DockerRegistry
from support.runs.worlds import NOW, TEMPLATES, LoopbackHub, PresetScanner
from support.values import finding

from bot.clusters.connect import connect_with_token
from bot.clusters.reader import KubernetesCluster
from bot.core.inventory.stage_funnels import find_fleet_stages
from bot.core.inventory.trends import MEDIAN_PERIOD
from bot.model.evidence import Severity
from bot.model.image_name import Digest, ImageName, TagRef
from bot.model.own_build import ConfiguredBuild
from bot.model.report import RunReport
from bot.model.update_stages import UpdateProgress, UseKind
from bot.model.vocabulary import RunLevel
from bot.pipeline.run import run_fleets
from bot.pipeline.run_context import ClusterServices, RunOptions
from bot.registries.endpoints import RegistryEntry
from bot.reports.fleet.patch_times import PatchReport, render_patch_lines
from bot.reports.fleet.stored_answers import answer_usage, build_patch_report
from bot.reports.fleet.usage import render_usage_lines
from bot.reports.parts.styled_lines import Line, join_lines
from bot.state.database import Database
from bot.state.inventory.reader import DatabaseInventoryReader

HOST = "contoso.azurecr.io"
BASE, WEB = f"{HOST}/base/python", f"{HOST}/apps/web"
CI_RUN = "https://github.com/acme/web/actions/runs/7"
FIXED = (
    finding("CVE-2026-3094", Severity.CRITICAL, "xz-utils"),
    finding("CVE-2026-2511", Severity.HIGH, "openssl"),
)
"""What the updated base image fixes."""
START = NOW - timedelta(days=8)
_DAY = timedelta(days=1)
_PODS = 3


class DatedBuildah(BuildahProgram):
    """Builds images that state a build time of the walk."""

    built_at: datetime = START

    def _build_options(self, *arguments) -> list[str]:
        return [*super()._build_options(*arguments), f"--timestamp={int(self.built_at.timestamp())}"]

    def pull(self, image: str) -> None:
        """Fetch an image from the registry, whose name is that of Azure Container Registry."""
        self._run("pull", self._policy, image)


class LoopWalk:
    """A repository with a Dockerfile and a manifest, and everything around it. Each step takes it a day further."""

    def __init__(
        self,
        loopback: LoopbackHub,
        registry: DockerRegistry,
        builder: DatedBuildah,
        cluster: KubernetesStand,
        folder: Path,
    ) -> None:
        self.loopback, self.registry, self.builder, self.cluster = loopback, registry, builder, cluster
        self.folder, self.now = folder, START
        self.database = Database.sqlite(folder / "state.db")
        loopback.entries = (RegistryEntry(HOST, mirror=registry.host, is_insecure=True),)
        loopback.rulebook = replace(loopback.rulebook, own_globs=(f"{HOST}/apps/*",), listed_hosts=frozenset({HOST}))
        reader = KubernetesCluster(
            "prod",
            partial(connect_with_token, cluster.url, None, lambda: TOKEN, {}),
            lambda repository: repository,
        )
        loopback.clusters = ClusterServices((reader,))
        self.old_base = self.build_base("old")
        self.new_base: Digest | None = None
        self.old_web = self.build_web(self.old_base, "1")
        self.stand = GitHubStand(folder / "server", self.write_files(self.old_base, self.old_web))
        loopback.builds = (ConfiguredBuild(repository=self.stand.name, image=ImageName(WEB, "main", None)),)
        loopback.remember(self.database, ("prod",))
        self.stages = loopback.state.stages
        loopback.scanner = PresetScanner({self.old_base: FIXED})
        self.deploy(self.old_web)

    def build_base(self, content: str) -> Digest:
        """Build a base image and push it. The registry compresses nothing, so the client asks it for the digest."""
        context = self._write_context("base", "FROM scratch\nCOPY content /etc/base\n", content)
        return self._build(context, BASE, "3.12")

    def build_web(self, base: Digest, tag: str) -> Digest:
        """Build the application on a base image, as its pipeline does, and push it."""
        self.builder.pull(f"{BASE}@{base}")
        context = self._write_context("web", f"FROM {BASE}@{base}\nCOPY content /app\n", "application")
        digest = self._build(context, WEB, tag)
        self._build_alias(tag)
        return digest

    def _build_alias(self, tag: str) -> None:
        self.builder.push(f"{WEB}:{tag}", f"{self.registry.host}/apps/web:main")

    def _write_context(self, name: str, dockerfile: str, content: str) -> Path:
        context = self.folder / name
        context.mkdir(exist_ok=True)
        (context / "Dockerfile").write_text(dockerfile, encoding="utf-8")
        (context / "content").write_text(content, encoding="utf-8")
        return context

    def _build(self, context: Path, repository: str, tag: str) -> Digest:
        self.builder.built_at = self.now
        name = f"{repository}:{tag}"
        self.builder.build(context, name)
        self.builder.push(name, name.replace(HOST, self.registry.host))
        return self.loopback.world().registry.fetch_descriptor(TagRef(repository, tag)).digest

    def write_files(self, base: Digest, web: Digest) -> dict[str, str]:
        """Return the files of the repository."""
        return {"Dockerfile": f"FROM {BASE}:3.12@{base}\nCOPY content /app\n", "deploy/web.yaml": _write_manifest(web)}

    def deploy(self, digest: Digest) -> None:
        """Let the pods of the Deployment run an image, as Flux, Argo CD or kubectl does."""
        replica_set = make_owner("ReplicaSet", "web-1")
        self.cluster.replicasets = [make_replica_set("web-1", make_owner("Deployment", "web"))]
        self.cluster.pods = [
            make_pod(f"web-1-{number}", f"{WEB}:main", f"{WEB}@{digest}", owner=replica_set) for number in range(_PODS)
        ]

    def push_update(self) -> None:
        """Push an updated base image."""
        self.new_base = self.build_base("new")
        self.loopback.scanner = PresetScanner({self.old_base: FIXED, self.new_base: ()})

    def merge(self) -> None:
        """Merge the pull request, and let CI of the base branch fail."""
        (branch,) = [each for each in self.stand.branches() if each.startswith("basebump/")]
        self.stand.merge_request(branch)
        (pull,) = self.stand.repository.pulls
        pull.closed = pull.merged = self.now
        self.stand.report_check(self.stand.branches()["main"], "failed", "build and push", CI_RUN)

    def rebuild(self) -> Digest:
        """Build the application again, on the base image of the merged Dockerfile."""
        assert self.new_base is not None
        self.stand.report_check(self.stand.branches()["main"], "passed", "build and push", CI_RUN)
        return self.build_web(self.new_base, "2")

    def write_manifest(self, digest: Digest) -> None:
        """Write a build to the manifest, as Flux, Argo CD Image Updater or a pipeline does."""
        self.stand.commit("main", {"deploy/web.yaml": _write_manifest(digest)}, "Deploy the new build")

    def wait(self, span: timedelta = _DAY) -> None:
        self.now += span

    def run(self) -> RunReport:
        """Run twice within an hour: the first run reads the changes, and the second one reports them."""
        self._run_once()
        self.now += timedelta(hours=1)
        return self._run_once()

    def _run_once(self) -> RunReport:
        self.loopback.now = self.now
        options = RunOptions(
            self.loopback.rulebook, "basebump/", templates=TEMPLATES, level=RunLevel.PROPOSE, has_dashboards=True
        )
        report = run_fleets((self.stand.fleet(),), self.loopback.world(), options)
        for pull in self.stand.repository.pulls:
            if pull.merged is None:
                pull.created = min(pull.created, self.now)
        return report

    def find_update(self) -> UpdateProgress:
        """Return how far the latest update of the base image in the Dockerfile got."""
        stages = find_fleet_stages(self.stages.load_fleet_facts(), self.now)
        (update,) = [each for each in stages.updates if each.is_latest and each.use.kind is UseKind.BUILD]
        return update

    def print_usage(self) -> str:
        """Return the text of `basebump usage`."""
        return join_lines(self.list_usage_lines())

    def list_usage_lines(self) -> Sequence[Line]:
        image = ImageName.parse(f"{BASE}:3.12")
        reader = DatabaseInventoryReader(self.database)
        facts = self.stages.load_image_facts(image)
        answer = answer_usage(image, None, reader.list_usages(image), reader.load_coverage(), facts, self.now)
        return render_usage_lines(answer, self.now)

    def build_patch_report(self) -> PatchReport:
        """Return the report of `basebump report --since 30d`."""
        reader, since = DatabaseInventoryReader(self.database), self.now - timedelta(days=30)
        history = reader.load_patch_history(since - MEDIAN_PERIOD)
        return build_patch_report(history, reader.load_coverage(), since, self.now, self.stages.load_fleet_facts())

    def print_patch_report(self) -> str:
        """Return the text of `basebump report --since 30d`."""
        return join_lines(render_patch_lines(self.build_patch_report(), None))

    def read_dashboard(self) -> str | None:
        """Return the text of the open dashboard issue; None if there is none."""
        return next((each.body for each in self.stand.repository.issues if each.state == "open"), None)


def _write_manifest(web: Digest) -> str:
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec: {{template: {{spec: {{containers: [{{name: web, image: "{WEB}:main@{web}"}}]}}}}}}
"""


@contextmanager
def open_walk(loopback: LoopbackHub, folder: Path) -> Iterator[LoopWalk]:
    """Start the parts of a walk, and end them with the block."""
    with ExitStack() as stack:
        registry = stack.enter_context(DockerRegistry())
        (folder / "buildah").mkdir()
        builder = DatedBuildah(folder / "buildah")
        stack.callback(builder.remove)
        stack.enter_context(_set_registries(folder / "registries.conf", registry.host))
        cluster = stack.enter_context(KubernetesStand())
        walk = LoopWalk(loopback, registry, builder, cluster, folder)
        stack.callback(walk.stand.end)
        yield walk


@contextmanager
def _set_registries(path: Path, host: str) -> Iterator[None]:
    """Let buildah find the organisation's registry on loopback."""
    name = "CONTAINERS_REGISTRIES_CONF"
    path.write_text(f'[[registry]]\nprefix = "{HOST}"\nlocation = "{host}"\ninsecure = true\n', encoding="utf-8")
    before = os.environ.get(name)
    os.environ[name] = str(path)
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
