"""Strict parser of package URLs, with which SBOMs and VEX statements name packages.

https://github.com/package-url/purl-spec/blob/main/PURL-SPECIFICATION.rst
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from bot.model.vex import Purl

MAX_PURL_LENGTH = 4096
"""The maximum number of characters of a package URL. With a digest and a repository URL, it has about two hundred."""

_TYPE = re.compile(r"[a-z][a-z0-9.+-]*", re.ASCII)
_KEY = re.compile(r"[a-z][a-z0-9._-]*", re.ASCII)


def parse_purl(text: str) -> Purl | None:
    """Parse a package URL. Return None if it is invalid, or if its `#subpath` names only a part of a package."""
    scheme, _, rest = text.partition(":")
    path, _, query = rest.partition("?")
    if len(text) > MAX_PURL_LENGTH or scheme.lower() != "pkg" or "#" in rest:
        return None
    kind, slash, path = path.lstrip("/").partition("/")
    namespace, _, last = path.rstrip("/").rpartition("/")
    name, at, version = last.rpartition("@")
    if not at:
        name, version = last, ""
    qualifiers = _parse_qualifiers(query)
    if not slash or not name or not _TYPE.fullmatch(kind.lower()) or qualifiers is None:
        return None
    segments = [unquote(segment) for segment in namespace.split("/") if segment]
    return Purl(kind.lower(), "/".join(segments), unquote(name), unquote(version), qualifiers)


def _parse_qualifiers(query: str) -> tuple[tuple[str, str], ...] | None:
    """Return the qualifiers in the query of a package URL, sorted by key, without those that have no value.

    Return None if a key is invalid or occurs more than once.
    """
    parts = (part.partition("=") for part in query.split("&") if part)
    pairs = [(key.lower(), unquote(value)) for key, _, value in parts]
    values = {key: value for key, value in pairs if value}
    is_unambiguous = len({key for key, _ in pairs}) == len(pairs) and all(_KEY.fullmatch(key) for key, _ in pairs)
    return tuple(sorted(values.items())) if is_unambiguous else None
