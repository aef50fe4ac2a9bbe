"""What GitLab says of merging open merge requests: whether they conflict, and whether they must be up to date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gitlab import Gitlab

from bot.forges.gitlab.connection import Remote
from bot.forges.gitlab.shown import look_at

MERGE_CHECK = 2.0
"""Seconds in which GitLab finds out whether a request can be merged, which it does only once it is asked."""

_UNKNOWN = frozenset({"unchecked", "checking", "preparing", "approvals_syncing"})
_CONFLICT, _NEED_REBASE = "conflict", "need_rebase"
"""Merge statuses: https://docs.gitlab.com/api/merge_requests/#merge-status. One is told of several, so that what blocks
may stand before a rebase that is needed."""
LINEAR = {"ff": "only by fast-forward", "rebase_merge": "with a history in a line"}
"""Merge methods that take only what stands on its base, and what they do:
https://docs.gitlab.com/user/project/merge_requests/methods/."""


@dataclass(frozen=True, slots=True)
class MergeState:
    """What GitLab says of merging one request."""

    is_known: bool
    conflicts: bool
    needs_rebase: bool


def merge_states(remote: Remote, numbers: Sequence[int]) -> Mapping[int, MergeState]:
    """Return what GitLab says of merging each; the first question makes it find out, the second is told.

    Raises RefusedError.
    """
    states = {number: _merge_state(remote, number) for number in numbers}
    unknown = [number for number, state in states.items() if not state.is_known]
    if unknown:
        remote.connection.pause(MERGE_CHECK)
        states |= {number: _merge_state(remote, number) for number in unknown}
    return states


def wants_current(remote: Remote) -> bool:
    """Say whether a project merges only what is up to date: by fast-forward, or with a history of merges in a line.

    https://docs.gitlab.com/api/projects/#get-a-single-project. Raises RefusedError.
    """

    def ask(client: Gitlab) -> bool:
        return client.projects.get(remote.number or remote.name).attributes.get("merge_method") in LINEAR

    return remote.connection.read(f"read how {remote.name} merges", ask)


def _merge_state(remote: Remote, number: int) -> MergeState:
    shown = look_at(remote, number)
    status = shown.get("detailed_merge_status")
    return MergeState(
        is_known=status not in _UNKNOWN,
        conflicts=bool(shown["has_conflicts"]) or status == _CONFLICT,
        needs_rebase=status == _NEED_REBASE,
    )
