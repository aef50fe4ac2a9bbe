"""Tries registries as a run asks them: their logins, and images by a HEAD."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import assert_never

from bot.model.diagnosis import Aim, Check, cannot_tell, ok, problem
from bot.model.errors import RegistryError
from bot.model.reference import Line
from bot.ports import Registry
from bot.registries.access import Endpoint
from bot.registries.answers import refusal
from bot.registries.auth import Authenticator, Question
from bot.registries.credentials import Credential, IdentityToken, Login
from bot.registries.keychain import Keychain

MAX_ANSWER = 64 * 1024
"""Bytes; what answers here has none at all, or an empty object."""
ROOT = Question("GET", "/v2/", "", MAX_ANSWER)
"""https://github.com/opencontainers/distribution-spec/blob/main/spec.md#determining-support."""


@dataclass(frozen=True, slots=True)
class LoginExamination:
    """Implements `bot.ports.Examined` for a registry of the config: whether its login lets somebody in."""

    endpoint: Endpoint
    authenticator: Authenticator
    keychain: Keychain
    is_exchanged: bool = False
    """Whether the registry itself gives the credential, for a word of Entra's: then it has let somebody in by that."""

    def examine(self, aim: Aim) -> Iterator[Check]:  # noqa: ARG002 - runs of every level ask it
        """Ask for nothing, with the credential that there is. Raises RegistryError where that cannot be had."""
        subject, account = self.endpoint.registry, self.endpoint.account
        through = "" if account == subject else f" at its mirror {account}"
        tried = f"log in{through}" + (", by plain http" if self.endpoint.insecure else "")
        credential = self.keychain.credential(account)
        if self.is_exchanged and credential is not None:
            yield ok(subject, tried, "it takes the word of Microsoft Entra for the identity")
            return
        try:
            response = self.authenticator.ask(self.endpoint, ROOT)
            if response.status != HTTPStatus.OK:
                raise refusal(self.endpoint, ROOT.asked, response, has_credential=credential is not None)
        except RegistryError as error:
            yield (problem if error.is_failure else cannot_tell)(subject, tried, str(error))
            return
        if not self.authenticator.wants_login(self.endpoint):
            yield ok(subject, tried, "it answers, and asks for no login")
        else:
            yield ok(subject, tried, _who(credential))


@dataclass(frozen=True, slots=True)
class ImageExamination:
    """Implements `bot.ports.Examined` for one image."""

    registry: Registry
    line: Line
    is_named: bool
    """Whether somebody wants to know of just this image; else it stands for others, and need not be there."""

    def examine(self, aim: Aim) -> Iterator[Check]:  # noqa: ARG002 - runs of every level ask for images
        """Ask what its tag points to."""
        subject, tried = str(self.line), "ask for it"
        try:
            claim = self.registry.head(self.line)
        except RegistryError as error:
            if self.is_named:
                yield problem(subject, tried, str(error))
            else:
                yield cannot_tell(subject, tried, f"{error}; it matters where images are from there (see `--image`)")
            return
        yield ok(subject, tried, f"its tag points to {claim.digest}")


@dataclass(frozen=True, slots=True)
class NoImage:
    """Implements `bot.ports.Examined` where no image is asked for."""

    def examine(self, aim: Aim) -> Iterator[Check]:  # noqa: ARG002 - the same for all
        """Say so."""
        yield cannot_tell("images", "ask for one", "none was asked for; name some with `--image`")


def _who(credential: Credential | None) -> str:
    match credential:
        case Login(username=username):
            return f"it lets {username} in"
        case IdentityToken():
            return "it lets the identity in"
        case None:
            return "no credential is configured, and it lets anybody in"
    assert_never(credential)
