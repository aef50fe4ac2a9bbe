"""Parses the login files of Docker, Podman and related tools, and Kubernetes Secrets. This module does no I/O.

https://github.com/docker/cli/blob/master/cli/config/configfile/file.go
https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md
https://kubernetes.io/docs/concepts/containers/images/#config-json
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

from bot.registries.credentials import Credential, IdentityToken, PasswordLogin
from bot.registries.endpoints import normalise_host

MAX_LOGINS_SIZE = 1024 * 1024
"""The largest login file, in bytes. A file for a hundred registries has about 20,000 bytes."""

_SCHEME = re.compile(r"https?://")
_API_VERSION = re.compile(r"v[12](?:/|\Z)")
"""The API version that Docker appends to the host in a key."""


class LoginFileFormat(Enum):
    """The format of a login file. The values are the usual names of such files."""

    DOCKER = "config.json"
    """The format of Docker and Podman. Hosts are literal, and credential helpers are used."""
    KUBERNETES = ".dockerconfigjson"
    """A Kubernetes Secret, read as the kubelet reads it. Labels of hosts may be globs, and helpers are not used."""
    KUBERNETES_LEGACY = ".dockercfg"
    """The older format of a Kubernetes Secret, without the object around the logins."""

    @classmethod
    def detect_by_name(cls, name: str) -> LoginFileFormat:
        """Return the format of a login file with this name. The format of an unknown name is Docker's.

        In a mounted Kubernetes Secret, the file name is the key in the Secret, such as `.dockerconfigjson`.
        """
        return next((shape for shape in cls if shape.value == name), cls.DOCKER)


@dataclass(frozen=True, slots=True)
class LoginKey:
    """The host and, optionally, the repositories that a login is for. It is parsed from a key of `auths`."""

    host: str
    """The normalized host, such as `docker.io` or `127.0.0.1:5000`. In a Kubernetes Secret, the host may contain
    globs."""
    path: str = ""
    """Whole segments at the beginning of a repository's path; empty if the login is for all repositories."""

    def is_for_repository(self, host: str, path: str, *, allows_globs: bool) -> bool:
        """Return True if the login is for the repository `path` on `host`.

        If `allows_globs` is True, the host in this key may be a glob such as `*.example.com`.
        """
        if self.path and not f"{path}/".startswith(f"{self.path}/"):
            return False
        return self.host == host or (allows_globs and _is_host_match(self.host, host))


@dataclass(frozen=True, slots=True)
class LoginFile:
    """The logins and credential helpers in a login file."""

    logins: tuple[tuple[LoginKey, Credential], ...] = ()
    """Sorted from the most specific key to the least specific key."""
    helpers: Mapping[str, str] = field(default_factory=dict)
    """The names of credential helpers, without `docker-credential-`, by host."""
    default_helper: str | None = None
    """The helper for all other hosts; None if the file names no default helper."""
    allows_globs: bool = False

    def get_helper(self, host: str) -> str | None:
        """Return the name of the credential helper for a host; None if the host has no helper.

        The helper takes precedence over the logins in the file.
        """
        return self.helpers.get(host) or self.default_helper

    def find_login(self, host: str, path: str) -> Credential | None:
        """Return the login for the repository `path` on `host`, or None if the file has none.

        If several keys of the file match, the most specific key is used.
        """
        matching_logins = (
            login for key, login in self.logins if key.is_for_repository(host, path, allows_globs=self.allows_globs)
        )
        return next(matching_logins, None)


def parse_logins(content: bytes, file_format: LoginFileFormat = LoginFileFormat.DOCKER) -> LoginFile:
    """Parse a login file.

    Raises ValueError if the file is invalid. The message contains nothing from the file.
    """
    if len(content) > MAX_LOGINS_SIZE:
        raise ValueError(f"the registry logins have more than {MAX_LOGINS_SIZE} bytes")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("the content is not JSON") from None
    document = _require_object(document, "the document")
    match file_format:
        case LoginFileFormat.DOCKER:
            helpers = _require_object(document.get("credHelpers"), "`credHelpers`")
            helpers_by_host = {
                _parse_key(text).host: str(helper) for text, helper in helpers.items() if not _parse_key(text).path
            }
            store = document.get("credsStore")
            return LoginFile(_parse_auths(document.get("auths")), helpers_by_host, str(store) if store else None)
        case LoginFileFormat.KUBERNETES:
            return LoginFile(_parse_auths(document.get("auths")), allows_globs=True)
        case LoginFileFormat.KUBERNETES_LEGACY:
            return LoginFile(_parse_auths(document), allows_globs=True)


def _parse_auths(auths: Any) -> tuple[tuple[LoginKey, Credential], ...]:
    credentials: dict[LoginKey, Credential] = {}
    for text, value in _require_object(auths, "`auths`").items():
        key, credential = _parse_key(text), _parse_credential(_require_object(value, "an entry of `auths`"))
        is_exact = text == "/".join(filter(None, (key.host, key.path)))
        if credential and (is_exact or key not in credentials):
            credentials[key] = credential
    return tuple(
        sorted(credentials.items(), key=lambda item: (-len(_split_path(item[0].path)), item[0].host.count("*")))
    )


def _parse_key(text: str) -> LoginKey:
    """Parse a key of the form `[http[s]://]host[:port][/v1|/v2][/path]`."""
    host, _, path = _SCHEME.sub("", text, count=1).partition("/")
    return LoginKey(
        normalise_host(host),
        _API_VERSION.sub("", path, count=1).strip("/") if _API_VERSION.match(path) else path.strip("/"),
    )


def _split_path(path: str) -> list[str]:
    return path.split("/") if path else []


def _is_host_match(pattern: str, host: str) -> bool:
    """Return True if `host` matches the glob `pattern` by the kubelet's rules.

    A `*` matches within one label only, not across dots. The ports must be equal.
    """
    pattern_labels, host_labels = _split_host(pattern), _split_host(host)
    return len(pattern_labels) == len(host_labels) and all(map(fnmatchcase, host_labels, pattern_labels))


def _split_host(host: str) -> tuple[str, ...]:
    name, _, port = host.partition(":")
    return (*name.split("."), port)


def _require_object(value: Any, subject: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{subject} is not an object")  # noqa: TRY004 - a malformed document, not a wrong argument
    return value


def _parse_credential(entry: Mapping[str, Any]) -> Credential | None:
    if entry.get("identitytoken"):
        return IdentityToken(str(entry["identitytoken"]))
    if entry.get("auth"):
        try:
            decoded = base64.b64decode(str(entry["auth"]), validate=True).decode()
        except (binascii.Error, ValueError):
            raise ValueError("an `auth` value in `auths` is not base64") from None
        username, colon, password = decoded.partition(":")
        if not colon:
            raise ValueError("an `auth` value in `auths` does not have the form `user:password`")
        return PasswordLogin(username, password.rstrip("\0"))
    if entry.get("username") and entry.get("password"):
        return PasswordLogin(str(entry["username"]), str(entry["password"]))
    return None
