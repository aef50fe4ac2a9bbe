"""Types that all cloud providers share which issue logins for their registries."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.registries.credentials import Login


class Cloud(StrEnum):
    """A cloud provider that issues registry logins; the value is that of `auth` in a registry entry."""

    ECR = "ecr"
    GAR = "gar"


@dataclass(frozen=True, slots=True)
class Granted:
    """A login and its expiry."""

    login: Login
    expires: float
    """Seconds since the epoch."""


class CloudError(Exception):
    """A cloud provider issued no login; the text says why, and contains no secret."""


def missing(cloud: Cloud, package: str) -> CloudError:
    """Return the error for a library that is not installed."""
    return CloudError(f"{package} is not installed; hint: install `basebump[{cloud}]`")
