"""Enable and disable auto-merge of pull requests.

https://docs.github.com/en/graphql/reference/mutations#enablepullrequestautomerge
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from github.Repository import Repository

from bot.forges._refusal import RefusedError
from bot.forges.github.connection import Remote
from bot.forges.github.errors import MERGE_WRITE, PULLS_READ

_LOOK = """
query Automerge($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    viewerDefaultMergeMethod
    pullRequest(number: $number) { id headRefOid }
  }
}
"""
_ARM, _DISARM = "enablePullRequestAutoMerge", "disablePullRequestAutoMerge"
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
class _Pull:
    """A pull request as GraphQL returns it."""

    node: str
    head: str
    method: str
    """The merge method that the account used last, or that the repository allows."""


@dataclass(frozen=True, slots=True)
class Automerge:
    """Auto-merge of pull requests in one repository."""

    remote: Remote

    def arm(self, number: int, head: str | None) -> tuple[str, ...]:
        """Enable auto-merge while `head` is the last commit; return notes that say why it was not enabled."""
        try:
            pull = self._look(number)
            if head is not None and head != pull.head:
                return ("Auto-merge was not enabled: somebody pushed to the branch.",)
            self._change(_ARM, number, {"mergeMethod": pull.method, "expectedHeadOid": pull.head}, pull)
        except RefusedError as refusal:
            advice = next((words for sign, words in _ADVICE if sign in refusal.words), "")
            return (f"Auto-merge was not enabled: {advice or refusal}.",)
        return ()

    def disarm(self, number: int) -> None:
        """Disable auto-merge; nothing happens if it is not enabled. Raises RefusedError."""
        try:
            self._change(_DISARM, number, {}, self._look(number))
        except RefusedError as refusal:
            if "Can't disable auto-merge" not in refusal.words:
                raise

    def _look(self, number: int) -> _Pull:
        words = {"owner": self.remote.owner, "name": self.remote.short_name, "number": number}

        def ask(repository: Repository) -> _Pull:
            _, answer = repository.requester.graphql_query(_LOOK, words)
            found = answer["data"]["repository"]
            pull = found["pullRequest"]
            return _Pull(pull["id"], pull["headRefOid"], found["viewerDefaultMergeMethod"])

        return self.remote.read(f"read pull request #{number}", ask, PULLS_READ)

    def _change(self, mutation: str, number: int, words: dict[str, Any], pull: _Pull) -> None:
        change = {"pullRequestId": pull.node, **words}
        self.remote.write(
            f"change auto-merge of pull request #{number}",
            lambda repository: repository.requester.graphql_named_mutation(mutation, change, "clientMutationId"),
            MERGE_WRITE,
        )
