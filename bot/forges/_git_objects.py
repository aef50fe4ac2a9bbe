"""Git objects, wherever they are stored: blob names, and the regular files of a tree."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

REGULAR, EXECUTABLE = "100644", "100755"
"""File modes of regular files."""

SHA256_NAME_LENGTH = 64
"""Length of an object name in a repository that uses SHA-256 instead of SHA-1."""


@dataclass(frozen=True, slots=True)
class RegularFile:
    """A regular file of a tree; two files with the same mode and content are equal."""

    mode: str
    oid: str
    size: int | None = field(default=None, compare=False)
    """Size in bytes; None if the source did not report it."""


def hash_blob(content: bytes, like: str = "") -> str:
    """Return the name that git gives to a blob: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects.

    Args:
        content: The bytes of the file.
        like: Any object name of the repository; its length selects SHA-256. Without it, SHA-1 is used.
    """
    git_object = b"blob %d\0%b" % (len(content), content)
    if len(like) == SHA256_NAME_LENGTH:
        return hashlib.sha256(git_object).hexdigest()
    return hashlib.sha1(git_object, usedforsecurity=False).hexdigest()
