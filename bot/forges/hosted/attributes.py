"""Sets labels, reviewers and other attributes of pull requests, on servers that need a separate API call for each.

If the server refuses one attribute, the pull request stays open without this attribute, and a note (a sentence for the
report) gives the reason.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Generic, Protocol, TypeVar

from bot.forges.hosted.refusal import NOT_FOUND, RefusedError, ServerErrors
from bot.model.request_attributes import TEAM_PREFIX, RequestAttributes

LABEL_COLOUR = "1d63ed"
"""The colour of labels that basebump creates."""
LABEL_DESCRIPTION = "Set by basebump on its pull requests"


class AttributeApi(Protocol):
    """The attributes of the pull requests of one repository on a server.

    Methods raise RefusedError if an API call fails.
    """

    @property
    def takes_single_names(self) -> bool:
        """True if the server accepts only one label or reviewer in each API call; False if it accepts several."""
        ...

    def ensure_label(self, label: str) -> None:
        """Create a label in the repository with basebump's colour and description; do nothing if the label exists."""
        ...

    def add_labels(self, number: int, labels: Sequence[str]) -> None:
        """Add existing labels to a pull request."""
        ...

    def remove_label(self, number: int, label: str) -> None:
        """Remove a label from a pull request."""
        ...

    def request_reviews(self, number: int, people: Sequence[str], teams: Sequence[str]) -> None: ...

    def assign(self, number: int, people: Sequence[str]) -> Collection[str]:
        """Add assignees to a pull request, and return the logins of all its assignees."""
        ...

    def find_milestone(self, title: str) -> int | None:
        """Return the number or id of the open milestone with this title; None if there is none."""
        ...

    def set_milestone(self, number: int, milestone: int) -> None: ...


@dataclass(frozen=True, slots=True)
class AttributesOutcome:
    """The outcome of setting attributes of a pull request."""

    attributes: RequestAttributes
    """The labels that were set, and the users and teams of whom a review was requested."""
    notes: tuple[str, ...]
    """A note for each attribute that could not be set."""


class AttributesWriter:
    """Sets attributes of pull requests in one repository during one run.

    If an attribute cannot be set, the result contains a note with the reason.
    """

    def __init__(self, api: AttributeApi, errors: ServerErrors) -> None:
        self._api = api
        self._errors = errors
        self._labels: set[str] = set()
        """Labels, in lower case, of which this run knows that they exist in the repository."""

    def set_attributes(self, number: int, attributes: RequestAttributes) -> AttributesOutcome:
        """Set labels, reviewers, assignees and milestone of a pull request."""
        notes: list[str] = []
        labels = self._add_labels(number, attributes.labels, notes)
        reviewers = self._request_reviews(number, attributes.reviewers, notes)
        self._set_assignees(number, attributes.assignees, notes)
        if attributes.milestone is not None:
            self._set_milestone(number, attributes.milestone, notes)
        return AttributesOutcome(
            RequestAttributes(labels=tuple(labels), reviewers=tuple(reviewers)), notes=tuple(notes)
        )

    def remove_labels(self, number: int, labels: Sequence[str]) -> None:
        """Remove labels from a pull request; ignore labels that are not set.

        Raises RefusedError if an API call fails.
        """
        for label in labels:
            try:
                self._api.remove_label(number, label)
            except RefusedError as refusal:
                if refusal.status != NOT_FOUND:
                    raise

    def _add_labels(self, number: int, labels: Sequence[str], notes: list[str]) -> list[str]:
        """Add labels to a pull request, and return those that were added.

        Labels that do not exist in the repository are created.
        """

        def ensure(names: Sequence[str]) -> None:
            for label in names:
                if label.lower() not in self._labels:
                    self._api.ensure_label(label)
                    self._labels.add(label.lower())

        existing = [each for each in labels if self._try([each], ensure, "Label `{}` could not be created", notes)]
        return self._try(
            existing, lambda names: self._api.add_labels(number, names), "Label `{}` could not be set", notes
        )

    def _request_reviews(self, number: int, reviewers: Sequence[str], notes: list[str]) -> list[str]:
        """Request reviews from users and teams, and return those whose review was requested.

        If one of the reviewers is not allowed to review, servers refuse the API call for all reviewers. After such a
        refusal, basebump therefore makes a separate API call for each reviewer.
        """

        def request(names: Sequence[str]) -> None:
            people = [each for each in names if not each.startswith(TEAM_PREFIX)]
            teams = [each.removeprefix(TEAM_PREFIX) for each in names if each.startswith(TEAM_PREFIX)]
            self._api.request_reviews(number, people, teams)

        return self._try(reviewers, request, "A review of `{}` could not be requested", notes)

    def _set_assignees(self, number: int, assignees: Sequence[str], notes: list[str]) -> None:
        """Assign users to a pull request.

        If a user cannot be assigned, a server may ignore the user and report success. To detect this, the assignees in
        the response are compared with `assignees`.
        """
        if not assignees:
            return
        try:
            assigned = {each.lower() for each in self._api.assign(number, assignees)}
        except RefusedError as refusal:
            notes.append(f"The assignees could not be set: {refusal}.")
            return
        reason = f"{self._errors.server} assigns only users who can write to the repository"
        notes += [f"`{each}` could not be assigned: {reason}." for each in assignees if each.lower() not in assigned]

    def _set_milestone(self, number: int, title: str, notes: list[str]) -> None:
        """Set the open milestone with this title."""
        try:
            milestone = self._api.find_milestone(title)
            if milestone is not None:
                self._api.set_milestone(number, milestone)
                return
            reason = f"no open milestone is called `{title}`; hint: create it"
        except RefusedError as refusal:
            reason = str(refusal)
        notes.append(f"The milestone could not be set: {reason}.")

    def _try(
        self, names: Sequence[str], call: Callable[[Sequence[str]], None], failure: str, notes: list[str]
    ) -> list[str]:
        """Make one API call for several names, or one call for each name if the server refuses the first call.

        If the server accepts only one name in each call, the call for all names is not made. Returns the names that the
        server accepted. For each refused name, a note is added to `notes`. `failure` is the beginning of the note, such
        as `Label {} could not be set`, in which `{}` is replaced by the name.
        """
        if len(names) != 1 and self._api.takes_single_names:
            return [each for each in names if self._try([each], call, failure, notes)]
        if not names:
            return []
        try:
            with self._errors.translate(names[0]):
                call(names)
        except RefusedError as refusal:
            if len(names) == 1:
                notes.append(f"{failure.format(names[0])}: {refusal}.")
                return []
            return [each for each in names if self._try([each], call, failure, notes)]
        return list(names)


class NamedRemote(Protocol):
    """Access to one repository."""

    @property
    def name(self) -> str: ...


Remote = TypeVar("Remote", bound=NamedRemote)


@dataclass(frozen=True, slots=True)
class CheckedAutomerge(ABC, Generic[Remote]):
    """Enables auto-merge of pull requests in one repository, if the conditions for auto-merge are met."""

    remote: Remote
    errors: ClassVar[ServerErrors]
    advice: ClassVar[Mapping[int, str]] = MappingProxyType({})
    """The reason that a note gives, by the HTTP status of the refusal. For other statuses, the note quotes the
    refusal."""
    failure: ClassVar[str] = "Auto-merge was not enabled"
    """The beginning of the note."""

    @abstractmethod
    def try_enable(self, number: int, head: str | None) -> str | None:
        """Enable auto-merge, and return None. If auto-merge is not possible, return the reason.

        Raises RefusedError if an API call fails.
        """

    @abstractmethod
    def disable(self, number: int) -> None:
        """Disable auto-merge; do nothing if it is not enabled. Raises RefusedError if an API call fails."""

    def enable(self, number: int, head: str | None) -> tuple[str, ...]:
        try:
            with self.errors.translate(self.remote.name):
                reason = self.try_enable(number, head)
        except RefusedError as refusal:
            reason = self.advice.get(refusal.status or 0, str(refusal))
        return (f"{self.failure}: {reason}.",) if reason is not None else ()
