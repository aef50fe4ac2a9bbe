"""Contract of all forges for judging branches by content. Each test runs with every stand."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from support.forges.contract_scene import BRANCH, INTENT, PREFIX, propose, push
from support.forges.forged_commits import make_forged_commit
from support.git import EXECUTABLE, LINK, REGULAR, TreeFile

from bot.forges.github import commits as github_commits
from bot.forges.gitlab import commits as gitlab_commits
from bot.model.branch_ownership import FOREIGN_BRANCH, BranchClaim, BranchVerdict
from bot.model.forge import TreeEntry

pytestmark = pytest.mark.over_forges


@dataclass
class FakeBranchJudge:
    """A judge that opens every branch and answers what it is told."""

    verdict: BranchVerdict = field(default_factory=lambda: BranchVerdict("7" * 16))
    is_opened: bool = True
    claims: list[BranchClaim] = field(default_factory=list)
    differences: object = None
    contents: list[tuple[bytes, bytes]] = field(default_factory=list)

    def judge(self, claim, open_contents):
        self.claims.append(claim)
        opened = open_contents() if self.is_opened else None
        self.differences = opened.list_differences() if opened is not None else None
        edits = [each for each in self.differences or () if each.is_content_edit]
        old = opened.read_old([TreeEntry(each.path, each.old.size, each.old.oid) for each in edits]) if edits else ()
        new = opened.read_new([TreeEntry(each.path, each.new.size, each.new.oid) for each in edits]) if edits else ()
        self.contents = list(zip(old, new, strict=True))
        return self.verdict


def run_judge(stand, **words) -> tuple[FakeBranchJudge, object]:
    recorder = FakeBranchJudge(**words)
    (seen,) = stand.forge().list_requests(PREFIX, frozenset({BRANCH}), recorder)
    return recorder, seen


def test_branch_judge_receives_intent_of_branch_and_mark_of_pull_request(stand):
    head = push(stand)
    recorder, _ = run_judge(stand)
    assert recorder.claims == [BranchClaim(BRANCH, head, INTENT, None)]
    stand.delete_branch(BRANCH)
    seen = propose(stand)
    recorder, _ = run_judge(stand)
    assert recorder.claims == [BranchClaim(BRANCH, seen.head, INTENT, seen.mark)]


def test_verdict_of_branch_judge_sets_intent_and_flags_of_listed_pull_request(stand):
    propose(stand)
    _, seen = run_judge(stand, verdict=BranchVerdict("7" * 16, is_confirmed=False, is_as_marked=False))
    assert (seen.intent, seen.is_confirmed, seen.is_as_marked) == ("7" * 16, False, False)
    _, seen = run_judge(stand, verdict=FOREIGN_BRANCH)
    assert (seen.intent, seen.has_commented) == (None, False)


def test_branch_is_not_judged_if_commit_message_has_no_intent_trailer(stand):
    stand.commit(BRANCH, {"Dockerfile": "FROM x\n"})
    recorder, seen = run_judge(stand)
    assert (recorder.claims, seen.intent) == ([], None)


def test_differences_list_the_files_that_the_branch_edits(stand):
    push(stand)
    recorder, _ = run_judge(stand)
    (difference,) = recorder.differences
    assert (difference.path, difference.is_content_edit) == ("Dockerfile", True)
    before, after = stand.files("main")["Dockerfile"], stand.files(BRANCH)["Dockerfile"]
    assert (difference.old.mode, difference.new.mode) == (before.mode, after.mode)
    assert recorder.contents == [(before.content, after.content)]


@pytest.mark.parametrize(
    "files",
    [
        {"new": "x\n"},
        {"app/new/deep": "x\n"},
        {"README.md": None},
        {"app/Dockerfile": None, "app/Containerfile": b"FROM node:22\r\nRUN true"},
        {"README.md": TreeFile(b"Nothing to see.\n", EXECUTABLE)},
        {"app/build.sh": TreeFile(b"#!/bin/sh\ndocker build .\n", REGULAR)},
        {"README.md": TreeFile(b"app/Dockerfile", LINK)},
        {"current": TreeFile(b"Dockerfile", LINK)},
        {"current": TreeFile(b"app/Dockerfile", REGULAR)},
        {"vendor": TreeFile(b"6" * 40, "160000")},
        {"vendor": None},
        {"Dockerfile": None, "Dockerfile/x": "x\n"},
    ],
)
def test_only_changed_bytes_of_existing_regular_files_are_content_edits(stand, files):
    push(stand)
    stand.move_branch(BRANCH, make_forged_commit(stand, BRANCH, files, has_own_edits=False))
    recorder, _ = run_judge(stand)
    assert recorder.differences is None or not any(each.is_content_edit for each in recorder.differences)
    assert recorder.differences != []


def test_differences_exclude_later_changes_of_base(stand):
    push(stand)
    stand.commit("main", {"README.md": "Elsewhere.\n", "more/Dockerfile": "FROM y\n"})
    recorder, seen = run_judge(stand)
    assert [each.path for each in recorder.differences] == ["Dockerfile"]
    assert seen.is_behind
    stand.update_branch(BRANCH)
    recorder, _ = run_judge(stand)
    assert [each.path for each in recorder.differences] == ["Dockerfile"]


def test_branch_with_user_commit_below_own_commit_has_unknown_differences(stand):
    push(stand)
    own = stand.commits(BRANCH)[-1]
    other = stand.git.make_commit(own.parents, {"evil": "x\n"}, "Other")
    stand.move_branch(BRANCH, make_forged_commit(stand, BRANCH, {}, parents=[other]))
    recorder, _ = run_judge(stand)
    assert (len(recorder.claims), recorder.differences) == (1, None)


def test_differences_of_merged_branch_are_only_content_edits(stand):
    push(stand)
    stand.git.merge(BRANCH, "main")
    stand.settle()
    recorder, _ = run_judge(stand)
    assert len(recorder.claims) == 1
    assert all(each.is_content_edit for each in recorder.differences)


def test_file_limit_of_the_comparison_api_does_not_truncate_differences(stand, monkeypatch):
    for commits in (github_commits, gitlab_commits):
        monkeypatch.setattr(commits, "MAX_FILES", 1)
    push(stand)
    stand.commit("main", {"README.md": "Elsewhere.\n"})
    recorder, _ = run_judge(stand)
    assert [each.path for each in recorder.differences] == ["Dockerfile"]


def test_file_contents_are_not_fetched_unless_branch_judge_reads_contents(stand):
    propose(stand)
    if not hasattr(stand, "server"):
        pytest.skip("a local forge sends no requests")
    with stand.server.watched() as without_judge:
        stand.forge().list_requests(PREFIX, frozenset({BRANCH}))
    with stand.server.watched() as with_judge:
        run_judge(stand, is_opened=False)
    assert with_judge == without_judge
