"""Runs credential helpers, which are programs that the operator's login files name.

https://github.com/docker/docker-credential-helpers
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from bot import process
from bot.model.errors import ProcessError, RegistryError
from bot.model.image_name import DOCKER_HUB
from bot.net import sanitize_text
from bot.registries.credentials import Credential, IdentityToken, PasswordLogin, make_unusable_error

HUB_KEY = "https://index.docker.io/v1/"
"""The name of Docker Hub in the file that `docker login` writes, and in requests to credential helpers."""
HELPER_TIMEOUT = 30.0
"""The time limit for a helper, in seconds. The helpers of cloud providers send requests to their cloud."""
MAX_HELPER_OUTPUT = 64 * 1024
"""The largest output of a helper, in bytes. The longest secrets are tokens of about 4,000 bytes."""
HELPER_VARIABLES = re.compile(
    r"(?:AWS|AZURE|CLOUDSDK|GOOGLE)_\w+|DOCKER_CONFIG|XDG_\w+|DBUS_SESSION_BUS_ADDRESS|GNUPGHOME|PASSWORD_STORE_DIR"
)
"""The environment variables that are passed to helpers. The helpers of cloud providers and desktops need them to find
credentials."""
NOT_FOUND_MESSAGE = "credentials not found in native keychain"
"""The message with which a helper reports that it has no credential for the host."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class CredentialHelpers:
    """Runs credential helpers. Not thread-safe.

    Each helper runs only once per host, because its response is cached. A failure is also cached. Without this, a
    helper that hangs would delay every image.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._answers: dict[tuple[str, str], Credential | RegistryError | None] = {}

    def get_credential(self, helper_name: str, host: str) -> Credential | None:
        """Return the credential that a credential helper returns for `host`; None if the helper has none.

        The helper is the program `docker-credential-<helper_name>`, called with `get`. Raises RegistryError if the
        helper fails.
        """
        if (helper_name, host) not in self._answers:
            try:
                self._answers[helper_name, host] = self._run_helper(helper_name, host)
            except RegistryError as error:
                self._answers[helper_name, host] = error
        answer = self._answers[helper_name, host]
        if isinstance(answer, RegistryError):
            raise answer.copy_for_raising()
        return answer

    def _run_helper(self, helper_name: str, host: str) -> Credential | None:
        if not _NAME.fullmatch(helper_name):
            raise make_unusable_error(
                host, f"{sanitize_text(helper_name)!r} is not a valid name of a credential helper"
            )
        program = f"docker-credential-{helper_name}"
        helper_environment = {
            name: value for name, value in self._environment.items() if HELPER_VARIABLES.fullmatch(name)
        }
        server = HUB_KEY if host == DOCKER_HUB else host
        process.hide_memory()
        try:
            result = process.run(
                [program, "get"],
                stdin=server.encode(),
                environment=helper_environment,
                timeout=HELPER_TIMEOUT,
                max_output=MAX_HELPER_OUTPUT,
            )
        except ProcessError as error:
            raise make_unusable_error(host, str(error)) from error
        if result.status != 0:
            if NOT_FOUND_MESSAGE in result.output.decode(errors="replace"):
                return None
            raise make_unusable_error(host, f"{program} failed with exit status {result.status}")
        try:
            answer = json.loads(result.output)
            username, secret = answer["Username"], answer["Secret"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise make_unusable_error(host, f"{program} did not return a credential") from error
        return IdentityToken(str(secret)) if username == "<token>" else PasswordLogin(str(username), str(secret))
