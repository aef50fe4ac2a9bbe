"""Object ids of git blobs."""

from __future__ import annotations

import hashlib

SHA256_OID_LENGTH = 64
"""The length of object ids in a repository that uses SHA-256 instead of SHA-1."""


def hash_blob(content: bytes, sample_oid: str = "") -> str:
    """Return the object id that git gives to a file with this content.

    https://git-scm.com/book/en/v2/Git-Internals-Git-Objects

    Args:
        content: The bytes of the file.
        sample_oid: Any object id of the same repository, which shows by its length whether the repository uses SHA-1 or
            SHA-256. If it is empty, SHA-1 is used.
    """
    git_object = b"blob %d\0%b" % (len(content), content)
    if len(sample_oid) == SHA256_OID_LENGTH:
        return hashlib.sha256(git_object).hexdigest()
    return hashlib.sha1(git_object, usedforsecurity=False).hexdigest()
