"""Where the replacement of a blocked digest comes from if the tag itself points to a blocked digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from support.forges.forge_stands import select_stands
from support.forges.gitlab.stand import GitLabStand
from support.forges.stands import LocalStand
from support.registries.no_facts import NoFacts
from support.runs.worlds import NOW, build, list_outcomes, write_tree

from bot.core.choice.blocklist import build_blocklist
from bot.demo.images import StoredManifest
from bot.model.blocklist import Block, BlockedDigest, Blocklist
from bot.model.errors import RegistryError
from bot.model.image import RegistryRecord
from bot.model.image_name import Digest, TagRef
from bot.model.vocabulary import Reason, ReferenceStatus
from bot.pipeline.choice.file_histories import MAX_COMMITS, MAX_FILES
from bot.pipeline.scan import scan_tree
from bot.state.database import Database
from bot.worktree import WorkTree

pytestmark = [
    pytest.mark.real("git"),
    pytest.mark.over_forges(github_app="tokens aside, it is asked as with a token", forgejo="it is asked as a Gitea"),
]

OLDEST, OLD, OTHER, BAD = (build(word).digest for word in ("oldest", "old", "other", "bad"))
STANDS = select_stands(without=("github-app", "forgejo"))
BLOCKED = build_blocklist([BlockedDigest(BAD, Block("malware"))])


def build_files(held) -> dict[str, str]:
    return {"Dockerfile": f"FROM python:3.12-slim@{held}\n"}


def run(loopback, fleet, blocklist: Blocklist = BLOCKED, after=timedelta(), **orders):
    loopback.rulebook = replace(loopback.rulebook, blocklist=blocklist)
    loopback.now = NOW + after
    return loopback.run([fleet], **orders)


def read_verdict(report):
    ((verdict,),) = ([*each.verdicts] for each in report.repositories)
    return verdict


def find_note(report) -> str:
    """Return where the replacement was found, according to the note of the only reference."""
    (note,) = read_verdict(report).reference.notes
    return note.partition("is the newest known image that is not blocked: ")[2].removesuffix(".")


@pytest.fixture
def bad_tag(loopback):
    """Return a registry whose tag points to BAD, and that still has all earlier images."""
    for content in ("oldest", "old", "other", "bad"):
        loopback.move("python", "3.12-slim", content)
    return loopback


def commit_history(stand, *held) -> None:
    for each in held:
        stand.commit("main", build_files(each))
        stand.commit("main", {"README.md": f"With {each}.\n"})


@pytest.mark.parametrize("kind", STANDS)
def test_earlier_digest_in_git_history_of_file_replaces_blocked_digest(kind, start_stand, bad_tag):
    stand = start_stand(STANDS[kind], build_files(OLDEST))
    commit_history(stand, OLD, BAD)
    report = run(bad_tag, stand.fleet())
    assert (list_outcomes(report), report.failed) == (["opened"], ())
    assert read_verdict(report).new_digest == OLD
    (request,) = stand.requests()
    assert stand.files(request.branch)["Dockerfile"].content.decode() == build_files(OLD)["Dockerfile"]
    assert find_note(report) == "files of this repository contained it before"
    assert list_outcomes(run(bad_tag, stand.fleet(), after=timedelta(hours=1))) == ["unchanged"]


def test_replacement_is_taken_only_from_git_history_of_the_same_repository(tmp_path, bad_tag):
    first, second = (LocalStand(tmp_path / name, build_files(held)) for name, held in (("a", OLDEST), ("b", OLD)))
    for stand in (first, second):
        commit_history(stand, BAD)
    bad_tag.rulebook = replace(bad_tag.rulebook, blocklist=BLOCKED)
    report = bad_tag.run([first.fleet(), second.fleet()])
    assert [each.verdicts[0].new_digest for each in report.repositories] == [OLDEST, OLD]


def test_replacement_is_taken_from_state_then_git_history_then_sibling_tags(tmp_path, bad_tag):
    sibling = bad_tag.move("python", "3.12.8-slim", "sibling")
    stand = LocalStand(tmp_path / "forge", build_files(OLD))
    commit_history(stand, BAD)
    assert read_verdict(run(bad_tag, stand.fleet())).new_digest == OLD
    without = LocalStand(tmp_path / "without", build_files(BAD))
    report = run(bad_tag, without.fleet())
    assert (read_verdict(report).new_digest, find_note(report)) == (sibling, "the tag `3.12.8-slim` points to it")
    bad_tag.remember(Database.sqlite(tmp_path / "state.db"))
    for hours, content in enumerate(("other", "bad")):
        bad_tag.move("python", "3.12-slim", content)
        run(bad_tag, without.fleet(), Blocklist(), timedelta(hours=hours))
    report = run(bad_tag, stand.fleet(), after=timedelta(hours=3))
    assert (read_verdict(report).new_digest, find_note(report)) == (OTHER, "the tag pointed to it in an earlier run")


def test_replacement_from_git_history_is_neither_blocked_nor_of_another_image(tmp_path, bad_tag):
    stand = LocalStand(tmp_path / "forge", build_files(OLDEST))
    commit_history(stand, OLD)
    for text in (f"FROM python:3.11-slim@{OTHER}\n", f"FROM redis:3.12-slim@{OTHER}\n", "\0", "x" * 2_000_000):
        stand.commit("main", {"Dockerfile": text})
    commit_history(stand, BAD)
    blocklist = build_blocklist([BlockedDigest(each, Block("malware")) for each in (BAD, OLD)])
    assert read_verdict(run(bad_tag, stand.fleet(), blocklist)).new_digest == OLDEST


def test_digest_deleted_by_the_registry_is_not_taken_from_git_history(tmp_path, bad_tag):
    stand = LocalStand(tmp_path / "forge", build_files(OLDEST))
    commit_history(stand, build("never pushed").digest, BAD)
    assert read_verdict(run(bad_tag, stand.fleet())).new_digest == OLDEST


def test_pull_request_stays_open_if_replacement_temporarily_fails_to_load(tmp_path, bad_tag):
    stand = LocalStand(tmp_path / "forge", build_files(OLD))
    commit_history(stand, BAD)
    assert list_outcomes(run(bad_tag, stand.fleet())) == ["opened"]
    bad_tag.store.manifests["library/python", OLD] = StoredManifest(b"{}", build("old").media_type)
    report = run(bad_tag, stand.fleet(), after=timedelta(hours=1))
    assert "inform the registry's operator" in " ".join(read_verdict(report).reference.notes)
    assert [each.subject for each in report.failed] == ["docker.io"]
    assert "closed" not in list_outcomes(report)
    assert len(stand.requests()) == 1


def test_only_the_newest_commits_of_a_file_are_searched_for_a_replacement(tmp_path, bad_tag):
    stand = LocalStand(tmp_path / "forge", build_files(OLD))
    for number in range(MAX_COMMITS):
        stand.commit("main", {"Dockerfile": f"FROM python:3.12-slim@{BAD}\nRUN {number}\n"})
    assert read_verdict(run(bad_tag, stand.fleet())).new_digest == OLD
    stand.commit("main", build_files(BAD))
    verdict = read_verdict(run(bad_tag, stand.fleet()))
    assert (verdict.status, verdict.new_digest) == (ReferenceStatus.BLOCKED, None)


def test_git_history_of_files_is_read_until_enough_digests_are_found(start_stand, bad_tag):
    files = {f"{name}/Dockerfile": "FROM python:3.12-slim@{}\n" for name in "abcdefghijkl"}
    stand = start_stand(GitLabStand, {path: text.format(OLDEST) for path, text in files.items()})
    for held in (OLD, OTHER, BAD):
        stand.commit("main", {path: text.format(held) for path, text in files.items()})
    report = run(bad_tag, stand.fleet())
    assert {each.new_digest for each in report.repositories[0].verdicts} == {OTHER}
    assert len([line for line in stand.server.lines if "/repository/commits?" in line]) == 1


def test_git_history_is_read_only_for_a_limited_number_of_files(start_stand, bad_tag):
    names = [f"{number:02}" for number in range(MAX_FILES + 1)]
    stand = start_stand(GitLabStand, {f"{name}/Dockerfile": f"FROM python:3.12-slim@{BAD}\n" for name in names})
    run(bad_tag, stand.fleet())
    assert len([line for line in stand.server.lines if "/repository/commits?" in line]) == MAX_FILES


def test_git_history_is_read_only_if_tag_points_to_blocked_digest(start_stand, bad_tag):
    stand = start_stand(GitLabStand, build_files(OLD))
    commit_history(stand, BAD)

    def is_history_read() -> bool:
        return any("/repository/commits?" in line for line in stand.server.lines)

    run(bad_tag, stand.fleet(), Blocklist())
    bad_tag.move("python", "3.12-slim", "other")
    run(bad_tag, stand.fleet())
    assert not is_history_read()
    bad_tag.move("python", "3.12-slim", "bad")
    run(bad_tag, stand.fleet())
    assert is_history_read()


def test_unreadable_git_history_is_a_failure_and_closes_no_pull_request(start_stand, bad_tag):
    stand = start_stand(GitLabStand, build_files(OLD))
    commit_history(stand, BAD)
    assert list_outcomes(run(bad_tag, stand.fleet())) == ["opened"]
    stand.server.fail(r"GET .*/repository/commits\?", stand.server.problem(502, "Bad Gateway"), times=99)
    report = run(bad_tag, stand.fleet(), after=timedelta(hours=1))
    assert list_outcomes(report) != ["closed"]
    verdict = read_verdict(report)
    assert (verdict.status, verdict.new_digest) == (ReferenceStatus.BLOCKED, None)
    assert "the history of Dockerfile could not be read" in " ".join(verdict.reference.notes)
    (failure,) = report.failed
    assert failure.subject == f"{stand.name}/Dockerfile"
    assert len(stand.requests()) == 1


def test_scan_of_a_checkout_takes_replacement_from_git_history(tmp_path, bad_tag):
    stand = LocalStand(tmp_path / "forge", build_files(OLD))
    commit_history(stand, BAD)
    checkout = tmp_path / "checkout"
    stand.git.run("clone", "--quiet", str(stand.git.directory), str(checkout))
    write_tree(checkout, {"Dockerfile": f"FROM python:3.12-slim@{BAD}\nRUN true\n"})
    bad_tag.rulebook = replace(bad_tag.rulebook, blocklist=BLOCKED)
    report = scan_tree(WorkTree(checkout), "checkout", bad_tag.world(), bad_tag.rulebook).report
    assert read_verdict(report).new_digest == OLD


# ---- what the registry records ---------------------------------------------------------------------------------------


class RecordedTags(NoFacts):
    """A registry that records the digests to which its tags pointed."""

    def __init__(self, records: Mapping[Digest, RegistryRecord] | RegistryError) -> None:
        self._records = records

    def fetch_earlier_records(self, tag_ref: TagRef) -> Mapping[Digest, RegistryRecord]:
        assert tag_ref == TagRef("docker.io/library/python", "3.12-slim")
        if isinstance(self._records, RegistryError):
            raise self._records
        return self._records


TAGGED, UNTAGGED = RegistryRecord(None, ("3.12.7-slim",)), RegistryRecord(None)


def test_replacement_recorded_by_registry_precedes_state_and_git_history(tmp_path, bad_tag):
    bad_tag.remember(Database.sqlite(tmp_path / "state.db"))
    stand = LocalStand(tmp_path / "forge", build_files(OLD))
    for hours, content in enumerate(("other", "bad")):
        bad_tag.move("python", "3.12-slim", content)
        run(bad_tag, stand.fleet(), Blocklist(), timedelta(hours=hours))
    commit_history(stand, BAD)
    bad_tag.facts = RecordedTags({BAD: TAGGED, OLDEST: TAGGED, OLD: TAGGED})
    assert read_verdict(run(bad_tag, stand.fleet(), after=timedelta(hours=3))).new_digest == OLDEST


def test_untagged_digest_in_record_is_skipped_if_registry_purges_untagged_images(tmp_path, bad_tag):
    stand = LocalStand(tmp_path / "forge", build_files(BAD))
    bad_tag.facts = RecordedTags({OLD: UNTAGGED, OLDEST: TAGGED})
    assert read_verdict(run(bad_tag, stand.fleet())).new_digest == OLD
    bad_tag.rulebook = replace(bad_tag.rulebook, purging_hosts=frozenset({"docker.io"}))
    assert read_verdict(run(bad_tag, stand.fleet())).new_digest == OLDEST


def test_unreadable_registry_record_is_a_failure_and_closes_no_pull_request(tmp_path, bad_tag):
    stand = LocalStand(tmp_path / "forge", build_files(BAD))
    bad_tag.facts = RecordedTags({OLD: TAGGED})
    assert list_outcomes(run(bad_tag, stand.fleet())) == ["opened"]
    error = RegistryError("docker.io", Reason.REGISTRY_ERROR, "docker.io answered 503", is_failure=True)
    bad_tag.facts = RecordedTags(error)
    report = run(bad_tag, stand.fleet(), after=timedelta(hours=1))
    assert "docker.io answered 503" in " ".join(read_verdict(report).reference.notes)
    assert [each.error for each in report.failed] == ["docker.io answered 503"]
    (request,) = stand.requests()
    assert stand.branches()[request.branch]
