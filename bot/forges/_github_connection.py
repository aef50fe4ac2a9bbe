"""A GitHub as one token sees it: a client for each thread, and how often a question is asked again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from github import Auth, Github, GithubException
from github.Repository import Repository

from bot.forges._github_errors import (
    CONTENTS_READ,
    FORBIDDEN,
    METADATA_READ,
    NOT_FOUND,
    ODD,
    UNAUTHORIZED,
    explain,
)
from bot.forges._refusal import Answer, RefusedError, ask, tell

API_VERSION = "2022-11-28"
"""The version whose description the tests hold every exchange against."""
PER_PAGE = 100
"""The most that GitHub gives in a page."""
TIMEOUT = 30
"""Seconds for one answer; GitHub itself gives up after ten."""
_BROKEN = (
    GithubException,
    OSError,  # what `requests` raises is one
    AssertionError,  # how PyGithub refuses to follow a link to another host
    RuntimeError,  # the same for a redirect
    ValueError,  # an answer that is no JSON
    *ODD,  # an answer that is JSON, and not GitHub's
)


@dataclass(frozen=True, slots=True)
class Account:
    """Who the token belongs to."""

    login: str | None
    """None for an App, whose installation tokens belong to nobody."""


class Connection:
    """What threads share of one GitHub: its address, the token, and what was learned about both."""

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        ca: Path | None = None,
        seconds_between_writes: float = 0.0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Connect to the API at `url`, with the certificates in `ca` instead of the usual ones where it is given."""
        self._url = url
        self._token = token
        self._verify = True if ca is None else str(ca)
        self._seconds_between_writes = seconds_between_writes
        self._threads = threading.local()
        self._lock = threading.Lock()
        self._account: Account | None = None
        self.pause = pause
        self.can_compare_and_swap = True
        """False once the server turned out to be too old for it."""
        self.can_tell_standing = True
        """False once the server, or what the token may see, turned out not to be up to it."""

    def read(self, action: str, call: Callable[[Github], Answer], needs: str = METADATA_READ) -> Answer:
        """Return the answer of a call that changes nothing; what may pass later is asked again. Raises RefusedError."""
        return ask(lambda: self._call(action, call, needs), self.pause)

    def write(self, action: str, call: Callable[[Github], Answer], needs: str) -> Answer:
        """Return the answer of a call that changes something. Raises RefusedError.

        It is made again only after a short rate limit, which says that nothing was done.
        """
        return tell(lambda: self._call(action, call, needs), self.pause)

    def account(self) -> Account:
        """Return who the token belongs to. Raises RefusedError."""
        with self._lock:
            if self._account is None:
                self._account = self._ask_account()
            return self._account

    def _ask_account(self) -> Account:
        try:
            return Account(self.read("tell whose token it is", lambda client: client.get_user().login))
        except RefusedError as refusal:
            if refusal.wait is None and refusal.status in (UNAUTHORIZED, FORBIDDEN, NOT_FOUND):
                return Account(None)
            raise

    def _call(self, action: str, call: Callable[[Github], Answer], needs: str) -> Answer:
        try:
            return call(self._client())
        except _BROKEN as error:
            raise explain(error, action, needs, secret=self._token, now=datetime.now(UTC)) from error

    def _client(self) -> Github:
        """Return this thread's client: neither its connection nor its throttle can be shared."""
        client: Github | None = getattr(self._threads, "client", None)
        if client is None:
            client = Github(
                auth=Auth.Token(self._token) if self._token else None,
                base_url=self._url,
                timeout=TIMEOUT,
                user_agent="basebump",
                per_page=PER_PAGE,
                verify=self._verify,
                retry=None,  # PyGithub's own policy repeats creations, sleeps for an hour, and gives up on PATCH
                seconds_between_requests=0,
                seconds_between_writes=self._seconds_between_writes,
                lazy=True,
                api_version=API_VERSION,
            )
            self._threads.client = client
        return client


@dataclass(frozen=True, slots=True)
class Remote:
    """One repository on a GitHub."""

    connection: Connection = field(repr=False)
    name: str
    """`owner/name`."""
    node: str | None = None
    """Its id in GraphQL, where it is known."""

    @property
    def owner(self) -> str:
        return self.name.partition("/")[0]

    def read(self, action: str, call: Callable[[Repository], Answer], needs: str = CONTENTS_READ) -> Answer:
        """Return what `call` reads; `action` stands in messages. Raises RefusedError."""
        return self.connection.read(f"{action} of {self.name}", lambda client: call(client.get_repo(self.name)), needs)

    def write(self, action: str, call: Callable[[Repository], Answer], needs: str) -> Answer:
        """Return what `call` answers to a write; `action` stands in messages. Raises RefusedError."""
        return self.connection.write(f"{action} of {self.name}", lambda client: call(client.get_repo(self.name)), needs)
