"""GitLab's merge requests and the notes on them (https://docs.gitlab.com/api/merge_requests/)."""

from __future__ import annotations

from collections.abc import Sequence

from support.forges.gitlab.calls import GitLabCall, ProblemError, missing
from support.forges.gitlab.state import GitLabNote, GitLabUser, MergeRequest
from support.forges.server import ForgeReply

MAX_TITLE, MAX_DESCRIPTION = 255, 1_048_576


def list_requests(call: GitLabCall) -> ForgeReply:
    state, branch = call.words.get("state", "all"), call.words.get("source_branch")
    target = call.words.get("target_branch")
    found = [
        each
        for each in call.project.requests
        if state in (each.state, "all") and branch in (each.branch, None) and target in (each.target, None)
    ]
    if call.words.get("sort", "desc") == "desc":
        found.reverse()
    return call.page([call.shapes.request(call.project, each) for each in found])


def list_own_requests(call: GitLabCall) -> ForgeReply:
    """Return the merge requests that the account opened in any project."""
    assert (call.words["scope"], call.words["state"]) == ("created_by_me", "opened")
    user = call.writer.user
    for project in call.world.projects:
        project.settle()
    found = [
        (project, each)
        for project in call.world.projects
        for each in project.requests
        if each.user is user and each.state == "opened" and project.seen_by(user)
    ]
    found.sort(key=lambda pair: pair[1].created, reverse=True)
    return call.page([call.shapes.request(*pair) for pair in found])


def get_request(call: GitLabCall, number: str) -> ForgeReply:
    return ForgeReply(200, call.shapes.one_request(call.project, find(call, number)))


def create_request(call: GitLabCall) -> ForgeReply:
    project = call.project
    source, target, title = call.need("source_branch"), call.need("target_branch"), call.need("title")
    description = call.words.get("description")
    check_words(title, description)
    if source == target:
        raise ProblemError(422, ["You can't use same project/branch for source and target"])
    for each in project.requests:
        if (each.state, each.source, each.branch, each.target) == ("opened", project, source, target):
            said = f"Another open merge request already exists for this source branch: !{each.number}"
            raise ProblemError(409, [said])
    for kind, branch in (("Source", source), ("Target", target)):
        if branch not in project.branches:
            raise ProblemError(400, {f"{kind.lower()}_branch": [f'"{branch}" does not exist']})
    user = call.writer.user
    request = call.world.propose(project, project, source, user, title, description=description, target=target)
    request.note(user, "added 1 commit")
    _label(call, request, call.words.get("labels", ""))
    _set_people_and_milestone(call, request)
    return ForgeReply(201, call.shapes.one_request(project, request))


def edit_request(call: GitLabCall, number: str) -> ForgeReply:
    request, words = find(call, number), call.words
    title, description = words.get("title", request.title), words.get("description", request.description)
    check_words(title, description)
    match words.get("state_event"), request.state:
        case "close", "opened":
            request.close()
        case "reopen", "closed":
            request.state, request.closed = "opened", None
    request.title, request.description = title, description
    _label(call, request, words.get("add_labels", ""))
    taken = words.get("remove_labels", "").split(",")
    request.labels[:] = [each for each in request.labels if each not in taken]
    _set_people_and_milestone(call, request)
    return ForgeReply(200, call.shapes.one_request(call.project, request))


def get_approvals(call: GitLabCall, number: str) -> ForgeReply:
    if not call.project.has_approvals:
        raise missing("Approvals")
    users = [{"user": call.shapes.user(each), "approved_at": None} for each in find(call, number).approved_by]
    return ForgeReply(
        200,
        {"user_has_approved": False, "user_can_approve": True, "approved": bool(users), "approved_by": users},
    )


def get_approval_state(_call: GitLabCall, _number: str) -> ForgeReply:
    """Return the approval rules: none, as on the free tier."""
    return ForgeReply(200, {"approval_rules_overwritten": False, "rules": []})


def list_notes(call: GitLabCall, number: str) -> ForgeReply:
    request = find(call, number)
    only_own = call.words.get("activity_filter") == "only_activity"
    notes = [each for each in request.notes if each.system or not only_own]
    if call.words.get("sort", "desc") == "desc":
        notes.reverse()
    return call.page([call.shapes.note(call.project, request, each) for each in notes])


def create_note(call: GitLabCall, number: str) -> ForgeReply:
    request = find(call, number)
    note = GitLabNote(call.world.next_id(), call.writer.user, call.need("body"))
    request.notes.append(note)
    return ForgeReply(201, call.shapes.note(call.project, request, note))


def find(call: GitLabCall, number: str) -> MergeRequest:
    """Return the merge request that a path names."""
    for request in call.project.requests:
        if str(request.number) == number:
            return request
    raise missing("Merge Request")


def _label(call: GitLabCall, request: MergeRequest, labels: str) -> None:
    """Add labels and create missing ones; GitLab ignores labels that the token may not set."""
    if call.writer.can_label:
        added = [each for each in labels.split(",") if each and each not in request.labels]
        request.labels += added
        request.label_events += [("add", each) for each in added]


def _set_people_and_milestone(call: GitLabCall, request: MergeRequest) -> None:
    """Replace people and milestone of a request; GitLab ignores values that are not allowed."""
    words, user = call.words, call.writer.user
    if "reviewer_ids" in words:
        before, request.reviewers = request.reviewers, _readers(call, words["reviewer_ids"])
        _note(request, user, "requested review from", [each for each in request.reviewers if each not in before])
    if "assignee_ids" in words:
        before, request.assignees = request.assignees, _readers(call, words["assignee_ids"])
        _note(request, user, "assigned to", [each for each in request.assignees if each not in before])
    if "milestone_id" in words and call.writer.can_label:
        (request.milestone,) = [each for each in call.project.milestones if each.id == words["milestone_id"]]
        request.milestone_events.append(("add", request.milestone))


def _readers(call: GitLabCall, ids: Sequence[int]) -> list[GitLabUser]:
    """Return the users who can see the project; without Premium only the first one."""
    users = {each.id: each for each in call.world.users.values()}
    found = [users[each] for each in ids if each in users and call.project.seen_by(users[each])]
    return found if call.project.takes_many else found[:1]


def _note(request: MergeRequest, user: GitLabUser, what: str, people: Sequence[GitLabUser]) -> None:
    if people:
        request.note(user, f"{what} {' and '.join(f'@{each.username}' for each in people)}")


def check_words(title: str, description: str | None) -> None:
    if len(title) > MAX_TITLE:
        raise ProblemError(400, {"title": [f"is too long (maximum is {MAX_TITLE} characters)"]})
    if description is not None and len(description) > MAX_DESCRIPTION:
        raise ProblemError(400, {"description": [f"is too long (maximum is {MAX_DESCRIPTION} characters)"]})
