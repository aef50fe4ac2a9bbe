"""A GitHub as one token sees it: a client for each thread, and how often a question is asked again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from github import Auth, Github, GithubException
from github.NamedUser import NamedUser
from github.Repository import Repository

from bot.forges._refusal import FORBIDDEN, NOT_FOUND, UNAUTHORIZED, Answer, RefusedError, ask, tell
from bot.forges.github.errors import CONTENTS_READ, METADATA_READ, ODD, explain

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
    """Who makes our commits."""

    login: str | None
    """None where only an installation's token is known, which belongs to nobody."""
    is_app: bool = False
    """Whether it is an App, which sees what its installation includes."""


class Tokens(Protocol):
    """What a request goes out with. Both raise RefusedError."""

    def token(self, about: str, needs: str) -> str | None:
        """Return what lets a request about `about` (an owner or `owner/name`) through, which `needs` a permission."""
        ...

    def bot(self) -> str | None:
        """Return the login of the App whose tokens these are, None where they are none of an App we know."""
        ...


@dataclass(frozen=True, slots=True)
class OneToken:
    """The same token for everything, or none at all."""

    secret: str | None = field(repr=False)

    def token(self, about: str, needs: str) -> str | None:  # noqa: ARG002 - the same for all
        return self.secret

    def bot(self) -> str | None:
        return None


class _Current(Auth.Auth):
    """The token that the request of a client goes out with: it changes from one request to the next."""

    token_type = "Bearer"  # noqa: S105 - the word that stands before a token

    def __init__(self) -> None:
        self.secret: str | None = None

    @property
    def token(self) -> str:
        return self.secret or ""

    def authentication(self, headers: dict[str, str]) -> None:
        if self.secret:
            super().authentication(headers)


class Connection:
    """What threads share of one GitHub: its address, the tokens, and what was learned about both."""

    def __init__(
        self,
        url: str,
        tokens: Tokens,
        *,
        ca: Path | None = None,
        seconds_between_writes: float = 0.0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Connect to the API at `url`, with the certificates in `ca` instead of the usual ones where it is given."""
        self._url = url
        self._tokens = tokens
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
        self.has_graphql = True
        """False once the server turned out to have none."""
        self.of_job: bool | None = None
        """Whether the token is that of a job of GitHub Actions; None while nobody asked."""

    def read(
        self, action: str, call: Callable[[Github], Answer], needs: str = METADATA_READ, *, about: str = ""
    ) -> Answer:
        """Return the answer of a call that changes nothing; what may pass later is asked again. Raises RefusedError.

        `about` is the owner or the `owner/name` that it is about.
        """
        token = self._tokens.token(about, needs)
        return ask(lambda: self._call(action, call, needs, token), self.pause)

    def try_once(self, action: str, call: Callable[[Github], Answer], needs: str, *, about: str) -> Answer:
        """Return the same for who has another way to ask where this one fails. Raises RefusedError."""
        return self._call(action, call, needs, self._tokens.token(about, needs))

    def write(self, action: str, call: Callable[[Github], Answer], needs: str, *, about: str) -> Answer:
        """Return the answer of a call that changes something. Raises RefusedError.

        It is made again only after a short rate limit, which says that nothing was done.
        """
        token = self._tokens.token(about, needs)
        return tell(lambda: self._call(action, call, needs, token), self.pause)

    def account(self) -> Account:
        """Return who makes our commits. Raises RefusedError."""
        with self._lock:
            if self._account is None:
                self._account = self._ask_account()
            return self._account

    def _ask_account(self) -> Account:
        bot = self._tokens.bot()
        if bot is not None:
            return Account(bot, is_app=True)
        try:
            return Account(self.read("tell whose token it is", lambda client: client.get_user().login))
        except RefusedError as refusal:
            if refusal.wait is None and refusal.status in (UNAUTHORIZED, FORBIDDEN, NOT_FOUND):
                return Account(None, is_app=refusal.status == FORBIDDEN)
            raise

    def _call(self, action: str, call: Callable[[Github], Answer], needs: str, token: str | None) -> Answer:
        client, current = self._client()
        before, current.secret = current.secret, token
        try:
            return call(client)
        except _BROKEN as error:
            raise explain(error, action, needs, secret=token, now=datetime.now(UTC)) from error
        finally:
            current.secret = before

    def _client(self) -> tuple[Github, _Current]:
        """Return this thread's client and its token: neither its connection nor its throttle can be shared."""
        kept: tuple[Github, _Current] | None = getattr(self._threads, "client", None)
        if kept is None:
            current = _Current()
            client = Github(
                auth=current,
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
            kept = self._threads.client = client, current
        return kept


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

    @property
    def short_name(self) -> str:
        return self.name.partition("/")[2]

    def read(self, action: str, call: Callable[[Repository], Answer], needs: str = CONTENTS_READ) -> Answer:
        """Return what `call` reads; `action` stands in messages. Raises RefusedError."""
        return self.connection.read(
            f"{action} of {self.name}", lambda client: call(client.get_repo(self.name)), needs, about=self.name
        )

    def write(self, action: str, call: Callable[[Repository], Answer], needs: str) -> Answer:
        """Return what `call` answers to a write; `action` stands in messages. Raises RefusedError."""
        return self.connection.write(
            f"{action} of {self.name}", lambda client: call(client.get_repo(self.name)), needs, about=self.name
        )


def login_of(user: NamedUser | None) -> str | None:
    """Return whose something is, None where GitHub does not know, or not any more."""
    return user.login if user is not None else None
