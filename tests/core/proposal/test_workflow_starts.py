"""Tests of the start of workflows: what a mark stores about it, and when they must still be started."""

from dataclasses import replace

import pytest
from support.forges.contract_scene import REPORT, TARGETS, proposal
from support.runs.worlds import NOW

from bot.core.proposal.marks import (
    mark_withdrawn,
    parse_mark,
    record_started_commit,
    record_status,
    render_mark,
    shorten_commit,
)
from bot.core.proposal.missing_attributes import find_missing_attributes, find_missing_on_last_commit
from bot.model.proposal import BodyMark, RemoteRequest, RequestState
from bot.model.request_attributes import NO_ATTRIBUTES, CommitStatus, RequestAttributes, StatusState

HEAD = "a" * 40
BODY = f"text\n\n{render_mark(BodyMark(TARGETS, REPORT))}"
CI = RequestAttributes(workflows=("ci.yml",))
WANTED = replace(proposal(), attributes=CI)


def build_remote_request(body=BODY, head=HEAD):
    return RemoteRequest(
        "basebump/x", RequestState.OPEN, head, "1" * 16, number=1, title="t", body=body, mark=parse_mark(body)
    )


def test_mark_keeps_commit_of_started_workflows_and_other_values():
    assert parse_mark(record_started_commit(BODY, HEAD)) == BodyMark(
        TARGETS, REPORT, started_commit=shorten_commit(HEAD)
    )
    assert record_started_commit(record_started_commit(BODY, "b" * 40), HEAD) == record_started_commit(BODY, HEAD)
    both = mark_withdrawn(
        record_started_commit(record_status(BODY, HEAD, CommitStatus(StatusState.SUCCESS, "Good")), HEAD)
    )
    assert parse_mark(both).started_commit == shorten_commit(HEAD)
    assert parse_mark(both).status_attempt is not None
    assert record_started_commit("no mark", HEAD) == "no mark"


@pytest.mark.parametrize("said", ["null", "7", '"short"', '"AAAAAAAAAAAA"', '["aaaaaaaaaaaa"]'])
def test_invalid_commit_of_started_workflows_in_mark_is_ignored(said):
    body = record_started_commit(BODY, HEAD).replace('"aaaaaaaaaaaa"', said)
    assert parse_mark(body) == BodyMark(TARGETS, REPORT)


def test_workflows_are_started_once_for_each_head_commit():
    assert find_missing_attributes(build_remote_request(), WANTED, NOW, is_changing=False) == CI
    assert (
        find_missing_attributes(
            build_remote_request(record_started_commit(BODY, "b" * 40)), WANTED, NOW, is_changing=False
        )
        == CI
    )
    assert (
        find_missing_attributes(build_remote_request(record_started_commit(BODY, HEAD)), WANTED, NOW, is_changing=False)
        == NO_ATTRIBUTES
    )
    assert (
        find_missing_attributes(build_remote_request(record_started_commit(BODY, HEAD)), WANTED, NOW, is_changing=True)
        == CI
    )


def test_workflows_are_not_started_if_not_configured_or_branch_is_missing():
    assert find_missing_attributes(build_remote_request(), proposal(), NOW, is_changing=True) == NO_ATTRIBUTES
    assert find_missing_attributes(build_remote_request(head=None), WANTED, NOW, is_changing=False) == NO_ATTRIBUTES


def test_workflows_are_started_for_head_commit_while_pull_request_waits():
    started = build_remote_request(record_started_commit(BODY, HEAD))
    assert find_missing_on_last_commit(build_remote_request(), WANTED, NOW, is_fully_resolved=True) == CI
    assert find_missing_on_last_commit(started, WANTED, NOW, is_fully_resolved=True) == NO_ATTRIBUTES
