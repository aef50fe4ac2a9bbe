"""Registry logins that a cloud provider issues, cached until shortly before they expire."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import assert_never

from bot.model.errors import RegistryError
from bot.model.vocabulary import Reason
from bot.registries import ecr, gar
from bot.registries.clouds import Cloud, CloudError, Granted
from bot.registries.credentials import Login

MARGIN = 180.0
"""Seconds before its expiry at which a login is renewed; Google returns the old token until about four minutes before
its expiry."""
PATIENCE = 300.0
"""Seconds for which a failure is cached, so that the cloud is not contacted again for every image."""


class CloudLogin:
    """The login for one registry. One thread fetches it while the others wait."""

    def __init__(self, cloud: Cloud, account: str, now: Callable[[], float] = time.time) -> None:
        self._cloud, self._account, self._now = cloud, account, now
        self._lock = threading.Lock()
        self._granted: Granted | None = None
        self._failure = ""
        self._asked_again = 0.0

    def credential(self) -> Login:
        """Return the cached login; if it expires soon, fetch a new one first. Raises RegistryError."""
        with self._lock:
            now = self._now()
            if self._granted is None or self._granted.expires - MARGIN <= now:
                self._fetch(now)
            if self._granted is None:
                raise self._error()
            return self._granted.login

    def _fetch(self, now: float) -> None:
        self._granted = None
        if self._failure and now < self._asked_again:
            return
        try:
            self._granted = _fetch(self._cloud, self._account)
        except CloudError as error:
            self._failure, self._asked_again = str(error), now + PATIENCE

    def _error(self) -> RegistryError:
        message = f"no credential for {self._account}, which is listed with `auth: {self._cloud}`: {self._failure}"
        return RegistryError(self._account, Reason.DENIED, message, is_failure=True)


def _fetch(cloud: Cloud, account: str) -> Granted:
    match cloud:
        case Cloud.ECR:
            return ecr.fetch(account)
        case Cloud.GAR:
            return gar.fetch()
    assert_never(cloud)
