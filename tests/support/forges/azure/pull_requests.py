"""Pull requests of Azure DevOps, with their labels, reviewers, threads, properties and statuses."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from support.forges.azure.calls import AzureCall, ProblemError, invalid
from support.forges.azure.state import (
    PULL_REQUESTS,
    AzureRepository,
    AzureStatus,
    CommentThread,
    PullRequest,
    RequestReviewer,
    ThreadComment,
)
from support.forges.server import ForgeReply

NOBODY = "00000000-0000-0000-0000-000000000000"
MAX_DESCRIPTION, MAX_TITLE, MAX_COMMENT = 4_000, 400, 150_000
DEFAULT_PAGE = 101
_THREAD_STATES = ("unknown", "active", "fixed", "wontFix", "closed", "byDesign", "pending")
_STATES = ("notSet", "active", "abandoned", "completed", "all")


def list_requests(call: AzureCall) -> ForgeReply:
    """List pull requests, newest first."""
    return _list(call, [call.repository])


def list_requests_of_project(call: AzureCall) -> ForgeReply:
    """List the pull requests of all repositories of a project, newest first."""
    seen = [each for each in call.world.repositories if call.is_in(each) and call.sees(each.project)]
    return _list(call, [each for each in seen if not each.is_disabled])


def _list(call: AzureCall, repositories: Sequence[AzureRepository]) -> ForgeReply:
    asked = {key.removeprefix("searchCriteria."): value for key, value in call.query.items()}
    for repository in repositories:
        repository.settle()
    known = [(repository, each) for repository in repositories for each in repository.requests]
    known.sort(key=lambda each: each[1].number, reverse=True)
    found = [(repository, each) for repository, each in known if _is_asked_for(each, asked)]
    skip, top = int(asked.get("$skip") or 0), int(asked.get("$top") or DEFAULT_PAGE)
    shown = found[skip : skip + top]
    return call.many([call.shapes.request(repository, each, is_listed=True) for repository, each in shown])


def _is_asked_for(request: PullRequest, asked: dict[str, str]) -> bool:
    status = asked.get("status", "active")
    known = {
        "sourceRefName": f"refs/heads/{request.branch}",
        "targetRefName": f"refs/heads/{request.target}",
        "creatorId": request.account.id,
    }
    return status in (request.status, "all") and all(asked.get(key, value) == value for key, value in known.items())


def get_request(call: AzureCall, number: str) -> ForgeReply:
    call.repository.settle()
    return ForgeReply(200, call.shapes.request(call.repository, find(call, number)))


def create_request(call: AzureCall) -> ForgeReply:
    call.require(PULL_REQUESTS)
    words = call.body
    check_words(words)
    for each in words.get("workItemRefs", []):
        if each["id"] not in call.world.work_items:
            said = f"TF401232: Work item {each['id']} does not exist, or you do not have permissions to read it."
            raise ProblemError("WorkItemUnauthorizedAccessException", said, status=404)
    source, target = (words[key].removeprefix("refs/heads/") for key in ("sourceRefName", "targetRefName"))
    _need_branches(call, source, target)
    request = call.world.propose(
        call.repository,
        source,
        call.writer.account,
        words["title"],
        target=target,
        description=words.get("description") or "",
        is_draft=bool(words.get("isDraft")),
    )
    for label in words.get("labels", []):
        _add_label(call, request, label["name"])
    for each in words.get("reviewers", []):
        _set_reviewer(call, request, each["id"], each)
    request.work_items += [each["id"] for each in words.get("workItemRefs", [])]
    return ForgeReply(201, call.shapes.request(call.repository, request))


def _need_branches(call: AzureCall, source: str, target: str) -> None:
    """Refuse a request whose branches are not there, or that there is already."""
    branches = call.repository.branches
    if source not in branches or target not in branches:
        words = (
            "TF401398: The pull request cannot be activated because the source and/or the target branch no longer "
            "exists, or the requested refs are not branches"
        )
        raise ProblemError("GitPullRequestCannotBeActivated", words)
    active = [each for each in call.repository.requests if each.status == "active" and not each.source.is_fork]
    if any((each.branch, each.target) == (source, target) for each in active):
        words = "TF401179: An active pull request for the source and target branch already exists."
        raise ProblemError("GitPullRequestExistsException", words, status=call.world.assumptions.duplicate_status)


def check_words(words: dict[str, Any]) -> None:
    """Refuse a text that is too long; characters are counted as .NET counts them."""
    if len((words.get("description") or "").encode("utf-16-le")) > 2 * MAX_DESCRIPTION:
        raise invalid("A description for a pull request must not be longer than 4000 characters.")
    if "title" in words and not 0 < len(words["title"]) <= MAX_TITLE:
        raise invalid("A title for a pull request must be provided and not be longer than 400 characters.")


def edit_request(call: AzureCall, number: str) -> ForgeReply:
    """Change a pull request; an ended one only comes back to life."""
    call.require(PULL_REQUESTS)
    call.repository.settle()
    request, words = find(call, number), call.body
    status = words.get("status", request.status)
    status = _STATES[status] if isinstance(status, int) else status
    if request.status == "completed" or (request.status == "abandoned" and words != {"status": "active"}):
        raise _not_editable()
    check_words(words)
    if request.status == "abandoned":
        _need_branches(call, request.branch, request.target)
        request.status, request.closed, request.closed_by = "active", None, None
    request.title = words.get("title", request.title)
    request.description = words.get("description", request.description)
    request.is_draft = words.get("isDraft", request.is_draft)
    if "targetRefName" in words:
        request.target = words["targetRefName"].removeprefix("refs/heads/")
    request.completion |= words.get("completionOptions") or {}
    _arm(call, request, (words.get("autoCompleteSetBy") or {}).get("id"))
    if status == "abandoned" and request.status == "active":
        request.abandon(call.writer.account)
    call.repository.settle()
    return ForgeReply(200, call.shapes.request(call.repository, request))


def _arm(call: AzureCall, request: PullRequest, by: str | None) -> None:
    """Let it merge by itself, or no longer; without a policy that waits it merges at once."""
    if by == NOBODY:
        request.armed_by = None
    elif by is not None:
        (request.armed_by,) = [each for each in call.world.accounts.values() if each.id == by]


def _not_editable() -> ProblemError:
    words = "TF401181: The pull request cannot be edited due to its state."
    return ProblemError("GitPullRequestNotEditableException", words)


def find(call: AzureCall, number: str) -> PullRequest:
    """Return the pull request that a path names."""
    for request in call.repository.requests:
        if str(request.number) == number:
            return request
    words = f"TF401180: The requested pull request was not found: {number}."
    raise ProblemError("GitPullRequestNotFoundException", words)


# Labels and reviewers


def list_labels(call: AzureCall, number: str) -> ForgeReply:
    return call.many([call.shapes.label(each) for each in find(call, number).labels])


def add_label(call: AzureCall, number: str) -> ForgeReply:
    call.require(PULL_REQUESTS)
    return ForgeReply(200, call.shapes.label(_add_label(call, find(call, number), call.body["name"])))


def _add_label(call: AzureCall, request: PullRequest, name: str) -> tuple[str, str]:
    for each in request.labels:
        if each[1].lower() == name.lower():
            return each
    known = {label for repository in call.world.repositories for each in repository.requests for label in each.labels}
    if not call.writer.can_make_labels and name not in {each[1] for each in known}:
        words = "TF401289: The current user does not have permissions to create tags."
        raise ProblemError("AccessCheckException", words)
    request.labels.append((str(uuid.uuid4()), name))
    return request.labels[-1]


def delete_label(call: AzureCall, number: str, name: str) -> ForgeReply:
    call.require(PULL_REQUESTS)
    request = find(call, number)
    request.labels[:] = [each for each in request.labels if name.lower() not in (each[0], each[1].lower())]
    return ForgeReply(200)


def list_reviewers(call: AzureCall, number: str) -> ForgeReply:
    return call.many([call.shapes.reviewer(each) for each in find(call, number).reviewers])


def set_reviewer(call: AzureCall, number: str, account: str) -> ForgeReply:
    call.require(PULL_REQUESTS)
    return ForgeReply(200, call.shapes.reviewer(_set_reviewer(call, find(call, number), account, call.body)))


def _set_reviewer(call: AzureCall, request: PullRequest, account_id: str, words: dict[str, Any]) -> RequestReviewer:
    """Add a reviewer, or replace the own vote; votes on drafts do not count."""
    account = next((each for each in call.world.accounts.values() if each.id == account_id), None)
    vote = words.get("vote", 0)
    if account is None or vote not in (10, 5, 0, -5, -10) or (vote and account is not call.writer.account):
        raise invalid("reviewer: only your own vote may be another than 0")
    reviewer = next((each for each in request.reviewers if each.account is account), None)
    if reviewer is None:
        reviewer = RequestReviewer(account)
        request.reviewers.append(reviewer)
    reviewer.vote = 0 if request.is_draft else vote
    reviewer.is_required = words.get("isRequired", reviewer.is_required)
    return reviewer


def list_teams(call: AzureCall, project: str) -> ForgeReply:
    teams = [team for team, _ in call.world.teams]
    return call.many([{"id": each.id, "name": each.person.name, "projectName": project} for each in teams])


def list_members(call: AzureCall, _project: str, team: str) -> ForgeReply:
    members = next(found for each, found in call.world.teams if each.id == team)
    return call.many([{"identity": call.shapes.account(each), "isTeamAdmin": False} for each in members])


# Threads


def list_threads(call: AzureCall, number: str) -> ForgeReply:
    return call.many([call.shapes.thread(each) for each in find(call, number).threads])


def create_thread(call: AzureCall, number: str) -> ForgeReply:
    """Begin a thread; an ended request takes them, too."""
    call.require(PULL_REQUESTS)
    request, words = find(call, number), call.body
    comments = [_comment(call, each["content"]) for each in words["comments"]]
    properties = {key: _value(value) for key, value in (words.get("properties") or {}).items()}
    thread = CommentThread(len(request.threads) + 1, comments, _state(words.get("status", "active")), properties)
    request.threads.append(thread)
    return ForgeReply(200, call.shapes.thread(thread))


def edit_thread(call: AzureCall, number: str, thread: str) -> ForgeReply:
    call.require(PULL_REQUESTS)
    found = find(call, number).threads[int(thread) - 1]
    found.status = _state(call.body.get("status", found.status))
    return ForgeReply(200, call.shapes.thread(found))


def edit_comment(call: AzureCall, number: str, thread: str, comment: str) -> ForgeReply:
    call.require(PULL_REQUESTS)
    found = find(call, number).threads[int(thread) - 1].comments[int(comment) - 1]
    found.content = _comment(call, call.body["content"]).content
    return ForgeReply(200, call.shapes.comment(found, int(comment)))


def _comment(call: AzureCall, content: str) -> ThreadComment:
    if len(content) > MAX_COMMENT:
        words = "A discussion comment cannot be longer than 150000 characters.\r\nParameter name: comment.Content"
        raise ProblemError("ArgumentException", words)
    return ThreadComment(call.writer.account, content)


def _state(status: str | int) -> str:
    return _THREAD_STATES[status] if isinstance(status, int) else status


def _value(value: object) -> str:
    return str(value["$value"]) if isinstance(value, dict) else str(value)


# Properties and statuses


def get_properties(call: AzureCall, number: str) -> ForgeReply:
    return ForgeReply(200, call.shapes.properties(find(call, number)))


def edit_properties(call: AzureCall, number: str) -> ForgeReply:
    """Change properties by a JSON patch; all values become text."""
    if "json-patch+json" not in call.headers.get("content-type", ""):
        return ForgeReply(415, {"message": "The request entity has a media type that is not supported."})
    request = find(call, number)
    if request.status != "active":
        raise _not_editable()
    for operation in call.body:
        key = operation["path"].removeprefix("/")
        if operation["op"] == "remove":
            request.properties.pop(key, None)
        else:
            added = {key: operation["value"]} if key else operation["value"]
            request.properties |= {name: str(value) for name, value in added.items()}
    return ForgeReply(200, call.shapes.properties(request))


def list_statuses(call: AzureCall, number: str) -> ForgeReply:
    return call.many([call.shapes.status(each) for each in find(call, number).statuses])


def create_status(call: AzureCall, number: str) -> ForgeReply:
    call.require(PULL_REQUESTS)
    request = find(call, number)
    if request.status != "active":
        words = "The status of a pull request that is not active cannot be changed."
        raise ProblemError("GitPullRequestStatusNotEditableException", words)
    request.statuses.append(_build_status(call, request.statuses))
    call.repository.settle()
    return ForgeReply(200, call.shapes.status(request.statuses[-1]))


def list_commit_statuses(call: AzureCall, commit: str) -> ForgeReply:
    given = call.repository.statuses.get(commit, [])
    if call.query.get("latestOnly", "").lower() == "true":
        given = list({(each.genre, each.name): each for each in given}.values())
    return call.many([call.shapes.status(each) for each in given])


def create_commit_status(call: AzureCall, commit: str) -> ForgeReply:
    call.require("GenericContribute")
    given = call.repository.statuses.setdefault(commit, [])
    given.append(_build_status(call, given))
    return ForgeReply(200, call.shapes.status(given[-1]))


def _build_status(call: AzureCall, given: list[AzureStatus]) -> AzureStatus:
    words, context = call.body, call.body["context"]
    return AzureStatus(
        len(given) + 1,
        call.writer.account,
        words["state"],
        words.get("description"),
        context.get("genre"),
        context["name"],
        words.get("iterationId"),
    )


def list_policies(call: AzureCall) -> ForgeReply:
    """List the policies that concern a branch."""
    repository = call.find(call.query["repositoryId"])
    ref = call.query.get("refName")
    found = [each for each in repository.policies if ref is None or each.concerns(ref)]
    return call.page([call.shapes.policy(each, repository) for each in found])


def list_evaluations(call: AzureCall) -> ForgeReply:
    """List the evaluations of the branch policies for a pull request."""
    kind, _, name = call.query["artifactId"].partition("CodeReviewId/")
    project, _, number = name.partition("/")
    assert kind == "vstfs:///CodeReview/"
    for repository in call.world.repositories:
        for request in repository.requests:
            if (repository.project.id, str(request.number)) == (project, number) and call.sees(repository.project):
                policies = [each for each in repository.policies if each.concerns(f"refs/heads/{request.target}")]
                return call.many([call.shapes.evaluation(each, repository, request) for each in policies])
    raise ProblemError("PolicyTargetArtifactNotFoundException", f"The artifact '{name}' was not found.", status=404)
