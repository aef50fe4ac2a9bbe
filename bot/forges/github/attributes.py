"""Set labels, reviewers, assignees and milestone of a pull request, each on its own, so that failures stay separate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any
from urllib.parse import quote

from github.Repository import Repository

from bot.forges.github.connection import GitHubRemote
from bot.forges.github.errors import PULLS_READ, PULLS_WRITE
from bot.forges.hosted.refusal import NOT_FOUND, RefusedError
from bot.model.request_attributes import TEAM_PREFIX, RequestAttributes

LABEL_COLOUR = "1d63ed"
"""Colour of labels that basebump creates: the blue of container images."""
LABEL_DESCRIPTION = "Set by basebump on its pull requests"
MAX_MILESTONES = 500
"""Open milestones that are searched; a repository with more does not plan with them."""


class GitHubAttributesWriter:
    """Sets attributes of pull requests in one repository, in one run. Failures are returned as notes."""

    def __init__(self, remote: GitHubRemote) -> None:
        self._remote = remote
        self._labels: set[str] = set()
        """Labels that are known to exist, in lower case."""

    def set_attributes(self, number: int, attributes: RequestAttributes) -> tuple[str, ...]:
        """Set labels, reviewers, assignees and milestone of a pull request, and return notes about failures."""
        return (
            *self._add_labels(number, attributes.labels),
            *self._request_reviews(number, attributes.reviewers),
            *self._set_assignees(number, attributes.assignees),
            *(self._set_milestone(number, attributes.milestone) if attributes.milestone is not None else ()),
        )

    def remove_label(self, number: int, label: str) -> None:
        """Remove a label; nothing happens if it is not set. Raises RefusedError.

        https://docs.github.com/en/rest/issues/labels#remove-a-label-from-an-issue
        """
        try:
            self._remote.write(
                f"remove the label {label} from pull request #{number}",
                lambda repository: repository.requester.requestJsonAndCheck(
                    "DELETE", f"{repository.url}/issues/{number}/labels/{quote(label, safe='')}"
                ),
                PULLS_WRITE,
            )
        except RefusedError as refusal:
            if refusal.status != NOT_FOUND:
                raise

    def _add_labels(self, number: int, labels: Sequence[str]) -> list[str]:
        """Add labels; missing ones are created first, so that they get a description."""
        notes: list[str] = []
        existing: list[str] = []
        for label in labels:
            try:
                self._ensure_label(label)
                existing.append(label)
            except RefusedError as refusal:
                notes.append(f"Label `{label}` could not be created: {refusal}.")

        def add(names: Sequence[str]) -> None:
            self._post(f"issues/{number}/labels", {"labels": list(names)}, f"label pull request #{number}", PULLS_WRITE)

        return notes + _try_all_then_each(existing, add, "Label `{}` could not be set")

    def _ensure_label(self, label: str) -> None:
        """Create a label unless it exists: https://docs.github.com/en/rest/issues/labels."""
        if label.lower() in self._labels:
            return
        try:
            self._remote.read(
                f"read the label {label}",
                lambda repository: repository.requester.requestJsonAndCheck(
                    "GET",
                    f"{repository.url}/labels/{quote(label, safe='')}",  # PyGithub does not escape a slash
                ),
            )
        except RefusedError as refusal:
            if refusal.status != NOT_FOUND:
                raise
            self._create_label(label)
        self._labels.add(label.lower())

    def _create_label(self, label: str) -> None:
        try:
            self._remote.write(
                f"create the label {label}",
                lambda repository: repository.create_label(label, LABEL_COLOUR, LABEL_DESCRIPTION),
                PULLS_WRITE,
            )
        except RefusedError as refusal:
            if "already_exists" not in refusal.server_message:
                raise

    def _request_reviews(self, number: int, reviewers: Sequence[str]) -> list[str]:
        """Request reviews. GitHub refuses all if one of them may not review; then each is requested alone.

        https://docs.github.com/en/rest/pulls/review-requests
        """

        def request(reviewer_names: Sequence[str]) -> None:
            people = [each for each in reviewer_names if not each.startswith(TEAM_PREFIX)]
            teams = [each.removeprefix(TEAM_PREFIX) for each in reviewer_names if each.startswith(TEAM_PREFIX)]
            body = {key: names for key, names in (("reviewers", people), ("team_reviewers", teams)) if names}
            action = f"request reviews of pull request #{number}"
            self._post(f"pulls/{number}/requested_reviewers", body, action, PULLS_WRITE)

        return _try_all_then_each(reviewers, request, "A review of `{}` could not be requested")

    def _set_assignees(self, number: int, assignees: Sequence[str]) -> list[str]:
        """Assign people; GitHub silently skips some of them: https://docs.github.com/en/rest/issues/assignees."""
        if not assignees:
            return []
        try:
            issue = self._post(
                f"issues/{number}/assignees",
                {"assignees": list(assignees)},
                f"assign pull request #{number}",
                PULLS_WRITE,
            )
        except RefusedError as refusal:
            return [f"The assignees could not be set: {refusal}."]
        assigned = {str(each["login"]).lower() for each in issue.get("assignees") or () if "login" in each}
        reason = "GitHub assigns only people who may write to the repository"
        return [f"`{each}` could not be assigned: {reason}." for each in assignees if each.lower() not in assigned]

    def _set_milestone(self, number: int, milestone: str) -> list[str]:
        """Set the milestone by its title: https://docs.github.com/en/rest/issues/milestones."""
        try:
            number_of_milestone = self._remote.read(
                "list the milestones", lambda each: _find_milestone(each, milestone), PULLS_READ
            )
            if number_of_milestone is None:
                return [f"The milestone could not be set: no open milestone is called `{milestone}`; hint: create it."]
            self._remote.write(
                f"set the milestone of pull request #{number}",
                lambda repository: repository.requester.requestJsonAndCheck(
                    "PATCH", f"{repository.url}/issues/{number}", input={"milestone": number_of_milestone}
                ),
                PULLS_WRITE,
            )
        except RefusedError as refusal:
            return [f"The milestone could not be set: {refusal}."]
        return []

    def _post(self, path: str, body: Mapping[str, Any], action: str, permission: str) -> Mapping[str, Any]:
        """Send a request that PyGithub would send in another form, or only after reading the pull request."""

        def post(repository: Repository) -> Mapping[str, Any]:
            _, answer = repository.requester.requestJsonAndCheck("POST", f"{repository.url}/{path}", input=body)
            return answer if isinstance(answer, Mapping) else {}

        return self._remote.write(action, post, permission)


def _try_all_then_each(names: Sequence[str], call: Callable[[Sequence[str]], None], failure: str) -> list[str]:
    """Make one call for all names; if that is refused, make one for each, and return a note for each refusal."""
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


def _find_milestone(repository: Repository, title: str) -> int | None:
    milestones = islice(repository.get_milestones(state="open"), MAX_MILESTONES)
    return next((each.number for each in milestones if each.title.casefold() == title.casefold()), None)
