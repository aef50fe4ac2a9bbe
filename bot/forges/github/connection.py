"""The connection to a GitHub server, which sends REST requests and GraphQL queries with PyGithub.

The costs and limits of GraphQL queries are documented at
https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from github import Github, GithubException
from github.NamedUser import NamedUser
from github.Organization import Organization
from github.Repository import Repository

from bot.forges.github.client import create_client
from bot.forges.github.github_errors import (
    CONTENTS_READ,
    CONTENTS_WRITE,
    GITHUB_ERRORS,
    ISSUES_WRITE,
    METADATA_READ,
    PULLS_READ,
    PULLS_WRITE,
    STATUSES_WRITE,
    explain_error,
)
from bot.forges.hosted.connection import ClientConnection, ClientPool, SharedValue, create_pace
from bot.forges.hosted.pulls import PullPermissions
from bot.forges.hosted.refusal import (
    FORBIDDEN,
    NOT_FOUND,
    UNAUTHORIZED,
    UNKNOWN_NAME_MESSAGE,
    Answer,
    RefusedError,
    UnsupportedQueryError,
)

_CLIENT_ERRORS: tuple[type[Exception], ...] = (
    GithubException,
    OSError,  # `requests` raises subclasses of it
    *GITHUB_ERRORS.client_errors,
    *GITHUB_ERRORS.malformed_answer_errors,
)


@dataclass(frozen=True, slots=True)
class GitHubAccount:
    """The account of the token, which is the author of basebump's commits."""

    login: str | None
    """The login of the account.

    It is None if there is no token, or if the token belongs to an App whose login cannot be determined.
    """
    is_app: bool = False
    """True for an App, which can access only the repositories of its installations."""
    has_signed_commits: bool = False
    """True if GitHub signs each commit that the account creates. GitHub does this for Apps, except on an Enterprise
    Server.
    https://docs.github.com/en/authentication/managing-commit-signature-verification/about-commit-signature-verification#signature-verification-for-bots"""

    def is_account(self, user: NamedUser | Organization | None) -> bool:
        """Return True if `user` is this account. If the login of an App is not known, every bot counts as the App."""
        return user is not None and self.has_login(user.login, user.type)

    def has_login(self, login: str, user_type: str) -> bool:
        """Return True if this account has this login and type, or could be this bot."""
        return user_type == "Bot" if self.login is None else login.lower() == self.login.lower()


_BOT_SUFFIX = "[bot]"
"""In the REST API, the login of every App's account ends with this text."""


def _is_hosted_by_github(url: str) -> bool:
    """Return True for the API of github.com or of a subdomain of ghe.com."""
    host = urlsplit(url).netloc.lower()
    return host == "api.github.com" or host.endswith(".ghe.com")


class TokenSource(Protocol):
    """Returns the token for each request, such as a fixed token or tokens of an App.

    Methods raise RefusedError if an API call fails.
    """

    def get_token(self, about: str, permission: str) -> str | None:
        """Return the token for a request; None to send the request without a token.

        Args:
            about: The owner or the `owner/name` that the request is about. For an App, the owner determines whose
                installation issues the token.
            permission: The permission that the request requires, such as `contents: write`.
        """
        ...

    def get_bot_login(self) -> str | None:
        """Return the login of the App whose installations issue the tokens.

        Return None if the tokens do not come from an App, or if the login of the App is not known.
        """
        ...


@dataclass(frozen=True, slots=True)
class StaticToken:
    """Uses the same token for every request; if the token is None, requests are sent without one."""

    secret: str | None = field(repr=False)

    def get_token(self, about: str, permission: str) -> str | None:  # noqa: ARG002 - the same for all
        return self.secret

    def get_bot_login(self) -> str | None:
        return None


class GitHubConnection(ClientConnection[Github]):
    """The access to one GitHub server, which all threads share.

    The object remembers which features the server lacks, so that these are not requested again.
    """

    read_permission, write_permission = METADATA_READ, CONTENTS_WRITE

    def __init__(
        self,
        url: str,
        tokens: TokenSource,
        *,
        ca: Path | None = None,
        seconds_between_writes: float = 0.0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare requests to the API at `url`. No request is sent yet.

        Args:
            url: The URL of the REST API.
            tokens: Returns the token for each request.
            ca: A file with certificates to trust instead of the default ones.
            seconds_between_writes: The shortest time between two requests that change something.
            pause: Waits for a number of seconds.
        """
        self._tokens = tokens
        self._is_enterprise_server = not _is_hosted_by_github(url)
        pace = create_pace(url, pause)
        super().__init__(pause, seconds_between_writes, pace)
        self._clients = ClientPool(lambda: create_client(url, ca, pace))
        self._account = SharedValue[GitHubAccount]()
        self.can_compare_and_swap = True
        """True until the server refuses the mutation `updateRefs`, because the server is too old."""
        self.can_query_reviews = True
        """True until the server refuses the query for reviews, because the server or the token does not support the
        query."""
        self.has_graphql = True
        """True until the server turns out to have no GraphQL API."""
        self.has_job_token: bool | None = None
        """True if the token is the `GITHUB_TOKEN` of a job of GitHub Actions; None until this has been checked."""

    def get_token(self, about: str, permission: str) -> str | None:
        return self._tokens.get_token(about, permission)

    def get_account(self) -> GitHubAccount:
        """Return the account of the token.

        The account is fetched only once. Raises RefusedError if an API call fails.
        """
        return self._account.get(self._fetch_account)

    def _fetch_account(self) -> GitHubAccount:
        bot_login = self._tokens.get_bot_login()
        if bot_login is not None:
            return self._build_app_account(bot_login)
        try:
            return GitHubAccount(self.read("identify the token", lambda client: client.get_user().login))
        except RefusedError as refusal:
            if refusal.retry_after is None and refusal.status == FORBIDDEN:
                return self._build_app_account(self._query_bot_login())
            if refusal.retry_after is None and refusal.status in (UNAUTHORIZED, NOT_FOUND):
                return GitHubAccount(None)
            raise

    def _build_app_account(self, login: str | None) -> GitHubAccount:
        return GitHubAccount(login, is_app=True, has_signed_commits=not self._is_enterprise_server)

    def _query_bot_login(self) -> str | None:
        """Return the login of the App to which an installation's token belongs; None if it cannot be determined.

        For such a token, only GraphQL reports the account: https://docs.github.com/en/graphql/reference/queries#viewer
        """
        try:
            answer = run_query(self, "identify the token", "query { viewer { login } }", {}, "")
            login = str(answer.data["viewer"]["login"])
        except (RefusedError, UnsupportedQueryError, KeyError, TypeError):
            return None
        return login if login.endswith(_BOT_SUFFIX) else f"{login}{_BOT_SUFFIX}"

    def make_call(self, action: str, call: Callable[[Github], Answer], permission: str, token: str | None) -> Answer:
        try:
            client, current, session = self._clients.get()
            previous, current.secret = current.secret, token
            try:
                with session.limit_call():
                    return call(client)
            finally:
                current.secret = previous
        except _CLIENT_ERRORS as error:
            raise explain_error(error, action, permission, secret=token, now=datetime.now(UTC)) from error


@dataclass(frozen=True, slots=True)
class GitHubRemote:
    """One repository on a GitHub server."""

    connection: GitHubConnection = field(repr=False)
    name: str
    """`owner/name`."""
    node_id: str | None = None
    """The id of the repository in GraphQL; None if the id is not known."""

    @property
    def owner(self) -> str:
        return self.name.partition("/")[0]

    @property
    def short_name(self) -> str:
        return self.name.partition("/")[2]

    def read(self, action: str, call: Callable[[Repository], Answer], permission: str = CONTENTS_READ) -> Answer:
        """Make a call that reads something in this repository, and return its result.

        `GitHubConnection.read` explains the parameters, and the failures after which the call is repeated. Raises
        RefusedError if an API call fails.
        """
        return self.connection.read(
            f"{action} of {self.name}", lambda client: call(client.get_repo(self.name)), permission, about=self.name
        )

    def write(self, action: str, call: Callable[[Repository], Answer], permission: str) -> Answer:
        """Make a call that changes something in this repository, and return its result.

        `GitHubConnection.write` explains the parameters, and the failures after which the call is repeated. Raises
        RefusedError if an API call fails.
        """
        return self.connection.write(
            f"{action} of {self.name}", lambda client: call(client.get_repo(self.name)), permission, about=self.name
        )

    @property
    def permissions(self) -> PullPermissions:
        return PullPermissions(PULLS_WRITE, PULLS_WRITE, STATUSES_WRITE, ISSUES_WRITE)

    def read_json(
        self, action: str, path: str, permission: str = PULLS_READ, query: Mapping[str, object] | None = None
    ) -> Any:
        """Send a GET request without PyGithub's methods, and return the JSON value in the response.

        It is used if PyGithub has no method for the request, or if PyGithub's method sends more requests. `path` is
        relative to the path of the repository. Raises RefusedError if an API call fails.
        """

        def get(repository: Repository) -> Any:
            return repository.requester.requestJsonAndCheck("GET", repository.url + path, parameters=dict(query or {}))[
                1
            ]

        return self.read(action, get, permission)

    def write_json(self, action: str, method: str, path: str, body: object, permission: str) -> Any:
        """Send a request that changes data, like `read_json`, and return the JSON value in the response."""

        def send(repository: Repository) -> Any:
            return repository.requester.requestJsonAndCheck(method, repository.url + path, input=body)[1]

        return self.write(action, send, permission)

    def is_own_user(self, user: Mapping[str, Any] | None) -> bool:
        """Return True if a user in a response is the token's account, or a bot if the login of an App is not known."""
        return user is not None and self.connection.get_account().has_login(str(user["login"]), str(user["type"]))


def get_login(user: NamedUser | None) -> str | None:
    """Return the login of a user; None if GitHub reports no user, for example because the account was deleted."""
    return user.login if user is not None else None


_TIMEOUT_MESSAGE = re.compile(r"timeout|something went wrong|resource limits", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class GitHubQueryAnswer:
    """The response to a GraphQL query. If one part of a query fails, the response contains only the other parts."""

    data: Mapping[str, Any]
    problems: Sequence[Mapping[str, Any]] = ()

    @property
    def is_truncated(self) -> bool:
        """True if GitHub omitted parts of the response because the query was too large."""
        return any(_is_resource_limit(each) for each in self.problems)


def run_query(
    connection: GitHubConnection,
    action: str,
    text: str,
    variables: Mapping[str, Any],
    about: str,
    permission: str = CONTENTS_READ,
) -> GitHubQueryAnswer:
    """Send a GraphQL query once, and return the response.

    The query is not repeated after a failure, because callers can send a smaller query or use REST.

    Args:
        connection: The connection to the server.
        action: A description of the query for error messages, such as `read the reviews`.
        text: The query in GraphQL.
        variables: The variables of the query.
        about: The owner or the `owner/name` that the query is about. For an App, it determines the token.
        permission: The permission that the query requires.

    Raises:
        RefusedError: If GitHub refuses the query. A smaller query, or REST, may still succeed.
        UnsupportedQueryError: If the server has no GraphQL API, or is too old for the query.
    """
    if not connection.has_graphql:
        raise UnsupportedQueryError
    body = {"query": text, "variables": dict(variables)}

    def post(client: Github) -> GitHubQueryAnswer:
        try:
            headers, answer = client.requester.requestJsonAndCheck("POST", client.requester.graphql_url, input=body)
        except GithubException as error:
            if is_unsupported_query(error):
                raise UnsupportedQueryError from error
            raise
        return _parse_answer(headers, answer)

    try:
        return connection.try_once(action, post, permission, about=about)
    except UnsupportedQueryError:
        connection.has_graphql = False
        raise


def is_unsupported_query(error: GithubException) -> bool:
    """Return True if a query failed because the server has no GraphQL API, or because the server is too old.

    A server is too old if its schema lacks a field, a type or an argument that the query uses.
    """
    problems = error.data.get("errors") if isinstance(error.data, Mapping) else None
    if not isinstance(problems, list):
        return error.status == NOT_FOUND
    messages = " ".join(str(each.get("message", "")) for each in problems if isinstance(each, Mapping))
    return UNKNOWN_NAME_MESSAGE.search(messages) is not None


def _parse_answer(headers: Mapping[str, str], answer: Any) -> GitHubQueryAnswer:
    """Return the parsed response to a query.

    Raises:
        UnsupportedQueryError: If the server's schema lacks a name that the query uses.
        GithubException: If the response reports a rate limit, or has no data although the schema has all names in the
            query.
    """
    problems = [each for each in answer.get("errors") or () if isinstance(each, Mapping)]
    data = answer.get("data")
    if isinstance(data, Mapping) and not any(each.get("type") == "RATE_LIMITED" for each in problems):
        return GitHubQueryAnswer(data, problems)
    failure = GithubException(502 if any(map(_is_resource_limit, problems)) else 200, answer, dict(headers))
    if is_unsupported_query(failure):
        raise UnsupportedQueryError
    raise failure


def _is_resource_limit(problem: Mapping[str, Any]) -> bool:
    is_limit = problem.get("type") == "RESOURCE_LIMITS_EXCEEDED"
    return is_limit or _TIMEOUT_MESSAGE.search(str(problem.get("message", ""))) is not None
