"""Facts about git objects that do not depend on where the objects are stored: regular files, limits for merges."""

from __future__ import annotations

from dataclasses import dataclass, field

BRANCHES = "refs/heads/"
"""The beginning of the full name of every branch."""
REGULAR, EXECUTABLE = "100644", "100755"
"""File modes of regular files."""

MAX_MERGES = 20
"""The largest number of merges of the base branch that are followed back to basebump's commit. A branch with more such
merges is rebased."""
PARENTS_OF_MERGE = 2


@dataclass(frozen=True, slots=True)
class RegularFile:
    """A regular file in a commit.

    Two instances are equal if their modes and their object ids are equal. The size is not compared.
    """

    mode: str
    oid: str
    size: int | None = field(default=None, compare=False)
    """Size in bytes; None if the source did not report it."""
