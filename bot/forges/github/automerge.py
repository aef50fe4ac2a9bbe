"""Letting GitHub merge a pull request by itself once it may, and no longer.

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
    ("is not allowed for this repository", "allow it in the settings of the repository, by `Allow auto-merge`"),
    ("clean status", "there is nothing that it waits for; merge it, or require a check or a review for its branch"),
    ("unstable status", "a check fails that is not required; look at it"),
    ("draft", "it is a draft"),
    ("doesn't exist on type", "the server is too old for it"),
)
"""What GitHub's words mean, and what to do about it."""


@dataclass(frozen=True, slots=True)
class _Pull:
    """One pull request as GraphQL names it."""

    node: str
    head: str
    method: str
    """The one that the account chose last, or that the repository allows."""


@dataclass(frozen=True, slots=True)
class Automerge:
    """Auto-merge in one repository."""

    remote: Remote

    def arm(self, number: int, head: str | None) -> tuple[str, ...]:
        """Let a pull request merge by itself while `head` is its last commit; return why not, in sentences."""
        try:
            pull = self._look(number)
            if head is not None and head != pull.head:
                return ("It was not set to merge by itself: somebody pushed to it.",)
            self._change(_ARM, number, {"mergeMethod": pull.method, "expectedHeadOid": pull.head}, pull)
        except RefusedError as refusal:
            advice = next((words for sign, words in _ADVICE if sign in refusal.words), "")
            return (f"It could not be set to merge by itself: {advice or refusal}.",)
        return ()

    def disarm(self, number: int) -> None:
        """Let it no longer merge by itself; one that does not is done. Raises RefusedError."""
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

        return self.remote.read(f"look up pull request #{number}", ask, PULLS_READ)

    def _change(self, mutation: str, number: int, words: dict[str, Any], pull: _Pull) -> None:
        change = {"pullRequestId": pull.node, **words}
        self.remote.write(
            f"change how pull request #{number} merges",
            lambda repository: repository.requester.graphql_named_mutation(mutation, change, "clientMutationId"),
            MERGE_WRITE,
        )
