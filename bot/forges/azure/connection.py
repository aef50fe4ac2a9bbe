"""The connection to one organization of Azure DevOps Services, or to one collection of an Azure DevOps Server.

https://learn.microsoft.com/en-us/rest/api/azure/devops/git
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from bot.forges.azure.azure_errors import AZURE_ERRORS, PROPOSE_ACCESS, READ_ACCESS, SIGN_IN_MESSAGE, WRITE_ACCESS
from bot.forges.git.remote import GitOrigin
from bot.forges.hosted.refusal import NOT_FOUND, UNAUTHORIZED, AnswerError, RefusedAnswer
from bot.forges.hosted.rest import JSON, Query, RestAccount, RestAnswer, RestCall, RestConnection, RestRemote

API_VERSIONS = ("7.1", "7.0", "6.0", "5.0")
"""The versions of the API that basebump uses, newest first. They belong to Azure DevOps Services, and to Azure DevOps
Server 2022, 2020 and 2019."""
PAGE = 100
"""The number of pull requests in one page. Lists of refs have up to `REF_PAGE` entries."""
REF_PAGE = 1_000
ENTRA_SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
"""The scope of tokens of Microsoft Entra that are valid for Azure DevOps.

https://learn.microsoft.com/en-us/azure/devops/integrate/get-started/authentication/service-principal-managed-identity
"""
BYTES, ZIP, JSON_PATCH = "application/octet-stream", "application/zip", "application/json-patch+json"

EVALUATIONS_PATH = "/_apis/policy/evaluations"
"""The path of the evaluations of policies for a pull request, below the path of a project."""
_ACCOUNT_PATH = "/_apis/connectionData"
_PREVIEW_PATHS = (_ACCOUNT_PATH, EVALUATIONS_PATH)
"""The ends of paths that are available only as a preview in every version of the API."""
_UNKNOWN_VERSION_MESSAGE = "is out of range for this server"
_NON_AUTHORITATIVE = 203
_REDIRECTS, _REFUSALS = 300, 400
"""The lowest HTTP status of redirects, and the lowest one of errors."""


class CredentialKind(Enum):
    """The kind of a token that Azure DevOps accepts."""

    PERSONAL = "personal access token"
    ENTRA = "token of Microsoft Entra"
    JOB = "token of a pipeline job"


@dataclass(frozen=True, slots=True)
class AzureCredential:
    """The token with which basebump authenticates."""

    kind: CredentialKind
    fetch_secret: Callable[[], str] = field(repr=False)
    """Returns the token. Tokens of Microsoft Entra are renewed before they expire. Raises BasebumpError if no token can
    be obtained."""


class AzureConnection(RestConnection):
    """The access to one organization, which all threads share. Methods raise RefusedError if a call fails."""

    errors = AZURE_ERRORS
    read_permission, write_permission = READ_ACCESS, WRITE_ACCESS
    timeout = 60.0  # seconds; a push of many files can take some of them
    can_redirect = False  # a redirect would lead to the sign-in page
    extra_headers = MappingProxyType({"X-TFS-FedAuthRedirect": "Suppress"})

    def __init__(self, url: str, credential: AzureCredential | None, **options: Any) -> None:
        """Prepare requests to the organization or collection at `url`. No request is sent yet.

        Args:
            url: The URL of the organization or of the collection.
            credential: The token; None to read public projects.
            options: The arguments of `RestConnection`.
        """
        super().__init__(url, "", credential.fetch_secret if credential is not None else None, **options)
        self.credential = credential
        self.project_ids: dict[str, str] = {}
        """The ids of projects, by their names in lower case. Threads share them without a lock."""
        self._versions: Sequence[str] = API_VERSIONS
        """The versions of the API to use, newest first. Threads share them without a lock."""

    def build_authorization(self, secret: str) -> str:
        if self.credential is not None and self.credential.kind is CredentialKind.PERSONAL:
            return f"Basic {base64.b64encode(f':{secret}'.encode()).decode('ascii')}"
        return f"Bearer {secret}"

    def get_page_size(self) -> int:
        return PAGE

    def build_page_query(self, page: int) -> Query:
        return {"$top": PAGE, "$skip": (page - 1) * PAGE}

    def get_items(self, answer: Any) -> list[Any]:
        """Return the items of a list in a response. Raises TypeError if the response has another form."""
        values = answer["value"]
        if not isinstance(values, list):
            raise TypeError("the answer has no list of values")
        return values

    def list_messages(self, data: Any) -> Iterator[str]:
        if isinstance(data, dict) and isinstance(data.get("message"), str):
            yield " ".join(data["message"].split())

    def list_values(self, action: str, path: str, query: Query | None = None) -> list[Any]:
        """Return the items of all pages of a list. A header of each page contains the token for the next page."""
        values: list[Any] = []
        parameters = dict(query or {})

        def add_page(answer: RestAnswer) -> bool:
            values.extend(self.get_items(answer.value))
            parameters["continuationToken"] = answer.headers.get("x-ms-continuationtoken", "")
            return not parameters["continuationToken"]

        self.read_until(action, path, lambda _: parameters, add_page)
        return values

    def fetch_account(self) -> RestAccount:
        with AZURE_ERRORS.translate(self.url):
            user = self.read("identify the token", _ACCOUNT_PATH)["authenticatedUser"]
            email = str(user["properties"]["Account"]["$value"])
            return RestAccount(str(user["id"]), str(user.get("providerDisplayName") or email), email)

    def build_origin(self, name: str) -> GitOrigin:
        """Return the clone URL of the repository PROJECT/REPOSITORY, together with the login for git.

        https://learn.microsoft.com/en-us/azure/devops/repos/git/auth-overview
        """
        project, _, repository = name.partition("/")
        url = f"{self.url}/{quote(project)}/_git/{quote(repository)}"
        return GitOrigin(url, self.fetch_clone_login(name), self.ca, self.pace)

    def exchange(self, call: RestCall, secret: str | None) -> RestAnswer:
        """Send a request once, with the newest version of the API that the server knows."""
        versions, suffix = self._versions, "-preview.1" if call.path.endswith(_PREVIEW_PATHS) else ""
        for position, version in enumerate(versions):
            query = {**(call.query or {}), "api-version": version + suffix}
            try:
                answer = super().exchange(replace(call, query=query), secret)
            except AnswerError as error:
                if not _is_unknown_version(error) or version == versions[-1]:
                    raise
                continue
            self._versions = versions[position:]
            return answer
        raise AssertionError("there is always a last version")

    def check_answer(self, call: RestCall, answer: RestAnswer) -> None:
        """Raise AnswerError if a response reports an error, or is not of the requested type.

        For a token that is no longer valid, Azure DevOps can return status 203 or 302 and the sign-in page.
        """
        content_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        is_success = answer.status < _REDIRECTS and answer.status != _NON_AUTHORITATIVE
        if is_success and (not answer.content or content_type == call.accept):
            return
        if answer.status < _REFUSALS:
            refusal = RefusedAnswer(UNAUTHORIZED, (SIGN_IN_MESSAGE,), answer.headers)
            raise AnswerError(refusal, is_page=content_type != JSON)
        raise self.build_error(answer, is_page=content_type != JSON)


def _is_unknown_version(error: AnswerError) -> bool:
    """Return True if the error means that the server does not have the requested version of the API.

    Such a server returns status 400 with a message, or status 404 with a page.
    """
    is_named = any(_UNKNOWN_VERSION_MESSAGE in message for message in error.answer.server_messages)
    return is_named or (error.answer.status == NOT_FOUND and error.is_page)


@dataclass(frozen=True, slots=True)
class AzureRemote(RestRemote[AzureConnection]):
    """One repository PROJECT/REPOSITORY of an organization."""

    repository_id: str | None = None
    """The id of the repository, which stays the same if the repository is renamed; None if the id is not known."""

    @property
    def project(self) -> str:
        """The name of the project, quoted for a path."""
        return quote(self.name.partition("/")[0], safe="")

    @property
    def path(self) -> str:
        name = self.repository_id or quote(self.name.partition("/")[2], safe="")
        return f"/{self.project}/_apis/git/repositories/{name}"

    def fetch_bytes(
        self, action: str, method: str, path: str, accept: str, query: Query | None = None, body: object = None
    ) -> bytes:
        """Return the content of a response that is not JSON. `RestCall` explains the parameters."""
        action, path = f"{action} of {self.name}", self.path + path
        call = RestCall(action, READ_ACCESS, method, path, query, body, accept=accept)
        return self.connection.fetch(call).content

    def write_request(
        self, number: int, action: str, method: str, path: str, body: object = None, content_type: str = JSON
    ) -> Any:
        """Send an API call that changes a pull request, and return the JSON value in the response, or None.

        `action` is the beginning of a description, such as `comment on`. `path` is below that of the pull request.
        """
        action = f"{action} pull request !{number}"
        path = f"/pullRequests/{number}{path}" if path else f"/pullrequests/{number}"
        return self.write_json(action, method, path, body, PROPOSE_ACCESS, content_type)

    def fetch_project_id(self) -> str:
        """Return the id of the project. An API call is needed unless an earlier response contained the id."""
        name = self.name.partition("/")[0].lower()
        known_ids = self.connection.project_ids
        if name not in known_ids:
            known_ids[name] = str(self.read_json("read the repository")["project"]["id"])
        return known_ids[name]

    def list_values(self, action: str, path: str, query: Query | None = None) -> list[Any]:
        return self.connection.list_values(f"{action} of {self.name}", self.path + path, query)
