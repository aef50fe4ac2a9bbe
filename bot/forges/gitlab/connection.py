"""The connection to a GitLab server, which sends REST requests and GraphQL queries with python-gitlab.

The server limits the complexity of GraphQL queries: https://docs.gitlab.com/api/graphql/#limits
"""

from __future__ import annotations

import json
import os
import re
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
from gitlab.exceptions import GitlabError, GitlabHttpError
from gitlab.v4.objects import Project

from bot.forges.git.remote import GitOrigin
from bot.forges.gitlab.gitlab_errors import GITLAB_ERRORS, READ_ACCESS, WRITE_ACCESS, explain_error
from bot.forges.hosted.connection import ClientConnection, ClientPool, SharedValue, create_pace
from bot.forges.hosted.refusal import (
    FORBIDDEN,
    NOT_FOUND,
    UNAUTHORIZED,
    UNKNOWN_NAME_MESSAGE,
    Answer,
    RefusedError,
    UnsupportedQueryError,
    index_headers,
)
from bot.net import ApiSession, HostPace

PER_PAGE = 100
"""The largest number of items on a page that GitLab returns."""
TIMEOUT = 30.0
"""Seconds without data after which a request fails. GitLab itself cancels a request after a minute."""
FIRST_BATCH_FILES, MAX_BATCH_FILES = 15, 50
"""The number of files in the first query, which GitLab 18.4 and later allow. The second number is the largest one for
any query, which even slow servers can process."""
MAX_ANSWER = 64 * 1024 * 1024
"""The largest size of one response in bytes. Almost a full page of merge requests with the longest possible
descriptions is smaller."""

_DENIED_STATUSES = frozenset({UNAUTHORIZED, FORBIDDEN, NOT_FOUND})
_JOB_HINT = (
    "hint: list the job's project there under the job token permissions, or set `token_env` to an access token with"
)
_CLIENT_ERRORS: tuple[type[Exception], ...] = (
    GitlabError,
    *GITLAB_ERRORS.client_errors,
    OSError,  # `requests` raises subclasses of it
    ValueError,  # the response is not JSON, or a date cannot be parsed
    *GITLAB_ERRORS.malformed_answer_errors,
)


@dataclass(frozen=True, slots=True)
class JobToken:
    """The token of a CI job.

    The token can clone projects with git and do little else. It is valid while the job runs.
    """

    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class GitLabAccount:
    """The account to which the token belongs."""

    username: str | None
    emails: frozenset[str] | None
    """The email addresses in commits of the account, in lower case. None for the token of a job, which creates no
    commits; empty if there is no token."""


class _SingleTryClient(Gitlab):
    """A client of python-gitlab that sends each request once.

    python-gitlab itself would repeat requests, and wait for the end of a rate limit up to ten times.
    """

    def __init__(self, url: str, token: str | JobToken | None, ca: Path | None, pace: HostPace) -> None:
        session = ApiSession(url, limit=MAX_ANSWER, pace=pace)
        self.limit_call = session.limit_call
        super().__init__(
            url,
            private_token=token if isinstance(token, str) else None,
            job_token=token.secret if isinstance(token, JobToken) else None,
            ssl_verify=str(ca) if ca is not None else os.environ.get("SSL_CERT_FILE") or True,
            timeout=TIMEOUT,
            per_page=PER_PAGE,
            user_agent=str(session.headers["User-Agent"]),
            keep_base_url=True,  # otherwise python-gitlab requests pages from the URL in the server's own settings
            session=session,
        )
        self.last_headers: Mapping[str, str] = {}
        """The headers of the last response. python-gitlab's exceptions do not contain them."""
        session.hooks["response"].append(self._store_headers)

    def http_request(self, verb: str, path: str, *arguments: Any, **options: Any) -> Any:
        self.last_headers = {}
        no_repetition = {"obey_rate_limit": False, "retry_transient_errors": False}
        return super().http_request(verb, path, *arguments, **(options | no_repetition))

    def _store_headers(self, response: Any, **_: object) -> None:
        self.last_headers = index_headers(response.headers)


class BatchSize:
    """The number of files to read with one GraphQL query, adapted to the limits of the server.

    Threads use the object without a lock, because a wrong number does little harm: if the server refuses a query as too
    large, basebump sends the query again in two halves.
    """

    def __init__(self) -> None:
        self.files = FIRST_BATCH_FILES
        self._max_files = MAX_BATCH_FILES

    def record_success(self, files: int, score: int, limit: int) -> None:
        """Increase the number of files if the complexity of a successful query was low enough.

        The complexity of a query with the new number stays below nine tenths of the server's limit.

        Args:
            files: The number of files in the query that succeeded.
            score: The complexity of this query, as the server computed it.
            limit: The largest complexity that the server allows.
        """
        fits = files * limit * 9 // (max(score, 1) * 10)
        self.files = max(self.files, min(fits, self._max_files))

    def record_refusal(self, files: int) -> None:
        """Limit the number of files to half of `files` after the server refused a query for `files` files."""
        self._max_files = max(files // 2, 1)
        self.files = min(self.files, self._max_files)


class GitLabConnection(ClientConnection[_SingleTryClient]):
    """The access to one GitLab server, which all threads share.

    The object remembers which features the server lacks, so that these are not requested again.
    """

    read_permission, write_permission = READ_ACCESS, WRITE_ACCESS

    def __init__(
        self,
        url: str,
        token: str | JobToken | None,
        *,
        ca: Path | None = None,
        seconds_between_writes: float = 0.0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare requests to the GitLab server at `url`. No request is sent yet.

        Args:
            url: The URL of the web interface.
            token: A token; None to send requests without a token.
            ca: A file with certificates to trust instead of the default ones.
            seconds_between_writes: The shortest time between two requests that change something.
            pause: Waits for a number of seconds.
        """
        self._url = url
        self._token = token
        self._secret = token.secret if isinstance(token, JobToken) else token
        self._ca = ca
        self._pace = create_pace(url, pause)
        super().__init__(pause, seconds_between_writes, self._pace)
        self._clients = ClientPool(lambda: _SingleTryClient(url, token, ca, self._pace))
        self._account = SharedValue[GitLabAccount]()
        self._user_lock = threading.Lock()
        self._user_ids: dict[str, int | None] = {}
        self.graphql_url = f"{url}/api/graphql"
        """The URL of the GraphQL API."""
        self.has_graphql = True
        """True until the server turns out to have no GraphQL API."""
        self.unsupported_queries: set[str] = set()
        """The texts of the queries that the server refused because it is too old."""
        self.batch_size = BatchSize()

    @property
    def has_job_token(self) -> bool:
        """True if the token is the token of a CI job."""
        return isinstance(self._token, JobToken)

    def write(
        self, action: str, call: Callable[[_SingleTryClient], Answer], permission: str | None = None, *, about: str = ""
    ) -> Answer:
        """Make a call that changes data, like `ClientConnection.write`.

        If the token belongs to a CI job, raise RefusedError without a call, because such a token cannot write.
        """
        self.refuse_job_token(action, permission or self.write_permission)
        return super().write(action, call, permission, about=about)

    def build_origin(self, name: str) -> GitOrigin:
        """Return the clone URL of a project, together with the login for this kind of token.

        https://docs.gitlab.com/user/profile/personal_access_tokens/#clone-repository-using-personal-access-token,
        https://docs.gitlab.com/ci/jobs/ci_job_token/#to-git-clone-a-private-projects-repository
        """
        user = "gitlab-ci-token" if self.has_job_token else "oauth2"
        login = f"{user}:{self._secret}" if self._secret is not None else None
        return GitOrigin(f"{self._url}/{quote(name)}.git", login, self._ca, self._pace)

    def refuse_job_token(self, action: str, permission: str = WRITE_ACCESS) -> None:
        """Raise RefusedError if the token belongs to a CI job, which lacks the rights for `action`.

        `action` describes the call in the message, such as `list the milestones`. `permission` names the scope and role
        that another token needs for the call.
        """
        if self.has_job_token:
            raise RefusedError(explain_job_token_limit(action, permission), status=FORBIDDEN)

    def get_account(self) -> GitLabAccount:
        """Return the account to which the token belongs.

        The account is fetched only once. Raises RefusedError if an API call fails.
        """
        if self.has_job_token:
            return GitLabAccount(None, None)
        return self._account.get(self._fetch_account)

    def find_user_id(self, username: str) -> int | None:
        """Return the id of the user with this name; None if there is no such user.

        Raises RefusedError if an API call fails.

        Each name is looked up only once. https://docs.gitlab.com/api/users/#list-users
        """
        name = username.casefold()

        def fetch(client: Gitlab) -> int | None:
            users = islice(client.users.list(username=username, iterator=True), PER_PAGE)
            return next((int(each.id) for each in users if str(each.username).casefold() == name), None)

        with self._user_lock:
            if name not in self._user_ids:
                self._user_ids[name] = self.read(f"find the user {username}", fetch)
            return self._user_ids[name]

    def _fetch_account(self) -> GitLabAccount:
        """Fetch the account: https://docs.gitlab.com/api/users/#get-the-current-user."""

        def fetch(client: Gitlab) -> GitLabAccount:
            client.auth()
            user = client.user.attributes if client.user is not None else {}
            emails = (user.get(key) for key in ("commit_email", "email"))
            lowered = frozenset(each.lower() for each in emails if isinstance(each, str) and each)
            return GitLabAccount(str(user["username"]), lowered)

        try:
            return self.read("identify the token", fetch)
        except RefusedError as refusal:
            if refusal.status == UNAUTHORIZED and self._token is None:
                return GitLabAccount(None, frozenset())
            raise

    def get_token(self, about: str, permission: str) -> str | None:  # noqa: ARG002 - the same for all
        return self._secret

    def make_call(
        self, action: str, call: Callable[[_SingleTryClient], Answer], permission: str, token: str | None
    ) -> Answer:
        client: _SingleTryClient | None = None
        try:
            client = self._clients.get()
            with client.limit_call():
                return call(client)
        except _CLIENT_ERRORS as error:
            headers = client.last_headers if client is not None else {}
            now = datetime.now(UTC)
            refusal = explain_error(error, action, permission, headers, secret=token, now=now)
            if self.has_job_token and refusal.status in _DENIED_STATUSES:
                failure = f"GitLab does not allow a job token to {action}, which requires GitLab 18.4 or later"
                message = f"{failure}; {_JOB_HINT} {permission}"
                refusal = RefusedError(message, status=refusal.status)
            raise refusal from error


@dataclass(frozen=True, slots=True)
class GitLabRemote:
    """One project on a GitLab server."""

    connection: GitLabConnection = field(repr=False)
    name: str
    """The full path: `group/subgroup/project`."""
    project_id: int | None = None
    """The id of the project, which stays the same if the project moves; None if the id is not known."""

    def read(self, action: str, call: Callable[[Project], Answer], permission: str = READ_ACCESS) -> Answer:
        """Make a call that reads something in this project, and return its result.

        `GitLabConnection.read` explains the parameters, and the failures after which the call is repeated. Raises
        RefusedError if an API call fails.
        """
        return self.connection.read(
            f"{action} of {self.name}", lambda client: call(self._get_project(client)), permission
        )

    def write(self, action: str, call: Callable[[Project], Answer], permission: str = WRITE_ACCESS) -> Answer:
        """Make a call that changes something in this project, and return its result.

        `GitLabConnection.write` explains the parameters, and the failures after which the call is repeated. Raises
        RefusedError if an API call fails.
        """
        return self.connection.write(
            f"{action} of {self.name}", lambda client: call(self._get_project(client)), permission
        )

    def _get_project(self, client: Gitlab) -> Project:
        return client.projects.get(self.project_id or self.name, lazy=True)


def explain_job_token_limit(action: str, permission: str = WRITE_ACCESS) -> str:
    """Return the error message for an action for which the token of a CI job lacks the rights.

    `permission` names the scope and role that another token needs for the action.
    """
    return f"a job token cannot {action}; hint: set `token_env` to an access token with {permission}"


_TOO_LARGE_MESSAGE = re.compile(r"which exceeds max complexity|timeout", re.IGNORECASE)
_GATEWAY_TIMEOUT = 504


def run_query(connection: GitLabConnection, action: str, text: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """Send a GraphQL query once, and return the data of the response.

    The query is not repeated after a failure, because callers can send a smaller query or use REST. If the response
    contains any error, the whole query counts as refused, because its data are incomplete. `action` describes the query
    in error messages.

    Raises:
        RefusedError: If GitLab refuses the query. A smaller query, or REST, may still succeed.
        UnsupportedQueryError: If the server has no GraphQL API, or is too old for the query.
    """
    if not connection.has_graphql or text in connection.unsupported_queries:
        raise UnsupportedQueryError
    body = {"query": text, "variables": dict(variables)}

    def post(client: Gitlab) -> Mapping[str, Any]:
        try:
            answer = client.http_post(connection.graphql_url, post_data=body)
        except GitlabHttpError as error:
            if error.response_code == NOT_FOUND:
                connection.has_graphql = False
                raise UnsupportedQueryError from error
            raise
        return _parse_answer(answer)

    try:
        return connection.try_once(action, post)
    except UnsupportedQueryError:
        connection.unsupported_queries.add(text)
        raise


def _parse_answer(answer: Any) -> Mapping[str, Any]:
    """Return the data of a response to a query.

    Raises:
        UnsupportedQueryError: If the server's schema lacks a name that the query uses.
        GitlabHttpError: If the response contains any other error.
    """
    problems = answer.get("errors") or ()
    messages = "; ".join(str(each["message"]) for each in problems)
    if UNKNOWN_NAME_MESSAGE.search(messages):
        raise UnsupportedQueryError
    if problems:
        status = _GATEWAY_TIMEOUT if _TOO_LARGE_MESSAGE.search(messages) else 200
        raise GitlabHttpError(messages, status, json.dumps({"message": messages}).encode())
    data = answer["data"]
    if not isinstance(data, Mapping):
        raise TypeError("the answer has no data")
    return data
