"""Types shared by all cloud providers that issue logins for their registries."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.registries.credentials import PasswordLogin


class CloudProvider(StrEnum):
    """A cloud provider that issues registry logins. The values are used as `auth` in an entry of `registries:`."""

    ECR = "ecr"
    GAR = "gar"


@dataclass(frozen=True, slots=True)
class CloudToken:
    """A registry login that a cloud provider issued, with its expiry time."""

    login: PasswordLogin
    expires_at: float
    """The expiry time, in seconds since the epoch."""


class CloudError(Exception):
    """A cloud provider issued no login. The message gives the reason, and contains no secret."""


def make_missing_library_error(cloud: CloudProvider, package: str) -> CloudError:
    """Return the error for a missing Python library that logins to `cloud` need."""
    return CloudError(f"{package} is not installed; hint: install basebump with the extra `{cloud}`")
