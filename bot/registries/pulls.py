"""Tracks the pull quotas of registries, and stops before they are used up.

Docker Hub counts every GET of a manifest, reports in each response how many remain, and never counts a HEAD.
https://docs.docker.com/docker-hub/usage/pulls/
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bot.model.errors import RegistryError
from bot.model.vocabulary import Reason
from bot.net import Response
from bot.registries.access import Endpoint

RESERVE = 10
"""Pulls that are left for other users of the address or the account; a tenth of the limit if that is below 100."""

_QUOTA = re.compile(r"([0-9]{1,9}) *; *w=([0-9]{1,9})")
"""Without a window, the header is a limit of another kind: of requests per minute."""


@dataclass(slots=True)
class _Quota:
    """The quota that one registry last reported, and the pulls since then."""

    left: int | None = None
    """None if the registry reports no quota."""
    reserve: int = RESERVE
    window: int = 0
    """Seconds."""
    pending: int = 0
    """Pulls without a response yet, which `remaining_pulls` therefore does not count."""


class PullQuotas:
    """The pull quotas of all registries. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._quotas: dict[str, _Quota] = {}

    @contextmanager
    def pull(self, endpoint: Endpoint) -> Iterator[None]:
        """Reserve one pull of a registry's quota for a request. Raises RegistryError if only the reserve is left."""
        with self._lock:
            quota = self._quotas.setdefault(endpoint.host, _Quota())
            if quota.left is not None and quota.left - quota.pending <= quota.reserve:
                raise _kept_back(endpoint, quota)
            quota.pending += 1
        try:
            yield
        finally:
            with self._lock:
                quota.pending -= 1

    def note(self, endpoint: Endpoint, response: Response) -> None:
        """Update the quota from the headers of a response."""
        left = _QUOTA.fullmatch(response.headers.get("ratelimit-remaining", ""))
        if left is None:
            return
        limit = _QUOTA.fullmatch(response.headers.get("ratelimit-limit", ""))
        with self._lock:
            quota = self._quotas.setdefault(endpoint.host, _Quota())
            quota.left, quota.window = int(left[1]), int(left[2])
            quota.reserve = min(RESERVE, int(limit[1]) // 10) if limit else RESERVE


def _kept_back(endpoint: Endpoint, quota: _Quota) -> RegistryError:
    message = (
        f"{endpoint.host} allows {quota.left} more pulls, and the last {quota.reserve} are reserved for other users; "
        f"the quota is renewed within {_spoken(quota.window)}; hint: run again then, or configure a credential for "
        f"{endpoint.account} with a higher quota"
    )
    return RegistryError(endpoint.registry, Reason.RATE_LIMITED, message, is_failure=True)


def _spoken(seconds: int) -> str:
    hours = seconds / 3600
    return f"{seconds} seconds" if hours < 1 else f"{hours:g} {'hour' if hours == 1 else 'hours'}"
