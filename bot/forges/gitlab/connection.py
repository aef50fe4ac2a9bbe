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
from urllib.parse import quote

from gitlab import Gitlab
from gitlab.exceptions import GitlabError
from gitlab.v4.objects import Project

from bot.forges._refusal import FORBIDDEN, NOT_FOUND, UNAUTHORIZED, Answer, RefusedError, ask, tell
from bot.forges.git.remote import Origin
from bot.forges.gitlab.errors import ODD, READ, WRITE, explain
from bot.net import ApiSession, HttpError

PER_PAGE = 100
"""The most that GitLab gives in a page."""
TIMEOUT = 30.0
"""Seconds without a byte; GitLab itself gives up after a minute, on what nobody should ask."""
FIRST_PORTION, MOST_FILES = 15, 50
"""Files of one query: as many as pass on GitLab 18.4 and later, and as many as a slow server gets done in time."""
MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of one answer: a page of merge requests whose descriptions are as long as they may be, nearly."""

_DENIED = frozenset({UNAUTHORIZED, FORBIDDEN, NOT_FOUND})
_OR = "list its project under the job token permissions there, or let `token_env` name an access token that has"
_BROKEN = (
    GitlabError,
    HttpError,  # what our session refuses
    OSError,  # what `requests` raises is one
    ValueError,  # an answer that is no JSON, a date that is none
    *ODD,
)


@dataclass(frozen=True, slots=True)
class JobToken:
    """The token of a job of CI, which may read by git and little else, while the job runs."""

    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """Who the token belongs to; nobody where there is none."""

    username: str | None
    emails: frozenset[str] | None
    """The addresses that its commits carry, in lower case; None where it makes none, and nobody says who does."""


class _Client(Gitlab):
    """python-gitlab as we use it: nothing is asked a second time behind our back.

    By itself it sleeps for as long as a rate limit says, ten times over.
    """

    def __init__(self, url: str, token: str | JobToken | None, ca: Path | None) -> None:
        session = ApiSession(url, limit=MAX_ANSWER)
        super().__init__(
            url,
            private_token=token if isinstance(token, str) else None,
            job_token=token.secret if isinstance(token, JobToken) else None,
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


class Portion:
    """How many files one query in GraphQL asks for, as far as the server lets us.

    Threads may share it: the worst that they do to each other is a query that is refused and asked again in halves.
    """

    def __init__(self) -> None:
        self.files = FIRST_PORTION
        self._most = MOST_FILES

    def passed(self, files: int, score: int, limit: int) -> None:
        """Learn from a query that was answered: a tenth of what it may cost is left as it is."""
        fits = files * limit * 9 // (max(score, 1) * 10)
        self.files = max(self.files, min(fits, self._most))

    def refused(self, files: int) -> None:
        """Learn from a query that was too much: never ask for as many again."""
        self._most = max(files // 2, 1)
        self.files = min(self.files, self._most)


class Connection:
    """What threads share of one GitLab: its address, the token, and what was learned about both."""

    def __init__(
        self,
        url: str,
        token: str | JobToken | None,
        *,
        ca: Path | None = None,
        seconds_between_writes: float = 0.0,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect to the GitLab at `url`, with the certificates in `ca` instead of the usual ones where it is given."""
        self._url = url
        self._token = token
        self._secret = token.secret if isinstance(token, JobToken) else token
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
        self.graphql = f"{url}/api/graphql"
        """Where questions in GraphQL go."""
        self.has_graphql = True
        """False once the server turned out to have none."""
        self.unknown: set[str] = set()
        """Questions for which the server turned out to be too old."""
        self.portion = Portion()

    @property
    def is_of_job(self) -> bool:
        """Whether all that there is is the token of a job."""
        return isinstance(self._token, JobToken)

    def read(self, action: str, call: Callable[[Gitlab], Answer], needs: str = READ) -> Answer:
        """Return the answer of a call that changes nothing; what may pass later is asked again. Raises RefusedError."""
        return ask(lambda: self._call(action, call, needs), self.pause)

    def try_once(self, action: str, call: Callable[[Gitlab], Answer], needs: str = READ) -> Answer:
        """Return the same for who has another way to ask where this one fails. Raises RefusedError."""
        return self._call(action, call, needs)

    def write(self, action: str, call: Callable[[Gitlab], Answer], needs: str = WRITE) -> Answer:
        """Return the answer of a call that changes something. Raises RefusedError.

        It is made again only after a short rate limit, which says that nothing was done. Writes of all threads wait
        for each other, and as long as was asked for.
        """
        self.refuse_job(action, needs)

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

    def origin(self, name: str) -> Origin:
        """Return a project as git reads it: with the token of a job the name tells what it is, else any will do.

        https://docs.gitlab.com/user/profile/personal_access_tokens/#clone-repository-using-personal-access-token,
        https://docs.gitlab.com/ci/jobs/ci_job_token/#to-git-clone-a-private-projects-repository
        """
        user = "gitlab-ci-token" if self.is_of_job else "oauth2"
        login = f"{user}:{self._secret}" if self._secret is not None else None
        return Origin(f"{self._url}/{quote(name)}.git", login, self._ca)

    def refuse_job(self, action: str, needs: str = WRITE) -> None:
        """Raise RefusedError where there is but the token of a job, which writes nothing."""
        if self.is_of_job:
            raise RefusedError(job_cannot(action, needs), status=FORBIDDEN)

    def account(self) -> Account:
        """Return who the token belongs to. Raises RefusedError."""
        if self.is_of_job:
            return Account(None, None)
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
            refusal = explain(error, action, needs, headers, secret=self._secret, now=now)
            if self.is_of_job and refusal.status in _DENIED:
                what = f"GitLab does not let a job token {action}, which takes 18.4 or later; {_OR} {needs}"
                refusal = RefusedError(what, status=refusal.status)
            raise refusal from error

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


def job_cannot(action: str, needs: str = WRITE) -> str:
    """Return what to say of something that the token of a job does not do."""
    return f"a job token cannot {action}; let `token_env` name an access token that has {needs}"
