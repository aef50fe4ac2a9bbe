"""Pull requests, their reviews, and auto-merge."""

from __future__ import annotations

from support.forges.gitea.calls import GiteaCall, ProblemError, missing
from support.forges.gitea.issues import change_words
from support.forges.gitea.state import GiteaPull
from support.forges.server import ForgeReply

MAX_TITLE = 255


def _show(call: GiteaCall, pull: GiteaPull) -> dict[str, object]:
    """Return a pull request. The server computes mergeability only after the first request."""
    repository = call.repository
    if pull.state != "open" or not pull.head or pull.base not in repository.branches:
        return call.shapes.pull(repository, pull, is_mergeable=False)
    state = (repository.branches[pull.base], pull.head)
    is_known, pull.checked = pull.checked == state, state
    is_mergeable = is_known and not repository.conflicts(pull)
    return call.shapes.pull(repository, pull, is_mergeable=is_mergeable)


def list_pulls(call: GiteaCall) -> ForgeReply:
    """List pull requests, newest first, without computing mergeability."""
    state, poster = call.query.get("state", "open"), call.query.get("poster")
    found = [
        each
        for each in reversed(call.repository.pulls)
        if state in (each.state, "all") and (poster is None or each.user.login == poster)
    ]
    return call.page([call.shapes.pull(call.repository, each, is_mergeable=False) for each in found])


def create_pull(call: GiteaCall) -> ForgeReply:
    repository, body = call.repository, call.body
    head, base = body["head"], body["base"]
    if head not in repository.branches or base not in repository.branches:
        raise missing("branch does not exist")
    for each in repository.pulls:
        is_same = (each.branch, each.base, each.source) == (head, base, repository)
        if is_same and each.state == "open" and not each.is_agit:
            raise ProblemError(409, f"pull request already exists for these targets [id: {each.number}]")
    if len(body["title"]) > MAX_TITLE:
        raise ProblemError(500, "Data too long for column 'name'")
    words = {"title": body["title"], "body": body.get("body", ""), "base": base}
    made = call.world.propose(repository, repository, head, call.writer.user, **words)
    return ForgeReply(201, _show(call, made))


def get_pull(call: GiteaCall, index: str) -> ForgeReply:
    return ForgeReply(200, _show(call, call.find_pull(index)))


def edit_pull(call: GiteaCall, index: str) -> ForgeReply:
    pull = call.find_pull(index)
    if pull.merged is not None and "state" in call.body:
        raise ProblemError(412, "cannot change state of this pull request, it was already merged")
    before = pull.state
    change_words(pull, call.body)
    if pull.state != before:
        call.repository.note(pull, "close" if pull.state == "closed" else "reopen", call.writer.user)
    return ForgeReply(201, _show(call, pull))


def list_reviews(call: GiteaCall, index: str) -> ForgeReply:
    return call.page([call.shapes.review(each) for each in call.find_pull(index).reviews])


def request_reviews(call: GiteaCall, index: str) -> ForgeReply:
    """Request reviews; if one of those named may not review, nothing is done."""
    pull = call.find_pull(index)
    named = [*call.body.get("reviewers", []), *(f"team:{each}" for each in call.body.get("team_reviewers", []))]
    unknown = [each for each in named if each not in call.repository.collaborators]
    if unknown:
        raise ProblemError(404, f"user does not exist [uid: 0, name: {unknown[0]}]")
    for name in named:
        pull.reviewers.append(name)
        call.repository.note(pull, "review_request", call.writer.user, subject=name)
    return ForgeReply(201, [])


def merge_pull(call: GiteaCall, index: str) -> ForgeReply:
    """Merge a pull request when its checks have passed, or at once if the base branch requires none."""
    pull, body, repository = call.find_pull(index), call.body, call.repository
    if body["head_commit_id"] != pull.head:
        raise ProblemError(409, "head out of date")
    if pull.draft:
        raise ProblemError(405, "Work in progress PRs cannot be merged")
    if not call.writer.can_write or body["Do"] not in repository.merge_styles:
        raise ProblemError(405, "User not allowed to merge PR")
    assert body["merge_when_checks_succeed"] is True
    if pull.automerge is not None:
        raise ProblemError(409, "pull request is already scheduled to auto merge when checks succeed")
    if not repository.protected.get(pull.base, {}).get("status_check_contexts"):
        repository.merge(pull)
        return ForgeReply(200)
    pull.automerge = call.writer.user
    repository.note(pull, "pull_scheduled_merge", call.writer.user)
    return ForgeReply(201)


def cancel_merge(call: GiteaCall, index: str) -> ForgeReply:
    pull = call.find_pull(index)
    if pull.automerge is None:
        raise missing("")
    pull.automerge = None
    call.repository.note(pull, "pull_cancel_scheduled_merge", call.writer.user)
    return ForgeReply(204)
