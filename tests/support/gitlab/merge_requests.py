"""GitLab's merge requests and the notes on them (https://docs.gitlab.com/api/merge_requests/)."""

from __future__ import annotations

from support.forge_server import Reply
from support.gitlab.calls import Call, ProblemError, missing
from support.gitlab.state import MergeRequest, Note

MAX_TITLE, MAX_DESCRIPTION = 255, 1_048_576


def list_requests(call: Call) -> Reply:
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


def get_request(call: Call, number: str) -> Reply:
    return Reply(200, call.shapes.one_request(call.project, _request(call, number)))


def create_request(call: Call) -> Reply:
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
    _label(call, request, call.words.get("labels", ""))
    request.notes.append(Note(call.world.next_id(), user, "added 1 commit", system=True))
    return Reply(201, call.shapes.one_request(project, request))


def edit_request(call: Call, number: str) -> Reply:
    request, words = _request(call, number), call.words
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
    return Reply(200, call.shapes.one_request(call.project, request))


def get_approvals(call: Call, number: str) -> Reply:
    if not call.project.has_approvals:
        raise missing("Approvals")
    users = [{"user": call.shapes.user(each), "approved_at": None} for each in _request(call, number).approved_by]
    return Reply(
        200,
        {"user_has_approved": False, "user_can_approve": True, "approved": bool(users), "approved_by": users},
    )


def get_approval_state(_call: Call, _number: str) -> Reply:
    """Say what has to be approved by whom: nothing, as on the free tier."""
    return Reply(200, {"approval_rules_overwritten": False, "rules": []})


def list_notes(call: Call, number: str) -> Reply:
    request = _request(call, number)
    notes = list(request.notes)
    if call.words.get("sort", "desc") == "desc":
        notes.reverse()
    return call.page([call.shapes.note(call.project, request, each) for each in notes])


def create_note(call: Call, number: str) -> Reply:
    request = _request(call, number)
    note = Note(call.world.next_id(), call.writer.user, call.need("body"))
    request.notes.append(note)
    return Reply(201, call.shapes.note(call.project, request, note))


def _request(call: Call, number: str) -> MergeRequest:
    for request in call.project.requests:
        if str(request.number) == number:
            return request
    raise missing("Merge Request")


def _label(call: Call, request: MergeRequest, labels: str) -> None:
    """Add labels, made where they are missing; who may not is not told so."""
    if call.writer.can_label:
        request.labels += [each for each in labels.split(",") if each and each not in request.labels]


def check_words(title: str, description: str | None) -> None:
    if len(title) > MAX_TITLE:
        raise ProblemError(400, {"title": [f"is too long (maximum is {MAX_TITLE} characters)"]})
    if description is not None and len(description) > MAX_DESCRIPTION:
        raise ProblemError(400, {"description": [f"is too long (maximum is {MAX_DESCRIPTION} characters)"]})
