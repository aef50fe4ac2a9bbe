"""Statuses of commits (https://docs.gitlab.com/api/commits/#commit-status): a job each, in a pipeline."""

from __future__ import annotations

from support.forges.gitlab.calls import GitLabCall, ProblemError, missing
from support.forges.gitlab.state import GitLabStatus
from support.forges.server import ForgeReply


def create_status(call: GitLabCall, commit: str) -> ForgeReply:
    project, branch = call.project, call.need("ref")
    if not project.can_set_status:
        raise ProblemError(403, "403 Forbidden")
    if not project.git.exists(f"{commit}^{{commit}}"):
        raise missing("Commit")
    if branch not in project.branches:
        raise missing("References for commit")
    name, state = call.words.get("name", "default"), call.need("state")
    status = GitLabStatus(
        call.world.next_id(), commit, branch, name, state, call.words.get("description") or "", call.writer.user
    )
    project.statuses.append(status)
    for request in project.requests:
        project.count_statuses(request)
    return ForgeReply(201, call.shapes.status(status, call.writer.user, "post /projects/{id}/statuses/{sha}"))


def list_statuses(call: GitLabCall, commit: str) -> ForgeReply:
    """List every status of a commit, or the last of every name."""
    project = call.project
    given = [each for each in project.statuses if each.sha == commit]
    last = given if call.words.get("all") in ("True", "true", True) else {each.name: each for each in given}.values()
    named = [each for each in last if call.words.get("name") in (None, each.name)]
    operation = "get /projects/{id}/repository/commits/{sha}/statuses"
    return call.page([call.shapes.status(each, each.author or call.world.ada, operation) for each in named])
