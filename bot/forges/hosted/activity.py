"""The activity in a repository besides its base branches, and its hash.

A run does not read a repository again if its files and its activity are unchanged. If something about the activity
cannot be determined, it is unknown (None). It is never computed from a part of the branches or pull requests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.core.inventory.value_hashes import hash_values
from bot.forges.hosted.catalogue import ListedRepository
from bot.forges.hosted.forge import HostedRepository
from bot.forges.hosted.records import ListedIssue
from bot.forges.hosted.refusal import RefusedError
from bot.model.dashboard import DASHBOARD_LABEL
from bot.model.forge import ActivityScope


@dataclass(frozen=True, slots=True)
class RepositoryActivity:
    """The branches of basebump, the open pull requests of these branches, and the dashboard issue."""

    branches: Mapping[str, str]
    """The last commit of each branch, by branch name."""
    requests: Mapping[int, object]
    """For each pull request, by number: values that change with everything that users can do to the pull request, or a
    hash of them."""
    issues: Mapping[int, object]
    """The same for the issues with the label of the dashboard; empty if there is no dashboard."""

    @property
    def state_hash(self) -> str:
        """A hash of the activity. It does not depend on the order in which the server lists branches and requests."""
        return hash_values((self.branches, self.requests, self.issues))


class ActivityReader(Protocol):
    """Adds the activities to repositories from lists of everything that an account or a project has."""

    def add_activity(self, listed: ListedRepository) -> ListedRepository:
        """Return a repository with its activity. If it cannot be determined, return the repository as it is."""
        ...


def add_activity_if_found(
    reader: ActivityReader | None, listed: ListedRepository | RefusedError
) -> ListedRepository | RefusedError:
    """Return a repository with its activity. Without a reader, and for an error, return `listed` as it is."""
    return reader.add_activity(listed) if reader is not None and isinstance(listed, ListedRepository) else listed


def read_activity(hosted: HostedRepository, scope: ActivityScope) -> RepositoryActivity | None:
    """Read the activity in one repository, with at least one request for each kind of data.

    Return None if the time of the last change of a pull request is missing. Raises RefusedError if an API call fails.
    """
    tips = hosted.branches.list_tips(scope.branch_prefix)
    requests = [*hosted.requests.list_open(tips.keys())] if tips else []
    if hosted.list_without_branch is not None:
        requests += hosted.list_without_branch(scope.branch_prefix, tips.keys())
    if hosted.has_change_times and any(each.updated_at is None for each in requests):
        return None
    issues: Sequence[ListedIssue] = ()
    if scope.has_dashboard and hosted.issues is not None:
        issues = hosted.issues.list_own_issues(DASHBOARD_LABEL)
    return RepositoryActivity(
        branches={branch: tip.commit for branch, tip in tips.items()},
        requests={each.number: hash_values((each,)) for each in requests},
        issues={each.number: hash_values((each,)) for each in issues},
    )
