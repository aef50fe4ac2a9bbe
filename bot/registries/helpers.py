"""Runs credential helpers: programs that the operator's login files name.

https://github.com/docker/docker-credential-helpers
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from bot import process
from bot.model.errors import ProcessError, RegistryError
from bot.model.reference import DOCKER_HUB
from bot.net import plain
from bot.registries.credentials import Credential, IdentityToken, Login, unusable

HUB_KEY = "https://index.docker.io/v1/"
"""Name of Docker Hub in the file of `docker login`, and for credential helpers."""
HELPER_TIMEOUT = 30.0
"""Seconds; the helpers of cloud providers send requests to their cloud."""
MAX_HELPER_OUTPUT = 64 * 1024
"""Bytes; the longest secrets are tokens of about four thousand."""
HELPER_ENVIRONMENT = re.compile(
    r"(?:AWS|AZURE|CLOUDSDK|GOOGLE)_\w+|DOCKER_CONFIG|XDG_\w+|DBUS_SESSION_BUS_ADDRESS|GNUPGHOME|PASSWORD_STORE_DIR"
)
"""Variables that are passed to helpers; helpers of cloud providers and desktops derive the credential from them."""
NO_CREDENTIAL = "credentials not found in native keychain"
"""The message of a helper that has no credential for the host."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class CredentialHelpers:
    """Runs each helper once per host, and caches failures too, so that a hanging helper delays a run only once.

    Not thread-safe.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._answers: dict[tuple[str, str], Credential | RegistryError | None] = {}

    def ask(self, helper: str, account: str) -> Credential | None:
        """Return the credential that `docker-credential-<helper> get` returns for a host. Raises RegistryError."""
        if (helper, account) not in self._answers:
            try:
                self._answers[helper, account] = self._run(helper, account)
            except RegistryError as error:
                self._answers[helper, account] = error
        answer = self._answers[helper, account]
        if isinstance(answer, RegistryError):
            raise answer.copy_for_raising()
        return answer

    def _run(self, helper: str, account: str) -> Credential | None:
        if not _NAME.fullmatch(helper):
            raise unusable(account, f"{plain(helper)!r} is not a valid name of a credential helper")
        program = f"docker-credential-{helper}"
        passed = {name: value for name, value in self._environment.items() if HELPER_ENVIRONMENT.fullmatch(name)}
        server = HUB_KEY if account == DOCKER_HUB else account
        try:
            done = process.run(
                [program, "get"],
                stdin=server.encode(),
                environment=passed,
                timeout=HELPER_TIMEOUT,
                max_output=MAX_HELPER_OUTPUT,
            )
        except ProcessError as error:
            raise unusable(account, str(error)) from error
        if done.status != 0:
            if NO_CREDENTIAL in done.output.decode(errors="replace"):
                return None
            raise unusable(account, f"{program} failed with status {done.status}")
        try:
            answer = json.loads(done.output)
            username, secret = answer["Username"], answer["Secret"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise unusable(account, f"{program} did not return a credential") from error
        return IdentityToken(str(secret)) if username == "<token>" else Login(str(username), str(secret))
