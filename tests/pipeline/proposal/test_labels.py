"""Labels with which users request that a branch is rebuilt, or that a closed proposal is opened again."""

from __future__ import annotations

import pytest
from support.forges.azure.stand import AzureStand
from support.forges.forge_stands import select_stands
from support.forges.hosted_stand import HostedStand
from support.forges.stands import run_killed_repeatedly
from support.runs.worlds import build, list_outcomes

from bot.model.proposal import RequestState
from bot.model.vocabulary import RunLevel

pytestmark = pytest.mark.real("git")

FILES = {"Dockerfile": f"FROM python:3.12-slim@{build('old').digest}\n"}
BRANCH = "basebump/python-3.12-slim-06e5bb43"
STANDS = select_stands(without=("local", "forgejo"))


@pytest.fixture(params=STANDS)
def stand(request, start_stand) -> HostedStand:
    return start_stand(STANDS[request.param], FILES)


def test_rebuild_label_rebuilds_branch_and_is_removed(stand, updated_registry):
    updated_registry.run([stand.fleet()])
    before = stand.branches()[BRANCH]
    stand.commit("main", {"README.md": "Elsewhere.\n"})
    stand.label(BRANCH, "basebump-rebase")
    stand.label(BRANCH, "urgent")
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["refreshed"]
    assert stand.branches()[BRANCH] != before
    assert len(stand.commits(BRANCH)) == 1
    (request,) = stand.requests()
    assert request.labels == ("urgent",)
    writes = list(stand.writes)
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["unchanged"]
    assert stand.writes == writes


def test_commits_of_users_are_discarded_by_checkbox_but_not_by_label(stand, updated_registry):
    """Some users can set labels and cannot push. Whoever can edit the text of the request can also push."""
    updated_registry.run([stand.fleet()])
    persons = stand.commit(BRANCH, {"Dockerfile": "FROM scratch\n"})
    stand.label(BRANCH, "basebump-rebase")
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["left-alone"]
    assert stand.branches()[BRANCH] == persons
    if isinstance(stand, AzureStand):
        pytest.skip("its texts have no checkboxes")
    (request,) = stand.requests()
    stand.edit_body(BRANCH, request.body.replace("- [ ] <!-- basebump:rebase", "- [x] <!-- basebump:rebase"))
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["refreshed"]
    assert len(stand.commits(BRANCH)) == 1
    (request,) = stand.requests()
    assert request.labels == ()


def test_next_run_completes_run_killed_while_handling_a_label(stand, updated_registry):
    updated_registry.run([stand.fleet()])
    stand.commit("main", {"README.md": "Elsewhere.\n"})
    stand.label(BRANCH, "basebump-rebase")
    assert run_killed_repeatedly(stand, lambda: updated_registry.run([stand.fleet()])) > 0
    (request,) = stand.requests()
    assert request.labels == ()
    assert len(stand.commits(BRANCH)) == 1
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["unchanged"]


def test_rebuild_label_reopens_declined_proposal_once(stand, updated_registry):
    updated_registry.run([stand.fleet()])
    stand.close_request(BRANCH)
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["declined"]
    stand.label(BRANCH, "basebump-again")
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["opened"]
    stand.close_request(BRANCH)
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["declined"]
    assert [each.state for each in stand.requests()] == [RequestState.CLOSED] * 2


def test_rebuild_label_is_not_removed_below_level_propose(stand, updated_registry):
    updated_registry.run([stand.fleet()])
    stand.label(BRANCH, "basebump-rebase")
    before = list(stand.writes)
    assert list_outcomes(updated_registry.run([stand.fleet()], level=RunLevel.PUSH)) == ["would-refresh"]
    assert stand.writes == before


def test_pull_request_for_undesired_update_is_closed_despite_rebuild_label(stand, updated_registry):
    updated_registry.run([stand.fleet()])
    stand.label(BRANCH, "basebump-rebase")
    stand.commit("main", {"Dockerfile": "FROM scratch\n"})
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["closed"]
