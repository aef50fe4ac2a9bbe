"""The values of policy keys that select how something is done, and their defaults."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

REFRESH_EVERY = timedelta(days=7)
"""How often a proposal that waits for review may change; each change costs an approval and a CI run."""


class UpdateMode(StrEnum):
    """How far an image may be updated."""

    NONE = "none"
    DIGEST = "digest"
    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"


class SplitBy(StrEnum):
    """How a tag's or group's updates are split into several proposals."""

    NOTHING = "nothing"
    FOLDER = "folder"


class OnClose(StrEnum):
    """Which updates a user declines by closing a proposal."""

    DIGEST = "digest"
    """Exactly the proposed digests; the next digest is proposed."""
    LINE = "line"
    """All later digests of its tags, too, until one fixes something urgent."""


class Rebase(StrEnum):
    """When a proposal is rebuilt because its base branch changed."""

    AUTO = "auto"
    """If it conflicts, or if the forge merges only branches that are up to date."""
    NEVER = "never"
    ALWAYS = "always"


class WhenUnknown(StrEnum):
    """How to handle an update whose fixed and introduced vulnerabilities are unknown."""

    OPEN = "open"
    HOLD = "hold"
    """The proposal is not opened; an open proposal stays open."""
