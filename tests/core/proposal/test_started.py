"""What is remembered of starting workflows, and when they are still to be started."""

from dataclasses import replace

import pytest
from support.forges.contract_scene import REPORT, TARGETS, proposal
from support.runs.worlds import NOW

from bot.core.proposal.mark import Remembered, mark, read_mark, short_commit, with_started, with_status, with_withdrawn
from bot.core.proposal.missing import lost, missing
from bot.model.extras import NO_ATTRIBUTES, CommitStatus, RequestAttributes, StatusState
from bot.model.proposal import RemoteRequest, RequestState

HEAD = "a" * 40
BODY = f"text\n\n{mark(Remembered(TARGETS, REPORT))}"
CI = RequestAttributes(workflows=("ci.yml",))
WANTED = replace(proposal(), extras=CI)


def seen(body=BODY, head=HEAD):
    return RemoteRequest("basebump/x", RequestState.OPEN, head, "1" * 16, number=1, title="t", body=body)


def test_a_mark_keeps_the_commit_beside_all_else():
    assert read_mark(with_started(BODY, HEAD)) == Remembered(TARGETS, REPORT, started=short_commit(HEAD))
    assert with_started(with_started(BODY, "b" * 40), HEAD) == with_started(BODY, HEAD)
    both = with_withdrawn(with_started(with_status(BODY, HEAD, CommitStatus(StatusState.SUCCESS, "Good")), HEAD))
    assert read_mark(both).started == short_commit(HEAD)
    assert read_mark(both).status is not None
    assert with_started("no mark", HEAD) == "no mark"


@pytest.mark.parametrize("said", ["null", "7", '"short"', '"AAAAAAAAAAAA"', '["aaaaaaaaaaaa"]'])
def test_what_is_no_commit_is_none(said):
    body = with_started(BODY, HEAD).replace('"aaaaaaaaaaaa"', said)
    assert read_mark(body) == Remembered(TARGETS, REPORT)


def test_they_are_started_for_a_last_commit_for_which_nobody_tried():
    assert missing(seen(), WANTED, NOW, changes=False) == CI
    assert missing(seen(with_started(BODY, "b" * 40)), WANTED, NOW, changes=False) == CI
    assert missing(seen(with_started(BODY, HEAD)), WANTED, NOW, changes=False) == NO_ATTRIBUTES
    assert missing(seen(with_started(BODY, HEAD)), WANTED, NOW, changes=True) == CI


def test_nothing_is_started_where_nothing_is_wanted_or_there_is_no_branch():
    assert missing(seen(), proposal(), NOW, changes=True) == NO_ATTRIBUTES
    assert missing(seen(head=None), WANTED, NOW, changes=False) == NO_ATTRIBUTES


def test_a_request_that_waits_for_people_has_them_too():
    assert lost(seen(), WANTED) == CI
    assert lost(seen(with_started(BODY, HEAD)), WANTED) == NO_ATTRIBUTES
