"""Statuses of commits (https://docs.gitlab.com/api/commits/#commit-status): a job each, in a pipeline."""

from __future__ import annotations

from support.forges.gitlab.calls import Call, ProblemError, missing
from support.forges.gitlab.state import Status
from support.forges.server import Reply


def create_status(call: Call, commit: str) -> Reply:
    project, branch = call.project, call.need("ref")
    if not project.can_set_status:
        raise ProblemError(403, "403 Forbidden")
    if not project.git.exists(f"{commit}^{{commit}}"):
        raise missing("Commit")
    if branch not in project.branches:
        raise missing("References for commit")
    name, state = call.words.get("name", "default"), call.need("state")
    status = Status(call.world.next_id(), commit, branch, name, state, call.words.get("description") or "")
    project.statuses.append(status)
    for request in project.requests:
        project.count_statuses(request)
    return Reply(201, call.shapes.status(status, call.writer.user, "post /projects/{id}/statuses/{sha}"))


def list_statuses(call: Call, commit: str) -> Reply:
    """List the last of every name."""
    project = call.project
    last = {each.name: each for each in project.statuses if each.sha == commit}
    named = [each for each in last.values() if call.words.get("name") in (None, each.name)]
    operation = "get /projects/{id}/repository/commits/{sha}/statuses"
    return call.page([call.shapes.status(each, call.world.ada, operation) for each in named])
