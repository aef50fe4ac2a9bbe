"""The jobs of the service on real repositories of the local forge, with a registry on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from support.free_ports import reserve_silent_port
from support.git import DiskRepository
from support.own_builds import make_image
from support.runs.worlds import NOW, start_hub

from bot.cli.terminal import NoProgress
from bot.model.image_name import TagRef
from bot.model.run_scope import RunScope
from bot.model.vocabulary import RunLevel
from bot.model.work import ClaimedWork, SweepWork, TagWork, VisitWork, WorkPriority, WorkReason
from bot.serve.job import Done, Failed, NotYet
from bot.serve.sweep_job import SweepJob
from bot.serve.tag_job import TagJob
from bot.serve.visit_job import VisitJob
from bot.state.work.no_signal import NoSignal
from bot.wiring import build_fleet_context
from bot.wiring.service import open_service_stores

BASE = TagRef("docker.io/library/base", "1")
HOUR = timedelta(hours=1)


class JobScene:
    """Two folders with repositories, whose files use `base:1`, and the jobs over them."""

    def __init__(self, folder, loopback) -> None:
        self.folder, self.loopback = folder, loopback
        self.first = loopback.move("base", "1", "base first")
        loopback.move("other", "1", "other first")
        self.config = folder / "basebump.yaml"
        self.registry_host = loopback.registry.host
        self.write_config()
        self.stores = open_service_stores(self.config, NoSignal())

    def write_config(self, more: str = "") -> None:
        self.config.write_text(
            "schema: 1\n"
            f'registries: [{{host: docker.io, mirror: "{self.registry_host}", insecure: true}}]\n'
            f"forges: [{{kind: local, url: {self.folder}/one}}, {{kind: local, url: {self.folder}/two}}]\n"
            f"own: []\nscanners: [{{kind: none}}]\nstate: sqlite:///{self.folder}/state.db\n{more}"
        )

    @contextmanager
    def with_silent_registry(self) -> Iterator[None]:
        """Let the config name a registry that refuses connections."""
        with reserve_silent_port() as port:
            self.registry_host = f"localhost:{port}"
            self.write_config()
            yield

    def add_repository(self, name: str, folder: str = "one", image: str = "base") -> DiskRepository:
        digest = self.loopback.store.list_tags(f"library/{image}")["1"]
        return DiskRepository.create(self.folder / folder / f"{name}.git", {"Dockerfile": f"FROM {image}:1@{digest}\n"})

    def build_run(self, level, scope):
        return build_fleet_context(self.config, level, scope, NoProgress())

    def visit_job(self) -> VisitJob:
        return VisitJob(self.build_run, RunLevel.PROPOSE, HOUR)

    def claim(self, *keys, reason=WorkReason.IMAGE_PUSHED):
        return [ClaimedWork(key, WorkPriority.CHANGE, reason, "trace", 1, 0, NOW) for key in keys]

    def visit_all(self) -> None:
        """Read all repositories for the first time."""
        [swept] = SweepJob(self.build_run, HOUR)(self.claim(SweepWork()))
        list(self.visit_job()(self.claim(*(each.key for each in swept.requests))))

    def look_up(self, reason=WorkReason.IMAGE_PUSHED):
        [result] = TagJob(self.build_run, self.stores.inventory)(self.claim(TagWork(BASE), reason=reason))
        return result


@pytest.fixture
def job_scene(tmp_path):
    with start_hub() as loopback:
        for folder in ("one", "two"):
            (tmp_path / folder).mkdir()
        yield JobScene(tmp_path, loopback)


def list_proposals(repository: DiskRepository) -> list[str]:
    return [each for each in repository.refs() if each.startswith("refs/basebump/proposals/")]


def test_sweep_requests_visits_only_of_new_and_changed_repositories(job_scene):
    for name in ("web", "api"):
        job_scene.add_repository(name)
    [swept] = SweepJob(job_scene.build_run, HOUR)(job_scene.claim(SweepWork()))
    assert {each.key.repository for each in swept.requests} == {"web", "api"}
    assert swept.result.startswith("2 repositories need to be read, of 2 base branches; 2 new or unfinished;")
    assert swept.repeat_after == HOUR
    list(job_scene.visit_job()(job_scene.claim(*(each.key for each in swept.requests))))
    [again] = SweepJob(job_scene.build_run, HOUR)(job_scene.claim(SweepWork()))
    assert again.requests == ()


def test_sweep_reports_unreadable_clusters_without_names(job_scene, monkeypatch):
    job_scene.add_repository("web")
    job_scene.write_config("clusters: [{name: secret-name, auth: in-cluster}]\n")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    [swept] = SweepJob(job_scene.build_run, HOUR)(job_scene.claim(SweepWork()))
    assert len(swept.requests) == 1
    assert swept.result.endswith("clusters could not be read, and `basebump doctor` shows the reasons")
    assert "secret-name" not in swept.result


def test_moved_tag_requests_visits_of_exactly_the_repositories_using_the_tag(job_scene):
    web, _ = job_scene.add_repository("web"), job_scene.add_repository("other", image="other")
    api = job_scene.add_repository("api")
    job_scene.visit_all()
    job_scene.loopback.move("base", "1", "base patched")
    result = job_scene.look_up()
    assert isinstance(result, Done)
    assert {each.key.repository for each in result.requests} == {"web", "api"}
    assert (list_proposals(web), list_proposals(api)) == ([], [])  # the lookup itself writes nothing
    ended = list(job_scene.visit_job()(job_scene.claim(*(each.key for each in result.requests))))
    assert [each.opened for each in ended] == [1, 1]
    assert (len(list_proposals(web)), len(list_proposals(api))) == (1, 1)


def test_lookup_after_push_event_is_retried_if_the_tag_has_not_moved_yet(job_scene):
    job_scene.add_repository("web")
    job_scene.visit_all()
    assert isinstance(job_scene.look_up(), NotYet)
    assert isinstance(job_scene.look_up(WorkReason.TAG_MOVED), Done)


def test_tag_lookup_fails_and_is_retried_if_registry_is_silent(job_scene):
    job_scene.add_repository("web")
    job_scene.visit_all()
    with job_scene.with_silent_registry():
        assert isinstance(job_scene.look_up(), Failed)


def test_tag_of_registry_outside_config_is_not_looked_up(job_scene):
    tag_ref = TagRef("registry.example.com/base", "1")
    [result] = TagJob(job_scene.build_run, job_scene.stores.inventory)(job_scene.claim(TagWork(tag_ref)))
    assert isinstance(result, Done)
    assert result.result == "the config does not list this registry"


def test_lookup_of_deleted_tag_is_not_retried(job_scene):
    job_scene.add_repository("web")
    job_scene.visit_all()
    [result] = TagJob(job_scene.build_run, job_scene.stores.inventory)(
        job_scene.claim(TagWork(TagRef("docker.io/library/base", "gone")))
    )
    assert isinstance(result, Done)
    assert result.requests == ()


def test_repositories_of_equal_name_on_two_forges_each_get_a_visit_result(job_scene):
    job_scene.add_repository("web", "one")
    job_scene.add_repository("web", "two")
    claimed = job_scene.claim(VisitWork("local", "a", "web"), VisitWork("local", "b", "web"))
    results = list(job_scene.visit_job()(claimed))
    assert [type(each) for each in results] == [Done, Done]
    assert {each.claimed.key for each in results} == {each.key for each in claimed}


def test_visit_of_repository_not_selected_by_config_is_not_retried(job_scene):
    [result] = job_scene.visit_job()(job_scene.claim(VisitWork("local", "", "stranger")))
    assert isinstance(result, Done)
    assert result.result == "the config does not select this repository"


def test_visit_fails_if_a_registry_used_by_the_repository_is_silent(job_scene):
    job_scene.add_repository("web")
    with job_scene.with_silent_registry():
        [result] = job_scene.visit_job()(job_scene.claim(VisitWork("local", "", "web")))
    assert isinstance(result, Failed)


def test_repository_with_proposal_over_the_limit_is_visited_again_after_window(job_scene):
    repositories = [job_scene.add_repository(name) for name in ("web", "api")]
    job_scene.visit_all()
    job_scene.write_config("limits: {new_per_window: 1}\n")
    job_scene.loopback.move("base", "1", "base patched")
    claimed = job_scene.claim(*(VisitWork("local", "", name) for name in ("web", "api")))
    results = list(job_scene.visit_job()(claimed))
    assert sorted(each.repeat_after or timedelta() for each in results) == [timedelta(), HOUR]
    assert sum(len(list_proposals(each)) for each in repositories) == 1


def test_build_of_pushed_own_image_is_read_during_the_tag_lookup(job_scene):
    web = TagRef("docker.io/acme/web", "main")
    job_scene.write_config("builds: [{repository: web, image: 'docker.io/acme/web:main'}]\n")
    job_scene.add_repository("web")
    job_scene.visit_all()
    layers = make_image("app")
    built = job_scene.loopback.store.set_tag("acme/web", "main", layers)
    [result] = TagJob(job_scene.build_run, job_scene.stores.inventory)(job_scene.claim(TagWork(web)))
    assert isinstance(result, Done)
    store = job_scene.build_run(RunLevel.REPORT, RunScope()).context.state.own_builds
    assert [each.build.digest for each in store.load_builds()] == [built]
