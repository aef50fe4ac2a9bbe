"""Runs read how own images were built, and on which base images."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.listener import HttpListener, HttpReply
from support.own_builds import BUILT_AT, attach_provenance, make_image, make_layers, state_provenance
from support.registries.no_facts import NoFacts
from support.runs.built_fleet import GOLDEN, PYTHON, WEB, BuiltFleet, write_manifest
from support.values import digest

from bot.model.build_task import TaskRun
from bot.model.errors import RegistryError
from bot.model.image_name import ImageName
from bot.model.own_build import BaseEvidence, BuiltOn, ConfiguredBuild, OwnBuild
from bot.model.run_scope import RunScope, Shard
from bot.model.vocabulary import Reason
from bot.pipeline.inventory import own_builds
from bot.pipeline.inventory import own_builds as base_layers
from bot.registries.endpoints import RegistryEntry

pytestmark = pytest.mark.real("git")


@pytest.fixture
def fleet(loopback, tmp_path):
    return BuiltFleet(loopback, tmp_path)


def test_base_of_image_used_in_a_kubernetes_manifest_is_found_by_layers(fleet):
    old = fleet.push_base("os", "python 1")
    image = make_image("os", "python 1", "app", labels={"source": "https://github.com/acme/web", "revision": "c0ffee"})
    built = fleet.push(image)
    fleet.create("web", dockerfile=f"FROM python:3.12@{old}\n", manifest=write_manifest("acme/web:main"))
    assert fleet.run().failed == ()
    assert fleet.load_builds() == {
        built: OwnBuild(
            WEB,
            built,
            BUILT_AT,
            "https://github.com/acme/web",
            "c0ffee",
            bases=(BuiltOn(PYTHON, old, BaseEvidence.LAYERS),),
            layers=tuple(each.digest for each in make_layers("os", "python 1", "app")),
            platform="linux/amd64",
        )
    }


def test_build_on_updated_base_is_found_after_the_merge(fleet):
    old = fleet.push_base("os", "python 1")
    fleet.push(make_image("os", "python 1", "app"))
    git = fleet.create("web", dockerfile=f"FROM python:3.12@{old}\n", manifest=write_manifest("acme/web:main"))
    fleet.run()
    new = fleet.push_base("os", "python 2")
    rebuilt = fleet.push(make_image("os", "python 2", "app"))
    fleet.run(1)  # the build was pushed before the merge is known
    assert fleet.load_builds()[rebuilt].bases == ()
    git.commit("main", {"Dockerfile": f"FROM python:3.12@{new}\n"})
    fleet.run(2)
    assert fleet.load_builds()[rebuilt].bases == (BuiltOn(PYTHON, new, BaseEvidence.LAYERS),)


def test_builds_of_tag_and_of_deployed_digest_in_a_manifest_are_both_read(fleet):
    base = fleet.push_base("os")
    deployed = fleet.push(make_image("os", "app 1"))
    newer = fleet.push(make_image("os", "app 2"))
    fleet.create("web", dockerfile=f"FROM python:3.12@{base}\n", manifest=write_manifest(f"acme/web:main@{deployed}"))
    fleet.run()
    assert set(fleet.load_builds()) == {deployed, newer}


def test_build_of_configured_image_is_read_although_no_file_uses_the_image(loopback, tmp_path):
    fleet = BuiltFleet(loopback, tmp_path, [ConfiguredBuild(repository="web", image=ImageName(WEB, "main", None))])
    built = fleet.push(make_image("app"))
    fleet.create("web", dockerfile="FROM scratch\n")
    fleet.run()
    assert set(fleet.load_builds()) == {built}


def test_golden_image_is_recorded_as_a_build_and_as_base_of_other_builds(fleet):
    python = fleet.push_base("os", "python")
    golden = fleet.push(make_image("os", "python", "tools"), GOLDEN, "3")
    web = fleet.push(make_image("os", "python", "tools", "app"))
    fleet.create("golden", dockerfile=f"FROM python:3.12@{python}\n")
    dockerfile = f"FROM golden/python:3@{golden}\n"
    fleet.create("web", dockerfile=dockerfile, manifest=write_manifest("acme/web:main"))
    fleet.run()
    builds = fleet.load_builds()
    on_python = BuiltOn(PYTHON, python, BaseEvidence.LAYERS)
    assert builds[golden].bases == (on_python,)
    assert set(builds[web].bases) == {BuiltOn(GOLDEN, golden, BaseEvidence.LAYERS), on_python}


def test_run_without_new_builds_sends_one_request_for_each_tag(fleet):
    base = fleet.push_base("os")
    fleet.push(make_image("os", "app"))
    fleet.push(make_image("os", "job"), "docker.io/acme/job")
    for name in ("web", "job"):
        manifest = write_manifest(f"acme/{name}:main")
        fleet.create(name, dockerfile=f"FROM python:3.12@{base}\n", manifest=manifest)
    first = fleet.count_requests(0)
    assert sum(each.startswith("HEAD") for each in first) == 2
    assert sorted(fleet.count_requests(1)) == ["HEAD /v2/acme/job/manifests/main", "HEAD /v2/acme/web/manifests/main"]


def test_layers_of_a_base_are_read_once_for_all_builds(fleet, monkeypatch):
    base = fleet.push_base("os")
    fleet.push(make_image("os", "app"))
    fleet.create("web", dockerfile=f"FROM python:3.12@{base}\n", manifest=write_manifest("acme/web:main"))
    fleet.run()
    monkeypatch.setattr(base_layers, "MAX_READS", 0)
    rebuilt = fleet.push(make_image("os", "app 2"))
    fleet.run(1)
    assert fleet.load_builds()[rebuilt].bases == (BuiltOn(PYTHON, base, BaseEvidence.LAYERS),)


def test_base_image_without_matching_layers_is_taken_from_provenance(fleet):
    builder = digest("builder")
    image = make_image("app")
    statement = state_provenance(image.digest, "https://github.com/acme/web", "Dockerfile", [("golang@1.25", builder)])
    built = fleet.push(attach_provenance(image, statement))
    fleet.create("web", manifest=write_manifest("acme/web:main"))
    fleet.run()
    build = fleet.load_builds()[built]
    assert build.bases == (BuiltOn("docker.io/library/golang", builder, BaseEvidence.PROVENANCE),)
    assert (build.dockerfile, build.is_attested, build.children) == ("Dockerfile", True, {image.digest})


def test_each_run_reads_only_a_limited_number_of_builds_per_image(fleet, monkeypatch):
    monkeypatch.setattr(own_builds, "MAX_BUILDS_PER_IMAGE", 2)
    pushed = [fleet.push(make_image(f"app {number}")) for number in range(5)]
    fleet.create("web", manifest="---\n".join(write_manifest(f"acme/web@{each}") for each in pushed))
    counts = []
    for hour in range(3):
        fleet.run(hour)
        counts.append(len(fleet.load_builds()))
    assert counts == [2, 4, 5]


def test_own_image_missing_in_the_registry_causes_no_failure(fleet):
    fleet.create("web", manifest=write_manifest(f"acme/web:gone@{digest('gone')}"))
    assert fleet.run().failed == ()
    assert fleet.load_builds() == {}


@pytest.mark.parametrize("is_configured", [False, True])
def test_forbidden_pull_of_own_images_is_a_failure_only_for_configured_builds(is_configured, loopback, tmp_path):
    with HttpListener(lambda _: HttpReply(403, b"{}")) as private:
        image = f"{private.host}/acme/web"
        entry = RegistryEntry(private.host, is_insecure=True, username="bot", password="secret")
        loopback.entries = (loopback.hub(), entry)
        configured = [ConfiguredBuild(repository="web", image=ImageName(image, "main", None))] if is_configured else ()
        fleet = BuiltFleet(loopback, tmp_path, configured)
        hosts = frozenset({"docker.io", private.host})
        loopback.rulebook = replace(loopback.rulebook, own_globs=(image,), listed_hosts=hosts)
        fleet.create("web", dockerfile="FROM scratch\n", manifest=write_manifest(f"{image}:main"))
        failed = fleet.run().failed
        assert [each.subject for each in failed] == ([private.host] if is_configured else [])
        assert private.received


def test_builds_of_images_that_are_not_own_images_are_not_read(fleet):
    fleet.loopback.move("redis", "7", "redis")
    fleet.create("web", manifest=write_manifest("redis:7"))
    fleet.run()
    assert fleet.load_builds() == {}


def test_run_for_one_repository_reads_only_builds_of_this_repository(loopback, tmp_path):
    entries = [
        ConfiguredBuild(repository=name, image=ImageName(f"docker.io/acme/{name}", "main", None))
        for name in ("web", "job")
    ]
    fleet = BuiltFleet(loopback, tmp_path, entries)
    base = fleet.push_base("os")
    for name in ("web", "job"):
        fleet.push(make_image("os", name), f"docker.io/acme/{name}")
        fleet.create(name, dockerfile=f"FROM python:3.12@{base}\n")
    fleet.run(scope=RunScope(names=frozenset({"web"})))
    assert [each.repository for each in fleet.load_builds().values()] == [WEB]


def test_run_for_one_repository_reads_builds_of_images_in_manifests(fleet):
    for name in ("web", "job"):
        fleet.push(make_image(name), f"docker.io/acme/{name}")
        fleet.create(name, manifest=write_manifest(f"acme/{name}:main"))
    fleet.run(scope=RunScope(names=frozenset({"web"})))
    assert [each.repository for each in fleet.load_builds().values()] == [WEB]


def test_sweep_of_the_service_reads_new_builds(fleet):
    base = fleet.push_base("os")
    fleet.create("web", dockerfile=f"FROM python:3.12@{base}\n", manifest=write_manifest("acme/web:main"))
    fleet.push(make_image("os", "app 1"))
    fleet.run()
    rebuilt = fleet.push(make_image("os", "app 2"))
    assert fleet.sweep(1).failures == ()
    assert fleet.load_builds()[rebuilt].bases == (BuiltOn(PYTHON, base, BaseEvidence.LAYERS),)


def test_only_the_first_shard_reads_builds(fleet):
    fleet.push(make_image("app"))
    fleet.create("web", manifest=write_manifest("acme/web:main"))
    fleet.run()  # no shard may read the repository
    fleet.push(make_image("app 2"))
    fleet.run(1, scope=RunScope(shard=Shard(2, 2)))
    assert len(fleet.load_builds()) == 1
    fleet.run(1, scope=RunScope(shard=Shard(1, 2)))
    assert len(fleet.load_builds()) == 2


class PushedDigests(NoFacts):
    """Facts of a registry that records which digests were pushed last."""

    def __init__(self, *digests) -> None:
        self.digests = digests

    def list_newest_digests(self, repository):
        assert repository == WEB
        return self.digests


def test_last_pushed_digest_is_read_if_every_build_has_a_new_tag(loopback, tmp_path):
    fleet = BuiltFleet(loopback, tmp_path, [ConfiguredBuild(repository="web", image=ImageName(WEB, None, None))])
    built = fleet.push(make_image("app"), tag="c0ffee")
    fleet.create("web", dockerfile="FROM scratch\n")
    fleet.run()
    assert fleet.load_builds() == {}
    loopback.facts = PushedDigests(built)
    fleet.run(1)
    assert set(fleet.load_builds()) == {built}


class FakeBuildRegistry:
    """A registry with one task, which pushed some images on a base image."""

    registry = "docker.io"

    def __init__(self, images, base, error: RegistryError | None = None) -> None:
        self.images, self.base, self.error = images, base, error

    def list_tasks(self):
        return ()

    def list_runs(self):
        if self.error is not None:
            raise self.error
        return (TaskRun(tuple((WEB, each) for each in self.images), ((PYTHON, self.base),)),)


@pytest.mark.parametrize(("reason", "failures"), [(None, 0), (Reason.DENIED, 0), (Reason.UNREACHABLE, 1)])
def test_base_image_without_matching_layers_is_taken_from_build_task_run(fleet, reason, failures):
    base, built = digest("base"), fleet.push(make_image("app"))
    fleet.create("web", manifest=write_manifest("acme/web:main"))
    error = RegistryError("docker.io", reason, "no runs", is_failure=True) if reason is not None else None
    fleet.builders = (FakeBuildRegistry([built], base, error),)
    assert len(fleet.run().failed) == failures
    expected = () if reason is not None else (BuiltOn(PYTHON, base, BaseEvidence.BUILD_TASK),)
    assert fleet.load_builds()[built].bases == expected
