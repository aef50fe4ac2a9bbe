"""Runs over repositories that use blocked digests, from the list in the config to the request on the forge."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.forges.stands import LocalStand
from support.runs.worlds import NOW, build, list_outcomes

from bot.core.choice.blocklist import build_blocklist
from bot.demo.images import DemoPackage, build_debian_root, build_image, build_index, build_layer
from bot.model.blocklist import Block, BlockedBuilds, BlockedDigest, Blocklist
from bot.model.limits import ProposalLimits, ProposalSchedule
from bot.model.policy import PolicyRule
from bot.model.vocabulary import Reason, ReferenceStatus, RunLevel
from bot.registries.endpoints import RegistryEntry
from bot.state.database import Database

pytestmark = pytest.mark.real("git")

OLD, BAD, NEW = (build(word).digest for word in ("old", "bad", "new"))
REASON = "malware (INC-42)"
NEVER = ProposalSchedule("* * 1 1 *")


def block(*digests) -> Blocklist:
    return build_blocklist([BlockedDigest(each, Block(REASON, "https://sec.example.com/42")) for each in digests])


def build_files(held) -> dict[str, str]:
    return {"Dockerfile": f"FROM python:3.12-slim@{held}\n"}


def run(loopback, stand, blocklist=None, after=timedelta(), **orders):
    loopback.rulebook = replace(loopback.rulebook, blocklist=blocklist or Blocklist())
    loopback.now = NOW + after
    return loopback.run([stand.fleet()], **orders)


def read_verdict(report):
    ((verdict,),) = ([*each.verdicts] for each in report.repositories)
    return verdict


@pytest.fixture
def registry_with_state(loopback, tmp_path):
    loopback.remember(Database.sqlite(tmp_path / "state.db"))
    return loopback


@pytest.fixture
def registry_with_bad_digest(registry_with_state, tmp_path):
    """Return a registry whose tag pointed to OLD and now points to BAD, and a repository that contains BAD."""
    stand = LocalStand(tmp_path / "forge", build_files(OLD))
    registry_with_state.move("python", "3.12-slim", "old")
    run(registry_with_state, stand)
    registry_with_state.move("python", "3.12-slim", "bad")
    stand.commit("main", build_files(BAD))
    run(registry_with_state, stand, after=timedelta(hours=1))
    return registry_with_state, stand


def test_newer_digest_replaces_blocked_digest_despite_limits_schedule_and_min_age(registry_with_state, tmp_path):
    stand = LocalStand(tmp_path / "forge", build_files(BAD))
    registry_with_state.move("python", "3.12-slim", "bad")
    run(registry_with_state, stand)
    registry_with_state.move("python", "3.12-slim", "new")
    rules = (PolicyRule(min_age=timedelta(days=30), schedules=(NEVER,)),)
    registry_with_state.rulebook = replace(registry_with_state.rulebook, rules=rules)
    limits = ProposalLimits(open_per_repository=0, new_per_window=0)
    assert list_outcomes(run(registry_with_state, stand, after=timedelta(hours=1), limits=limits)) == []
    report = run(registry_with_state, stand, block(BAD), timedelta(hours=2), limits=limits)
    assert list_outcomes(report) == ["opened"]
    verdict = read_verdict(report)
    assert (verdict.status, verdict.reason) == (ReferenceStatus.BLOCKED, Reason.DIGEST_BLOCKED)
    assert (verdict.new_digest, verdict.detail) == (NEW, REASON)


def test_blocked_digest_is_reported_in_manifest_whose_image_kustomization_replaces(loopback, tmp_path):
    manifest = f"apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: python:3.12-slim@{BAD}\n"
    kustomization = "resources: [pod.yaml]\nimages: [{name: python, newName: quay.io/acme/python}]\n"
    stand = LocalStand(tmp_path / "forge", {"pod.yaml": manifest, "kustomization.yaml": kustomization})
    loopback.move("python", "3.12-slim", "bad")
    report = run(loopback, stand, block(BAD))
    (verdict,) = (each for each in report.repositories[0].verdicts if each.reference.path == "pod.yaml")
    assert (verdict.status, verdict.reason) == (ReferenceStatus.BLOCKED, Reason.DIGEST_BLOCKED)
    assert "kustomization.yaml replaces it" in verdict.reference.notes
    assert list_outcomes(report) == []


def test_earlier_digest_is_proposed_if_tag_still_points_to_blocked_digest(registry_with_bad_digest):
    loopback, stand = registry_with_bad_digest
    report = run(loopback, stand, block(BAD), timedelta(hours=2))
    assert list_outcomes(report) == ["opened"]
    (request,) = stand.requests()
    assert request.title.startswith("Blocked: malware (INC-42). Update python:3.12-slim to ")
    first, *_ = request.body.splitlines()[1:]
    assert first == (
        "> **blocked:** `malware (INC-42)` ([details](https://sec.example.com/42)). "
        "The digest in the file must not be used."
    )
    assert "Merging moves back to the newest digest known that is not blocked." in request.body
    assert stand.files(request.branch)["Dockerfile"].content.decode() == build_files(OLD)["Dockerfile"]
    assert list_outcomes(run(loopback, stand, block(BAD), timedelta(hours=3))) == ["unchanged"]


def test_merged_earlier_digest_is_kept_while_tag_points_to_blocked_digest(registry_with_bad_digest):
    loopback, stand = registry_with_bad_digest
    run(loopback, stand, block(BAD), timedelta(hours=2))
    (request,) = stand.requests()
    stand.merge_request(request.branch)
    stand.delete_branch(request.branch)
    report = run(loopback, stand, block(BAD), timedelta(hours=3))
    assert read_verdict(report).status is ReferenceStatus.UP_TO_DATE
    assert read_verdict(report).reference.notes == ("What `3.12-slim` points to now is blocked: malware (INC-42)",)
    unblocked = run(loopback, stand, None, timedelta(hours=4))
    assert list_outcomes(unblocked) == ["opened"]
    assert read_verdict(unblocked).new_digest == BAD


def test_digest_of_earlier_patch_tag_replaces_blocked_digest_if_no_other_is_known(loopback, tmp_path):
    stand = LocalStand(tmp_path / "forge", build_files(BAD))
    loopback.move("python", "3.12-slim", "bad")
    loopback.move("python", "3.12.9-slim", "bad")
    older = loopback.move("python", "3.12.8-slim", "older")
    loopback.move("python", "3.12.10", "other variant")
    loopback.move("python", "3.13.1-slim", "other version")
    report = run(loopback, stand, block(BAD))
    assert read_verdict(report).new_digest == older
    (request,) = stand.requests()
    assert stand.files(request.branch)["Dockerfile"].content.decode() == build_files(older)["Dockerfile"]


def test_digest_found_in_git_history_of_the_file_replaces_blocked_digest(registry_with_state, tmp_path):
    stand = LocalStand(tmp_path / "forge", build_files(OLD))
    registry_with_state.move("python", "3.12-slim", "old")
    registry_with_state.move("python", "3.12-slim", "bad")
    run(registry_with_state, stand)
    stand.commit("main", build_files(BAD))
    report = run(registry_with_state, stand, block(BAD), timedelta(hours=1))
    assert read_verdict(report).new_digest == OLD


def test_blocked_digest_without_known_replacement_is_reported_but_not_proposed(loopback, tmp_path):
    stand = LocalStand(tmp_path / "forge", build_files(BAD))
    loopback.move("python", "3.12-slim", "bad")
    report = run(loopback, stand, block(BAD))
    assert list_outcomes(report) == []
    assert stand.requests() == []
    verdict = read_verdict(report)
    assert (verdict.status, verdict.new_digest) == (ReferenceStatus.BLOCKED, None)
    assert verdict.detail == "malware (INC-42); no known replacement"
    (note,) = verdict.reference.notes
    assert note.startswith("No known replacement: ")
    assert "the registry, the state and the history of the file contain no earlier image" in note


def test_unpinned_tag_that_points_to_blocked_digest_is_pinned_to_earlier_digest(registry_with_bad_digest):
    loopback, stand = registry_with_bad_digest
    stand.commit("main", {"Dockerfile": "FROM python:3.12-slim\n"})
    report = run(loopback, stand, block(BAD), timedelta(hours=2))
    assert read_verdict(report).new_digest == OLD
    (request,) = stand.requests()
    assert stand.files(request.branch)["Dockerfile"].content.decode() == build_files(OLD)["Dockerfile"]


def test_open_pull_request_gets_another_digest_if_its_new_digest_is_blocked(registry_with_state, tmp_path):
    stand = LocalStand(tmp_path / "forge", build_files(OLD))
    for hours, content in enumerate(("old", "better", "bad")):
        registry_with_state.move("python", "3.12-slim", content)
        run(registry_with_state, stand, after=timedelta(hours=hours))
    (request,) = stand.requests()
    assert BAD in request.body
    report = run(registry_with_state, stand, block(BAD), timedelta(hours=4))
    assert list_outcomes(report) == ["refreshed"]
    (request,) = stand.requests()
    assert f"python:3.12-slim@{build('better').digest}" in stand.files(request.branch)["Dockerfile"].content.decode()


def test_open_pull_request_is_closed_if_no_replacement_for_blocked_digest_is_known(registry_with_state, tmp_path):
    stand = LocalStand(tmp_path / "forge", build_files(OLD))
    registry_with_state.move("python", "3.12-slim", "old")
    run(registry_with_state, stand)
    registry_with_state.move("python", "3.12-slim", "bad")
    run(registry_with_state, stand, after=timedelta(hours=1))
    report = run(registry_with_state, stand, block(BAD), timedelta(hours=2))
    assert list_outcomes(report) == ["closed"]
    assert report.repositories[0].proposals[0].note == "It proposes a digest that is blocked now: `malware (INC-42)`."
    assert list_outcomes(run(registry_with_state, stand, None, timedelta(hours=3))) == ["opened"], (
        "nothing of the block is kept"
    )


def test_pull_request_with_blocked_digest_is_closed_even_if_registry_is_unreachable(registry_with_state, tmp_path):
    stand = LocalStand(tmp_path / "forge", build_files(OLD))
    registry_with_state.move("python", "3.12-slim", "old")
    registry_with_state.move("python", "3.12-slim", "bad")
    run(registry_with_state, stand)
    registry_with_state.entries = (RegistryEntry("docker.io", mirror="127.0.0.1:1", is_insecure=True),)
    report = run(registry_with_state, stand, block(BAD), timedelta(hours=2))
    assert list_outcomes(report) == ["closed"]
    assert read_verdict(report).status is ReferenceStatus.UNRESOLVED


# ---- indexes, platforms and build times ------------------------------------------------------------------------------


def list_children(content):
    return [each.digest for each in build(content).children]


def test_index_is_blocked_if_manifest_of_one_platform_is_blocked(registry_with_bad_digest):
    loopback, stand = registry_with_bad_digest
    _, arm64 = list_children("bad")
    assert read_verdict(run(loopback, stand, block(arm64), timedelta(hours=2))).new_digest == OLD


def test_platform_manifest_is_blocked_if_its_index_is_blocked(registry_with_bad_digest):
    loopback, stand = registry_with_bad_digest
    amd64, _ = list_children("bad")
    stand.commit("main", build_files(amd64))
    verdict = read_verdict(run(loopback, stand, block(BAD), timedelta(hours=2)))
    assert (verdict.status, verdict.new_digest) == (ReferenceStatus.BLOCKED, list_children("old")[0])


def test_pinned_platform_manifest_is_allowed_if_only_another_platform_is_blocked(registry_with_bad_digest):
    loopback, stand = registry_with_bad_digest
    amd64, arm64 = list_children("bad")
    stand.commit("main", build_files(amd64))
    verdict = read_verdict(run(loopback, stand, block(arm64), timedelta(hours=2)))
    assert verdict.status is ReferenceStatus.UP_TO_DATE


def push_built(loopback, day):
    """Let the tag point to an image that was built on this day of January 2026; None for an image that states none."""
    layer = build_layer(build_debian_root("12.7", [DemoPackage("base-files", f"{day}")]))
    created = datetime(2026, 1, day, 12, tzinfo=UTC) if day else None
    return loopback.store.set_tag("library/python", "3.12-slim", build_index([build_image([layer], created=created)]))


def block_builds(first, last, image="docker.io/library/python"):
    start, end = (datetime(2026, 1, day, 12, tzinfo=UTC) for day in (first, last))
    return build_blocklist([BlockedBuilds(image, start, end, Block(REASON))])


@pytest.fixture
def built_on_three_days(registry_with_state, tmp_path):
    """Return a registry whose tag pointed to images of three days, their digests, and a repository with the last."""
    stand = LocalStand(tmp_path / "forge", build_files(OLD))
    digests = []
    for hours, day in enumerate((5, 10, 15)):
        digests.append(push_built(registry_with_state, day))
        run(registry_with_state, stand, level=RunLevel.REPORT, after=timedelta(hours=hours))
    stand.commit("main", build_files(digests[-1]))
    return registry_with_state, stand, digests


@pytest.mark.parametrize(("first", "last", "expected"), [(15, 20, 1), (9, 15, 0), (1, 14, None), (1, 15, "none")])
def test_image_is_blocked_if_build_time_is_in_blocked_range(built_on_three_days, first, last, expected):
    loopback, stand, digests = built_on_three_days
    verdict = read_verdict(run(loopback, stand, block_builds(first, last), timedelta(hours=5)))
    assert verdict.new_digest == (digests[expected] if isinstance(expected, int) else None)
    is_blocked = expected is not None
    assert verdict.status is (ReferenceStatus.BLOCKED if is_blocked else ReferenceStatus.UP_TO_DATE)


def test_blocked_range_of_build_times_does_not_apply_to_another_repository(built_on_three_days):
    loopback, stand, _ = built_on_three_days
    verdict = read_verdict(run(loopback, stand, block_builds(1, 20, "docker.io/library/redis"), timedelta(hours=5)))
    assert verdict.status is ReferenceStatus.UP_TO_DATE


def test_image_without_build_time_is_neither_proposed_nor_reported_as_allowed(built_on_three_days):
    loopback, stand, digests = built_on_three_days
    unknown = push_built(loopback, None)
    report = run(loopback, stand, block_builds(1, 12), timedelta(hours=5))
    assert list_outcomes(report) == []
    assert read_verdict(report).reason is Reason.LISTS_UNREAD
    stand.commit("main", build_files(unknown))
    report = run(loopback, stand, block_builds(1, 12), timedelta(hours=6))
    assert read_verdict(report).reason is Reason.LISTS_UNREAD
    assert "states no build time" in read_verdict(report).detail
    push_built(loopback, 15)
    assert read_verdict(run(loopback, stand, block_builds(1, 12), timedelta(hours=7))).new_digest == digests[2]


# ---- lists that cannot be read ---------------------------------------------------------------------------------------


def test_unreadable_blocklist_is_reported_as_failure_and_prevents_proposals(registry_with_bad_digest):
    loopback, stand = registry_with_bad_digest
    stand.commit("main", build_files(OLD))
    report = run(loopback, stand, Blocklist(unread=(("blocked[0]", "it answered 503"),)), timedelta(hours=2))
    assert read_verdict(report).reason is Reason.LISTS_UNREAD
    assert list_outcomes(report) == []
    (failure,) = report.failed
    assert failure.subject == "blocked[0]"


def test_digest_is_reported_as_blocked_even_if_another_blocklist_is_unreadable(registry_with_bad_digest):
    loopback, stand = registry_with_bad_digest
    unread = replace(block(BAD), unread=(("blocked[1]", "it answered 503"),))
    report = run(loopback, stand, unread, timedelta(hours=2))
    assert list_outcomes(report) == []
    assert read_verdict(report).status is ReferenceStatus.BLOCKED
