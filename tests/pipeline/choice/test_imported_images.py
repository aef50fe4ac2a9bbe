"""Images that an organisation imports into its own registry count as available only once they are there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.git import DiskRepository
from support.runs.worlds import LoopbackHub, build, list_outcomes

from bot.demo.images import ImageStore
from bot.demo.loopback_registry import LoopbackRegistry
from bot.forges.local.fleet import LocalFleet
from bot.model.image_name import Digest
from bot.model.report import RunReport, Verdict
from bot.model.vocabulary import Reason, ReferenceStatus, RunLevel
from bot.registries.endpoints import RegistryEntry

pytestmark = pytest.mark.real("git")

FOLDERS = {"cache": "dockerhub/library/python", "import": "imported/python"}


@dataclass
class ImportScene:
    """A repository whose Dockerfile names the organisation's registry, and Docker Hub, which gets the images first."""

    loopback: LoopbackHub
    own: ImageStore
    host: str
    folder: Path

    def write_file(self, repository: str, digest: Digest) -> None:
        DiskRepository.create(self.folder / "web", {"Dockerfile": f"FROM {self.host}/{repository}:3.12@{digest}\n"})

    def import_image(self, repository: str, content: str) -> Digest:
        """Copy an image into the organisation's registry, as `az acr import` does."""
        return self.own.set_tag(repository, "3.12", build(content))

    def run(self) -> RunReport:
        return self.loopback.run([LocalFleet(self.folder)], RunLevel.PROPOSE)

    def judge(self) -> Verdict:
        (repository,) = self.run().repositories
        (verdict,) = repository.verdicts
        return verdict


@pytest.fixture
def scene(loopback, tmp_path) -> Iterator[ImportScene]:
    store = ImageStore()
    with LoopbackRegistry(store) as own:
        loopback.entries = (
            RegistryEntry(own.host, "dockerhub", upstream="docker.io"),
            RegistryEntry(own.host, is_insecure=True),
            loopback.hub(),
        )
        loopback.rulebook = replace(loopback.rulebook, listed_hosts=frozenset({"docker.io", own.host}))
        yield ImportScene(loopback, store, own.host, tmp_path)


def test_upstream_digest_is_held_until_the_cache_has_the_digest(scene):
    repository = FOLDERS["cache"]
    scene.write_file(repository, scene.import_image(repository, "old"))
    new = scene.loopback.move("python", "3.12", "new")
    verdict = scene.judge()
    assert (verdict.status, verdict.reason) == (ReferenceStatus.HELD, Reason.NOT_PULLABLE)
    assert list_outcomes(scene.run()) == []
    assert scene.import_image(repository, "new") == new
    assert list_outcomes(scene.run()) == ["opened"]


def test_imported_tag_is_updated_from_own_registry_and_not_from_docker_hub(scene):
    repository = FOLDERS["import"]
    old = scene.import_image(repository, "old")
    scene.write_file(repository, old)
    scene.loopback.move("python", "3.12", "new")
    assert scene.judge().status is ReferenceStatus.UP_TO_DATE
    scene.import_image(repository, "new")
    assert list_outcomes(scene.run()) == ["opened"]


def test_pull_request_is_closed_if_the_cache_lost_the_digest(scene):
    repository = FOLDERS["cache"]
    scene.write_file(repository, scene.import_image(repository, "old"))
    new = scene.loopback.move("python", "3.12", "new")
    scene.import_image(repository, "new")
    assert list_outcomes(scene.run()) == ["opened"]
    scene.own.remove(repository, new)
    assert list_outcomes(scene.run()) == ["closed"]
