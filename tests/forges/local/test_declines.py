"""Proposals that a user declines with a command, which are remembered permanently."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from support.forges.local_scene import (
    BRANCH,
    CHANGES,
    HEAD_REF,
    MESSAGE,
    OTHER,
    PROPOSAL,
    PROPOSAL_REF,
    REPORT,
    forge_of,
    look,
    propose,
)
from support.forges.stands import LocalStand
from support.runs.worlds import LoopbackHub, list_outcomes
from support.values import digest

from bot.core.proposal.lifecycle import next_step
from bot.core.proposal.marks import render_mark
from bot.demo.images import ImageStore
from bot.demo.loopback_registry import LoopbackRegistry
from bot.forges.local.fleet import LocalFleet
from bot.model.errors import ForgeError
from bot.model.proposal import BodyMark, NoChange, NoChangeReason, OpenStep, RequestState


def _decline(git):
    return LocalFleet(git.directory.parent).decline_proposal("acme", BRANCH)


def test_decline_closes_proposal_and_deletes_own_branch(git):
    propose(git)
    assert _decline(git)
    assert git.head(BRANCH) is None
    (seen,) = look(git)
    assert next_step(PROPOSAL, [seen], is_fully_resolved=True, now=datetime.now(UTC)) == NoChange(
        BRANCH, NoChangeReason.DECLINED, seen
    )


def test_decline_keeps_branch_with_user_commit(git):
    propose(git)
    head = git.commit(BRANCH, {"a": "1"})
    assert not _decline(git)
    assert git.head(BRANCH) == head
    assert [each.state for each in look(git)] == [RequestState.CLOSED, RequestState.BRANCH]


def test_decline_keeps_checked_out_branch(git, tmp_path):
    propose(git)
    git.run("worktree", "add", "--quiet", str(tmp_path / "worktree"), BRANCH)
    assert not _decline(git)
    assert git.head(BRANCH) is not None
    assert {each.state for each in look(git)} == {RequestState.CLOSED, RequestState.BRANCH}


def test_proposal_with_deleted_branch_can_be_declined(git):
    propose(git)
    git.delete(BRANCH)
    assert look(git) == []
    assert _decline(git)
    assert [each.state for each in look(git)] == [RequestState.CLOSED]


def build_proposal(digit, *, withdrawn=False):
    """Return the proposal of another digest."""
    targets = (f"docker.io/library/python:3.12-slim@sha256:{digit * 64}",)
    return replace(PROPOSAL, body=render_mark(BodyMark(targets, REPORT, is_withdrawn=withdrawn)), targets=targets)


def _open(git, proposal):
    forge_of(git).push(BRANCH, CHANGES, MESSAGE, git.head(BRANCH))
    forge_of(git).open(proposal)


def choose_next_step(git, proposal):
    return next_step(proposal, look(git), is_fully_resolved=True, now=datetime.now(UTC))


@pytest.mark.parametrize("end", ["open", "declined", "withdrawn", "merged", "deleted"])
def test_declined_proposals_stay_declined_however_later_proposal_ends(git, end):
    for digit in "ab":
        _open(git, build_proposal(digit))
        _decline(git)
    _open(git, build_proposal("c"))
    (seen, *_) = look(git)
    match end:
        case "declined":
            _decline(git)
        case "withdrawn":
            forge_of(git).update_request(seen, seen.title, build_proposal("c", withdrawn=True).body)
            forge_of(git).close(seen)
        case "merged":
            git.merge(BRANCH, "main")
            forge_of(git).delete_branch(seen)
        case "deleted":
            git.delete(BRANCH)
    closed = [each.body for each in look(git) if each.state is RequestState.CLOSED]
    newest = {"declined": [build_proposal("c").body], "withdrawn": [build_proposal("c", withdrawn=True).body]}.get(
        end, []
    )
    assert closed[: len(newest)] == newest
    assert sorted(closed[len(newest) :]) == [build_proposal("a").body, build_proposal("b").body]
    if end != "open":
        for digit in "ab":
            step = choose_next_step(git, build_proposal(digit))
            assert (type(step), step.reason) == (NoChange, NoChangeReason.DECLINED)
        assert isinstance(choose_next_step(git, build_proposal("d")), OpenStep)


def test_withdrawn_proposal_is_not_stored_as_declined(git):
    _open(git, build_proposal("a"))
    (seen,) = look(git)
    forge_of(git).update_request(seen, seen.title, build_proposal("a", withdrawn=True).body)
    forge_of(git).close(seen)
    _open(git, build_proposal("b"))
    assert git.refs("refs/basebump/declined/") == {}


def test_proposal_is_not_opened_if_earlier_decline_cannot_be_stored(git, run_before_git):
    _open(git, build_proposal("a"))
    _decline(git)
    before = git.refs("refs/basebump/")
    forge_of(git).push(BRANCH, CHANGES, MESSAGE, None)
    run_before_git(f"""case "$*" in *update-ref*) "$git" update-ref -d {HEAD_REF};; esac""")
    with pytest.raises(ForgeError, match="rerun basebump"):
        forge_of(git).open(build_proposal("b"))
    assert git.refs("refs/basebump/") == before


def test_ref_keeps_earlier_declined_proposal_from_git_pruning(git):
    _open(git, build_proposal("a"))
    _decline(git)
    blob = git.refs()[PROPOSAL_REF]
    _open(git, build_proposal("b"))
    assert git.refs("refs/basebump/declined/") == {f"refs/basebump/declined/{BRANCH}/{blob[:16]}": blob}
    git.run("pack-refs", "--all")
    git.run("gc", "--quiet", "--prune=now")
    assert [each.body for each in look(git)] == [build_proposal("b").body, build_proposal("a").body]


def test_declined_proposals_are_listed_only_for_requested_branches(git):
    _open(git, build_proposal("a"))
    _decline(git)
    _open(git, build_proposal("b"))
    _decline(git)
    assert forge_of(git).list_requests("basebump/", frozenset({OTHER})) == ()
    assert forge_of(git).list_requests("other/", frozenset({BRANCH})) == ()


@pytest.mark.parametrize("branch", [BRANCH, "basebump", "basebump/*", "main", "*", "", "a b", "../x"])
def test_decline_requires_open_proposal(git, branch):
    propose(git, OTHER)
    with pytest.raises(ForgeError, match="no open proposal"):
        LocalFleet(git.directory.parent).decline_proposal("acme", branch)
    with pytest.raises(ForgeError, match="no folder"):
        LocalFleet(git.directory.parent).decline_proposal("missing", branch)


def test_declined_digest_is_not_proposed_again_when_tag_moves_back(tmp_path):
    stand = LocalStand(tmp_path, {"Dockerfile": f"FROM python:3.12-slim@{digest('old')}\n"})
    store = ImageStore()
    with LoopbackRegistry(store) as registry:
        loopback = LoopbackHub(registry, store)
        for content in ("new", "newer"):
            loopback.move("python", "3.12-slim", content)
            assert list_outcomes(loopback.run([stand.fleet()])) == ["opened"]
            stand.close_request(BRANCH)
        loopback.move("python", "3.12-slim", "new")
        assert list_outcomes(loopback.run([stand.fleet()])) == ["declined"]
    assert list(stand.branches()) == ["main"]
