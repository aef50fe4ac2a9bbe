"""Runs with a state: the requests and scans of the next run, and a state that cannot be written."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from support.runs.worlds import NOW, LoopbackHub, PresetScanner, build, write_tree
from support.values import finding

from bot.core.choice.holds import VERSION_ANNOTATION
from bot.demo.images import build_image, build_index, build_layer
from bot.model.errors import StateError
from bot.model.image_name import Digest, TagRef
from bot.model.modes import UpdateMode
from bot.model.policy import PolicyRule
from bot.pipeline.scan import scan_tree
from bot.pipeline.worker_pool import WorkerPool
from bot.reports.run.report_document import render_scan_document
from bot.state.database import Database
from bot.state.exposure.store import DatabaseScanStore
from bot.state.lookups.lookup_store import DatabaseLookupStore
from bot.worktree import WorkTree

PYTHON, REDIS = TagRef("docker.io/library/python", "3.12"), TagRef("docker.io/library/redis", "7")
OLD, NEW = build("old").digest, build("new").digest
FILES = {"Dockerfile": f"FROM python:3.12@{OLD}\nFROM redis:7@{NEW}\n"}


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state.db"


@pytest.fixture
def registry_with_state(loopback, state):
    """Return a registry with two images, and a state in a file."""
    loopback.move("python", "3.12", "old")
    loopback.move("python", "3.12", "new")
    loopback.move("redis", "7", "new")
    loopback.keep(lookups=open_state_store(state), scans=DatabaseScanStore(Database.sqlite(state), lambda: NOW))
    loopback.scanner = PresetScanner({OLD: (finding("CVE-2026-1"),), NEW: ()})
    return loopback


def open_state_store(path) -> DatabaseLookupStore:
    return DatabaseLookupStore(Database.sqlite(path), lambda: NOW)


def run(tmp_path, loopback: LoopbackHub, files=FILES, after: timedelta = timedelta(), **changes):
    world = loopback.world()
    return scan_tree(
        WorkTree(write_tree(tmp_path / "tree", files)),
        "tree",
        replace(world, now=NOW + after, **changes),
        loopback.rulebook,
    )


def list_requests(loopback: LoopbackHub, since: int = 0) -> list[str]:
    served = loopback.registry.served_requests[since:]
    return sorted(f"{each.method} {each.path.removeprefix('/v2/library/')} {each.status}" for each in served)


def list_content_requests(loopback: LoopbackHub, *digests: Digest) -> list[str]:
    """Return the two requests for the contents of the first image in each index."""
    questions = []
    for digest in digests:
        index = json.loads(loopback.store.find_manifest("library/python", digest).content)
        child = index["manifests"][0]["digest"]
        config = json.loads(loopback.store.find_manifest("library/python", child).content)["config"]["digest"]
        questions += [f"GET python/manifests/{child} 200", f"GET python/blobs/{config} 200"]
    return questions


def test_second_run_revalidates_cached_descriptors_and_fetches_no_manifests(tmp_path, registry_with_state):
    first = run(tmp_path, registry_with_state)
    assert list_requests(registry_with_state) == sorted(
        [
            *(f"GET python/manifests/{digest} 200" for digest in (OLD, NEW)),
            *list_content_requests(registry_with_state, OLD, NEW),
            "GET redis/manifests/7 304",  # as all that was asked for had moved
            "HEAD python/manifests/3.12 200",
        ]
    )
    before = len(registry_with_state.registry.served_requests)
    second = run(tmp_path, registry_with_state)
    assert list_requests(registry_with_state, before) == ["GET redis/manifests/7 304", "HEAD python/manifests/3.12 304"]
    assert second.report == first.report


def test_manifest_is_fetched_again_after_tag_moves_to_another_digest(tmp_path, registry_with_state):
    run(tmp_path, registry_with_state)
    before = len(registry_with_state.registry.served_requests)
    newer = registry_with_state.move("python", "3.12", "newer")
    scanned = run(tmp_path, registry_with_state)
    assert list_requests(registry_with_state, before) == sorted(
        [
            f"GET python/manifests/{newer} 200",
            *list_content_requests(registry_with_state, newer),
            "GET redis/manifests/7 304",
            "HEAD python/manifests/3.12 200",
        ]
    )
    assert newer.encode() in scanned.changes[0].content


def test_state_keeps_first_and_last_observation_of_each_digest_of_a_tag(tmp_path, registry_with_state, state):
    run(tmp_path, registry_with_state)
    run(tmp_path, registry_with_state, after=timedelta(days=1))
    newer = registry_with_state.move("python", "3.12", "newer")
    run(tmp_path, registry_with_state, after=timedelta(days=2))
    sightings = open_state_store(state).load_observations([PYTHON, REDIS])
    days = {line: [(each.digest, each.first_seen, each.last_seen) for each in seen] for line, seen in sightings.items()}
    day = timedelta(days=1)
    assert days == {
        PYTHON: [(NEW, NOW, NOW + day), (newer, NOW + 2 * day, NOW + 2 * day)],
        REDIS: [(NEW, NOW, NOW + 2 * day)],
    }


def test_descriptors_are_stored_even_if_lookup_of_another_tag_fails(tmp_path, registry_with_state, state):
    files = {"Dockerfile": FILES["Dockerfile"] + "FROM nowhere:1\n"}
    run(tmp_path, registry_with_state, files)
    assert open_state_store(state).load_descriptors(
        [PYTHON, REDIS, TagRef("docker.io/library/nowhere", "1")]
    ).keys() == {
        PYTHON,
        REDIS,
    }


# Scans


def test_second_run_reuses_scan_results_while_scanner_database_is_unchanged(tmp_path, registry_with_state):
    first = run(tmp_path, registry_with_state)
    told = registry_with_state.scanner.asked
    assert sorted({subject.digest for subject in told}) == sorted([OLD, NEW])
    count = len(told)
    second = run(tmp_path, registry_with_state)
    assert len(told) == count
    assert second.report.evidence == first.report.evidence


def test_digest_used_under_two_image_names_is_scanned_once_in_a_run(tmp_path, registry_with_state):
    run(tmp_path, registry_with_state, {"Dockerfile": f"FROM python:3.12@{OLD}\nFROM redis:7@{OLD}\n"})
    told = [(subject.digest, subject.platform) for subject in registry_with_state.scanner.asked]
    assert len(told) == len(set(told)) > 0


def test_next_run_scans_image_again_if_the_scan_failed(tmp_path, registry_with_state):
    registry_with_state.scanner.findings.pop(NEW)
    run(tmp_path, registry_with_state)
    count = len(registry_with_state.scanner.asked)
    registry_with_state.scanner.findings[NEW] = ()
    scanned = run(tmp_path, registry_with_state)
    again = registry_with_state.scanner.asked[count:]
    assert {subject.digest for subject in again} == {NEW}
    assert all(evidence.delta for evidence in scanned.report.evidence.values())


def test_next_run_reuses_scans_that_finished_before_a_run_was_killed(tmp_path, registry_with_state, monkeypatch):
    told = registry_with_state.scanner
    scan_one = told.scan

    def scan_until_killed(subject):
        if told.asked:
            raise KeyboardInterrupt
        return scan_one(subject)

    monkeypatch.setattr(told, "scan", scan_until_killed)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, registry_with_state, scan_pool=WorkerPool(1))
    monkeypatch.setattr(told, "scan", scan_one)
    scanned = run(tmp_path, registry_with_state)
    first, *others = told.asked
    assert first not in others
    assert all(evidence.delta for evidence in scanned.report.evidence.values())


# A memory that breaks


def test_updates_are_still_found_if_state_cannot_be_written(tmp_path, registry_with_state, state):
    """A trigger prevents writing but not reading, like a full disk."""
    with Database.sqlite(state).open_for_writing() as connection:
        for table in ("tag_observations", "known_images"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER full_{table} BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no room'); END"
            )
    scanned = run(tmp_path, registry_with_state)
    assert len(scanned.changes) == 1
    assert [(failed.subject, failed.stage.value) for failed in scanned.report.failed] == [
        ("state", "resolve"),
        ("state", "assess"),
    ]
    assert all("no room" in failed.error for failed in scanned.report.failed)


def test_unreadable_state_ends_the_run_before_any_registry_request(tmp_path, registry_with_state, state):
    state.write_bytes(b"no database any more" * 400)
    with pytest.raises(StateError, match="move the file away"):
        run(tmp_path, registry_with_state)
    assert registry_with_state.registry.served_requests == ()


@pytest.mark.parametrize("purges", [False, True])
def test_earlier_digest_is_not_proposed_if_the_registry_purges_untagged_digests(tmp_path, loopback, state, purges):
    loopback.keep(lookups=open_state_store(state))
    loopback.rulebook = replace(
        loopback.rulebook,
        rules=(PolicyRule(min_age=timedelta(days=3)),),
        purging_hosts=frozenset({"docker.io"}) if purges else frozenset(),
    )
    held = loopback.move("python", "3.12", "old")
    files = {"Dockerfile": f"FROM python:3.12@{held}\n"}
    run(tmp_path, loopback, files)
    ripe = loopback.move("python", "3.12", "ripe")
    run(tmp_path, loopback, files, timedelta(days=1))
    loopback.move("python", "3.12", "new")
    before = len(loopback.registry.served_requests)
    scanned = run(tmp_path, loopback, files, timedelta(days=5))
    (reference,) = json.loads(render_scan_document(scanned.report))["references"]
    expected = ("held", "retention-risk", None) if purges else ("update", None, ripe)
    assert (reference["status"], reference["reason"], reference["new_digest"]) == expected
    is_asked_again = f"GET python/manifests/{held} 200" in list_requests(loopback, before)
    assert is_asked_again == purges


def test_newest_observed_digest_that_is_not_held_is_proposed(tmp_path, loopback, state):
    """Each run observes one more build. The two newest builds state lower versions than the file's image."""
    loopback.keep(lookups=open_state_store(state))

    def stating(content: str, version: str):
        built = build_index(
            [build_image([build_layer({"a": content.encode()})])], annotations={VERSION_ANNOTATION: version}
        )
        return loopback.store.set_tag("library/python", "3.12", built)

    held = stating("old", "3.12.4")
    files = {"Dockerfile": f"FROM python:3.12@{held}\n"}
    builds = []
    for days, version in enumerate(["3.12.4", "3.12.5", "3.12.6", "3.12.3", "3.12.2"]):
        builds.append(stating(str(days), version) if days else held)
        before = len(loopback.registry.served_requests)
        scanned = run(tmp_path, loopback, files, timedelta(days=days))
    (reference,) = json.loads(render_scan_document(scanned.report))["references"]
    assert (reference["status"], reference["new_digest"]) == ("update", builds[2])
    assert "held (older)" in reference["notes"][0]
    fetched = [each for each in list_requests(loopback, before) if each.startswith("GET")]
    assert fetched == sorted(f"GET python/manifests/{builds[number]} 200" for number in (2, 3, 4))


def test_newest_tag_that_meets_min_age_is_proposed(tmp_path, loopback, state):
    """There is a release for each day. A tag that was never observed as the newest one is not looked up."""
    loopback.keep(lookups=open_state_store(state))
    rule = PolicyRule(update=UpdateMode.PATCH, min_age=timedelta(days=3))
    loopback.rulebook = replace(loopback.rulebook, rules=(rule,))
    held = loopback.move("python", "3.12.0", "0")
    loopback.move("python", "3.12.1", "never the newest in a run")
    files = {"Dockerfile": f"FROM python:3.12.0@{held}\n"}
    taken = []
    for day in range(7):
        loopback.move("python", f"3.12.{day + 2}", str(day + 2))
        before = len(loopback.registry.served_requests)
        scanned = run(tmp_path, loopback, files, timedelta(days=day))
        (reference,) = json.loads(render_scan_document(scanned.report))["references"]
        taken.append(reference.get("new_tag"))
        tags = [each.split("/")[-1].split()[0] for each in list_requests(loopback, before) if each.startswith("HEAD")]
        assert len(tags) <= 5
        assert "3.12.1" not in tags
    assert taken == [None, None, None, "3.12.2", "3.12.3", "3.12.4", "3.12.5"]
