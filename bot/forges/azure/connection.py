"""The connection to one organization of Azure DevOps Services, or to one collection of an Azure DevOps Server.

https://learn.microsoft.com/en-us/rest/api/azure/devops/git
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bot.forges.azure.errors import (
    AZURE_ERRORS,
    READ_ACCESS,
    SIGN_IN_MESSAGE,
    WRITE_ACCESS,
)
from bot.forges.git.remote import GitOrigin
from bot.forges.hosted.connection import MAX_WAIT, ClientConnection, SharedValue, create_pace
from bot.forges.hosted.refusal import (
    NOT_FOUND,
    UNAUTHORIZED,
    Answer,
    AnswerError,
    RefusedAnswer,
    RefusedError,
    index_headers,
)
from bot.model.errors import BasebumpError
from bot.net import ApiSession, HostPace

API_VERSIONS = ("7.1", "7.0", "6.0", "5.0")
"""The versions of the API that basebump uses, newest first: those of Azure DevOps Services and of Azure DevOps Server
2022, 2020 and 2019."""
TIMEOUT = 60.0
"""Seconds without data after which a request fails. A push of many files takes some seconds."""
MAX_ANSWER = 64 * 1024 * 1024
"""The largest size of one answer in bytes. The list of a tree with 150,000 entries fits into it."""
PAGE = 100
"""The number of pull requests in one page. Lists of refs have up to `REF_PAGE` entries."""
REF_PAGE = 1_000
MAX_PAGES = 1_000
"""The largest number of pages of one list."""
ENTRA_SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
"""The scope of tokens of Microsoft Entra that are valid for Azure DevOps.

https://learn.microsoft.com/en-us/azure/devops/integrate/get-started/authentication/service-principal-managed-identity
"""
JSON, BYTES, ZIP = "application/json", "application/octet-stream", "application/zip"
JSON_PATCH = "application/json-patch+json"

_UNKNOWN_VERSION_MESSAGE = "is out of range for this server"
_NON_AUTHORITATIVE = 203
_REDIRECTS, _REFUSALS = 300, 400
"""The lowest statuses of redirects and of refusals."""
_CLIENT_ERRORS: tuple[type[Exception], ...] = (
    AnswerError,
    *AZURE_ERRORS.client_errors,
    OSError,  # `requests` raises subclasses of it
    ValueError,  # the answer is not JSON, or a date cannot be parsed
    *AZURE_ERRORS.malformed_answer_errors,
)


class CredentialKind(Enum):
    """The kinds of tokens that Azure DevOps accepts."""

    PERSONAL = "personal access token"
    ENTRA = "token of Microsoft Entra"
    JOB = "token of a pipeline job"


@dataclass(frozen=True, slots=True)
class AzureCredential:
    """The token with which basebump authenticates."""

    kind: CredentialKind
    fetch_secret: Callable[[], str] = field(repr=False)
    """Returns the token. Tokens of Microsoft Entra are renewed before they expire. Raises BasebumpError."""


@dataclass(frozen=True, slots=True)
class AzureAccount:
    """The account to which the token belongs."""

    id: str | None
    """The id that pull requests and commits have for the account; None if there is no token."""
    name: str
    emails: frozenset[str]
    """The email addresses in commits of the account, in lower case, as far as they are known."""


class AzureClient:
    """Sends single requests for one thread. Methods raise AnswerError and the exceptions of the session."""

    def __init__(
        self, url: str, versions: ApiVersions, ca: Path | None, pace: HostPace, pause: Callable[[float], None]
    ) -> None:
        self._url = url
        self._versions = versions
        self._session = ApiSession(url, limit=MAX_ANSWER, pace=pace)
        self._session.verify = str(ca) if ca is not None else os.environ.get("SSL_CERT_FILE") or True
        self._pause = pause
        self.limit_call = self._session.limit_call
        self.authorization: str | None = None
        """The header that contains the token; None to send requests without a token."""

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Return the JSON in the answer to a GET request. `path` is relative to the URL of the organization."""
        return _parse_json(self.request("GET", path, query)[0])

    def list_values(self, path: str, query: Mapping[str, str] | None = None) -> Iterator[Any]:
        """Yield the items of a list, page by page. A header of each page contains the token of the next page."""
        parameters = dict(query or {})
        for _ in range(MAX_PAGES):
            content, headers = self.request("GET", path, parameters)
            yield from _get_values(_parse_json(content))
            token = headers.get("x-ms-continuationtoken")
            if not token:
                return
            parameters["continuationToken"] = token

    def list_by_offset(self, path: str, query: Mapping[str, str]) -> Iterator[Any]:
        """Yield the items of a list whose pages are requested by an offset."""
        for page in range(MAX_PAGES):
            offset = {"$top": str(PAGE), "$skip": str(page * PAGE)}
            values = _get_values(self.get(path, {**query, **offset}))
            yield from values
            if len(values) < PAGE:
                return

    def send(self, method: str, path: str, body: object, *, content_type: str = JSON) -> Any:
        """Send a request with a JSON document, and return the JSON in the answer; None if the answer is empty."""
        content, _ = self.request(method, path, body=body, content_type=content_type)
        return _parse_json(content) if content else None

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: object = None,
        content_type: str = JSON,
        accept: str = JSON,
        is_preview: bool = False,
    ) -> tuple[bytes, Mapping[str, str]]:
        """Send a request, and return the content and the headers of the answer.

        If the server does not know the version of the API, older versions are tried.

        If Azure DevOps asks to send fewer requests although it carried out this one, wait before returning.
        """
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Accept": accept, "X-TFS-FedAuthRedirect": "Suppress"}
        headers |= {"Content-Type": content_type} if data is not None else {}
        headers |= {"Authorization": self.authorization} if self.authorization is not None else {}

        def send(version: str) -> tuple[bytes, Mapping[str, str]]:
            response = self._session.request(
                method,
                f"{self._url}/{path}",
                params={**(query or {}), "api-version": f"{version}-preview.1" if is_preview else version},
                data=data,
                headers=headers,
                allow_redirects=False,
                timeout=TIMEOUT,
            )
            answered = index_headers(response.headers)
            _refuse_errors(response.status_code, response.content, answered, accept)
            return response.content, answered

        content, answered = self._versions.try_each(send)
        wait = answered.get("retry-after", "")
        if wait.isdecimal():
            self._pause(min(float(wait), MAX_WAIT))
        return content, answered


class ApiVersions:
    """The versions of the API to use, newest first. Threads share the object without a lock."""

    def __init__(self) -> None:
        self._versions: Sequence[str] = API_VERSIONS

    def try_each(self, send: Callable[[str], tuple[bytes, Mapping[str, str]]]) -> tuple[bytes, Mapping[str, str]]:
        """Send a request with the newest version that the server knows, and return the result of `send`."""
        versions = self._versions
        for position, version in enumerate(versions):
            try:
                answer = send(version)
            except AnswerError as error:
                if not _is_unknown_version(error) or version == versions[-1]:
                    raise
                continue
            self._versions = versions[position:]
            return answer
        raise AssertionError("there is always a last version")


def _is_unknown_version(error: AnswerError) -> bool:
    """Return True if a server does not know the version of the API. It answers with a message, or 404 and a page."""
    is_named = any(_UNKNOWN_VERSION_MESSAGE in message for message in error.answer.server_messages)
    return is_named or (error.answer.status == NOT_FOUND and error.is_page)


class AzureConnection(ClientConnection[AzureClient]):
    """The access to one organization, which all threads share."""

    read_permission, write_permission = READ_ACCESS, WRITE_ACCESS

    def __init__(
        self,
        url: str,
        credential: AzureCredential | None,
        *,
        ca: Path | None = None,
        seconds_between_writes: float = 0.0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare requests to the organization or collection at `url`. No request is sent yet.

        Args:
            url: The URL of the organization or of the collection.
            credential: The token; None to read public projects.
            ca: A file with certificates to trust instead of the default ones.
            seconds_between_writes: The shortest time between two requests that change something.
            pause: Waits for a number of seconds.
        """
        self.url = url
        self.credential = credential
        self._ca = ca
        self._pace, versions = create_pace(url, pause), ApiVersions()
        super().__init__(lambda: AzureClient(url, versions, ca, self._pace, pause), pause, seconds_between_writes)
        self._account = SharedValue[AzureAccount]()

    def get_account(self) -> AzureAccount:
        """Return the account to which the token belongs. The account is fetched only once. Raises RefusedError."""
        if self.credential is None:
            return AzureAccount(None, "nobody", frozenset())
        return self._account.get(lambda: self.read("identify the token", _fetch_account))

    def build_origin(self, name: str) -> GitOrigin:
        """Return the clone URL of the repository PROJECT/REPOSITORY, together with the login. Raises RefusedError.

        https://learn.microsoft.com/en-us/azure/devops/repos/git/auth-overview
        """
        project, _, repository = name.partition("/")
        secret = self._fetch_secret(f"read {name} with git")
        login = f"basebump:{secret}" if secret is not None else None
        return GitOrigin(f"{self.url}/{quote(project)}/_git/{quote(repository)}", login, self._ca, self._pace)

    def _fetch_secret(self, action: str) -> str | None:
        """Return the token; None if there is none. Raises RefusedError if Microsoft Entra issues no token."""
        try:
            return self.credential.fetch_secret() if self.credential is not None else None
        except BasebumpError as error:
            raise RefusedError(f"Azure DevOps could not be asked to {action}: {error}", status=UNAUTHORIZED) from error

    def make_call(self, action: str, call: Callable[[AzureClient], Answer], permission: str) -> Answer:
        secret = self._fetch_secret(action)
        try:
            client = self.clients.get()
            client.authorization = self._build_header(secret)
            with client.limit_call():
                return call(client)
        except _CLIENT_ERRORS as error:
            raise AZURE_ERRORS.explain_error(error, action, permission, secret=secret, now=datetime.now(UTC)) from error

    def _build_header(self, secret: str | None) -> str | None:
        if secret is None or self.credential is None:
            return None
        if self.credential.kind is CredentialKind.PERSONAL:
            return f"Basic {base64.b64encode(f':{secret}'.encode()).decode('ascii')}"
        return f"Bearer {secret}"


@dataclass(frozen=True, slots=True)
class AzureRemote:
    """One repository of an organization. The methods `read` and `write` are those of `AzureConnection`."""

    connection: AzureConnection = field(repr=False)
    name: str
    """PROJECT/REPOSITORY."""
    repository_id: str | None = None
    """The id of the repository, which stays the same if the repository is renamed; None if the id is not known."""

    @property
    def project(self) -> str:
        """The name of the project, quoted for a path."""
        return quote(self.name.partition("/")[0], safe="")

    @property
    def path(self) -> str:
        """The path of the repository in the API."""
        name = self.repository_id or quote(self.name.partition("/")[2], safe="")
        return f"{self.project}/_apis/git/repositories/{name}"

    def read(self, action: str, call: Callable[[AzureClient], Answer], permission: str | None = None) -> Answer:
        return self.connection.read(f"{action} of {self.name}", call, permission)

    def write(self, action: str, call: Callable[[AzureClient], Answer], permission: str | None = None) -> Answer:
        return self.connection.write(f"{action} of {self.name}", call, permission)


def _fetch_account(client: AzureClient) -> AzureAccount:
    """Fetch the account of the token. The API requires a preview version for this request."""
    content, _ = client.request("GET", "_apis/connectionData", is_preview=True)
    user = _parse_json(content)["authenticatedUser"]
    name = str(user["properties"]["Account"]["$value"])
    return AzureAccount(str(user["id"]), str(user.get("providerDisplayName") or name), frozenset({name.lower()}))


def _refuse_errors(status: int, content: bytes, headers: Mapping[str, str], accept: str) -> None:
    """Raise AnswerError if an answer reports an error, or if it is not of the requested type.

    A token that is not valid any more may be answered with status 203 or 302, and with a page for signing in.
    """
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    is_success = status < _REDIRECTS and status != _NON_AUTHORITATIVE
    if is_success and (not content or content_type == accept):
        return
    is_page = content_type != JSON
    if status < _REFUSALS:
        raise AnswerError(RefusedAnswer(UNAUTHORIZED, (SIGN_IN_MESSAGE,), headers), is_page=is_page)
    messages = () if is_page else tuple(_list_messages(content))
    raise AnswerError(RefusedAnswer(status, messages, headers), is_page=is_page)


def _list_messages(content: bytes) -> Iterator[str]:
    """Yield the message in an error, with the name of the exception if the message has no code."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return
    if isinstance(answer, dict) and isinstance(answer.get("message"), str):
        yield " ".join(answer["message"].split())


def _parse_json(content: bytes) -> Any:
    return json.loads(content)


def _get_values(answer: Any) -> list[Any]:
    """Return the items of a list. Raises TypeError if the answer has another form."""
    values = answer["value"]
    if not isinstance(values, list):
        raise TypeError("the answer has no list of values")
    return values
