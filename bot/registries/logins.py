"""Parses login files: Docker's, those of Podman and related tools, and Kubernetes Secrets. Pure.

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

from bot.registries.access import account_of
from bot.registries.credentials import Credential, IdentityToken, Login

MAX_LOGINS_SIZE = 1024 * 1024
"""Bytes; a file for a hundred registries takes about twenty thousand."""

_SCHEME = re.compile(r"https?://")
_API = re.compile(r"v[12](?:/|\Z)")
"""The API version that Docker writes between the host and the rest of a key."""


class Shape(Enum):
    """The format of a login file; the value is the file's name."""

    DOCKER = "config.json"
    """Docker's and Podman's format: hosts are literal, and credential helpers are used."""
    KUBERNETES = ".dockerconfigjson"
    """A Secret, as the kubelet reads it: labels of hosts may be globs, and there are no helpers."""
    KUBERNETES_LEGACY = ".dockercfg"
    """The same, without the object around the logins."""

    @classmethod
    def of_name(cls, name: str) -> Shape:
        """Return the format of a file by its name; a Secret mounts each of its keys as a file of that name."""
        return next((shape for shape in cls if shape.value == name), cls.DOCKER)


@dataclass(frozen=True, slots=True)
class Key:
    """The host and path that a login is for."""

    host: str
    """Normalised host: `docker.io`, `127.0.0.1:5000`; may contain globs in a Kubernetes Secret."""
    path: str = ""
    """Whole segments at the beginning of a repository's path."""

    def covers(self, account: str, path: str, *, is_glob: bool) -> bool:
        """Return True if the login is for the repository `path` of a host."""
        if self.path and not f"{path}/".startswith(f"{self.path}/"):
            return False
        return self.host == account or (is_glob and _matches(self.host, account))


@dataclass(frozen=True, slots=True)
class LoginFile:
    """The logins and credential helpers in a login file."""

    logins: tuple[tuple[Key, Credential], ...] = ()
    """Sorted from the most specific key to the least."""
    helpers: Mapping[str, str] = field(default_factory=dict)
    """Suffixes of `docker-credential-…` by host."""
    store: str | None = None
    """The helper for all other hosts."""
    is_glob: bool = False

    def helper(self, account: str) -> str | None:
        """Return the helper for a host, which takes precedence over the logins of the file."""
        return self.helpers.get(account) or self.store

    def login(self, account: str, path: str) -> Credential | None:
        """Return the login with the most specific key that covers the repository."""
        covering = (login for key, login in self.logins if key.covers(account, path, is_glob=self.is_glob))
        return next(covering, None)


def parse_logins(content: bytes, shape: Shape = Shape.DOCKER) -> LoginFile:
    """Parse a login file. Raises ValueError; its text contains nothing of the content."""
    if len(content) > MAX_LOGINS_SIZE:
        raise ValueError(f"it has more than {MAX_LOGINS_SIZE} bytes")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    document = _object(document, "the document")
    match shape:
        case Shape.DOCKER:
            helpers = _object(document.get("credHelpers"), "`credHelpers`")
            named = {_key(text).host: str(helper) for text, helper in helpers.items() if not _key(text).path}
            store = document.get("credsStore")
            return LoginFile(_logins(document.get("auths")), named, str(store) if store else None)
        case Shape.KUBERNETES:
            return LoginFile(_logins(document.get("auths")), is_glob=True)
        case Shape.KUBERNETES_LEGACY:
            return LoginFile(_logins(document), is_glob=True)


def _logins(auths: Any) -> tuple[tuple[Key, Credential], ...]:
    found: dict[Key, Credential] = {}
    for text, value in _object(auths, "`auths`").items():
        key, credential = _key(text), _credential(_object(value, "an entry of `auths`"))
        is_exact = text == "/".join(filter(None, (key.host, key.path)))
        if credential and (is_exact or key not in found):
            found[key] = credential
    return tuple(sorted(found.items(), key=lambda item: (-len(_segments(item[0].path)), item[0].host.count("*"))))


def _key(text: str) -> Key:
    """Parse `[http[s]://]host[:port][/v1|/v2][/path]`."""
    host, _, path = _SCHEME.sub("", text, count=1).partition("/")
    return Key(account_of(host), _API.sub("", path, count=1).strip("/") if _API.match(path) else path.strip("/"))


def _segments(path: str) -> list[str]:
    return path.split("/") if path else []


def _matches(pattern: str, account: str) -> bool:
    """Return True if each label matches, as for the kubelet: `*` stops at a dot, and the ports are equal."""
    wanted, given = _labels(pattern), _labels(account)
    return len(wanted) == len(given) and all(map(fnmatchcase, given, wanted))


def _labels(host: str) -> tuple[str, ...]:
    name, _, port = host.partition(":")
    return (*name.split("."), port)


def _object(value: Any, what: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not an object")  # noqa: TRY004 - a malformed document, not a wrong argument
    return value


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
