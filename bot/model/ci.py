"""The outcome of CI on basebump's pull requests, and the counts of outcomes for a digest in the whole fleet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CiOutcome(StrEnum):
    """The combined result of all checks of a commit, without basebump's own status."""

    PASSED = "passed"
    FAILED = "failed"
    PENDING = "pending"
    NONE = "none"
    """The forge lists the checks of the commit, and there are none."""
    UNKNOWN = "unknown"
    """The checks could not be read, or have no result, for example because a user cancelled them."""

    @property
    def is_final(self) -> bool:
        """True if the checks ended with a result. Unknown is neither passed nor failed."""
        return self in {CiOutcome.PASSED, CiOutcome.FAILED}


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check of a commit that failed, such as a run of a workflow. The name is untrusted text."""

    name: str
    url: str | None = None
    """The URL of the run, which begins with `http://` or `https://`."""


@dataclass(frozen=True, slots=True)
class FleetOutcome:
    """The outcome of CI on the pull requests for one digest of a tag, counted once per repository of the fleet."""

    passed: int = 0
    failed: int = 0
    merged: int = 0
    """The number of repositories that merged the digest, whatever the outcome of CI."""
    broken: int = 0
    """The number of repositories in `failed` whose CI passed without the digest, so that the digest may be the
    reason."""
    is_failing: bool = False
    """True if so many repositories broke that the digest is not proposed to others."""

    @property
    def finished(self) -> int:
        """The number of repositories in which CI ended with a result."""
        return self.passed + self.failed
