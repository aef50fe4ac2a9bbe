"""Statuses of commits (https://docs.github.com/en/rest/commits/statuses)."""

from __future__ import annotations

from support.forges.github.calls import Call, ProblemError, Reply
from support.forges.github.state import Status

MAX_DESCRIPTION = 140


def create_status(call: Call, commit: str) -> Reply:
    repository = call.repository
    if not call.writer.can_set_status:
        kind = "integration" if call.writer.is_app else "personal access token"
        raise ProblemError(403, f"Resource not accessible by {kind}", x_accepted_github_permissions="statuses=write")
    if not repository.git.exists(f"{commit}^{{commit}}"):
        raise ProblemError(422, f"No commit found for SHA: {commit}")
    said = call.body.get("description") or ""
    if len(said) > MAX_DESCRIPTION:
        raise ProblemError(422, f"Description is too long (maximum is {MAX_DESCRIPTION} characters)")
    status = Status(
        call.world.next_id(), call.body.get("context", "default"), call.need("state"), said, call.writer.account
    )
    repository.statuses.setdefault(commit, []).append(status)
    return Reply(201, call.shapes.status(repository, commit, status, "status"))


def list_statuses(call: Call, name: str) -> Reply:
    """Return every status of a commit, newest first."""
    repository = call.repository
    commit = repository.git.head(name) or name
    if not repository.git.exists(f"{commit}^{{commit}}"):
        raise ProblemError(404, "Not Found")
    newest_first = reversed(repository.statuses.get(commit, []))
    return call.page([call.shapes.status(repository, commit, each, "status") for each in newest_first])
