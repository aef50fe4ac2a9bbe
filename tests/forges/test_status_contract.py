"""Contract of all forges that have commit statuses. Each test runs with every stand."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from support.forges.contract_scene import BRANCH, PREFIX, look, open_one, proposal, push

from bot.core.proposal.marks import parse_mark, shorten_commit
from bot.model.proposal import StatusAttempt
from bot.model.request_attributes import CommitStatus, RequestAttributes, StatusState

pytestmark = [
    pytest.mark.over_forges(local="it has no statuses"),
    pytest.mark.parametrize("stand", ["github", "github-app", "gitlab", "azure", "gitea", "forgejo"], indirect=True),
]

GOOD = CommitStatus(StatusState.SUCCESS, "Fixes 7 (1 critical), adds none")
BAD = CommitStatus(StatusState.FAILURE, "Look before you merge: fixes none, adds 1")


def propose(stand, status=GOOD):
    """Push and open as one run does; return what the next run sees of it."""
    forge = stand.forge()
    forge.push(BRANCH, proposal().changes, proposal().commit_message, None)
    notes = forge.open(replace(proposal(), attributes=RequestAttributes(status=status))).notes
    assert notes == ()
    return open_one(stand)


def amend(stand, seen, status, **words):
    return stand.forge().update_request(
        seen, words.get("title", seen.title), words.get("body", seen.body), RequestAttributes(status=status)
    )


def test_commit_status_is_set_before_pull_request_opens_and_recorded_in_mark(stand):
    seen = propose(stand)
    assert stand.statuses(BRANCH) == [GOOD]
    assert parse_mark(seen.body).status_attempt == StatusAttempt(shorten_commit(seen.head), GOOD)
    is_status = [re.match(stand.status_request, line) is not None for line in stand.writes]
    assert is_status.count(True) == 1
    assert not is_status[-1]


def test_pull_request_without_commit_status_causes_no_status_api_calls(stand):
    propose(stand, None)
    assert stand.statuses(BRANCH) == []
    assert not any("/status" in exchange.line for exchange in stand.server.exchanges)


def test_changed_commit_status_is_set_on_the_same_commit(stand):
    seen = propose(stand)
    assert amend(stand, seen, BAD) == ()
    assert stand.statuses(BRANCH) == [GOOD, BAD]
    assert parse_mark(open_one(stand).body).status_attempt == StatusAttempt(shorten_commit(seen.head), BAD)


def test_unchanged_commit_status_is_not_written_again(stand):
    seen = propose(stand)
    writes = len(stand.writes)
    assert amend(stand, seen, GOOD) == ()
    assert stand.statuses(BRANCH) == [GOOD]
    assert len(stand.writes) == writes


def test_status_of_commit_just_pushed_is_not_read(stand):
    with stand.server.watched() as lines:
        propose(stand)
    assert not any(line.startswith("GET") and line.endswith(("/status", "/statuses")) for line in lines)


def test_commit_pushed_by_earlier_run_gets_status_when_pull_request_opens(stand):
    push(stand)
    forge = stand.forge()
    forge.list_requests(PREFIX, frozenset({BRANCH}))
    forge.open(replace(proposal(), attributes=RequestAttributes(status=GOOD)))
    assert stand.statuses(BRANCH) == [GOOD]


def test_commit_status_is_set_on_merge_commit_of_user_and_recorded_in_mark(stand):
    seen = propose(stand)
    stand.commit("main", {"README.md": "Elsewhere.\n"})
    head = stand.update_branch(BRANCH)
    assert stand.statuses(BRANCH) == []
    (updated,) = look(stand)
    assert updated.intent == seen.intent
    assert amend(stand, updated, GOOD) == ()
    assert stand.statuses(BRANCH) == [GOOD]
    assert parse_mark(open_one(stand).body).status_attempt == StatusAttempt(shorten_commit(head), GOOD)


def test_refused_commit_status_is_noted_and_not_tried_again(stand):
    stand.server.fail(stand.status_request, stand.server.problem(403, "No"), times=99)
    forge = stand.forge()
    forge.push(BRANCH, proposal().changes, proposal().commit_message, None)
    (note,) = forge.open(replace(proposal(), attributes=RequestAttributes(status=GOOD))).notes
    assert "The status " in note
    seen = open_one(stand)
    assert parse_mark(seen.body).status_attempt == StatusAttempt(shorten_commit(seen.head), GOOD)
    tried = _count_tries(stand)
    forge.update_request(seen, "Other words", seen.body, RequestAttributes(status=BAD))
    assert _count_tries(stand) == tried  # once for a token that may not


def _count_tries(stand):
    return sum(re.match(stand.status_request, line) is not None for line in stand.server.lines)


def test_temporary_failure_to_set_commit_status_is_noted_and_retried_by_next_run(stand):
    stand.server.fail(stand.status_request, stand.server.problem(502, "Bad gateway"), times=1)
    forge = stand.forge()
    forge.push(BRANCH, proposal().changes, proposal().commit_message, None)
    (note,) = forge.open(replace(proposal(), attributes=RequestAttributes(status=GOOD))).notes
    assert "The status " in note
    seen = open_one(stand)
    assert parse_mark(seen.body).status_attempt is None
    assert amend(stand, seen, GOOD) == ()
    assert stand.statuses(BRANCH) == [GOOD]
