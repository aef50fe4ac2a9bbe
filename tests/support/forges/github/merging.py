"""Merging by itself, as GitHub lets it be armed (https://docs.github.com/en/pull-requests, "Automatically merging")."""

from __future__ import annotations

from support.forges.github.state import GitHubActor, GitHubPull, GitHubRepository


def arm(repository: GitHubRepository, pull: GitHubPull, who: GitHubActor, method: str, head: str | None) -> str | None:
    """Let a pull request merge by itself; return why not, in GitHub's words."""
    refusal = _refusal(repository, pull, method, head)
    if refusal is None:
        pull.auto_merge = who
        pull.note("AutoMergeEnabledEvent")
    return refusal


def disarm(pull: GitHubPull) -> str | None:
    if pull.auto_merge is None:
        return "Can't disable auto-merge for this pull request."
    pull.auto_merge = None
    return None


def _refusal(repository: GitHubRepository, pull: GitHubPull, method: str, head: str | None) -> str | None:
    if pull.state != "open":
        return "Pull request is closed"
    if not repository.allows_auto_merge:
        return "Auto merge is not allowed for this repository"
    if method not in repository.merge_methods:
        return f"Merge method {method.lower()} merging is not allowed on this repository"
    if head is not None and head != pull.head:
        return "Head sha didn't match the expected head sha"
    if pull.draft:
        return "Pull request is in draft state"
    if not repository.requires_checks:
        return "Pull request is in clean status"
    return None
