"""Merged updates that must run by a due date, and that do not run yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.model.due_date import DueClass
from bot.model.inventory import BranchKey, StoredRequest
from bot.model.update_stages import UpdateProgress


@dataclass(frozen=True, slots=True)
class UnfinishedUpdate:
    """A merged pull request whose update does not run everywhere yet, although its due date requires it."""

    key: BranchKey
    request: StoredRequest
    due_at: datetime
    due_for: DueClass
    progress: UpdateProgress
    """The progress of the update in a file that waits or, if no file is known to wait, in a file with unknown progress.
    """

    @property
    def is_known(self) -> bool:
        """True if the update is known not to run; False if it is unknown whether it runs."""
        return self.progress.wait is not None and not self.progress.wait.reason.is_unknown

    def is_overdue(self, now: datetime) -> bool:
        """Return True if the due date has passed, and the update is known not to run."""
        return self.is_known and now >= self.due_at
