"""Sets attributes of pull requests, such as labels and reviewers, on servers that set each of them by its own request.

A refusal affects only one attribute: the pull request stays open without it, and a note (a sentence for the report)
gives the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from bot.forges.hosted.refusal import NOT_FOUND, RefusedError, ServerErrors
from bot.model.request_attributes import TEAM_PREFIX, RequestAttributes

LABEL_COLOUR = "1d63ed"
"""The colour of labels that basebump creates."""
LABEL_DESCRIPTION = "Set by basebump on its pull requests"


class AttributeApi(Protocol):
    """The attributes of the pull requests of one repository on a server. Methods raise RefusedError."""

    def ensure_label(self, label: str) -> None:
        """Create a label in the repository with our colour and description; do nothing if the label exists."""
        ...

    def add_labels(self, number: int, labels: Sequence[str]) -> None:
        """Add existing labels to a pull request."""
        ...

    def remove_label(self, number: int, label: str) -> None:
        """Remove a label from a pull request."""
        ...

    def request_reviews(self, number: int, people: Sequence[str], teams: Sequence[str]) -> None: ...

    def assign(self, number: int, people: Sequence[str]) -> Collection[str]:
        """Assign users to a pull request in addition to others, and return the logins of all assignees."""
        ...

    def find_milestone(self, title: str) -> int | None:
        """Return the number or id of the open milestone with this title; None if there is none."""
        ...

    def set_milestone(self, number: int, milestone: int) -> None: ...


class AttributesWriter:
    """Sets attributes of pull requests in one repository during one run.

    If an attribute cannot be set, the result contains a note with the reason.
    """

    def __init__(self, api: AttributeApi, server: str) -> None:
        """`server` is the name of the server in notes."""
        self._api = api
        self._server = server
        self._labels: set[str] = set()
        """Labels that exist in the repository as far as this run found out, in lower case."""

    def set_attributes(self, number: int, attributes: RequestAttributes) -> tuple[str, ...]:
        """Set labels, reviewers, assignees and milestone of a pull request, and return a note for each failure."""
        return (
            *self._add_labels(number, attributes.labels),
            *self._request_reviews(number, attributes.reviewers),
            *self._set_assignees(number, attributes.assignees),
            *(self._set_milestone(number, attributes.milestone) if attributes.milestone is not None else ()),
        )

    def remove_labels(self, number: int, labels: Sequence[str]) -> None:
        """Remove labels from a pull request, as far as they are set. Raises RefusedError."""
        for label in labels:
            try:
                self._api.remove_label(number, label)
            except RefusedError as refusal:
                if refusal.status != NOT_FOUND:
                    raise

    def _add_labels(self, number: int, labels: Sequence[str]) -> list[str]:
        """Add labels to a pull request, and return a note for each failure.

        Labels that do not exist in the repository are created.
        """
        notes: list[str] = []
        existing: list[str] = []
        for label in labels:
            try:
                if label.lower() not in self._labels:
                    self._api.ensure_label(label)
                    self._labels.add(label.lower())
                existing.append(label)
            except RefusedError as refusal:
                notes.append(f"Label `{label}` could not be created: {refusal}.")
        return notes + _try_all_then_each(
            existing, lambda names: self._api.add_labels(number, names), "Label `{}` could not be set"
        )

    def _request_reviews(self, number: int, reviewers: Sequence[str]) -> list[str]:
        """Request reviews from users and teams, and return a note for each failure.

        If one of the reviewers may not review, servers refuse the request for all of them. basebump therefore sends a
        separate request for each reviewer after such a refusal.
        """

        def request(names: Sequence[str]) -> None:
            people = [each for each in names if not each.startswith(TEAM_PREFIX)]
            teams = [each.removeprefix(TEAM_PREFIX) for each in names if each.startswith(TEAM_PREFIX)]
            self._api.request_reviews(number, people, teams)

        return _try_all_then_each(reviewers, request, "A review of `{}` could not be requested")

    def _set_assignees(self, number: int, assignees: Sequence[str]) -> list[str]:
        """Assign users to a pull request, and return a note for each user who was not assigned.

        If a user cannot be assigned, a server may ignore the user and report success. To detect this, the assignees in
        the answer are compared with `assignees`.
        """
        if not assignees:
            return []
        try:
            assigned = {each.lower() for each in self._api.assign(number, assignees)}
        except RefusedError as refusal:
            return [f"The assignees could not be set: {refusal}."]
        reason = f"{self._server} assigns only users who can write to the repository"
        return [f"`{each}` could not be assigned: {reason}." for each in assignees if each.lower() not in assigned]

    def _set_milestone(self, number: int, title: str) -> list[str]:
        """Set the open milestone with a title. If it cannot be set, return one note with the reason."""
        try:
            milestone = self._api.find_milestone(title)
            if milestone is None:
                return [f"The milestone could not be set: no open milestone is called `{title}`; hint: create it."]
            self._api.set_milestone(number, milestone)
        except RefusedError as refusal:
            return [f"The milestone could not be set: {refusal}."]
        return []


def _try_all_then_each(names: Sequence[str], call: Callable[[Sequence[str]], None], failure: str) -> list[str]:
    """Make one call for all names. If the server refuses this call, make a separate call for each name.

    Returns a note for each name that was refused. `failure` is the beginning of the note, such as `Label {} could not
    be set`, in which `{}` is replaced by the name.
    """
    if not names:
        return []
    try:
        call(names)
    except RefusedError as refusal:
        if len(names) == 1:
            return [f"{failure.format(names[0])}: {refusal}."]
    else:
        return []
    return [note for each in names for note in _try_all_then_each([each], call, failure)]


def describe_automerge(
    try_enable: Callable[[], str | None],
    errors: ServerErrors,
    repository: str,
    advice: Mapping[int, str],
    failure: str = "Auto-merge was not enabled",
) -> tuple[str, ...]:
    """Enable auto-merge, and return an empty tuple. If this fails, return one note with the reason.

    Args:
        try_enable: Enables auto-merge, and returns None, or the reason why this is not possible. Raises RefusedError.
        errors: The meanings of the server's errors.
        repository: The name of the repository.
        advice: The reasons for refusals, by HTTP status. For other refusals, their own messages are used.
        failure: The beginning of the note.
    """
    try:
        with errors.translate(repository):
            reason = try_enable()
    except RefusedError as refusal:
        reason = advice.get(refusal.status or 0, str(refusal))
    return (f"{failure}: {reason}.",) if reason is not None else ()
