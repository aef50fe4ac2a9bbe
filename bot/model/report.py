"""The report of a run, from which every output is rendered."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # only annotations need these imports, so they do not slow down the start
    from bot.model.decision import Transition
    from bot.model.evidence import Evidence
    from bot.model.proposal import ProposedImage
    from bot.model.reference import Digest
    from bot.model.source import FilePath, Occurrence, UnsupportedText
    from bot.model.vocabulary import FailureStage, OccurrenceStatus, ProposalOutcome, Reason, RunLevel

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class RunFailure:
    """One thing that basebump could not do; the rest of the run continued."""

    subject: str
    stage: FailureStage
    error: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a run for one image reference."""

    occurrence: Occurrence
    status: OccurrenceStatus
    reason: Reason | None = None
    detail: str = ""
    new_digest: Digest | None = None
    transition: Transition | None = None
    successor: str | None = None
    """The tag that succeeds a superseded tag."""


@dataclass(frozen=True, slots=True)
class ProposalReport:
    """The result of a run for one proposal."""

    branch: str
    outcome: ProposalOutcome
    title: str
    images: tuple[ProposedImage, ...] = ()
    files: tuple[FilePath, ...] = ()
    url: str | None = None
    note: str = ""
    """A sentence for users: why the proposal was closed, or which attributes could not be set."""
    body: str = ""
    """The rendered Markdown body for display; not part of the JSON output."""


@dataclass(frozen=True, slots=True)
class RepositoryReport:
    """One repository or folder, and the proposals for it."""

    forge: str
    """`github`, `local`; empty for a scanned folder."""
    name: str
    base_branch: str | None
    verdicts: tuple[Verdict, ...] = ()
    unsupported: tuple[UnsupportedText, ...] = ()
    proposals: tuple[ProposalReport, ...] = ()
    note: str = ""
    """Why the whole repository was not processed; empty if it was."""
    configured_name: str | None = None
    """The name in the config, if the repository was renamed since."""

    @property
    def title(self) -> str:
        """The name for display, with the base branch to distinguish several base branches of one repository."""
        return f"{self.name} ({self.base_branch})" if self.base_branch else self.name


@dataclass(frozen=True, slots=True)
class RunReport:
    """The report of a whole run."""

    level: RunLevel
    repositories: tuple[RepositoryReport, ...]
    evidence: dict[Transition, Evidence] = field(default_factory=dict)
    failed: tuple[RunFailure, ...] = ()
    started: datetime | None = None
    """None for the scan of one folder."""
    ended: datetime | None = None

    def add_failures(self, failures: tuple[RunFailure, ...]) -> RunReport:
        """Return the report with additional failures."""
        return replace(self, failed=(*self.failed, *failures))
