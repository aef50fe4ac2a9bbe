"""Requests the tokens of CI jobs with which Microsoft Entra lets these jobs log in (workload identity federation)."""

from __future__ import annotations

import json
from http import HTTPStatus
from urllib.parse import urlencode

from bot.model.errors import BasebumpError
from bot.net import HttpClient, HttpError

MAX_ASSERTION_SIZE = 64 * 1024
"""Bytes of the response. It usually has about two thousand."""


class NoEntraTokenError(BasebumpError):
    """Entra issued no token, or no identity is configured."""


def fetch_github_assertion(http: HttpClient, url: str, bearer: str, audience: str) -> str:
    """Request an OIDC token for this GitHub workflow. `url` and `bearer` are the values that GitHub passes to the job.

    `audience` is the recipient that is named in the token. Raises NoEntraTokenError.

    https://docs.github.com/en/actions/reference/security/oidc
    """
    if not url.startswith("https://"):
        raise NoEntraTokenError("no OIDC token was requested, because ACTIONS_ID_TOKEN_REQUEST_URL is not an https URL")
    request_url = url + ("&" if "?" in url else "?") + urlencode({"audience": audience})
    headers = {"Authorization": f"Bearer {bearer}", "Accept": "application/json"}
    hint = "give the job the permission `id-token: write`"
    return _fetch_token(http, "GET", request_url, headers, issuer="GitHub", key="value", hint=hint)


def fetch_pipeline_assertion(http: HttpClient, url: str, bearer: str, connection: str) -> str:
    """Request an OIDC token for this job of Azure Pipelines, in the name of a service connection.

    `url` and `bearer` are the values of SYSTEM_OIDCREQUESTURI and SYSTEM_ACCESSTOKEN. `connection` is the id of the
    service connection. Raises NoEntraTokenError.

    https://learn.microsoft.com/en-us/rest/api/azure/devops/distributedtask/oidctoken/create
    """
    if not url.startswith("https://"):
        raise NoEntraTokenError("no OIDC token was requested, because SYSTEM_OIDCREQUESTURI is not an https URL")
    request_url = f"{url}?{urlencode({'api-version': '7.1', 'serviceConnectionId': connection})}"
    headers = {
        "Authorization": f"Bearer {bearer}",
        "Accept": "application/json",
        "Content-Type": "application/json",
        "X-TFS-FedAuthRedirect": "Suppress",
    }
    hint = "use a service connection with workload identity federation, and allow the pipeline to use it"
    return _fetch_token(http, "POST", request_url, headers, issuer="Azure Pipelines", key="oidcToken", hint=hint)


def _fetch_token(
    http: HttpClient, method: str, url: str, headers: dict[str, str], *, issuer: str, key: str, hint: str
) -> str:
    """Send a request, and return the text under `key` in the JSON document of the response.

    `issuer` and `hint` are for messages. Raises NoEntraTokenError.
    """
    try:
        response = http.request(method, url, headers=headers, limit=MAX_ASSERTION_SIZE, max_redirects=0)
        value = json.loads(response.body)[key] if response.status == HTTPStatus.OK else None
    except HttpError as error:
        raise NoEntraTokenError(f"{issuer} returned no OIDC token: {error}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        value = None
    if not isinstance(value, str):
        raise NoEntraTokenError(f"{issuer} answered {response.status} without an OIDC token; hint: {hint}")
    return value
