"""Attributes of pull requests on GitHub, such as labels and reviewers, and auto-merge.

For auto-merge see https://docs.github.com/en/graphql/reference/mutations#enablepullrequestautomerge
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import quote

from github.Repository import Repository

from bot.forges.github.connection import GitHubRemote
from bot.forges.github.github_errors import CONTENTS_READ, MERGE_WRITE, PULLS_READ
from bot.forges.hosted.attributes import LABEL_COLOUR, LABEL_DESCRIPTION
from bot.forges.hosted.pulls import PullAttributes
from bot.forges.hosted.refusal import NOT_FOUND, RefusedError

MAX_MILESTONES = 500
"""The largest number of open milestones to search for a title."""


class GitHubAttributes(PullAttributes[GitHubRemote]):
    """The attributes of the pull requests of one repository; implements `AttributeApi`.

    Methods raise RefusedError if an API call fails.
    """

    def ensure_label(self, label: str) -> None:
        """Create a label with basebump's colour and description; do nothing if the label exists.

        https://docs.github.com/en/rest/issues/labels
        """
        try:
            self.remote.read_json(f"read the label {label}", f"/labels/{quote(label, safe='')}", CONTENTS_READ)
        except RefusedError as refusal:
            if refusal.status != NOT_FOUND:
                raise
            self._create_label(label)

    def remove_label(self, number: int, label: str) -> None:
        action = f"remove the label {label} from pull request #{number}"
        self.write(action, "DELETE", f"/issues/{number}/labels/{quote(label, safe='')}")

    def assign(self, number: int, people: Sequence[str]) -> Collection[str]:
        """Assign further users to a pull request, and return the logins of all its assignees.

        https://docs.github.com/en/rest/issues/assignees
        """
        body, action = {"assignees": list(people)}, f"assign pull request #{number}"
        issue = self.write(action, "POST", f"/issues/{number}/assignees", body) or {}
        return [str(each["login"]) for each in issue.get("assignees") or () if "login" in each]

    def find_milestone(self, title: str) -> int | None:
        """Return the number of the open milestone with this title; None if there is none.

        https://docs.github.com/en/rest/issues/milestones
        """
        return self.remote.read("list the milestones", lambda each: _find_milestone(each, title), PULLS_READ)

    def _create_label(self, label: str) -> None:
        body = {"name": label, "color": LABEL_COLOUR, "description": LABEL_DESCRIPTION}
        try:
            self.write(f"create the label {label}", "POST", "/labels", body)
        except RefusedError as refusal:
            if "already_exists" not in refusal.server_message:
                raise


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
"""Phrases in GitHub's messages, each with its meaning and a hint."""


@dataclass(frozen=True, slots=True)
class _PullRequestNode:
    """The data of a pull request that are needed to enable or disable auto-merge."""

    node_id: str
    head_commit: str
    merge_method: str
    """The merge method that the token's account used last, or one that the repository allows."""


@dataclass(frozen=True, slots=True)
class GitHubAutomerge:
    """Auto-merge of pull requests in one repository; implements `AutomergeApi`."""

    remote: GitHubRemote

    def enable(self, number: int, head: str | None) -> tuple[str, ...]:
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
