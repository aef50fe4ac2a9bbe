"""What a request has besides its branch and its words."""

from __future__ import annotations

from dataclasses import dataclass

TEAM = "team:"
"""What the name of a team begins with where people and teams stand together."""


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

    def without(self, others: Extras) -> Extras:
        """Return what is not among `others`; forges mind neither upper nor lower case in any of it."""
        return Extras(
            labels=_left(self.labels, others.labels),
            reviewers=_left(self.reviewers, others.reviewers),
            assignees=_left(self.assignees, others.assignees),
            milestone=self.milestone if others.milestone is None else None,
            automerge=self.automerge if others.automerge is None else None,
        )


NO_EXTRAS = Extras()


def _left(wanted: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    known = {each.casefold() for each in others}
    return tuple(each for each in wanted if each.casefold() not in known)
