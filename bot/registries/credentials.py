"""The kinds of credentials for registries."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.model.errors import RegistryError
from bot.model.vocabulary import Reason


@dataclass(frozen=True, slots=True)
class PasswordLogin:
    """A username and a password, which may be any kind of token."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """A refresh token, which the registry's token server exchanges for access tokens."""

    token: str = field(repr=False)


Credential = PasswordLogin | IdentityToken


def make_unusable_error(host: str, reason: str) -> RegistryError:
    """Return the error for a configured credential that cannot be used. `reason` must contain no secret."""
    message = f"no credential for {host}: {reason}; hint: log in again, or list {host} with `auth: anonymous`"
    return RegistryError(host, Reason.DENIED, message, is_failure=True)
