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
from support.runs.worlds import LoopbackHub, outcomes
from support.values import digest

from bot.core.proposal.lifecycle import next_step
from bot.core.proposal.marks import BodyMark, render_mark
from bot.demo.images import ImageStore
from bot.demo.loopback_registry import LoopbackRegistry
from bot.forges.local.fleet import LocalFleet
from bot.model.errors import ForgeError
from bot.model.proposal import NoChange, NoChangeReason, OpenRequest, RequestState


def _decline(git):
    return LocalFleet(git.directory.parent).decline_proposal("acme", BRANCH)


def test_a_decline_closes_deletes_our_branch_and_is_remembered(git):
    propose(git)
    assert _decline(git)
    assert git.head(BRANCH) is None
    (seen,) = look(git)
    assert next_step(PROPOSAL, [seen], is_fully_resolved=True, now=datetime.now(UTC)) == NoChange(
        BRANCH, NoChangeReason.DECLINED, seen
    )


def test_a_decline_keeps_a_branch_that_holds_a_persons_work(git):
    propose(git)
    head = git.commit(BRANCH, {"a": "1"})
    assert not _decline(git)
    assert git.head(BRANCH) == head
    assert [each.state for each in look(git)] == [RequestState.CLOSED, RequestState.BRANCH]


def test_a_decline_keeps_a_branch_that_is_checked_out(git, tmp_path):
    propose(git)
    git.run("worktree", "add", "--quiet", str(tmp_path / "worktree"), BRANCH)
    assert not _decline(git)
    assert git.head(BRANCH) is not None
    assert {each.state for each in look(git)} == {RequestState.CLOSED, RequestState.BRANCH}


def test_a_proposal_whose_branch_was_deleted_can_still_be_declined(git):
    propose(git)
    git.delete(BRANCH)
    assert look(git) == []
    assert _decline(git)
    assert [each.state for each in look(git)] == [RequestState.CLOSED]


def _of(digit, *, withdrawn=False):
    """Return the proposal of another digest."""
    targets = (f"docker.io/library/python:3.12-slim@sha256:{digit * 64}",)
    return replace(PROPOSAL, body=render_mark(BodyMark(targets, REPORT, is_withdrawn=withdrawn)), targets=targets)


def _open(git, proposal):
    forge_of(git).push(BRANCH, CHANGES, MESSAGE, git.head(BRANCH))
    forge_of(git).open(proposal)


def _next(git, proposal):
    return next_step(proposal, look(git), is_fully_resolved=True, now=datetime.now(UTC))


@pytest.mark.parametrize("end", ["open", "declined", "withdrawn", "merged", "deleted"])
def test_a_decline_is_remembered_whatever_became_of_the_proposals_after_it(git, end):
    for digit in "ab":
        _open(git, _of(digit))
        _decline(git)
    _open(git, _of("c"))
    (seen, *_) = look(git)
    match end:
        case "declined":
            _decline(git)
        case "withdrawn":
            forge_of(git).update_request(seen, seen.title, _of("c", withdrawn=True).body)
            forge_of(git).close(seen)
        case "merged":
            git.merge(BRANCH, "main")
            forge_of(git).delete_branch(seen)
        case "deleted":
            git.delete(BRANCH)
    closed = [each.body for each in look(git) if each.state is RequestState.CLOSED]
    newest = {"declined": [_of("c").body], "withdrawn": [_of("c", withdrawn=True).body]}.get(end, [])
    assert closed[: len(newest)] == newest
    assert sorted(closed[len(newest) :]) == [_of("a").body, _of("b").body]
    if end != "open":
        for digit in "ab":
            step = _next(git, _of(digit))
            assert (type(step), step.reason) == (NoChange, NoChangeReason.DECLINED)
        assert isinstance(_next(git, _of("d")), OpenRequest)


def test_what_we_took_back_ourselves_is_not_kept_as_declined(git):
    _open(git, _of("a"))
    (seen,) = look(git)
    forge_of(git).update_request(seen, seen.title, _of("a", withdrawn=True).body)
    forge_of(git).close(seen)
    _open(git, _of("b"))
    assert git.refs("refs/basebump/declined/") == {}


def test_what_was_declined_is_kept_in_the_same_move_as_the_new_proposal(git, git_first):
    _open(git, _of("a"))
    _decline(git)
    before = git.refs("refs/basebump/")
    forge_of(git).push(BRANCH, CHANGES, MESSAGE, None)
    git_first(f"""case "$*" in *update-ref*) "$git" update-ref -d {HEAD_REF};; esac""")
    with pytest.raises(ForgeError, match="rerun basebump"):
        forge_of(git).open(_of("b"))
    assert git.refs("refs/basebump/") == before


def test_a_declined_proposal_keeps_its_blob_under_the_first_digits_of_its_name(git):
    _open(git, _of("a"))
    _decline(git)
    blob = git.refs()[PROPOSAL_REF]
    _open(git, _of("b"))
    assert git.refs("refs/basebump/declined/") == {f"refs/basebump/declined/{BRANCH}/{blob[:16]}": blob}
    git.run("pack-refs", "--all")
    git.run("gc", "--quiet", "--prune=now")
    assert [each.body for each in look(git)] == [_of("b").body, _of("a").body]


def test_what_was_declined_is_shown_of_wanted_branches_only(git):
    _open(git, _of("a"))
    _decline(git)
    _open(git, _of("b"))
    _decline(git)
    assert forge_of(git).list_requests("basebump/", frozenset({OTHER})) == ()
    assert forge_of(git).list_requests("other/", frozenset({BRANCH})) == ()


@pytest.mark.parametrize("branch", [BRANCH, "basebump", "basebump/*", "main", "*", "", "a b", "../x"])
def test_only_an_open_proposal_can_be_declined(git, branch):
    propose(git, OTHER)
    with pytest.raises(ForgeError, match="no open proposal"):
        LocalFleet(git.directory.parent).decline_proposal("acme", branch)
    with pytest.raises(ForgeError, match="no folder"):
        LocalFleet(git.directory.parent).decline_proposal("missing", branch)


def test_a_tag_that_moves_back_to_what_was_declined_is_not_proposed_again(tmp_path):
    stand = LocalStand(tmp_path, {"Dockerfile": f"FROM python:3.12-slim@{digest('old')}\n"})
    store = ImageStore()
    with LoopbackRegistry(store) as registry:
        loopback = LoopbackHub(registry, store)
        for content in ("new", "newer"):
            loopback.move("python", "3.12-slim", content)
            assert outcomes(loopback.run([stand.fleet()])) == ["opened"]
            stand.close_request(BRANCH)
        loopback.move("python", "3.12-slim", "new")
        assert outcomes(loopback.run([stand.fleet()])) == ["declined"]
    assert list(stand.branches()) == ["main"]
