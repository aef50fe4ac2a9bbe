"""What a request has besides its branch and its words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

TEAM = "team:"
"""What the name of a team begins with where people and teams stand together."""


class StatusState(StrEnum):
    """Whether a request may be merged as far as its evidence goes."""

    SUCCESS = "success"
    FAILURE = "failure"
    """A person must look first."""


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """What is known of a proposal, on its last commit, where the protection of a branch can require it."""

    state: StatusState
    description: str
    """One line of words and numbers of ours, at most MAX_DESCRIPTION characters."""


STATUS_CONTEXT = "basebump/evidence"
"""What the status is called on every forge; people name it in the protection of their branches."""
MAX_DESCRIPTION = 140
"""Characters: what GitHub takes, which is less than GitLab does."""


@dataclass(frozen=True, slots=True)
class Extras:
    """What is to be set on a request, or what ever was."""

    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    """Logins, and teams as `team:NAME`."""
    assignees: tuple[str, ...] = ()
    milestone: str | None = None
    """Its title."""
    automerge: bool | None = None
    """Whether the forge merges it by itself once it may; None says nothing about that."""
    status: CommitStatus | None = None
    """Of the last commit of its branch; None says nothing about that. It comes before the words, whose mark then keeps
    both, so that whoever was killed in between is healed, and what was refused is not asked for again."""
    workflows: tuple[str, ...] = ()
    """File names of workflows to start on its branch, before the words in the same way; none says nothing."""

    def without(self, others: Extras) -> Extras:
        """Return what is not among `others`; forges mind neither upper nor lower case in any of it."""
        return Extras(
            labels=_left(self.labels, others.labels),
            reviewers=_left(self.reviewers, others.reviewers),
            assignees=_left(self.assignees, others.assignees),
            milestone=self.milestone if others.milestone is None else None,
            automerge=self.automerge if others.automerge is None else None,
            status=self.status if self.status != others.status else None,
        )


NO_EXTRAS = Extras()


def _left(wanted: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    known = {each.casefold() for each in others}
    return tuple(each for each in wanted if each.casefold() not in known)
