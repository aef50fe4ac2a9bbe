"""Reads pull requests of servers that are accessed without a client library."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from bot.core.proposal.marks import COMMENT_MARK
from bot.forges.hosted.request_reader import ListedRequest
from bot.forges.hosted.rest import RestAccount, RestConnection, RestRemote

Remote = TypeVar("Remote", bound=RestRemote[RestConnection])


class RestRequestReader(ABC, Generic[Remote]):
    """The methods of `RequestReader` that compare the token's account with other accounts.

    Methods raise RefusedError if an API call fails.
    """

    def __init__(self, remote: Remote) -> None:
        self.remote = remote

    @property
    def account(self) -> RestAccount:
        """The account to which the token belongs."""
        return self.remote.connection.get_account()

    @abstractmethod
    def list_comments(self, number: int) -> Iterable[tuple[str | None, str]]:
        """Return the comments on a pull request: for each, the login or id of its author, and the text."""

    @abstractmethod
    def list_open_of_branch(self, branch: str, target_branch: str) -> Sequence[ListedRequest]:
        """Return the open pull requests to merge a branch into a target branch."""

    def find_open(self, branch: str, target_branch: str) -> ListedRequest | None:
        return max(self.list_open_of_branch(branch, target_branch), key=lambda each: each.number, default=None)

    def is_own_automerge(self, request: ListedRequest) -> bool:
        return self.account.has_id(request.automerge_by)

    def is_own_request(self, request: ListedRequest) -> bool:
        return self.account.has_id(request.opened_by)

    def has_own_comment(self, number: int) -> bool:
        return any(COMMENT_MARK in text and self.account.has_id(author) for author, text in self.list_comments(number))
