"""The facts about updates that the state contains, on every database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.stages import LINKS, OWN, build_own, build_running
from support.values import digest
from support.visits import API, NEW, OLD, PYTHON, WEB, build_request, build_verdict, build_visit

from bot.core.choice.blocklist import build_blocklist
from bot.core.inventory.stage_funnels import find_fleet_stages
from bot.model.blocklist import Block, BlockedDigest, Blocklist
from bot.model.image import CachedManifest, ChildManifest, Manifest, ManifestKind
from bot.model.image_name import ImageName
from bot.model.own_build import ConfiguredBuild
from bot.model.proposal import RequestState
from bot.model.update_stages import StageScope, UnwantedReason, UpdateStage, UseKind
from bot.model.vocabulary import Reason, ReferenceStatus, Role
from bot.model.workload import ClusterReading, StoredRunningImage
from bot.state.after_merge.own_builds import DatabaseOwnBuilds
from bot.state.after_merge.running_images import DatabaseRunningImages
from bot.state.after_merge.stage_reader import DatabaseStageReader, StageSources

DAY = timedelta(days=1)
NO_BLOCKS = Blocklist()
IMAGE = ImageName.parse("python:3.12")
MANIFEST = f"{OWN}:1@{digest('own 1')}"


@pytest.fixture
def open_reader(state_location):
    def open_stage_reader(
        *running: StoredRunningImage, names=(), builds=(), blocklist=NO_BLOCKS, find_origin=str
    ) -> DatabaseStageReader:
        """Return a reader for a config with a cluster, if containers of it are given."""
        database = state_location.database()
        clusters = DatabaseRunningImages(database)
        for each in running:
            clusters.record_clusters([ClusterReading("prod", (each.image,))], each.first_seen_at)
        names = (*names, *({"prod"} if running else ()))
        own_builds = DatabaseOwnBuilds(database)
        return DatabaseStageReader(database, StageSources(clusters, own_builds, names, builds, blocklist, find_origin))

    return open_stage_reader


def build_manifest_verdict(written: str, **more):
    return build_verdict(written, path="deploy/web.yaml", format="kubernetes", role=Role.THIRD_PARTY, **more)


def visit_twice(location, inventory) -> None:
    """Store that the Dockerfile of a repository was updated from OLD to NEW by a request."""
    inventory.record_visits([build_visit(f"python:3.12@{OLD}")], {}, location.now)
    merged = build_request(1, RequestState.MERGED, opened_at=location.now, ended_at=location.now + 2 * DAY)
    after = build_visit(f"python:3.12@{NEW}", requests=(merged,), head="f00d")
    inventory.record_visits([after], {}, location.now + 3 * DAY)


def test_stage_facts_of_an_image_contain_uses_and_history(state_location, inventory, open_reader):
    visit_twice(state_location, inventory)
    inventory.record_visits([build_visit("node:22", key=API)], {}, state_location.now)
    facts = open_reader().load_image_facts(IMAGE)
    (stored,) = facts.uses
    assert (stored.use.key, stored.use.path, stored.use.kind) == (WEB, "Dockerfile", UseKind.BUILD)
    assert (stored.use.name, stored.use.digest, stored.status) == (str(PYTHON), NEW, "up-to-date")
    assert (stored.since, stored.is_since_first_visit, stored.read_at) == (
        state_location.now + 3 * DAY,
        False,
        state_location.now + 3 * DAY,
    )
    assert {(each.digest, each.ended_at) for each in facts.history.held} == {
        (OLD, state_location.now + 3 * DAY),
        (NEW, None),
    }
    assert [each.request.number for each in facts.history.requests] == [1]
    assert (facts.heads, facts.listed_repositories) == ({WEB: "f00d"}, {PYTHON.repository, "docker.io/library/node"})


def test_stage_facts_of_a_repository_contain_all_images(state_location, inventory, open_reader):
    visit_twice(state_location, inventory)
    inventory.record_visits([build_visit("python:3.12", "node:22", key=API)], {}, state_location.now)
    facts = open_reader().load_repository_facts(API.repository)
    assert {(each.use.key, each.use.tag) for each in facts.uses} == {(API, "3.12"), (API, "22")}
    assert facts.listed_repositories is None


def test_stage_facts_of_the_fleet_include_former_digests_only_if_running(state_location, inventory, open_reader):
    visit_twice(state_location, inventory)
    inventory.record_visits([build_visit("node:22", key=API)], {}, state_location.now)
    facts = open_reader().load_fleet_facts()
    assert {each.use.key for each in facts.uses} == {WEB, API}
    assert OLD not in {each.digest for each in facts.history.held}
    running = open_reader(build_running(OLD)).load_fleet_facts()
    assert OLD in {each.digest for each in running.history.held}


def test_stages_in_scope_depend_on_configured_clusters_and_known_builds(state_location, open_reader):
    assert open_reader().load_fleet_facts().scope == StageScope()
    configured = (ConfiguredBuild(repository="acme/web", image=ImageName(OWN, None, None)),)
    facts = open_reader(build_running(), names=["test"], builds=configured).load_fleet_facts()
    assert facts.scope == StageScope(has_builds=True, has_clusters=True)
    assert [(each.cluster, each.read_at is None) for each in facts.clusters] == [("prod", False), ("test", True)]
    assert open_reader().load_fleet_facts().clusters == []
    DatabaseOwnBuilds(state_location.database()).record_builds([build_own().build], state_location.now)
    assert open_reader().load_fleet_facts().scope == StageScope(has_builds=True)


def test_running_platform_image_is_related_to_the_index(state_location, inventory, lookup_store, open_reader):
    visit_twice(state_location, inventory)
    child = ChildManifest(digest("child"), "linux/amd64")
    index = Manifest(NEW, ManifestKind.INDEX, "application/vnd.oci.image.index.v1+json", (child,))
    lookup_store.save_manifests([CachedManifest(index, frozenset({PYTHON.repository}))])
    facts = open_reader(build_running(digest("child"))).load_image_facts(IMAGE)
    assert facts.children == {NEW: frozenset({digest("child")})}


def test_base_branches_that_use_a_running_digest_are_loaded(state_location, inventory, open_reader):
    visit_twice(state_location, inventory)
    inventory.record_visits([build_visit(f"python:3.12@{OLD}", key=API)], {}, state_location.now)
    facts = open_reader(build_running(OLD)).load_repository_facts(WEB.repository)
    assert facts.holders == {(PYTHON.repository, OLD): frozenset({API})}


def test_references_to_own_images_are_loaded_with_builds(state_location, inventory, open_reader):
    visit_twice(state_location, inventory)
    inventory.record_visits([build_visit(build_manifest_verdict(MANIFEST), key=API)], {}, state_location.now)
    DatabaseOwnBuilds(state_location.database()).record_builds([build_own().build], state_location.now)
    facts = open_reader().load_image_facts(IMAGE)
    assert [(each.key, each.path, each.digest) for each in facts.own_uses] == [
        (API, "deploy/web.yaml", digest("own 1"))
    ]
    assert facts.builds == [replace(build_own(), read_at=state_location.now)]


def test_digests_that_are_gone_or_blocked_stay_unwanted_after_removal_from_files(
    state_location, inventory, open_reader
):
    verdicts = [
        build_verdict(f"python:3.12@{OLD}", ReferenceStatus.GONE, reason=Reason.DIGEST_GONE),
        build_verdict(f"node:22@{NEW}", ReferenceStatus.BLOCKED, reason=Reason.DIGEST_BLOCKED),
        build_verdict("ruby:3", ReferenceStatus.BLOCKED, reason=Reason.DIGEST_BLOCKED),
    ]
    inventory.record_visits([build_visit(*verdicts)], {}, state_location.now)
    unwanted = {
        (PYTHON.repository, OLD): UnwantedReason.GONE,
        ("docker.io/library/node", NEW): UnwantedReason.BLOCKED,
    }
    assert open_reader().load_fleet_facts().unwanted == unwanted
    inventory.record_visits([build_visit("python:3.12")], {}, state_location.now + DAY)
    assert open_reader().load_fleet_facts().unwanted == unwanted  # containers may still run them


def test_unwanted_digest_is_wanted_again_if_a_later_visit_finds_the_digest(state_location, inventory, open_reader):
    gone = build_verdict(f"python:3.12@{OLD}", ReferenceStatus.GONE, reason=Reason.DIGEST_GONE)
    inventory.record_visits([build_visit(gone)], {}, state_location.now)
    unread = build_verdict(f"python:3.12@{OLD}", ReferenceStatus.UNRESOLVED, reason=Reason.UNREACHABLE)
    inventory.record_visits([build_visit(unread)], {}, state_location.now + DAY)
    assert open_reader().load_fleet_facts().unwanted == {(PYTHON.repository, OLD): UnwantedReason.GONE}
    inventory.record_visits([build_visit(f"python:3.12@{OLD}")], {}, state_location.now + 2 * DAY)
    assert open_reader().load_fleet_facts().unwanted == {}


def test_running_digest_blocked_in_config_is_unwanted_even_if_no_file_has_the_digest(
    state_location, inventory, lookup_store, open_reader
):
    child = ChildManifest(digest("child"), "linux/amd64")
    index = Manifest(NEW, ManifestKind.INDEX, "application/vnd.oci.image.index.v1+json", (child,))
    lookup_store.save_manifests([CachedManifest(index, frozenset({PYTHON.repository}))])
    visit_twice(state_location, inventory)
    blocklist = build_blocklist(BlockedDigest(each, Block("bad")) for each in (OLD, NEW))
    reader = open_reader(build_running(OLD), blocklist=blocklist)
    assert reader.load_fleet_facts().unwanted == {(PYTHON.repository, OLD): UnwantedReason.BLOCKED}
    reader = open_reader(build_running(digest("child")), blocklist=blocklist)
    assert reader.load_fleet_facts().unwanted == {
        (PYTHON.repository, OLD): UnwantedReason.BLOCKED,
        (PYTHON.repository, NEW): UnwantedReason.BLOCKED,
    }


def test_stages_are_derived_from_stored_visits_builds_and_running_images(state_location, inventory, open_reader):
    visit_twice(state_location, inventory)
    build = replace(build_own().build, built_at=state_location.now + 4 * DAY)
    DatabaseOwnBuilds(state_location.database()).record_builds([build], state_location.now + 5 * DAY)
    running = build_running(build.digest, repository=OWN, first_seen_at=state_location.now + 6 * DAY)
    configured = (ConfiguredBuild(repository="acme/web", image=ImageName(OWN, None, None)),)
    facts = open_reader(running, builds=configured).load_image_facts(IMAGE)
    assert facts.links == LINKS
    (progress,) = find_fleet_stages(facts, state_location.now + 7 * DAY).updates
    assert [(each.stage, each.at) for each in progress.reached] == [
        (UpdateStage.PROPOSED, state_location.now),
        (UpdateStage.MERGED, state_location.now + 2 * DAY),
        (UpdateStage.REBUILT, state_location.now + 4 * DAY),
        (UpdateStage.RUNNING, state_location.now + 6 * DAY),
    ]


def test_image_of_a_pull_through_cache_matches_running_image_of_the_upstream(state_location, inventory, open_reader):
    cache = "contoso.azurecr.io/dockerhub"
    cached = f"{cache}/library/python"
    inventory.record_visits([build_visit(build_manifest_verdict(f"{cached}:3.12@{OLD}"))], {}, state_location.now)
    inventory.record_visits(
        [build_visit(build_manifest_verdict(f"{cached}:3.12@{NEW}"), head="f00d")], {}, state_location.now + DAY
    )
    inventory.record_visits(
        [build_visit(build_manifest_verdict(f"{cached}:3.12@{OLD}"), key=API)], {}, state_location.now + DAY
    )

    def find_origin(name: str) -> str:
        return name.replace(cache, "docker.io")

    reader = open_reader(
        build_running(first_seen_at=state_location.now + 2 * DAY), names={"test"}, find_origin=find_origin
    )
    for facts in (reader.load_fleet_facts(), reader.load_image_facts(ImageName.parse(f"{cached}:3.12"))):
        stages = find_fleet_stages(facts, state_location.now + 3 * DAY)
        web = next(each for each in stages.updates if each.use.key == WEB)
        assert (web.stage, stages.unlisted) == (UpdateStage.RUNNING, ())
        assert [stages.is_running_image(each, cached) for each in stages.running] == [True]
        assert facts.holders[PYTHON.repository, NEW] == {WEB}
        assert {each.digest for each in facts.history.held if each.key == WEB} == {OLD, NEW}
