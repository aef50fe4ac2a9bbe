"""Logs in to Azure Container Registries with Microsoft Entra; each registry's login is renewed before it expires.

An Entra token is sent to the registry, which could be run by anyone. Therefore only registries with `auth: azure` in
their entry receive it, over https, at their own host, without following redirects.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlencode

from bot.model.errors import RegistryError
from bot.model.vocabulary import Reason
from bot.net import HttpClient, HttpError, Response
from bot.registries.access import Endpoint
from bot.registries.answers import refusal, unanswered
from bot.registries.azure_identity import REGISTRIES, AzureCloud, EntraIdentity, NoEntraTokenError, cloud_of
from bot.registries.tokens import stated_lifetime

TOKEN_USER = "00000000-0000-0000-0000-000000000000"  # noqa: S105 - the username for a refresh token used as a password
MAX_ANSWER = 64 * 1024
"""Bytes; refresh tokens take about two thousand."""
DEFAULT_LIFETIME = 600
"""Seconds, if a refresh token states no lifetime; Azure's tokens state three hours."""
MAX_LIFETIME = 3 * 3600
"""Seconds; permissions that were revoked stop working after this time at the latest."""
LIFETIME_USED = 0.9
"""Share of a token's life after which it is renewed; the rest allows for slow responses and for the access token."""
FAILURE_KEPT = 60.0
"""Seconds for which a failed login is not retried, so that a thousand images of one registry fail only once."""


@dataclass(slots=True)
class _Login:
    """Cache slot for the login of one registry. The thread that holds the lock logs in, and the others wait for it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    token: str = field(default="", repr=False)
    failed: RegistryError | None = None
    expires: float = 0.0


class EntraLogins:
    """Exchanges Entra tokens for refresh tokens of registries. Thread-safe."""

    def __init__(
        self, http: HttpClient, environment: Mapping[str, str], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._http = http
        self._environment = environment
        self._now = now
        self._lock = threading.Lock()
        self._logins: dict[str, _Login] = {}
        self._identities: dict[AzureCloud, EntraIdentity] = {}

    def refresh_token(self, host: str) -> str:
        """Return a refresh token for `host`, which must have `auth: azure` in its entry. Raises RegistryError."""
        with self._lock:
            login = self._logins.setdefault(host, _Login())
        with login.lock:
            if login.expires <= self._now():
                login.failed = None
                try:
                    login.token, lifetime = self._exchange(host, self._entra_token(host))
                    login.expires = self._now() + lifetime * LIFETIME_USED
                except RegistryError as error:
                    login.failed, login.expires = error, self._now() + FAILURE_KEPT
            if login.failed:
                raise login.failed.copy_for_raising()
            return login.token

    def _entra_token(self, host: str) -> str:
        try:
            cloud = cloud_of(host, self._environment)
            with self._lock:
                identity = self._identities.get(cloud)
                if identity is None:
                    identity = self._identities[cloud] = EntraIdentity(cloud, self._environment)
            return identity.token(REGISTRIES)
        except NoEntraTokenError as error:
            raise RegistryError(host, Reason.DENIED, f"cannot log in to {host}: {error}", is_failure=True) from error

    def _exchange(self, host: str, entra_token: str) -> tuple[str, float]:
        """Send an Entra token to the registry; return its refresh token and the lifetime of that in seconds.

        https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
        """
        endpoint = Endpoint(host, host, host)
        words = {"grant_type": "access_token", "service": host, "access_token": entra_token}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            response = self._http.request(
                "POST",
                f"{endpoint.url}/oauth2/exchange",
                headers=headers,
                body=urlencode(words).encode(),
                limit=MAX_ANSWER,
                redirects=0,
            )
        except HttpError as error:
            raise unanswered(endpoint, error) from error
        if response.status != HTTPStatus.OK:
            raise refusal(endpoint, "a login with Entra", response, has_credential=True, hide=(entra_token,))
        token = _refresh_token(response)
        if token is None:
            message = f"{host} returned no refresh token for a login with Entra; hint: check that it is a registry"
            raise RegistryError(host, Reason.REGISTRY_ERROR, message, is_failure=True)
        return token, float(min(stated_lifetime(token) or DEFAULT_LIFETIME, MAX_LIFETIME))


def _refresh_token(response: Response) -> str | None:
    try:
        answer = json.loads(response.body)
    except (ValueError, RecursionError):
        return None
    token = answer.get("refresh_token") if isinstance(answer, dict) else None
    return token if isinstance(token, str) and token else None
