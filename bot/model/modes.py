"""Modes that policy keys can select, and the default of the policy key `refresh`."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

REFRESH_EVERY = timedelta(days=7)
"""How often a proposal that waits for review may change. Each change costs an approval and a CI run."""


class UpdateMode(StrEnum):
    """How far an image may be updated, from the newest digest of its tag to another major version (`major`)."""

    DIGEST = "digest"
    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"


class AutomergeLimit(StrEnum):
    """How far the images of a proposal may be updated so that it is merged automatically; with `none`, it never is."""

    NONE = "none"
    DIGEST = UpdateMode.DIGEST
    PATCH = UpdateMode.PATCH
    MINOR = UpdateMode.MINOR
    MAJOR = UpdateMode.MAJOR


class SplitBy(StrEnum):
    """How the updates of a tag or a group are split into several proposals."""

    NOTHING = "nothing"
    FOLDER = "folder"


class OnClose(StrEnum):
    """Which digests are not proposed again after a user closed a pull request without merging it."""

    DIGEST = "digest"
    """Only the proposed digests. The next digest is proposed again."""
    LINE = "line"
    """The proposed digests and all later digests of their tags, until a digest fixes an urgent vulnerability."""


class Rebase(StrEnum):
    """When a proposal's branch is created again on top of a base branch that has new commits."""

    AUTO = "auto"
    """If the branch has conflicts, or if the forge merges only branches that are up to date."""
    NEVER = "never"
    ALWAYS = "always"


class WhenUnknown(StrEnum):
    """The handling of an update if it is unknown which vulnerabilities it fixes and introduces."""

    OPEN = "open"
    HOLD = "hold"
    """The proposal is not opened. A proposal that is already open stays open."""
