"""Tests registries for `doctor`: their logins, and images with a HEAD request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import assert_never

from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem, report_unknown
from bot.model.errors import RegistryError
from bot.model.reference import TagRef
from bot.ports import Registry
from bot.registries.access import Endpoint
from bot.registries.answers import refusal
from bot.registries.auth import Authenticator, Question
from bot.registries.credentials import Credential, IdentityToken, Login
from bot.registries.keychain import Keychain

MAX_ANSWER = 64 * 1024
"""Bytes; the response body is empty or an empty object."""
ROOT = Question("GET", "/v2/", "", MAX_ANSWER)
"""https://github.com/opencontainers/distribution-spec/blob/main/spec.md#determining-support."""


@dataclass(frozen=True, slots=True)
class LoginExamination:
    """Implements `bot.ports.Diagnosable` for a registry of the configuration: tests its login."""

    endpoint: Endpoint
    authenticator: Authenticator
    keychain: Keychain
    is_exchanged: bool = False
    """True if the registry issues the credential itself in exchange for an Entra token, and so has accepted it."""

    def examine(self, aim: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level ask it
        """Request `/v2/` with the configured credential. Raises RegistryError if the credential cannot be obtained."""
        subject, account = self.endpoint.registry, self.endpoint.account
        through = "" if account == subject else f" at its mirror {account}"
        tried = f"log in{through}" + (", by plain http" if self.endpoint.insecure else "")
        credential = self.keychain.credential(account)
        if self.is_exchanged and credential is not None:
            yield report_ok(subject, tried, "the registry accepts the identity's Microsoft Entra token")
            return
        try:
            response = self.authenticator.ask(self.endpoint, ROOT)
            if response.status != HTTPStatus.OK:
                raise refusal(self.endpoint, ROOT.asked, response, has_credential=credential is not None)
        except RegistryError as error:
            yield (report_problem if error.is_failure else report_unknown)(subject, tried, str(error))
            return
        if not self.authenticator.wants_login(self.endpoint):
            yield report_ok(subject, tried, "the registry answers and requires no login")
        else:
            yield report_ok(subject, tried, _who(credential))


@dataclass(frozen=True, slots=True)
class ImageExamination:
    """Implements `bot.ports.Diagnosable` for one image."""

    registry: Registry
    line: TagRef
    is_named: bool
    """True if the user named this image; otherwise the image only represents others and need not exist."""

    def examine(self, aim: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level look up images
        """Look up the digest of its tag."""
        subject, tried = str(self.line), "look up its tag"
        try:
            claim = self.registry.fetch_descriptor(self.line)
        except RegistryError as error:
            if self.is_named:
                yield report_problem(subject, tried, str(error))
            else:
                yield report_unknown(
                    subject, tried, f"{error}; hint: if you use images of this registry, name one with `--image`"
                )
            return
        yield report_ok(subject, tried, f"its tag points to {claim.digest}")


@dataclass(frozen=True, slots=True)
class NoImage:
    """Implements `bot.ports.Diagnosable` for a configuration without an image to test."""

    def examine(self, aim: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - the same for all
        """Report that no image was tested."""
        yield report_unknown("images", "look up an image", "no image was named; hint: name images with `--image`")


def _who(credential: Credential | None) -> str:
    match credential:
        case Login(username=username):
            return f"the registry accepts the login of {username}"
        case IdentityToken():
            return "the registry accepts the identity token"
        case None:
            return "no credential is configured, and the registry allows anonymous access"
    assert_never(credential)
