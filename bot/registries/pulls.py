"""Quotas of pulls: read from what a registry answers, and not used up to the end.

Docker Hub counts every GET of a manifest, tells in each answer how many are left, and never counts a HEAD.
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
"""Pulls that are left to others who share the address or the account; a tenth of all where they are fewer than 100."""

_QUOTA = re.compile(r"([0-9]{1,9}) *; *w=([0-9]{1,9})")
"""Without a window it is a limit of another kind: of requests, and per minute."""


@dataclass(slots=True)
class _Quota:
    """What one registry said last, and what was asked since."""

    left: int | None = None
    """None where it counts nothing."""
    reserve: int = RESERVE
    window: int = 0
    """Seconds."""
    pending: int = 0
    """Pulls that are not answered yet, and so not counted in `left`."""


class PullQuotas:
    """The quotas of all registries; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._quotas: dict[str, _Quota] = {}

    @contextmanager
    def pull(self, endpoint: Endpoint) -> Iterator[None]:
        """Take one pull from the quota of a registry. Raises RegistryError where only the reserve is left."""
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
        """Read how many pulls are left."""
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
        f"{endpoint.host} grants {quota.left} more pulls, and the last {quota.reserve} are left to others who share "
        f"them; they come back within {_spoken(quota.window)}: run again then, or configure a credential for "
        f"{endpoint.account} that has more"
    )
    return RegistryError(endpoint.registry, Reason.RATE_LIMITED, message, is_failure=True)


def _spoken(seconds: int) -> str:
    hours = seconds / 3600
    return f"{seconds} seconds" if hours < 1 else f"{hours:g} {'hour' if hours == 1 else 'hours'}"
