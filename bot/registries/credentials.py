"""Credentials for registries."""

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


def make_unusable_error(account: str, reason: str) -> RegistryError:
    """Return the error for a configured credential that cannot be used; `reason` must not contain a secret."""
    message = f"no credential for {account}: {reason}; hint: log in again, or list {account} with `auth: anonymous`"
    return RegistryError(account, Reason.DENIED, message, is_failure=True)
