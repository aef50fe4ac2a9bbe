"""Clouds that log their own in to their registries: what all of them have in common."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.registries.credentials import Login


class Cloud(StrEnum):
    """Whose word opens a registry; the value is what an entry says under `auth`."""

    ECR = "ecr"
    GAR = "gar"


@dataclass(frozen=True, slots=True)
class Granted:
    """A login, and when it ends."""

    login: Login
    expires: float
    """Seconds since 1970."""


class CloudError(Exception):
    """A cloud gave no login; the text says why, and holds no secret."""


def missing(cloud: Cloud, package: str) -> CloudError:
    """Return the error for a library that is not installed."""
    return CloudError(f"{package} is not installed; install `basebump[{cloud}]`")
