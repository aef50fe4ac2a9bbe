"""Tracks the pull quotas of registries, and stops pulling before a quota is used up.

Docker Hub counts every GET request for a manifest, and never a HEAD request. Each response states how many pulls
remain.
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
from bot.registries.endpoints import RegistryEndpoint

RESERVED_PULLS = 10
"""The number of pulls that basebump leaves for other users of the same IP address or account. If the quota is below 100
pulls, a tenth of the quota is left."""

_QUOTA_HEADER = re.compile(r"([0-9]{1,9}) *; *w=([0-9]{1,9})")
"""Matches quotas with a time window. A header without a window states a limit of another kind, such as requests per
minute."""


@dataclass(slots=True)
class _HostQuota:
    """The pull quota that a registry last reported, and the number of pulls in progress."""

    remaining_pulls: int | None = None
    """None if the registry reports no quota."""
    reserved_pulls: int = RESERVED_PULLS
    window_seconds: int = 0
    """The length of the time window after which the quota is renewed, in seconds."""
    pending_pulls: int = 0
    """The number of pulls without a response. `remaining_pulls` does not include them yet."""


class PullQuotas:
    """The pull quotas of all registries. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._quotas: dict[str, _HostQuota] = {}

    @contextmanager
    def reserve_pull(self, endpoint: RegistryEndpoint) -> Iterator[None]:
        """Reserve one pull of a registry's quota for the request that the `with` block sends.

        basebump does not use the last pulls of a quota, because users with the same IP address or account share the
        quota (see RESERVED_PULLS).

        Raises RegistryError if only these last pulls are left.
        """
        with self._lock:
            quota = self._quotas.setdefault(endpoint.host, _HostQuota())
            if (
                quota.remaining_pulls is not None
                and quota.remaining_pulls - quota.pending_pulls <= quota.reserved_pulls
            ):
                raise _make_quota_error(endpoint, quota)
            quota.pending_pulls += 1
        try:
            yield
        finally:
            with self._lock:
                quota.pending_pulls -= 1

    def update_quota(self, endpoint: RegistryEndpoint, response: Response) -> None:
        """Update the quota from the headers of a response. If the headers state no quota, nothing changes."""
        remaining = _QUOTA_HEADER.fullmatch(response.headers.get("ratelimit-remaining", ""))
        if remaining is None:
            return
        limit = _QUOTA_HEADER.fullmatch(response.headers.get("ratelimit-limit", ""))
        with self._lock:
            quota = self._quotas.setdefault(endpoint.host, _HostQuota())
            quota.remaining_pulls, quota.window_seconds = int(remaining[1]), int(remaining[2])
            quota.reserved_pulls = min(RESERVED_PULLS, int(limit[1]) // 10) if limit else RESERVED_PULLS


def _make_quota_error(endpoint: RegistryEndpoint, quota: _HostQuota) -> RegistryError:
    message = (
        f"{endpoint.host} allows {quota.remaining_pulls} more pulls, "
        f"and the last {quota.reserved_pulls} are reserved for other users; "
        f"the quota is renewed within {_format_duration(quota.window_seconds)}; "
        "hint: run again then, or configure a credential for "
        f"{endpoint.credential_host} with a higher quota"
    )
    return RegistryError(endpoint.registry, Reason.RATE_LIMITED, message, is_failure=True)


def _format_duration(seconds: int) -> str:
    hours = seconds / 3600
    return f"{seconds} seconds" if hours < 1 else f"{hours:g} {'hour' if hours == 1 else 'hours'}"
