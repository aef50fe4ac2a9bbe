"""Tests for `doctor`: check whether logins to registries succeed, and whether images can be looked up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import assert_never

from bot.model.diagnosis import Check, DiagnosisTarget, report_incomplete, report_ok, report_problem, report_unknown
from bot.model.errors import HINT_SEPARATOR, RegistryError
from bot.model.image_name import TagRef
from bot.model.vocabulary import Reason
from bot.registries.auth import RegistryAuthenticator, RegistryRequest
from bot.registries.credentials import Credential, IdentityToken, PasswordLogin
from bot.registries.endpoints import RegistryEndpoint
from bot.registries.keychain import Keychain
from bot.registries.response_errors import make_refusal_error
from bot.registry_ports import Registry

MAX_RESPONSE_SIZE = 64 * 1024
"""The largest response, in bytes. The response body is usually empty, or an empty JSON object."""
ROOT_REQUEST = RegistryRequest("GET", "/v2/", "", MAX_RESPONSE_SIZE)
"""https://github.com/opencontainers/distribution-spec/blob/main/spec.md#determining-support."""


@dataclass(frozen=True, slots=True)
class LoginExamination:
    """Tests the login to a configured registry. Implements `bot.ports.Diagnosable`."""

    endpoint: RegistryEndpoint
    authenticator: RegistryAuthenticator
    keychain: Keychain
    uses_entra: bool = False
    """True if the registry issues the credential in exchange for an Entra token. In this case, having a credential
    proves that the login works."""

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level log in
        """Log in to the registry with the configured credential, and yield the result.

        For most registries, the login is tested with a request for `/v2/`. For a registry with `auth: azure`, this
        request is not needed, because the registry has already accepted an Entra token when the credential was
        obtained.

        Raises RegistryError if the credential cannot be obtained.
        """
        subject, host = self.endpoint.registry, self.endpoint.credential_host
        mirror_note = "" if host == subject else f" at its mirror {host}"
        action = f"log in{mirror_note}" + (", by plain http" if self.endpoint.is_insecure else "")
        credential = self.keychain.get_credential(host)
        if self.uses_entra and credential is not None:
            yield report_ok(subject, action, "the registry accepts the identity's Microsoft Entra token")
            return
        try:
            response = self.authenticator.send_request(self.endpoint, ROOT_REQUEST)
            if response.status != HTTPStatus.OK:
                raise make_refusal_error(
                    self.endpoint, ROOT_REQUEST.description, response, has_credential=credential is not None
                )
        except RegistryError as error:
            yield (report_problem if error.is_failure else report_unknown)(subject, action, str(error))
            return
        if not self.authenticator.has_login_challenge(self.endpoint):
            yield report_ok(subject, action, "the registry answers and requires no login")
        else:
            yield report_ok(subject, action, _describe_login(credential))


@dataclass(frozen=True, slots=True)
class ImageExamination:
    """Tests whether the tag of one image can be looked up. Implements `bot.ports.Diagnosable`."""

    registry: Registry
    tag_ref: TagRef
    is_named: bool
    """True if the user named this image. False if basebump chose the image as an example, which need not exist."""

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level look up images
        """Look up the digest of the tag with a HEAD request, and yield the result."""
        subject, action = str(self.tag_ref), "look up its tag"
        try:
            descriptor = self.registry.fetch_descriptor(self.tag_ref)
        except RegistryError as error:
            if self.is_named:
                yield report_problem(subject, action, str(error))
            else:
                hint = f"{HINT_SEPARATOR}if you use images of this registry, name one with `--image`"
                report = report_incomplete if error.reason is Reason.UNREACHABLE else report_unknown
                yield report(subject, action, f"{error}{'' if HINT_SEPARATOR in str(error) else hint}")
            return
        yield report_ok(subject, action, f"the tag points to {descriptor.digest}")


@dataclass(frozen=True, slots=True)
class NoImageExamination:
    """Reports that no image was tested.

    Implements `bot.ports.Diagnosable`. Used if the configuration names no image.
    """

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - every target gets the same result
        """Yield a result that states that no image was named, with a hint to use `--image`."""
        yield report_unknown("images", "look up an image", "no image was named; hint: name images with `--image`")


def _describe_login(credential: Credential | None) -> str:
    match credential:
        case PasswordLogin(username=username):
            return f"the registry accepts the login of {username}"
        case IdentityToken():
            return "the registry accepts the identity token"
        case None:
            return "no credential is configured, and the registry allows anonymous access"
    assert_never(credential)
