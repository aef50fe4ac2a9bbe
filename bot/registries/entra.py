"""Logs in to Azure Container Registries with Microsoft Entra, and renews each login before it expires.

basebump sends the Entra token to the registry, which could be run by anyone. Therefore basebump sends the token only to
registries with `auth: azure` in their entry, only over https and to their own host, and follows no redirects.
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
from bot.registries.azure_identity import REGISTRY_SCOPE, AzureCloud, EntraIdentity, NoEntraTokenError, get_azure_cloud
from bot.registries.endpoints import RegistryEndpoint
from bot.registries.response_errors import make_refusal_error, make_unanswered_error
from bot.registries.token_lifetime import parse_lifetime

TOKEN_USER = "00000000-0000-0000-0000-000000000000"  # noqa: S105 - the username for a refresh token used as a password
MAX_RESPONSE_SIZE = 64 * 1024
"""The largest response, in bytes. Refresh tokens have about 2,000 bytes."""
DEFAULT_LIFETIME = 600
"""The lifetime, in seconds, of refresh tokens that state none. Azure's tokens state three hours."""
MAX_LIFETIME = 3 * 3600
"""The longest time, in seconds, for which a token is used. After this time at the latest, revoked permissions stop
working."""
LIFETIME_USED = 0.9
"""The share of a token's lifetime after which the token is renewed. The rest is for slow responses, and for the access
token."""
FAILURE_LIFETIME = 60.0
"""The seconds for which a failed login is not repeated, so that a thousand images of one registry fail only once."""


@dataclass(slots=True)
class _RefreshTokenSlot:
    """The cached login to one registry. While one thread holds the lock and logs in, other threads wait."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    token: str = field(default="", repr=False)
    error: RegistryError | None = None
    expires_at: float = 0.0


class EntraLogins:
    """Exchanges Entra tokens for refresh tokens of registries, and caches them. Thread-safe."""

    def __init__(
        self, http: HttpClient, environment: Mapping[str, str], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._http = http
        self._environment = environment
        self._now = now
        self._lock = threading.Lock()
        self._slots: dict[str, _RefreshTokenSlot] = {}
        self._identities: dict[AzureCloud, EntraIdentity] = {}

    def get_refresh_token(self, host: str) -> str:
        """Return a refresh token for the registry `host`, whose entry must have `auth: azure`.

        Raises RegistryError if the login fails. For FAILURE_LIFETIME seconds after a failure, further calls raise the
        same error without another attempt.
        """
        with self._lock:
            slot = self._slots.setdefault(host, _RefreshTokenSlot())
        with slot.lock:
            if slot.expires_at <= self._now():
                slot.error = None
                try:
                    slot.token, lifetime = self._exchange_token(host, self._get_entra_token(host))
                    slot.expires_at = self._now() + lifetime * LIFETIME_USED
                except RegistryError as error:
                    slot.error, slot.expires_at = error, self._now() + FAILURE_LIFETIME
            if slot.error:
                raise slot.error.copy_for_raising()
            return slot.token

    def _get_entra_token(self, host: str) -> str:
        try:
            cloud = get_azure_cloud(host, self._environment)
            with self._lock:
                identity = self._identities.get(cloud)
                if identity is None:
                    identity = self._identities[cloud] = EntraIdentity(cloud, self._environment)
            return identity.get_token(REGISTRY_SCOPE)
        except NoEntraTokenError as error:
            raise RegistryError(host, Reason.DENIED, f"cannot log in to {host}: {error}", is_failure=True) from error

    def _exchange_token(self, host: str, entra_token: str) -> tuple[str, float]:
        """Exchange an Entra token for a refresh token of the registry `host`.

        Return the refresh token and its lifetime in seconds.

        Raises RegistryError if a request fails.

        https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
        """
        endpoint = RegistryEndpoint(host, host, host)
        parameters = {"grant_type": "access_token", "service": host, "access_token": entra_token}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            response = self._http.request(
                "POST",
                f"{endpoint.url}/oauth2/exchange",
                headers=headers,
                body=urlencode(parameters).encode(),
                limit=MAX_RESPONSE_SIZE,
                max_redirects=0,
            )
        except HttpError as error:
            raise make_unanswered_error(endpoint, error) from error
        if response.status != HTTPStatus.OK:
            raise make_refusal_error(
                endpoint, "a login with Entra", response, has_credential=True, secrets=(entra_token,)
            )
        token = _parse_refresh_token(response)
        if token is None:
            message = f"{host} returned no refresh token for a login with Entra; hint: check that {host} is a registry"
            raise RegistryError(host, Reason.REGISTRY_ERROR, message, is_failure=True)
        return token, float(min(parse_lifetime(token) or DEFAULT_LIFETIME, MAX_LIFETIME))


def _parse_refresh_token(response: Response) -> str | None:
    try:
        document = json.loads(response.body)
    except (ValueError, RecursionError):
        return None
    token = document.get("refresh_token") if isinstance(document, dict) else None
    return token if isinstance(token, str) and token else None
