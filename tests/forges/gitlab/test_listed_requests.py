"""Listing basebump's requests on GitLab: which commits are its own, and how few API requests it takes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.contract_scene import (
    BRANCH,
    CHANGES,
    INTENT,
    PREFIX,
    look,
    message_of,
    one,
    open_one,
    proposal,
    propose,
    push,
)
from support.forges.fleets import open_gitlab_fleet
from support.forges.gitlab.stand import TOKEN
from support.forges.gitlab.state import GitLabMilestone
from support.git import ADA, CommitAuthor

from bot.forges.gitlab import commits as gitlab_commits
from bot.forges.hosted.request_lister import MERGE_CHECK_SECONDS
from bot.model.proposal import RequestState
from bot.model.request_attributes import RequestAttributes

# What a run asks when nothing changed


def _paths(lines):
    return [line.partition("?")[0].partition("/projects/")[2].partition("/")[2] for line in lines]


def test_empty_listing_takes_one_api_call_plus_one_per_requested_branch(gitlab):
    forge = gitlab.forge()
    with gitlab.server.watched() as lines:
        assert forge.list_requests(PREFIX, frozenset()) == ()
    assert _paths(lines) == ["repository/branches"]
    with gitlab.server.watched() as lines:
        assert forge.list_requests(PREFIX, frozenset({BRANCH, "basebump/other-1"})) == ()
    assert len(lines) == 3


def test_listing_open_merge_request_on_current_base_takes_three_api_calls(gitlab):
    propose(gitlab)
    forge = gitlab.forge()
    forge.list_requests(PREFIX, frozenset({BRANCH}))  # asks whose token it is, once in a run
    with gitlab.server.watched() as lines:
        forge.list_requests(PREFIX, frozenset({BRANCH}))
    assert _paths(lines) == ["repository/branches", "merge_requests", "merge_requests/1/approvals"]


def test_conflict_state_is_polled_until_known(gitlab):
    propose(gitlab)
    gitlab.commit("main", {"Dockerfile": "FROM python:3.13\n"})
    pauses = []
    fleet = open_gitlab_fleet(gitlab.server.url, TOKEN, selected=[gitlab.name], pause=pauses.append)
    (repository,) = fleet.list_repositories(frozenset())
    with gitlab.server.watched() as lines:
        (seen,) = fleet.get_forge(repository).list_requests(PREFIX, frozenset({BRANCH}))
    assert seen.has_conflicts
    assert _paths(lines).count("merge_requests/1") == 2
    assert pauses == [MERGE_CHECK_SECONDS]


def test_open_merge_requests_on_all_pages_are_read(gitlab):
    gitlab.git.commit("feature", {"README.md": "A person's.\n"})
    propose(gitlab)
    for _ in range(101):
        gitlab.server.world.propose(gitlab.project, gitlab.project, "feature", gitlab.server.world.ada)
    assert [(seen.number, seen.state) for seen in look(gitlab)] == [(1, RequestState.OPEN)]


def test_branches_on_all_pages_are_listed(gitlab):
    main = gitlab.git.need("main")
    lines = "".join(f"create refs/heads/basebump/b{number:03} {main}\n" for number in range(120))
    gitlab.git.run("update-ref", "--stdin", stdin=lines.encode())
    assert len(gitlab.forge().list_requests(PREFIX, frozenset())) == 120


def test_merge_request_from_deleted_fork_is_ignored(gitlab):
    propose(gitlab)
    gitlab.propose_from_fork(BRANCH, {"Dockerfile": "FROM evil\n"})
    gitlab.project.requests[-1].is_orphaned = True
    assert [seen.number for seen in look(gitlab)] == [1]


def test_closed_merge_requests_are_listed_newest_first(gitlab):
    for _ in range(3):
        push(gitlab)
        gitlab.forge().open(proposal())
        seen = one(gitlab, RequestState.OPEN)
        gitlab.forge().close(seen)
        gitlab.forge().delete_branch(seen)
    assert [seen.number for seen in look(gitlab)] == [3, 2, 1]
    assert all(seen.closed_at is not None for seen in look(gitlab))


# What people said to it


def test_merge_request_with_auto_merge_enabled_by_user_is_accepted(gitlab):
    propose(gitlab)
    gitlab.project.open_request(BRANCH).armed_by = gitlab.server.world.ada
    seen = open_one(gitlab)
    assert (seen.is_accepted, seen.has_automerge, seen.ever_set.automerge) == (True, False, True)


def test_listing_attributes_of_merge_request_takes_no_additional_api_call(gitlab):
    propose(gitlab)
    ada, request = gitlab.server.world.ada, gitlab.project.open_request(BRANCH)
    request.labels, request.reviewers, request.assignees = ["docker"], [ada], [ada]
    request.milestone = GitLabMilestone(7, "Next")
    forge = gitlab.forge()
    with gitlab.server.watched() as lines:
        (seen,) = forge.list_requests(PREFIX, frozenset({BRANCH}))
    assert seen.ever_set == RequestAttributes(("docker",), ("ada",), ("ada",), "Next")
    assert len(lines) == 3 + 1  # whose token it is


def test_approved_merge_request_is_accepted(gitlab):
    propose(gitlab)
    gitlab.project.open_request(BRANCH).approved_by.append(gitlab.server.world.ada)
    assert open_one(gitlab).is_accepted


def test_merge_request_is_not_accepted_if_gitlab_has_no_approvals(gitlab):
    gitlab.project.has_approvals = False
    propose(gitlab)
    assert not open_one(gitlab).is_accepted


def test_merge_request_that_is_being_merged_counts_as_open_and_accepted(gitlab):
    propose(gitlab)
    gitlab.project.open_request(BRANCH).state = "locked"
    assert RequestState.CLOSED not in {seen.state for seen in look(gitlab)}
    assert one(gitlab, RequestState.OPEN).is_accepted


def test_system_note_about_own_push_is_not_a_comment_by_basebump(gitlab):
    propose(gitlab)
    gitlab.commit(BRANCH, {"README.md": "A person was here.\n"})
    assert gitlab.project.open_request(BRANCH).notes[0].system
    assert not open_one(gitlab).has_commented


# A base that somebody merged into a branch


def propose_with_merged_base(gitlab):
    propose(gitlab)
    gitlab.commit("main", {"README.md": "Elsewhere.\n"})
    gitlab.update_branch(BRANCH)
    assert open_one(gitlab).intent == INTENT


def test_listing_branch_with_merged_base_takes_three_additional_api_calls(gitlab):
    propose_with_merged_base(gitlab)
    forge = gitlab.forge()
    forge.list_requests(PREFIX, frozenset())
    with gitlab.server.watched() as lines:
        forge.list_requests(PREFIX, frozenset())
    (ours,) = [each.oid for each in gitlab.commits(BRANCH) if len(each.parents) == 1]
    merge = ["repository/compare", f"repository/commits/{ours}/diff", "repository/merge_base"]
    assert _paths(lines) == ["repository/branches", "merge_requests", *merge, "merge_requests/1/approvals"]


@pytest.mark.parametrize("key", ["compare_timeout", "diff", "files", "merges"])
def test_merge_of_base_branch_counts_as_user_edit_if_diff_is_incomplete(gitlab, key, monkeypatch):
    propose_with_merged_base(gitlab)
    if key == "merges":
        monkeypatch.setattr(gitlab_commits, "MAX_MERGES", 0)
    if key == "files":
        monkeypatch.setattr(gitlab_commits, "MAX_FILES", 1)
    base, head = gitlab.branches()["main"], gitlab.branches()[BRANCH]
    query = {"from": base, "to": head}
    reply = gitlab.server.reply_of(f"/projects/{gitlab.project.id}/repository/compare", **query)
    if key == "compare_timeout":
        reply.body["compare_timeout"] = True
    if key == "diff":
        reply.body["diffs"][0]["diff"] = ""
    gitlab.server.fail("GET .*/repository/compare", reply)
    assert open_one(gitlab).intent is None


# Whose commit it is


def test_own_commit_signed_by_gitlab_is_recognised_as_own(gitlab):
    gitlab.project.signer = CommitAuthor("GitLab", "noreply@gitlab.example")
    propose(gitlab)
    (commit,) = gitlab.commits(BRANCH)
    assert commit.committer.name == "GitLab"
    assert open_one(gitlab).intent == INTENT


def test_user_commit_signed_by_gitlab_is_not_recognised_as_own(gitlab):
    signer = CommitAuthor("GitLab", "noreply@gitlab.example")
    made = gitlab.git.make_commit(
        [gitlab.git.need("main")], {"Dockerfile": CHANGES[0].content}, message_of(), who=signer, author=ADA
    )
    gitlab.git.run("update-ref", f"refs/heads/{BRANCH}", made)
    assert one(gitlab, RequestState.BRANCH).intent is None


def test_commit_amended_by_token_owner_is_not_recognised_as_own(gitlab):
    head = push(gitlab)
    tree = gitlab.git.run("rev-parse", f"{head}^{{tree}}").decode().strip()
    written = gitlab.git.run("show", "--no-patch", "--format=%at", head).decode().strip()
    later = {"GIT_AUTHOR_DATE": f"{written} +0000", "GIT_COMMITTER_DATE": f"{int(written) + 60} +0000"}
    words = ("commit-tree", tree, "-p", f"{head}^")
    person = gitlab.token.user.person
    amended = gitlab.git.run(*words, stdin=message_of().encode(), who=person, environment=later).decode().strip()
    gitlab.git.run("update-ref", f"refs/heads/{BRANCH}", amended)
    seen = one(gitlab, RequestState.BRANCH)
    assert (seen.head, seen.intent) == (amended, None)


def test_merge_commit_with_copied_message_is_not_recognised_as_own(gitlab):
    head = push(gitlab)
    moved = gitlab.commit("main", {"README.md": "Moved on.\n"})
    merge = gitlab.git.make_commit([head, moved], {}, message_of(), who=gitlab.token.user.person)
    gitlab.git.run("update-ref", f"refs/heads/{BRANCH}", merge)
    assert one(gitlab, RequestState.BRANCH).intent is None


@pytest.mark.parametrize("email", ["nobody@example.org", ""])
def test_commit_with_other_email_is_not_recognised_as_own(gitlab, email):
    gitlab.git.commit(BRANCH, {"Dockerfile": CHANGES[0].content}, message_of(), who=replace(ADA, email=email))
    assert one(gitlab, RequestState.BRANCH).intent is None


def test_branch_is_not_recognised_as_own_by_run_without_token(gitlab):
    propose(gitlab)
    fleet = open_gitlab_fleet(gitlab.server.url, selected=[gitlab.name])
    (repository,) = fleet.list_repositories(frozenset())
    (seen,) = fleet.get_forge(repository).list_requests(PREFIX, frozenset())
    assert (seen.state, seen.intent) == (RequestState.OPEN, None)
