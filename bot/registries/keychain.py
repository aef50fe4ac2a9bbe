"""Chooses the credential for a registry from all sources that an operator can use.

Hosts must match exactly. basebump reads a login file or runs a credential helper only if the operator's own environment
names it. Nothing in a scanned repository can cause this. `~/.netrc` is not a source.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bot.registries.cloud_login import CloudLogin
from bot.registries.credential_helpers import CredentialHelpers
from bot.registries.credentials import Credential, IdentityToken, PasswordLogin, make_unusable_error
from bot.registries.endpoints import EndpointDirectory
from bot.registries.entra import TOKEN_USER, EntraLogins
from bot.registries.login_files import MAX_LOGINS_SIZE, LoginFile, LoginFileFormat, parse_logins

AUTH_VARIABLE = "DOCKER_AUTH_CONFIG"
"""The environment variable that contains logins, used by Docker and GitLab runners."""


class Keychain:
    """Finds the credentials of registries. Thread-safe.

    basebump uses the first of these sources that has a credential for a repository:

    1. The variables that the registry's entry names with `username_env` and `password_env`.
    2. The cloud that the entry names with `auth: azure`, `auth: ecr` or `auth: gar`. With `auth: anonymous`, no
       credential is used.
    3. The logins below. They are used if the registry has no entry, if its entry has none of these settings, or if the
       entry has `auth: docker-config`:
       1. the variable `DOCKER_AUTH_CONFIG`,
       2. the file that `REGISTRY_AUTH_FILE` names,
       3. `config.json` in the folder that `DOCKER_CONFIG` names, or else in `~/.docker`. If that folder is a mounted
          Kubernetes Secret, its `.dockerconfigjson` or `.dockercfg` is read instead.
       4. `containers/auth.json` in `XDG_RUNTIME_DIR`,
       5. `containers/auth.json` in `XDG_CONFIG_HOME`, or else in `~/.config`.

    Within one file, the credential helper for the host has precedence: the helper in `credHelpers`, or else the helper
    in `credsStore`. If the helper has no credential, the most specific key of `auths` that matches the repository is
    used. A file named `.dockerconfigjson` or `.dockercfg` is read as the kubelet reads it: without helpers, and with
    globs in the labels of a host.
    """

    def __init__(
        self,
        endpoints: EndpointDirectory,
        environment: Mapping[str, str] = os.environ,
        entra: EntraLogins | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._entra = entra
        self._lock = threading.Lock()
        self._sources = tuple(_list_sources(environment))
        self._helpers = CredentialHelpers(environment)
        self._clouds: dict[str, CloudLogin] = {}

    def get_credential(self, host: str, path: str = "") -> Credential | None:
        """Return the credential for the repository `path` on `host`; None if no credential is configured.

        Raises RegistryError if a credential is configured but cannot be obtained.
        """
        entry = self._endpoints.get_entry(host)
        if entry and entry.username is not None and entry.password is not None:
            return PasswordLogin(entry.username, entry.password)
        if entry and entry.is_anonymous:
            return None
        if entry and entry.uses_entra:
            return IdentityToken(self._entra.get_refresh_token(host)) if self._entra else None
        if entry and entry.cloud:
            with self._lock:
                login = self._clouds.setdefault(host, CloudLogin(entry.cloud, host))
            return login.get_credential()
        with self._lock:
            for source in self._sources:
                found = self._find_in_source(source, host, path)
                if found is not None:
                    return found
        return None

    def get_login(self, host: str, path: str = "") -> PasswordLogin | None:
        """Return the username and password for programs that accept no other credential; None if none are configured.

        The identity token of a registry with `auth: azure` is returned as a password, because Azure accepts this. For
        all other registries, an identity token is not returned.

        Raises RegistryError if a credential is configured but cannot be obtained.
        """
        credential = self.get_credential(host, path)
        entry = self._endpoints.get_entry(host)
        if isinstance(credential, IdentityToken):
            return PasswordLogin(TOKEN_USER, credential.token) if entry and entry.uses_entra else None
        return credential

    def _find_in_source(self, source: _LoginSource, host: str, path: str) -> Credential | None:
        login_file = source.load_logins(host)
        helper = login_file.get_helper(host)
        helper_credential = self._helpers.get_credential(helper, host) if helper else None
        return helper_credential or login_file.find_login(host, path)


@dataclass(slots=True)
class _LoginSource:
    """A login file, or the variable `DOCKER_AUTH_CONFIG`. Its content is read when it is first needed."""

    read_file: Callable[[], LoginFile]
    """Reads the source. Raises ValueError, whose message contains nothing from the file."""
    login_file: LoginFile | None = None

    def load_logins(self, host: str) -> LoginFile:
        """Return the logins of the source, which is read only on the first call.

        Raises RegistryError if the source cannot be used. The error is reported for the registry `host`.
        """
        if self.login_file is None:
            try:
                self.login_file = self.read_file()
            except ValueError as error:
                raise make_unusable_error(host, str(error)) from error
        return self.login_file


def _list_sources(environment: Mapping[str, str]) -> Iterator[_LoginSource]:
    """Yield every source, in the order in which `Keychain` lists them."""
    if content := environment.get(AUTH_VARIABLE):
        yield _LoginSource(lambda: _parse_content(AUTH_VARIABLE, content.encode(), LoginFileFormat.DOCKER))
    if auth_file := environment.get("REGISTRY_AUTH_FILE"):
        yield _LoginSource(lambda: _read_named_file(Path(auth_file)))
    if docker := environment.get("DOCKER_CONFIG") or _get_home_folder(".docker"):
        yield _LoginSource(partial(_read_first_file, [Path(docker) / shape.value for shape in LoginFileFormat]))
    runtime, config = (
        environment.get("XDG_RUNTIME_DIR"),
        environment.get("XDG_CONFIG_HOME") or _get_home_folder(".config"),
    )
    for folder in (runtime, config):
        if folder:
            yield _LoginSource(partial(_read_first_file, [Path(folder) / "containers" / "auth.json"]))


def _get_home_folder(folder: str) -> str | None:
    """Return the path of `folder` in the user's home folder; None if the user has none, as in some containers."""
    try:
        return str(Path.home() / folder)
    except RuntimeError:
        return None


def _read_named_file(path: Path) -> LoginFile:
    """Read the file that REGISTRY_AUTH_FILE names. Raises ValueError if the file does not exist or cannot be used."""
    found = _read_file(path)
    if found is None:
        raise ValueError(f"REGISTRY_AUTH_FILE names {path}, which does not exist")
    return found


def _read_first_file(paths: Iterable[Path]) -> LoginFile:
    """Read the first of `paths` that exists. If none exists, return an empty `LoginFile`.

    Raises ValueError if the file cannot be used.
    """
    return next(filter(None, map(_read_file, paths)), LoginFile())


def _read_file(path: Path) -> LoginFile | None:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_LOGINS_SIZE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{path} cannot be used: {error.strerror}") from error
    return _parse_content(str(path), content, LoginFileFormat.detect_by_name(path.name))


def _parse_content(name: str, content: bytes, shape: LoginFileFormat) -> LoginFile:
    try:
        return parse_logins(content, shape)
    except ValueError as error:
        raise ValueError(f"{name} cannot be used: {error}") from error
