"""Types that all cloud providers share which issue logins for their registries."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.registries.credentials import PasswordLogin


class CloudProvider(StrEnum):
    """A cloud provider that issues registry logins; the value is that of `auth` in a registry entry."""

    ECR = "ecr"
    GAR = "gar"


@dataclass(frozen=True, slots=True)
class CloudToken:
    """A login and its expiry."""

    login: PasswordLogin
    expires_at: float
    """Seconds since the epoch."""


class CloudError(Exception):
    """A cloud provider issued no login; the text says why, and contains no secret."""


def make_missing_library_error(cloud: CloudProvider, package: str) -> CloudError:
    """Return the error for a library that is not installed."""
    return CloudError(f"{package} is not installed; hint: install `basebump[{cloud}]`")
