"""Read the merge state of open pull requests: whether they conflict, and whether they must be up to date."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from github.Repository import Repository

from bot.forges.github.connection import GitHubRemote
from bot.forges.github.errors import ADMINISTRATION_READ, METADATA_READ, PULLS_READ
from bot.forges.hosted.refusal import FORBIDDEN, NOT_FOUND, RefusedError

MERGE_CHECK_SECONDS = 2.0
"""Seconds in which GitHub computes the merge state of a pull request, which it does only when it is requested."""
CONFLICTED, BEHIND = "dirty", "behind"
"""https://docs.github.com/en/graphql/reference/enums#mergestatestatus; a conflict takes precedence over a block."""

_UNKNOWN = ""
_STATUS_CHECKS = "required_status_checks"


def read_merge_states(remote: GitHubRemote, numbers: Sequence[int]) -> Mapping[int, str]:
    """Return the merge state of each pull request.

    The first request makes GitHub compute the state, so unknown ones are requested again. Raises RefusedError.
    """
    states = {number: _read_merge_state(remote, number) for number in numbers}
    unknown = [number for number, state in states.items() if state == _UNKNOWN]
    if unknown:
        remote.connection.pause(MERGE_CHECK_SECONDS)
        states |= {number: _read_merge_state(remote, number) for number in unknown}
    return states


def _read_merge_state(remote: GitHubRemote, number: int) -> str:
    def fetch(repository: Repository) -> str:
        pull = repository.get_pull(number)
        mergeable: bool | None = pull.mergeable
        return _UNKNOWN if mergeable is None else pull.mergeable_state

    return remote.read(f"read pull request #{number}", fetch, PULLS_READ)


def is_current_branch_required(remote: GitHubRemote, branch: str) -> bool:
    """Return True if a ruleset or a branch protection allows merging only what is up to date with the branch.

    Rules that the token may not read count as absent; GitHub then reports the state `behind`, but only for pull
    requests that nothing else blocks. Raises RefusedError.
    """
    return _check_if_visible(lambda: _has_strict_ruleset(remote, branch)) or _check_if_visible(
        lambda: _has_strict_protection(remote, branch)
    )


def _check_if_visible(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except RefusedError as refusal:
        if refusal.retry_after is None and refusal.status in (FORBIDDEN, NOT_FOUND):
            return False
        raise


def _has_strict_ruleset(remote: GitHubRemote, branch: str) -> bool:
    """Check the rulesets: https://docs.github.com/en/rest/repos/rules#get-rules-for-a-branch."""

    def fetch(repository: Repository) -> bool:
        rules = _get_json(repository, f"rules/branches/{quote(branch, safe='')}")
        checks = (each["parameters"] for each in rules if each["type"] == _STATUS_CHECKS)
        return any(each["strict_required_status_checks_policy"] for each in checks)

    return remote.read(f"read the rules for {branch}", fetch, METADATA_READ)


def _has_strict_protection(remote: GitHubRemote, branch: str) -> bool:
    """Check the protection, which takes a permission: https://docs.github.com/en/rest/branches/branch-protection."""
    path = f"branches/{quote(branch, safe='')}/protection/required_status_checks"
    return remote.read(
        f"read the protection of {branch}",
        lambda repository: bool(_get_json(repository, path)["strict"]),
        ADMINISTRATION_READ,
    )


def _get_json(repository: Repository, path: str) -> Any:
    """Send a request that PyGithub has no method for, or only one that sends another request before."""
    _, answer = repository.requester.requestJsonAndCheck("GET", f"{repository.url}/{path}")
    return answer
