"""Chooses the credential for a registry from all sources that an operator may use.

Hosts must match exactly. A file is read and a credential helper is run only if the operator's own environment names it;
nothing in a scanned repository can do so. `~/.netrc` is not a source.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bot.registries.access import Access
from bot.registries.cloud_login import CloudLogin
from bot.registries.credentials import Credential, IdentityToken, Login, unusable
from bot.registries.entra import TOKEN_USER, EntraLogins
from bot.registries.helpers import CredentialHelpers
from bot.registries.logins import MAX_LOGINS_SIZE, LoginFile, Shape, parse_logins

VARIABLE = "DOCKER_AUTH_CONFIG"
"""Environment variable that contains logins, as Docker and GitLab runners use it."""


class Keychain:
    """Finds the credentials of registries. Thread-safe.

    The first of these sources that has a credential for a repository is used, and no other:

    1. The variables that the registry's entry names as `username_env` and `password_env`.
    2. The cloud that the entry names: `auth: azure`, `auth: ecr`, `auth: gar`. With `auth: anonymous`, no credential.
    3. Without such an entry, or with `auth: docker-config`, the logins in
       1. the variable `DOCKER_AUTH_CONFIG`,
       2. the file that `REGISTRY_AUTH_FILE` names,
       3. `config.json` in the folder that `DOCKER_CONFIG` names, else in `~/.docker`; if that folder is a mounted
          Kubernetes Secret, its `.dockerconfigjson` or `.dockercfg`,
       4. `containers/auth.json` in `XDG_RUNTIME_DIR`,
       5. `containers/auth.json` in `XDG_CONFIG_HOME`, else in `~/.config`.

    Within one file: the helper in `credHelpers` for the host, else `credsStore`, then the longest key of `auths` that
    covers the repository. A file named `.dockerconfigjson` or `.dockercfg` is read as the kubelet does: without
    helpers, and with globs in the labels of a host.
    """

    def __init__(
        self, access: Access, environment: Mapping[str, str] = os.environ, entra: EntraLogins | None = None
    ) -> None:
        self._access = access
        self._entra = entra
        self._lock = threading.Lock()
        self._sources = tuple(_sources(environment))
        self._helpers = CredentialHelpers(environment)
        self._clouds: dict[str, CloudLogin] = {}

    def credential(self, account: str, path: str = "") -> Credential | None:
        """Return the credential for a repository of a host, or None if none is configured.

        Raises RegistryError if a credential is configured and cannot be obtained.
        """
        entry = self._access.entry(account)
        if entry and entry.username is not None and entry.password is not None:
            return Login(entry.username, entry.password)
        if entry and entry.anonymous:
            return None
        if entry and entry.entra:
            return IdentityToken(self._entra.refresh_token(account)) if self._entra else None
        if entry and entry.cloud:
            with self._lock:
                login = self._clouds.setdefault(account, CloudLogin(entry.cloud, account))
            return login.credential()
        with self._lock:
            for source in self._sources:
                found = self._in_source(source, account, path)
                if found is not None:
                    return found
        return None

    def login(self, account: str, path: str = "") -> Login | None:
        """Return the credential for programs that accept only a username and a password, or None if there is none.

        Only Azure accepts an identity token as a password. Raises RegistryError as `get_credential` does.
        """
        found = self.credential(account, path)
        entry = self._access.entry(account)
        if isinstance(found, IdentityToken):
            return Login(TOKEN_USER, found.token) if entry and entry.entra else None
        return found

    def _in_source(self, source: _Source, account: str, path: str) -> Credential | None:
        logins = source.logins(account)
        helper = logins.helper(account)
        asked = self._helpers.ask(helper, account) if helper else None
        return asked or logins.login(account, path)


@dataclass(slots=True)
class _Source:
    """A source of logins, read on first use."""

    read: Callable[[], LoginFile]
    """Raises ValueError; its text contains nothing of the file's content."""
    known: LoginFile | None = None

    def logins(self, account: str) -> LoginFile:
        """Return the logins of the source. Raises RegistryError, whose message names `account`."""
        if self.known is None:
            try:
                self.known = self.read()
            except ValueError as error:
                raise unusable(account, str(error)) from error
        return self.known


def _sources(environment: Mapping[str, str]) -> Iterator[_Source]:
    """Yield every source, in the order that `Keychain` documents."""
    if content := environment.get(VARIABLE):
        yield _Source(lambda: _parse(VARIABLE, content.encode(), Shape.DOCKER))
    if named := environment.get("REGISTRY_AUTH_FILE"):
        yield _Source(lambda: _named(Path(named)))
    if docker := environment.get("DOCKER_CONFIG") or _at_home(".docker"):
        yield _Source(partial(_first, [Path(docker) / shape.value for shape in Shape]))
    runtime, config = environment.get("XDG_RUNTIME_DIR"), environment.get("XDG_CONFIG_HOME") or _at_home(".config")
    for folder in (runtime, config):
        if folder:
            yield _Source(partial(_first, [Path(folder) / "containers" / "auth.json"]))


def _at_home(folder: str) -> str | None:
    """Return a folder in the user's home; None if the user has no home, as in many containers."""
    try:
        return str(Path.home() / folder)
    except RuntimeError:
        return None


def _named(path: Path) -> LoginFile:
    """Read a file that REGISTRY_AUTH_FILE names, and which therefore must exist. Raises ValueError."""
    found = _read(path)
    if found is None:
        raise ValueError(f"{path}, which REGISTRY_AUTH_FILE names, does not exist")
    return found


def _first(paths: Iterable[Path]) -> LoginFile:
    """Read the first file that exists; without any, return an empty `LoginFile`."""
    return next(filter(None, map(_read, paths)), LoginFile())


def _read(path: Path) -> LoginFile | None:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_LOGINS_SIZE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{path} cannot be used: {error.strerror}") from error
    return _parse(str(path), content, Shape.of_name(path.name))


def _parse(name: str, content: bytes, shape: Shape) -> LoginFile:
    try:
        return parse_logins(content, shape)
    except ValueError as error:
        raise ValueError(f"{name} cannot be used: {error}") from error
