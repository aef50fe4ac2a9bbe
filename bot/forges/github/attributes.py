"""Attributes of pull requests, such as labels and reviewers, and auto-merge.

Each attribute is set by an API request of its own, so that a refusal affects only this attribute. If an attribute
cannot be set, the pull request stays open without it, and a note (a sentence for the report) gives the reason. For
auto-merge see

https://docs.github.com/en/graphql/reference/mutations#enablepullrequestautomerge
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import quote

from github.Repository import Repository

from bot.forges.github.connection import GitHubRemote
from bot.forges.github.errors import MERGE_WRITE, PULLS_READ, PULLS_WRITE
from bot.forges.hosted.refusal import NOT_FOUND, RefusedError
from bot.model.request_attributes import TEAM_PREFIX, RequestAttributes

LABEL_COLOUR = "1d63ed"
"""The colour of labels that basebump creates."""
LABEL_DESCRIPTION = "Set by basebump on its pull requests"
MAX_MILESTONES = 500
"""The largest number of open milestones that are searched for a title."""


class GitHubAttributesWriter:
    """Sets attributes of pull requests in one repository during one run.

    If an attribute cannot be set, the result contains a note with the reason.
    """

    def __init__(self, remote: GitHubRemote) -> None:
        self._remote = remote
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

    def remove_label(self, number: int, label: str) -> None:
        """Remove a label from a pull request; do nothing if the label is not set. Raises RefusedError.

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
        """Add labels to a pull request, and return a note for each failure.

        Labels that do not exist in the repository are created.
        """
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
        """Create a label in the repository; do nothing if the label exists. Raises RefusedError.

        https://docs.github.com/en/rest/issues/labels
        """
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
        """Request reviews from users and teams, and return a note for each failure.

        If one of the reviewers may not review, GitHub refuses the request for all of them. basebump therefore sends a
        separate request for each reviewer after such a refusal.

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
        """Assign users to a pull request, and return a note for each user who was not assigned.

        If a user cannot be assigned, GitHub ignores the user and reports success. To detect this, the assignees in the
        answer are compared with `assignees`.

        https://docs.github.com/en/rest/issues/assignees
        """
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
        reason = "GitHub assigns only users who can write to the repository"
        return [f"`{each}` could not be assigned: {reason}." for each in assignees if each.lower() not in assigned]

    def _set_milestone(self, number: int, milestone: str) -> list[str]:
        """Set the open milestone with the title `milestone`.

        If the milestone is set, the result is empty. If it cannot be set, the result contains one note with the reason.

        https://docs.github.com/en/rest/issues/milestones
        """
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
        """Send a POST request to a path below the repository's URL, and return the answer. Raises RefusedError.

        PyGithub's own methods are not used: some of them send other request bodies, and some send an additional request
        to read the pull request.
        """

        def post(repository: Repository) -> Mapping[str, Any]:
            _, answer = repository.requester.requestJsonAndCheck("POST", f"{repository.url}/{path}", input=body)
            return answer if isinstance(answer, Mapping) else {}

        return self._remote.write(action, post, permission)


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


def _find_milestone(repository: Repository, title: str) -> int | None:
    milestones = islice(repository.get_milestones(state="open"), MAX_MILESTONES)
    return next((each.number for each in milestones if each.title.casefold() == title.casefold()), None)


_AUTOMERGE_QUERY = """
query Automerge($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    viewerDefaultMergeMethod
    pullRequest(number: $number) { id headRefOid }
  }
}
"""
_ENABLE, _DISABLE = "enablePullRequestAutoMerge", "disablePullRequestAutoMerge"
_ADVICE = (
    (
        "is not allowed for this repository",
        "the repository does not allow it; hint: enable `Allow auto-merge` in its settings",
    ),
    ("clean status", "it waits for nothing; hint: merge it, or require a check or a review for its base branch"),
    ("unstable status", "a check that is not required fails; hint: look at that check"),
    ("draft", "it is a draft"),
    ("doesn't exist on type", "the server is too old for auto-merge"),
)
"""Phrases in GitHub's messages, with their meanings and hints."""


@dataclass(frozen=True, slots=True)
class _PullRequestNode:
    """The data about a pull request that are needed to enable or disable auto-merge."""

    node_id: str
    head_commit: str
    merge_method: str
    """The merge method that the token's account used last, or one that the repository allows."""


@dataclass(frozen=True, slots=True)
class GitHubAutomerge:
    """Auto-merge of pull requests in one repository; implements `AutomergeApi`."""

    remote: GitHubRemote

    def enable(self, number: int, head: str | None) -> tuple[str, ...]:
        """Enable auto-merge, and return an empty tuple. If this fails, return one note with the reason.

        If `head` is given, auto-merge is enabled only if the pull request's last commit is still `head`. Never raises
        RefusedError.
        """
        try:
            pull = self._read_pull_request(number)
            if head is not None and head != pull.head_commit:
                return ("Auto-merge was not enabled: another user pushed to the branch.",)
            self._change(_ENABLE, number, {"mergeMethod": pull.merge_method, "expectedHeadOid": pull.head_commit}, pull)
        except RefusedError as refusal:
            advice = next((meaning for phrase, meaning in _ADVICE if phrase in refusal.server_message), "")
            return (f"Auto-merge was not enabled: {advice or refusal}.",)
        return ()

    def disable(self, number: int) -> None:
        """Disable auto-merge; do nothing if it is not enabled. Raises RefusedError."""
        try:
            self._change(_DISABLE, number, {}, self._read_pull_request(number))
        except RefusedError as refusal:
            if "Can't disable auto-merge" not in refusal.server_message:
                raise

    def _read_pull_request(self, number: int) -> _PullRequestNode:
        variables = {"owner": self.remote.owner, "name": self.remote.short_name, "number": number}

        def fetch(repository: Repository) -> _PullRequestNode:
            _, answer = repository.requester.graphql_query(_AUTOMERGE_QUERY, variables)
            repository_data = answer["data"]["repository"]
            pull = repository_data["pullRequest"]
            return _PullRequestNode(pull["id"], pull["headRefOid"], repository_data["viewerDefaultMergeMethod"])

        return self.remote.read(f"read pull request #{number}", fetch, PULLS_READ)

    def _change(self, mutation: str, number: int, values: dict[str, Any], pull: _PullRequestNode) -> None:
        change = {"pullRequestId": pull.node_id, **values}
        self.remote.write(
            f"change auto-merge of pull request #{number}",
            lambda repository: repository.requester.graphql_named_mutation(mutation, change, "clientMutationId"),
            MERGE_WRITE,
        )
