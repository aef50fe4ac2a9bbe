"""Statuses of commits (https://docs.github.com/en/rest/commits/statuses)."""

from __future__ import annotations

from support.forges.github.calls import ForgeReply, GitHubCall, ProblemError
from support.forges.github.state import GitHubStatus

MAX_DESCRIPTION = 140


def create_status(call: GitHubCall, commit: str) -> ForgeReply:
    repository = call.repository
    if not call.writer.can_set_status:
        kind = "integration" if call.writer.is_app else "personal access token"
        raise ProblemError(403, f"Resource not accessible by {kind}", x_accepted_github_permissions="statuses=write")
    if not repository.git.exists(f"{commit}^{{commit}}"):
        raise ProblemError(422, f"No commit found for SHA: {commit}")
    said = call.body.get("description") or ""
    if len(said) > MAX_DESCRIPTION:
        raise ProblemError(422, f"Description is too long (maximum is {MAX_DESCRIPTION} characters)")
    status = GitHubStatus(
        call.world.next_id(), call.body.get("context", "default"), call.need("state"), said, call.writer.account
    )
    repository.statuses.setdefault(commit, []).append(status)
    return ForgeReply(201, call.shapes.status(repository, commit, status, "status"))


def list_statuses(call: GitHubCall, name: str) -> ForgeReply:
    """Return every status of a commit, newest first."""
    repository = call.repository
    commit = repository.git.head(name) or name
    if not repository.git.exists(f"{commit}^{{commit}}"):
        raise ProblemError(404, "Not Found")
    newest_first = reversed(repository.statuses.get(commit, []))
    return call.page([call.shapes.status(repository, commit, each, "status") for each in newest_first])
