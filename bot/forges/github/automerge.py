"""Enable and disable auto-merge of pull requests.

https://docs.github.com/en/graphql/reference/mutations#enablepullrequestautomerge
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from github.Repository import Repository

from bot.forges.github.connection import GitHubRemote
from bot.forges.github.errors import MERGE_WRITE, PULLS_READ
from bot.forges.hosted.refusal import RefusedError

_QUERY = """
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
"""Phrases in GitHub's messages, with what they mean and what to do about them."""


@dataclass(frozen=True, slots=True)
class _PullRequestNode:
    """A pull request as GraphQL returns it."""

    node_id: str
    head_commit: str
    merge_method: str
    """The merge method that the account used last, or that the repository allows."""


@dataclass(frozen=True, slots=True)
class GitHubAutomerge:
    """Auto-merge of pull requests in one repository."""

    remote: GitHubRemote

    def enable(self, number: int, head: str | None) -> tuple[str, ...]:
        """Enable auto-merge while `head` is the last commit; return notes that say why it was not enabled."""
        try:
            pull = self._read_pull_request(number)
            if head is not None and head != pull.head_commit:
                return ("Auto-merge was not enabled: somebody pushed to the branch.",)
            self._change(_ENABLE, number, {"mergeMethod": pull.merge_method, "expectedHeadOid": pull.head_commit}, pull)
        except RefusedError as refusal:
            advice = next((meaning for phrase, meaning in _ADVICE if phrase in refusal.server_message), "")
            return (f"Auto-merge was not enabled: {advice or refusal}.",)
        return ()

    def disable(self, number: int) -> None:
        """Disable auto-merge; nothing happens if it is not enabled. Raises RefusedError."""
        try:
            self._change(_DISABLE, number, {}, self._read_pull_request(number))
        except RefusedError as refusal:
            if "Can't disable auto-merge" not in refusal.server_message:
                raise

    def _read_pull_request(self, number: int) -> _PullRequestNode:
        variables = {"owner": self.remote.owner, "name": self.remote.short_name, "number": number}

        def fetch(repository: Repository) -> _PullRequestNode:
            _, answer = repository.requester.graphql_query(_QUERY, variables)
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
