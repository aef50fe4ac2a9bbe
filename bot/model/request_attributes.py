"""Attributes of a pull or merge request besides its branch and its text, such as labels and reviewers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

TEAM_PREFIX = "team:"
"""The prefix of team names in lists that contain both users and teams."""


class StatusState(StrEnum):
    """The state of a commit status. It shows whether the evidence allows merging the pull request."""

    SUCCESS = "success"
    FAILURE = "failure"
    """A person must review the pull request first."""


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """A commit status on the last commit of a proposal. Branch protection can require this status."""

    state: StatusState
    description: str
    """One line without untrusted text, at most MAX_STATUS_DESCRIPTION characters."""


OVERDUE_LABEL = "basebump-overdue"
"""The label of a pull request whose due date has passed."""
STATUS_CONTEXT = "basebump/evidence"
"""The name of the commit status on every forge. Users name it in branch protection rules."""
MAX_STATUS_DESCRIPTION = 140
"""The maximum number of characters of a description. This is GitHub's limit, which is lower than GitLab's."""


@dataclass(frozen=True, slots=True)
class RequestAttributes:
    """Attributes of a pull request, such as labels.

    The same class is used for the attributes to set, for the current attributes, and for all attributes that were set
    at any time (`RemoteRequest.ever_set`).
    """

    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    """Login names, and teams as `team:NAME`."""
    assignees: tuple[str, ...] = ()
    milestone: str | None = None
    """Title of the milestone."""
    automerge: bool | None = None
    """True if the forge merges the pull request automatically as soon as all of its conditions are met.

    False if the forge does not merge it automatically; None to leave the setting unchanged.
    """
    status: CommitStatus | None = None
    """Status of the last commit of the branch; None to leave the status unchanged.

    The status is set before the text is written. The mark in the text records the status and its commit. With the mark,
    the next run can complete an interrupted run, and does not try to set a status again that the forge refused.
    """
    status_source: str | None = None
    """An earlier commit of basebump with the same changes, whose status is also set on the last commit; None if no
    status is copied. It is used if this run has no evidence for the changes."""
    workflows: tuple[str, ...] = ()
    """File names of workflows to start on the branch. They are also started before the text is written."""

    def subtract(self, others: RequestAttributes) -> RequestAttributes:
        """Return the attributes that are not in `others`.

        Names are compared case-insensitively, because forges do the same.
        """
        return RequestAttributes(
            labels=_exclude(self.labels, others.labels),
            reviewers=_exclude(self.reviewers, others.reviewers),
            assignees=_exclude(self.assignees, others.assignees),
            milestone=self.milestone if others.milestone is None else None,
            automerge=self.automerge if others.automerge is None else None,
            status=self.status if self.status != others.status else None,
        )


NO_ATTRIBUTES = RequestAttributes()


def _exclude(values: tuple[str, ...], excluded: tuple[str, ...]) -> tuple[str, ...]:
    excluded_folded = {each.casefold() for each in excluded}
    return tuple(each for each in values if each.casefold() not in excluded_folded)
