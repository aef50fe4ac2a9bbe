"""What GitHub says of merging open pull requests: whether they conflict, and whether they must be up to date."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from github.Repository import Repository

from bot.forges._refusal import FORBIDDEN, NOT_FOUND, RefusedError
from bot.forges.github.connection import Remote
from bot.forges.github.errors import ADMINISTRATION_READ, METADATA_READ, PULLS_READ

MERGE_CHECK = 2.0
"""Seconds in which GitHub finds out whether a request can be merged, which it does only once it is asked."""
CONFLICTED, BEHIND = "dirty", "behind"
"""https://docs.github.com/en/graphql/reference/enums#mergestatestatus; a conflict comes first, then what blocks."""

_UNKNOWN = ""
_STATUS_CHECKS = "required_status_checks"


def merge_states(remote: Remote, numbers: Sequence[int]) -> Mapping[int, str]:
    """Return what GitHub says of merging each; the first question makes it find out, the second is told.

    Raises RefusedError.
    """
    states = {number: _merge_state(remote, number) for number in numbers}
    unknown = [number for number, state in states.items() if state == _UNKNOWN]
    if unknown:
        remote.connection.pause(MERGE_CHECK)
        states |= {number: _merge_state(remote, number) for number in unknown}
    return states


def _merge_state(remote: Remote, number: int) -> str:
    def ask(repository: Repository) -> str:
        pull = repository.get_pull(number)
        mergeable: bool | None = pull.mergeable
        return _UNKNOWN if mergeable is None else pull.mergeable_state

    return remote.read(f"read pull request #{number}", ask, PULLS_READ)


def wants_current(remote: Remote, branch: str) -> bool:
    """Say whether a ruleset or a protection lets only what is up to date be merged into a branch.

    Who may not see that is told no: then the forge says it only of requests that nothing else blocks. Raises
    RefusedError.
    """
    return _says(lambda: _is_ruled(remote, branch)) or _says(lambda: _is_protected(remote, branch))


def _says(ask: Callable[[], bool]) -> bool:
    try:
        return ask()
    except RefusedError as refusal:
        if refusal.wait is None and refusal.status in (FORBIDDEN, NOT_FOUND):
            return False
        raise


def _is_ruled(remote: Remote, branch: str) -> bool:
    """Look at the rulesets: https://docs.github.com/en/rest/repos/rules#get-rules-for-a-branch."""

    def ask(repository: Repository) -> bool:
        rules = _get(repository, f"rules/branches/{quote(branch, safe='')}")
        checks = (each["parameters"] for each in rules if each["type"] == _STATUS_CHECKS)
        return any(each["strict_required_status_checks_policy"] for each in checks)

    return remote.read(f"read the rules for {branch}", ask, METADATA_READ)


def _is_protected(remote: Remote, branch: str) -> bool:
    """Look at the protection, for which one must be let: https://docs.github.com/en/rest/branches/branch-protection."""
    path = f"branches/{quote(branch, safe='')}/protection/required_status_checks"
    return remote.read(
        f"read the protection of {branch}",
        lambda repository: bool(_get(repository, path)["strict"]),
        ADMINISTRATION_READ,
    )


def _get(repository: Repository, path: str) -> Any:
    """Ask what PyGithub has no method for, or only after another question."""
    _, answer = repository.requester.requestJsonAndCheck("GET", f"{repository.url}/{path}")
    return answer
