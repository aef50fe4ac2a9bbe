"""What a run found and did; every output renders this one document."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # fields name these, and nothing here makes one: a start pays only for what it uses
    from bot.model.decision import Transition
    from bot.model.evidence import Evidence
    from bot.model.proposal import ProposedImage
    from bot.model.reference import Digest
    from bot.model.source import FilePath, Occurrence, Unsupported
    from bot.model.vocabulary import Level, ProposalOutcome, Reason, Stage, Status

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Failed:
    """One thing that basebump could not do; the rest went on."""

    subject: str
    stage: Stage
    error: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run concluded about one place."""

    occurrence: Occurrence
    status: Status
    reason: Reason | None = None
    detail: str = ""
    new_digest: Digest | None = None
    transition: Transition | None = None
    successor: str | None = None
    """The tag that comes after one that has ended."""


@dataclass(frozen=True, slots=True)
class ProposalReport:
    """What became of one proposal."""

    branch: str
    outcome: ProposalOutcome
    title: str
    images: tuple[ProposedImage, ...] = ()
    files: tuple[FilePath, ...] = ()
    url: str | None = None
    note: str = ""
    """A sentence for people: why it was closed, what could not be done beside it."""
    body: str = ""
    """The rendered Markdown, for those who look at it; not part of the JSON."""


@dataclass(frozen=True, slots=True)
class RepositoryReport:
    """One tree and what is proposed to it."""

    forge: str
    """`github`, `local`; empty for a scanned folder."""
    name: str
    base_branch: str | None
    verdicts: tuple[Verdict, ...] = ()
    unsupported: tuple[Unsupported, ...] = ()
    proposals: tuple[ProposalReport, ...] = ()
    note: str = ""
    """What keeps all of it from being looked at."""
    known_as: str | None = None
    """The name that the config has for it, where it was renamed since."""

    @property
    def title(self) -> str:
        """How people tell it from others, among them the same repository on another base branch."""
        return f"{self.name} ({self.base_branch})" if self.base_branch else self.name


@dataclass(frozen=True, slots=True)
class RunReport:
    """The whole run."""

    level: Level
    repositories: tuple[RepositoryReport, ...]
    evidence: dict[Transition, Evidence] = field(default_factory=dict)
    failed: tuple[Failed, ...] = ()
    started: datetime | None = None
    """None of a scan, which is of one folder."""
    ended: datetime | None = None

    def with_failures(self, failures: tuple[Failed, ...]) -> RunReport:
        """Return the same report with more that could not be done."""
        return replace(self, failed=(*self.failed, *failures))
