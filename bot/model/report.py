"""The report of a run, from which every output is rendered."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from bot.model.due_date import DueClass, DueDate
from bot.model.stuck_update import StuckUpdate

if TYPE_CHECKING:  # only annotations need these imports, so they do not slow down the start
    from bot.model.decision import Transition
    from bot.model.evidence import Evidence
    from bot.model.exposure import Exposure
    from bot.model.image_name import Digest
    from bot.model.proposal import ProposedImage
    from bot.model.source import FilePath, Reference, UnreadText, UnsupportedText
    from bot.model.vocabulary import FailureStage, ProposalOutcome, Reason, ReferenceStatus, RunLevel

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class RunFailure:
    """Something that failed in a run, although the rest of the run continued."""

    subject: str
    stage: FailureStage
    error: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result for one image reference: its status, the reason for the status, and the update if there is one."""

    reference: Reference
    status: ReferenceStatus
    reason: Reason | None = None
    detail: str = ""
    new_digest: Digest | None = None
    transition: Transition | None = None
    successor: str | None = None
    """The tag that replaces a superseded tag; None if it is not known, or if the tag is not superseded."""
    in_use: Transition | None = None
    """The transition from the image in use to the newest digest, the key of the image's exposure; None if the exposure
    was not determined. `old` is None if the image in use is the newest one."""


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
    """A sentence for users, such as why the proposal was closed or which attributes could not be set; may be empty."""
    body: str = ""
    """The rendered Markdown body of the pull request. It is not part of the JSON output."""
    due: DueDate | None = None
    """The time by which the proposal is to be merged; None if it has no due date, or if it is closed or declined."""
    shown_due: DueDate | None = None
    """The due date that readers of the repository may see. It differs from `due` if it depends on private evidence."""
    is_due_unknown: bool = False
    """True if there is no due date only because the fixes of the proposal are unknown."""
    accepted_risk: DueClass | None = None
    """The fixes of a declined proposal that would otherwise have a due date.

    The user who declined it accepted this risk.
    """


@dataclass(frozen=True, slots=True)
class RepositoryReport:
    """The result of a run for one base branch of a repository, or for one folder."""

    forge: str
    """The kind of forge, such as `github` or `local`; empty for a scanned folder."""
    name: str
    base_branch: str | None
    verdicts: tuple[Verdict, ...] = ()
    unsupported: tuple[UnsupportedText, ...] = ()
    proposals: tuple[ProposalReport, ...] = ()
    note: str = ""
    """The reason that the whole repository was not processed; empty if it was processed."""
    configured_name: str | None = None
    """The name in the config if the repository was renamed; otherwise None."""
    files_url: str | None = None
    """The URL to which the path of a file is appended, at the site of the forge; None if there is no such site."""
    read_at: datetime | None = None
    """The time at which an earlier run read the base branch, if this run did not, because nothing had changed; None if
    this run read it."""
    stuck: tuple[StuckUpdate, ...] = ()
    """Merged updates that make no progress, for the dashboard. Empty if the repository has no dashboard."""

    @property
    def title(self) -> str:
        """The name for display. It includes the base branch, because one repository can have several base branches."""
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
    uses_default_scanner: bool = False
    """True if the config lists no scanners, so that Trivy or Grype was used if one of them is installed."""
    unread_texts: tuple[UnreadText, ...] = ()
    """Texts that look like image references and that no format reads. Empty for a run, which does not search them."""
    exposures: dict[Transition, Exposure] = field(default_factory=dict)
    """The exposure of each image in use, by `Verdict.in_use`; empty if it was not determined."""

    def add_failures(self, failures: tuple[RunFailure, ...]) -> RunReport:
        """Return the report with additional failures."""
        return replace(self, failed=(*self.failed, *failures))
