"""Image references as files spell them, and the canonical repositories to which they refer."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NewType

from bot.model.errors import InvalidReferenceError

Digest = NewType("Digest", str)
"""`sha256:` and 64 lower-case hexadecimal digits. `sha384:` and `sha512:` are parsed as well, but never written."""

DOCKER_HUB = "docker.io"
DEFAULT_TAG = "latest"
"""The tag of a reference that has neither a tag nor a digest."""
_HUB_ALIASES = frozenset({"docker.io", "index.docker.io"})

MAX_REFERENCE_LENGTH = 1024
"""Longer texts are not image references. A path has at most 255 characters, a tag 128, and a digest 135."""
MAX_PATH_LENGTH = 255
"""https://github.com/distribution/reference (NameTotalLengthMax)."""

# The grammar of https://github.com/distribution/reference without its optional host, which `_split_name` decides.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?", re.ASCII)
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}", re.ASCII)
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_IMAGE_ID = re.compile(r"[a-f0-9]{64}", re.ASCII)


def parse_sha256(text: str) -> Digest | None:
    """Return `text` as a digest. Return None if it is not `sha256:` followed by 64 lower-case hexadecimal digits."""
    return Digest(text) if _SHA256.fullmatch(text) else None


def is_tag(text: str) -> bool:
    """Return True if `text` is a valid tag."""
    return _TAG.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, order=True)
class TagRef:
    """A tag in a repository. Each distinct TagRef is looked up once, and has its own observations."""

    repository: str
    """The canonical name of the repository, such as `docker.io/library/nginx`."""
    tag: str

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"

    @property
    def host(self) -> str:
        return self.repository.partition("/")[0]

    @property
    def path(self) -> str:
        """The repository without its host."""
        return self.repository.partition("/")[2]


@dataclass(frozen=True, slots=True)
class ImageName:
    """An image reference that keeps the spelling of its text, such as `nginx` instead of `docker.io/library/nginx`."""

    name: str
    """The name without tag and digest, such as `nginx`, `ghcr.io/acme/web` or `127.0.0.1:5000/base`."""
    tag: str | None
    digest: Digest | None

    @classmethod
    def parse(cls, text: str) -> ImageName:
        """Parse an image reference with the grammar of Go's distribution/reference (ParseNormalizedNamed).

        The spelling of the reference is kept.

        Raises:
            InvalidReferenceError: If `text` is not an image reference.
        """
        return _parse_reference(text)

    @property
    def repository(self) -> str:
        """The canonical name of the repository, such as `docker.io/library/nginx` for `nginx`."""
        host, path = _split_name(self.name)
        return f"{host}/{path}"

    @property
    def host(self) -> str:
        return _split_name(self.name)[0]

    @property
    def has_registry_host(self) -> bool:
        """True if the name starts with a registry host, so that it means the same image in every file."""
        head, slash, _ = self.name.partition("/")
        return bool(slash) and _is_host(head)

    def to_tag_ref(self, default_tag: str | None = None) -> TagRef | None:
        """Return the reference's tag in its canonical repository. If the reference has no tag, use `default_tag`.

        Return None if there is neither a tag nor a default.
        """
        tag = self.tag or default_tag
        return TagRef(self.repository, tag) if tag else None

    def with_digest(self, digest: Digest) -> ImageName:
        """Return the same reference with another digest."""
        return replace(self, digest=digest)

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


@lru_cache(maxsize=4096)
def _split_name(name: str) -> tuple[str, str]:
    """Return the host and the path of a name. Short names are expanded: `nginx` is `docker.io` and `library/nginx`."""
    head, slash, rest = name.partition("/")
    if not (slash and _is_host(head)):
        return DOCKER_HUB, name if slash else f"library/{name}"
    if head not in _HUB_ALIASES:
        return head, rest
    return DOCKER_HUB, rest if "/" in rest else f"library/{rest}"


def _is_host(head: str) -> bool:
    return "." in head or ":" in head or head == "localhost" or head != head.lower()


@lru_cache(maxsize=4096)
def _parse_reference(text: str) -> ImageName:
    if len(text) > MAX_REFERENCE_LENGTH:
        raise InvalidReferenceError(text[:80] + "…", "the text is too long")
    if _IMAGE_ID.fullmatch(text):
        raise InvalidReferenceError(text, "64 hexadecimal digits are an image ID, not a reference")
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise InvalidReferenceError(text, "the part after @ is not a digest")
    name, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag or (tag.endswith("]") and "[" in name):  # a port or an IPv6 address, not a tag
        name, tag = rest, ""
    elif not _TAG.fullmatch(tag):
        raise InvalidReferenceError(text, "the part after the last : is not a tag")
    host, path = _split_name(name)
    if not _HOST.fullmatch(host):
        raise InvalidReferenceError(text, "the part before the first / is not a host name")
    if not _PATH.fullmatch(path):
        raise InvalidReferenceError(text, "the name of the repository is not lower-case words joined by / . _ or -")
    if len(path) > MAX_PATH_LENGTH:
        raise InvalidReferenceError(text, f"the name of the repository has more than {MAX_PATH_LENGTH} characters")
    return ImageName(name, tag or None, Digest(digest) if at else None)
