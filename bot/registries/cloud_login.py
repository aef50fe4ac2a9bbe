"""Caches the registry logins that cloud providers issue, until shortly before they expire."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import assert_never

from bot.model.errors import RegistryError
from bot.model.vocabulary import Reason
from bot.registries import ecr, gar
from bot.registries.clouds import CloudError, CloudProvider, CloudToken
from bot.registries.credentials import PasswordLogin

RENEWAL_MARGIN = 180.0
"""basebump renews a login this number of seconds before the login expires. Google returns the old token until about
four minutes before the token expires."""
FAILURE_LIFETIME = 300.0
"""The seconds for which a failure is cached, so that basebump does not contact the cloud again for every image."""


class CloudLogin:
    """The cached login to one registry. While one thread fetches the login, other threads wait for the result."""

    def __init__(self, cloud: CloudProvider, host: str, now: Callable[[], float] = time.time) -> None:
        self._cloud, self._host, self._now = cloud, host, now
        self._lock = threading.Lock()
        self._token: CloudToken | None = None
        self._failure = ""
        self._retry_at = 0.0

    def get_credential(self) -> PasswordLogin:
        """Return the cached login, or a new login if none is cached or if the cached login expires soon.

        Raises RegistryError if the cloud provider issues no login.
        """
        with self._lock:
            now = self._now()
            if self._token is None or self._token.expires_at - RENEWAL_MARGIN <= now:
                self._renew_token(now)
            if self._token is None:
                raise self._make_error()
            return self._token.login

    def _renew_token(self, now: float) -> None:
        self._token = None
        if self._failure and now < self._retry_at:
            return
        try:
            self._token = _fetch_token(self._cloud, self._host)
        except CloudError as error:
            self._failure, self._retry_at = str(error), now + FAILURE_LIFETIME

    def _make_error(self) -> RegistryError:
        message = f"no credential for {self._host}, which is listed with `auth: {self._cloud}`: {self._failure}"
        return RegistryError(self._host, Reason.DENIED, message, is_failure=True)


def _fetch_token(cloud: CloudProvider, host: str) -> CloudToken:
    match cloud:
        case CloudProvider.ECR:
            return ecr.fetch_ecr_token(host)
        case CloudProvider.GAR:
            return gar.fetch_gar_token()
    assert_never(cloud)
