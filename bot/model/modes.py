"""The words by which a policy says how something is done, and what holds where it says nothing."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

REFRESH_EVERY = timedelta(days=7)
"""How often a proposal that waits for people may change under them: each time costs an approval and a CI run."""


class UpdateMode(StrEnum):
    """How far an image may move."""

    NONE = "none"
    DIGEST = "digest"
    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"


class SplitBy(StrEnum):
    """How far one line or group is cut into proposals of their own."""

    NOTHING = "nothing"
    FOLDER = "folder"


class OnClose(StrEnum):
    """What a person declines by closing a proposal."""

    DIGEST = "digest"
    """Exactly what it proposed; what comes next is offered."""
    LINE = "line"
    """All that its lines will ever point to, until that is pressing."""


class Rebase(StrEnum):
    """When a proposal is built anew because its base moved on."""

    AUTO = "auto"
    """Where it conflicts, and where the forge merges only what is up to date."""
    NEVER = "never"
    ALWAYS = "always"


class WhenUnknown(StrEnum):
    """What becomes of an update of which nobody knows what it fixes and brings."""

    OPEN = "open"
    HOLD = "hold"
    """It is not opened; what is open stays."""
