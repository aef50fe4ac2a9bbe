"""Objects of git, whoever keeps them: what they are called, and the regular files among them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

REGULAR, EXECUTABLE = "100644", "100755"
"""Modes of regular files."""

SHA256_DIGITS = 64
"""Of the name of an object in a repository that does not have SHA-1."""


@dataclass(frozen=True, slots=True)
class RegularFile:
    """One regular file of a tree; two are equal that git cannot tell apart."""

    mode: str
    oid: str
    size: int | None = field(default=None, compare=False)
    """In bytes, where it was told."""


def blob_name(content: bytes, like: str = "") -> str:
    """Return the name that git gives a blob: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects.

    A repository has names of one kind; `like` is one of them, if it may be other than SHA-1.
    """
    stored = b"blob %d\0%b" % (len(content), content)
    if len(like) == SHA256_DIGITS:
        return hashlib.sha256(stored).hexdigest()
    return hashlib.sha1(stored, usedforsecurity=False).hexdigest()
