"""Whose credential a registry sees: the one of its own entry, else the one that `docker login` left behind.

Hosts are compared exactly. A file is read, and a credential helper run, only where the operator's own environment
names it; nothing in a scanned repository ever does.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot import process
from bot.model.errors import ProcessError, RegistryError
from bot.model.reference import DOCKER_HUB
from bot.model.vocabulary import Reason
from bot.net import plain
from bot.registries.access import Access, account_of
from bot.registries.entra import TOKEN_USER, EntraLogins

HUB_KEY = "https://index.docker.io/v1/"
"""What `docker login` calls Docker Hub, in its file and to its helpers."""
MAX_CONFIG_SIZE = 1024 * 1024
"""Bytes; a config for a hundred registries takes some twenty thousand."""
HELPER_TIMEOUT = 30.0
"""Seconds; helpers of clouds ask their cloud."""
MAX_HELPER_OUTPUT = 64 * 1024
"""Bytes; the longest secrets are tokens of some four thousand."""
HELPER_ENVIRONMENT = re.compile(
    r"(?:AWS|AZURE|CLOUDSDK|GOOGLE)_\w+|DOCKER_CONFIG|XDG_\w+|DBUS_SESSION_BUS_ADDRESS|GNUPGHOME|PASSWORD_STORE_DIR"
)
"""What the helpers of clouds and desktops are told; they exist to turn these into a credential."""
NO_CREDENTIAL = "credentials not found in native keychain"
"""How a helper says that it has none (https://github.com/docker/docker-credential-helpers)."""

_HELPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_KEY_SUFFIX = re.compile(r"/(?:v[12]/?)?")
"""What may follow the host in a key of `auths`; a longer path is a login for less than the host."""


@dataclass(frozen=True, slots=True)
class Login:
    """A name and a password, which may be any kind of token."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """A refresh token, which the registry's token server takes for access tokens."""

    token: str = field(repr=False)


Credential = Login | IdentityToken


@dataclass(frozen=True, slots=True)
class DockerConfig:
    """The part of Docker's config.json that is about logins."""

    logins: Mapping[str, Credential] = field(default_factory=dict)
    """By account: `docker.io`, `127.0.0.1:5000`."""
    helpers: Mapping[str, str] = field(default_factory=dict)
    """By account: the suffix of `docker-credential-…`."""
    store: str | None = None
    """The helper for all the others."""


class Keychain:
    """Finds credentials; each is looked for once. Safe to share between threads."""

    def __init__(
        self, access: Access, environment: Mapping[str, str] = os.environ, entra: EntraLogins | None = None
    ) -> None:
        self._access = access
        self._entra = entra
        self._environment = environment
        self._lock = threading.Lock()
        self._config: DockerConfig | None = None
        self._found: dict[str, Credential | None] = {}

    def credential(self, account: str) -> Credential | None:
        """Return the credential of a host, None where nobody configured one.

        Raises RegistryError when one is configured and cannot be had.
        """
        entry = self._access.entry(account)
        if entry and entry.username is not None and entry.password is not None:
            return Login(entry.username, entry.password)
        if entry and entry.anonymous:
            return None
        if entry and entry.entra:
            return IdentityToken(self._entra.refresh_token(account)) if self._entra else None
        with self._lock:
            if account not in self._found:
                self._found[account] = self._from_docker(account)
            return self._found[account]

    def login(self, account: str) -> Login | None:
        """Return the credential of a host for those who know only names and passwords, None where there is none.

        An identity token is a password to Azure alone. Raises RegistryError as `credential` does.
        """
        found = self.credential(account)
        entry = self._access.entry(account)
        if isinstance(found, IdentityToken):
            return Login(TOKEN_USER, found.token) if entry and entry.entra else None
        return found

    def _from_docker(self, account: str) -> Credential | None:
        config = self._docker_config(account)
        helper = config.helpers.get(account) or config.store
        if helper is None:
            return config.logins.get(account)
        return self._ask_helper(helper, account) or config.logins.get(account)

    def _docker_config(self, account: str) -> DockerConfig:
        if self._config is None:
            folder = self._environment.get("DOCKER_CONFIG") or str(Path.home() / ".docker")
            path = Path(folder) / "config.json"
            try:
                with path.open("rb") as file:
                    self._config = parse_docker_config(file.read(MAX_CONFIG_SIZE + 1))
            except FileNotFoundError:
                self._config = DockerConfig()
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else error
                raise _unusable(account, f"{path} cannot be used: {why}") from error
        return self._config

    def _ask_helper(self, helper: str, account: str) -> Credential | None:
        """Ask `docker-credential-<helper> get`, whose answer has Username and Secret."""
        if not _HELPER_NAME.fullmatch(helper):
            raise _unusable(account, f"{plain(helper)!r} is no name of a credential helper")
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
            raise _unusable(account, str(error)) from error
        if done.status != 0:
            if NO_CREDENTIAL in done.output.decode(errors="replace"):
                return None
            raise _unusable(account, f"{program} failed with status {done.status}")
        try:
            answer = json.loads(done.output)
            username, secret = answer["Username"], answer["Secret"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise _unusable(account, f"{program} answered something else than a credential") from error
        return IdentityToken(str(secret)) if username == "<token>" else Login(str(username), str(secret))


def parse_docker_config(content: bytes) -> DockerConfig:
    """Read Docker's config.json. Raises ValueError, whose text holds nothing of the content.

    https://github.com/docker/cli/blob/master/cli/config/configfile/file.go
    """
    if len(content) > MAX_CONFIG_SIZE:
        raise ValueError(f"it has more than {MAX_CONFIG_SIZE} bytes")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    document = _object(document, "it")
    logins: dict[str, Credential] = {}
    for key, value in _object(document.get("auths"), "`auths`").items():
        account = _account_of_key(key)
        credential = _credential(_object(value, "an entry of `auths`"))
        if account and credential and (account not in logins or key == account):
            logins[account] = credential
    helpers = _object(document.get("credHelpers"), "`credHelpers`")
    named = {account: str(helper) for key, helper in helpers.items() if (account := _account_of_key(key))}
    store = document.get("credsStore")
    return DockerConfig(logins, named, str(store) if store else None)


def _object(value: Any, what: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not an object")  # noqa: TRY004 - a malformed document, not a wrong argument
    return value


def _account_of_key(key: str) -> str | None:
    bare = re.sub(r"^https?://", "", key)
    host, slash, path = bare.partition("/")
    return account_of(host) if _KEY_SUFFIX.fullmatch(slash + path) or not slash else None


def _credential(entry: Mapping[str, Any]) -> Credential | None:
    if entry.get("identitytoken"):
        return IdentityToken(str(entry["identitytoken"]))
    if entry.get("auth"):
        try:
            decoded = base64.b64decode(str(entry["auth"]), validate=True).decode()
        except (binascii.Error, ValueError):
            raise ValueError("an `auth` of its `auths` is not base64") from None
        username, colon, password = decoded.partition(":")
        if not colon:
            raise ValueError("an `auth` of its `auths` is not `user:password`")
        return Login(username, password.rstrip("\0"))
    if entry.get("username") and entry.get("password"):
        return Login(str(entry["username"]), str(entry["password"]))
    return None


def _unusable(account: str, why: str) -> RegistryError:
    message = f"no credential for {account}: {why}; log in again, or list {account} with `auth: anonymous`"
    return RegistryError(account, Reason.DENIED, message, is_failure=True)
