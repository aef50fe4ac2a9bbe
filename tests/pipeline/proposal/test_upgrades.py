"""A new version of basebump leaves the requests of an earlier version alone: texts are compared by facts, not words."""

from __future__ import annotations

import pytest
from support.forges.forge_stands import select_stands
from support.forges.stands import LocalStand
from support.runs.open_requests import EARLIER_RUNS, NEW, OLD, EarlierRun, load_requests, move_tags, restore_body
from support.runs.worlds import list_outcomes
from support.values import finding

pytestmark = [
    pytest.mark.real("git"),
    pytest.mark.over_forges(github_app="tokens aside, it is asked as with a token", forgejo="it is asked as a Gitea"),
]

STANDS = select_stands(without=("github-app", "forgejo"))


ON_SERVERS = ("adds-critical", "first-request")
"""The runs that are repeated on servers. The decision is the same everywhere, but servers also have commit statuses."""
CASES = [(kind, name) for kind in STANDS for name in EARLIER_RUNS if kind == "local" or name in ON_SERVERS]


@pytest.mark.parametrize(("kind", "earlier"), CASES)
def test_pull_requests_of_earlier_release_are_not_rewritten(kind, earlier, start_stand, loopback):
    move_tags(loopback)
    run = EARLIER_RUNS[earlier]
    stand = start_stand(STANDS[kind], dict(run.files))
    run.run(stand, loopback)
    recorded = load_requests(earlier)
    assert {each.branch for each in stand.requests()} == set(recorded)
    for each in stand.requests():
        stand.edit_body(each.branch, restore_body(recorded[each.branch]["body"], each.body))
    texts, writes = {each.branch: each.body for each in stand.requests()}, list(stand.writes)
    assert set(list_outcomes(run.run(stand, loopback))) == {"unchanged"}
    assert stand.writes == writes
    assert {each.branch: each.body for each in stand.requests()} == texts


def test_pull_request_of_earlier_release_gets_new_text_if_evidence_changes(start_stand, loopback):
    move_tags(loopback)
    run = EARLIER_RUNS["fixes"]
    stand = start_stand(LocalStand, dict(run.files))
    run.run(stand, loopback)
    recorded = load_requests("fixes")
    for each in stand.requests():
        stand.edit_body(each.branch, recorded[each.branch]["body"])
    worse = EarlierRun(findings={OLD: run.findings[OLD], NEW: (*run.findings[NEW], finding("CVE-1900-0009"))})
    assert set(list_outcomes(worse.run(stand, loopback))) == {"refreshed"}
    assert ["CVE-1900-0009" in each.body for each in stand.requests() if "python" in each.branch] == [True]
