"""What git calls its objects, whoever keeps them."""

from __future__ import annotations

import hashlib

REGULAR, EXECUTABLE = "100644", "100755"
"""Modes of regular files."""


def blob_name(content: bytes) -> str:
    """Return the name that git gives a blob: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects."""
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()
