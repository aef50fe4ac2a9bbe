"""Read the merge state of open merge requests: whether they conflict, and whether they must be up to date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gitlab import Gitlab

from bot.forges.gitlab.connection import GitLabRemote
from bot.forges.gitlab.merge_request_data import read_merge_request

MERGE_CHECK_SECONDS = 2.0
"""Seconds in which GitLab computes the merge state of a merge request, which it does only when it is requested."""

_UNKNOWN = frozenset({"unchecked", "checking", "preparing", "approvals_syncing"})
_CONFLICT, _NEED_REBASE = "conflict", "need_rebase"
"""Merge statuses: https://docs.gitlab.com/api/merge_requests/#merge-status. GitLab reports only one of several, so a
needed rebase may be hidden behind another reason."""
LINEAR_METHODS = {"ff": "only by fast-forward", "rebase_merge": "with a semi-linear history"}
"""Merge methods that accept only branches that stand on their base, with descriptions:
https://docs.gitlab.com/user/project/merge_requests/methods/."""


@dataclass(frozen=True, slots=True)
class MergeState:
    """The merge state of one request."""

    is_known: bool
    has_conflicts: bool
    needs_rebase: bool


def read_merge_states(remote: GitLabRemote, numbers: Sequence[int]) -> Mapping[int, MergeState]:
    """Return the merge state of each merge request.

    The first request makes GitLab compute the state, so unknown ones are requested again. Raises RefusedError.
    """
    states = {number: _read_merge_state(remote, number) for number in numbers}
    unknown = [number for number, state in states.items() if not state.is_known]
    if unknown:
        remote.connection.pause(MERGE_CHECK_SECONDS)
        states |= {number: _read_merge_state(remote, number) for number in unknown}
    return states


def is_current_branch_required(remote: GitLabRemote) -> bool:
    """Return True if the project merges only branches that are up to date: by fast-forward, or semi-linear.

    https://docs.gitlab.com/api/projects/#get-a-single-project. Raises RefusedError.
    """

    def fetch(client: Gitlab) -> bool:
        return client.projects.get(remote.project_id or remote.name).attributes.get("merge_method") in LINEAR_METHODS

    return remote.connection.read(f"read the merge method of {remote.name}", fetch)


def _read_merge_state(remote: GitLabRemote, number: int) -> MergeState:
    data = read_merge_request(remote, number)
    status = data.get("detailed_merge_status")
    return MergeState(
        is_known=status not in _UNKNOWN,
        has_conflicts=bool(data["has_conflicts"]) or status == _CONFLICT,
        needs_rebase=status == _NEED_REBASE,
    )
