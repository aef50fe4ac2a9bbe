"""A GitLab as one token sees it: a client for each thread, and the pace at which it is written to."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from gitlab import Gitlab
from gitlab.exceptions import GitlabError
from gitlab.v4.objects import Project

from bot.forges._gitlab_errors import ODD, READ, WRITE, explain
from bot.forges._refusal import UNAUTHORIZED, Answer, RefusedError, ask, tell
from bot.net import ApiSession, HttpError

PER_PAGE = 100
"""The most that GitLab gives in a page."""
TIMEOUT = 30.0
"""Seconds without a byte; GitLab itself gives up after a minute, on what nobody should ask."""
MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of one answer: a page of merge requests whose descriptions are as long as they may be, nearly."""

_BROKEN = (
    GitlabError,
    HttpError,  # what our session refuses
    OSError,  # what `requests` raises is one
    ValueError,  # an answer that is no JSON, a date that is none
    *ODD,
)


@dataclass(frozen=True, slots=True)
class Account:
    """Who the token belongs to; nobody where there is none."""

    username: str | None
    emails: frozenset[str]
    """The addresses that its commits carry, in lower case."""


class _Client(Gitlab):
    """python-gitlab as we use it: nothing is asked a second time behind our back.

    By itself it sleeps for as long as a rate limit says, ten times over.
    """

    def __init__(self, url: str, token: str | None, ca: Path | None) -> None:
        session = ApiSession(url, limit=MAX_ANSWER)
        super().__init__(
            url,
            private_token=token,
            ssl_verify=str(ca) if ca is not None else os.environ.get("SSL_CERT_FILE") or True,
            timeout=TIMEOUT,
            per_page=PER_PAGE,
            user_agent=str(session.headers["User-Agent"]),
            keep_base_url=True,  # else its pages are asked for wherever the server's own settings say that it is
            session=session,
        )
        self.answered: Mapping[str, str] = {}
        """The headers of the last answer: python-gitlab's errors have none."""
        session.hooks["response"].append(self._remember)

    def http_request(self, verb: str, path: str, *words: Any, **more: Any) -> Any:
        self.answered = {}
        once = {"obey_rate_limit": False, "retry_transient_errors": False}
        return super().http_request(verb, path, *words, **(more | once))

    def _remember(self, response: Any, **_: object) -> None:
        self.answered = {name.lower(): str(value) for name, value in response.headers.items()}


class Connection:
    """What threads share of one GitLab: its address, the token, and what was learned about both."""

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        ca: Path | None = None,
        seconds_between_writes: float = 0.0,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect to the GitLab at `url`, with the certificates in `ca` instead of the usual ones where it is given."""
        self._url = url
        self._token = token
        self._ca = ca
        self._seconds_between_writes = seconds_between_writes
        self._threads = threading.local()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._next_write = 0.0
        self._clock = clock
        self._account: Account | None = None
        self._users: dict[str, int | None] = {}
        self.pause = pause

    def read(self, action: str, call: Callable[[Gitlab], Answer], needs: str = READ) -> Answer:
        """Return the answer of a call that changes nothing; what may pass later is asked again. Raises RefusedError."""
        return ask(lambda: self._call(action, call, needs), self.pause)

    def write(self, action: str, call: Callable[[Gitlab], Answer], needs: str = WRITE) -> Answer:
        """Return the answer of a call that changes something. Raises RefusedError.

        It is made again only after a short rate limit, which says that nothing was done. Writes of all threads wait
        for each other, and as long as was asked for.
        """

        def call_in_turn() -> Answer:
            with self._writing:
                wait = self._next_write - self._clock()
                if wait > 0:
                    self.pause(wait)
                try:
                    return self._call(action, call, needs)
                finally:
                    self._next_write = self._clock() + self._seconds_between_writes

        return tell(call_in_turn, self.pause)

    def account(self) -> Account:
        """Return who the token belongs to. Raises RefusedError."""
        with self._lock:
            if self._account is None:
                self._account = self._ask_account()
            return self._account

    def user(self, username: str) -> int | None:
        """Return the id of somebody by name, None where nobody has it; asked once in a run. Raises RefusedError.

        https://docs.gitlab.com/api/users/#list-users
        """
        name = username.casefold()

        def find(client: Gitlab) -> int | None:
            found = islice(client.users.list(username=username, iterator=True), PER_PAGE)
            return next((int(each.id) for each in found if str(each.username).casefold() == name), None)

        with self._lock:
            if name not in self._users:
                self._users[name] = self.read(f"look for the user {username}", find)
            return self._users[name]

    def _ask_account(self) -> Account:
        """Ask, once in a run: https://docs.gitlab.com/api/users/#get-the-current-user."""

        def whose(client: Gitlab) -> Account:
            client.auth()
            known = client.user.attributes if client.user is not None else {}
            emails = (known.get(key) for key in ("commit_email", "email"))
            lowered = frozenset(each.lower() for each in emails if isinstance(each, str) and each)
            return Account(str(known["username"]), lowered)

        try:
            return self.read("tell whose token it is", whose)
        except RefusedError as refusal:
            if refusal.status == UNAUTHORIZED and self._token is None:
                return Account(None, frozenset())
            raise

    def _call(self, action: str, call: Callable[[Gitlab], Answer], needs: str) -> Answer:
        client: _Client | None = None
        try:
            client = self._client()
            return call(client)
        except _BROKEN as error:
            headers = client.answered if client is not None else {}
            now = datetime.now(UTC)
            raise explain(error, action, needs, headers, secret=self._token, now=now) from error

    def _client(self) -> _Client:
        """Return this thread's client: its session cannot be shared."""
        client: _Client | None = getattr(self._threads, "client", None)
        if client is None:
            client = self._threads.client = _Client(self._url, self._token, self._ca)
        return client


@dataclass(frozen=True, slots=True)
class Remote:
    """One project on a GitLab."""

    connection: Connection = field(repr=False)
    name: str
    """Its full path: `group/subgroup/project`."""
    number: int | None = None
    """Its id, where it is known: it stays when the project moves."""

    def read(self, action: str, call: Callable[[Project], Answer], needs: str = READ) -> Answer:
        """Return what `call` reads; `action` stands in messages. Raises RefusedError."""
        return self.connection.read(f"{action} of {self.name}", lambda client: call(self._project(client)), needs)

    def write(self, action: str, call: Callable[[Project], Answer], needs: str = WRITE) -> Answer:
        """Return what `call` answers to a write; `action` stands in messages. Raises RefusedError."""
        return self.connection.write(f"{action} of {self.name}", lambda client: call(self._project(client)), needs)

    def _project(self, client: Gitlab) -> Project:
        return client.projects.get(self.number or self.name, lazy=True)
