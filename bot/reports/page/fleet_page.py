"""Builds the values for the template of the fleet page, which is the HTML report of a run.

These are the risk of the fleet, charts, and sorted lists with a limited number of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from bot.core.markdown import describe_rest
from bot.model.evidence import Severity
from bot.model.vocabulary import OPEN_OUTCOMES, ProposalOutcome, Reason, ReferenceStatus
from bot.reports.page.image_rows import (
    ImageRow,
    build_image_rows,
    format_image,
    format_position,
    format_repository,
    format_status,
    link_proposal,
    render_image_data,
)
from bot.reports.page.page_charts import (
    PageChart,
    ReferenceInRepository,
    build_charts,
    can_update_now,
    list_distinct_updates,
)
from bot.reports.page.run_facts import FailureFacts, ProposalFacts, RepositoryFacts, RunFacts
from bot.reports.parts.shown_rows import LinkedText, ShownRows, cut_rows, shorten_text
from bot.reports.parts.stage_section import StageReport, StageSection, build_stage_section

NOT_LOOKED_UP = "not looked up"
NOW_AND_AFTER = "now → after all updates; only images with an update"
NOT_SCANNED = "not scanned"


@dataclass(frozen=True, slots=True)
class RiskFigure:
    """A figure with a link to the images or proposals that it counts."""

    label: str
    value: str
    note: str
    query: str
    """The target of the link: a filter of the table of images, such as `severity=critical`, or a section of the
    page.
    """
    is_alarming: bool
    """True if the figure needs an action."""


def build_risk_figures(
    located: Sequence[ReferenceInRepository], images: Sequence[ImageRow], proposals: Sequence[ProposalFacts]
) -> tuple[RiskFigure, ...]:
    """Return the figures: exploited and critical vulnerabilities, the oldest image, and images without a scan.

    If references use blocked digests, their number is the first figure. If proposals have due dates, the number of
    overdue proposals follows.
    """
    return (
        *_build_blocked_figures(located),
        *_build_overdue_figures(proposals),
        _build_exploited_figure(located),
        _build_critical_figure(located),
        _build_age_figure(images),
        _build_unscanned_figure(images),
    )


def build_stuck_figure(stuck: int) -> RiskFigure:
    """Return the number of updates that wait longer than usual for a merge, a build or a deployment."""
    note = "updates that wait too long for a merge, a build or a deployment"
    return RiskFigure("Stuck", f"{stuck:,}", note, "stages", is_alarming=stuck > 0)


def _build_overdue_figures(proposals: Sequence[ProposalFacts]) -> Iterator[RiskFigure]:
    due = sum(each.due_at is not None for each in proposals)
    accepted = sum(each.accepted_risk is not None for each in proposals)
    unknown = sum(each.is_due_unknown for each in proposals)
    if due or unknown or accepted:
        overdue = sum(each.is_overdue for each in proposals)
        note = f"of {due:,} proposals with a due date; {unknown:,} not scanned; {accepted:,} declined (accepted risk)"
        yield RiskFigure("Overdue", f"{overdue:,}", note, "proposals", is_alarming=overdue > 0)


def _build_blocked_figures(located: Sequence[ReferenceInRepository]) -> Iterator[RiskFigure]:
    """Yield the number of references to blocked digests; nothing if there are none."""
    blocked = [each.reference for each in located if each.reference.status == ReferenceStatus.BLOCKED.value]
    if blocked:
        unreplaced = sum(each.new_digest is None for each in blocked)
        note = f"references to images that must not be used; {unreplaced:,} without a known replacement"
        yield RiskFigure("Blocked, in use", f"{len(blocked):,}", note, "status=blocked", is_alarming=True)


def _build_exploited_figure(located: Sequence[ReferenceInRepository]) -> RiskFigure:
    counts = [each.exploited for each in list_distinct_updates(located) if each.exploited is not None]
    old, new = sum(each.old for each in counts), sum(each.new for each in counts)
    value = f"{old:,} → {new:,}" if counts else NOT_LOOKED_UP
    note = NOW_AND_AFTER if counts else "no list is configured (enrichment.kev)"
    return RiskFigure("Known exploited, in use", value, note, "severity=exploited", is_alarming=old > 0)


def _build_critical_figure(located: Sequence[ReferenceInRepository]) -> RiskFigure:
    pairs = [
        (each.old.counts, each.new.counts)
        for each in list_distinct_updates(located)
        if each.old is not None and each.old.counts is not None and each.new.counts is not None
    ]
    critical = Severity.CRITICAL.word
    old, new = (sum(pair[side].get(critical, 0) for pair in pairs) for side in (0, 1))
    value = f"{old:,} → {new:,}" if pairs else NOT_SCANNED
    note = NOW_AND_AFTER if pairs else "no update has scans of both images"
    return RiskFigure("Critical, in use", value, note, "severity=critical", is_alarming=old > 0)


def _build_age_figure(images: Sequence[ImageRow]) -> RiskFigure:
    oldest = max(images, key=lambda row: -1 if row.age_days is None else row.age_days, default=None)
    if oldest is None or oldest.age_days is None:
        value, note = "not known", "the age of an image is known only after a scan"
    else:
        value, note = f"{oldest.age_days:,} day{'' if oldest.age_days == 1 else 's'}", oldest.image
    return RiskFigure("Oldest image in use", value, note, "sort=age", is_alarming=False)


def _build_unscanned_figure(images: Sequence[ImageRow]) -> RiskFigure:
    count = sum(row.counts is None for row in images)
    return RiskFigure(
        "Images not scanned",
        f"{count:,}",
        f"of {len(images):,}; images without an update are not scanned",
        "severity=unscanned",
        is_alarming=False,
    )


MAX_LISTED = 50
"""The maximum number of proposals under one heading, of references that are not updated, and of failures. All images
are in the table of images, which draws only a part of its rows."""
MAX_OWNERS = 5
"""The maximum number of owners that are shown for one proposal."""
MAX_NAMED_OWNERS = 3
"""The maximum number of owners of repositories in the title."""
MAX_OWNER_LENGTH = 60
"""The maximum number of characters of such an owner."""
_FOLDERS = frozenset({"", "local"})
"""The kinds of forge whose repositories are folders."""
MAX_REPOSITORIES = 100
"""The maximum number of repositories in the list of repositories."""

_NOT_UPDATED_STATUSES = (
    ReferenceStatus.BLOCKED,
    ReferenceStatus.GONE,
    ReferenceStatus.REFUSED,
    ReferenceStatus.HELD,
    ReferenceStatus.SUPERSEDED,
    ReferenceStatus.UNRESOLVED,
)
"""The statuses of references that are not updated, most urgent first."""
_OUTCOMES_BY_HEADING: Mapping[str, frozenset[ProposalOutcome]] = {
    "Open": OPEN_OUTCOMES,
    "Would be opened or closed": frozenset({ProposalOutcome.WOULD_OPEN, ProposalOutcome.WOULD_CLOSE}),
    "Merged, and not running yet": frozenset({ProposalOutcome.NOT_RUNNING}),
    "Waiting": frozenset({ProposalOutcome.DEFERRED}),
    "Refused by a gate": frozenset({ProposalOutcome.REFUSED}),
    "Declined by people": frozenset({ProposalOutcome.DECLINED}),
    "Closed by basebump": frozenset({ProposalOutcome.CLOSED}),
    "Failed": frozenset({ProposalOutcome.FAILED}),
}
OTHER_GROUP = "Other outcomes"
"""The heading for outcomes that this version of basebump does not know, because a later version wrote the document."""


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """A proposal in a list of the page."""

    repository: str
    title: LinkedText
    outcome: str
    note: str
    due: str
    """The due date in words; empty if there is none."""
    is_overdue: bool
    owners: str
    """The owners of the changed files; empty if the owners are not known."""


@dataclass(frozen=True, slots=True)
class ProposalGroup:
    """The proposals that are shown under one heading."""

    heading: str
    total: int
    proposals: ShownRows[ProposalRow]

    @property
    def has_due_dates(self) -> bool:
        return any(row.due for row in self.proposals.rows)

    @property
    def has_owners(self) -> bool:
        return any(row.owners for row in self.proposals.rows)


@dataclass(frozen=True, slots=True)
class NotUpdatedRow:
    """An image reference that is not updated, and the reason."""

    image: str
    status: str
    why: str
    repository: str
    position: str
    """The position of the reference in the repository: `path:line`."""


@dataclass(frozen=True, slots=True)
class PausedRow:
    """An image whose new digest is not proposed any more, because CI fails with this digest in several repositories."""

    image: str
    why: str
    repository_count: int
    """The number of repositories that wait for a working digest."""


@dataclass(frozen=True, slots=True)
class RepositoryRow:
    """The counts of one repository."""

    repository: str
    forge: str
    reference_count: int
    pinned_count: int
    updatable_count: int
    proposal_count: int
    unsupported_count: int
    note: str


@dataclass(frozen=True, slots=True)
class FleetPage:
    """All values of the page.

    Every text is one line of limited length. It is not escaped for HTML, because the template escapes it.
    """

    owners: str
    """The organisations or users that own the repositories; empty if the repositories have no owners."""
    levels: str
    started: datetime | None
    ended: datetime | None
    risks: tuple[RiskFigure, ...]
    figures: tuple[tuple[str, str, str], ...]
    """The label of each figure, its value, and a note, which may be empty."""
    charts: tuple[PageChart, ...]
    paused: ShownRows[PausedRow]
    failed: ShownRows[FailureFacts]
    groups: tuple[ProposalGroup, ...]
    not_updated: ShownRows[NotUpdatedRow]
    images: ShownRows[ImageRow]
    image_data: str
    """The rows in `images` as JSON, which needs no escaping in a `script` element."""
    repositories: ShownRows[RepositoryRow]
    reasons: tuple[tuple[str, str], ...]
    stages: StageSection | None
    """How far updates got; None if the config has neither clusters nor builds."""


def build_page(run: RunFacts, rows: int, stages: StageReport | None = None) -> FleetPage:
    """Return the values of the page, with at most `rows` rows in each list."""
    located = [ReferenceInRepository(tree, reference) for tree in run.repositories for reference in tree.references]
    images = build_image_rows(located, run.repositories, run.ended)
    shown_images = cut_rows(images, rows, lambda row: row)
    proposals = [each for tree in run.repositories for each in tree.proposals]
    return FleetPage(
        owners=_describe_owners(run.repositories),
        levels=", ".join(shorten_text(level) for level in run.levels),
        started=run.started,
        ended=run.ended,
        risks=(*_build_stuck_figures(stages), *build_risk_figures(located, images, proposals)),
        figures=_build_figures(run, located, len(images)),
        charts=build_charts(located),
        paused=_build_paused_rows(located, min(rows, MAX_LISTED)),
        failed=cut_rows(run.failures, min(rows, MAX_LISTED), _shorten_failure),
        groups=tuple(_build_groups(run, min(rows, MAX_LISTED))),
        not_updated=_build_not_updated_rows(located, min(rows, MAX_LISTED)),
        images=shown_images,
        image_data=render_image_data(shown_images.rows),
        repositories=cut_rows(run.repositories, min(rows, MAX_REPOSITORIES), _build_repository_row),
        reasons=_list_reasons(located),
        stages=build_stage_section(stages, rows) if stages is not None else None,
    )


def _describe_owners(repositories: Iterable[RepositoryFacts]) -> str:
    """Return the first part of the names of repositories, such as `acme` for `acme/web`, without duplicates.

    Folders are left out, because the path of a folder contains no owner.
    """
    parts = (each.name.partition("/") for each in repositories if each.forge not in _FOLDERS)
    owners = sorted({owner for owner, slash, _ in parts if slash})
    shown = ", ".join(shorten_text(each, MAX_OWNER_LENGTH) for each in owners[:MAX_NAMED_OWNERS])
    return f"{shown} {describe_rest(len(owners), MAX_NAMED_OWNERS)}".strip()


def _build_stuck_figures(stages: StageReport | None) -> Iterable[RiskFigure]:
    return (build_stuck_figure(len(stages.stages.list_stuck(stages.now))),) if stages is not None else ()


def _build_figures(
    run: RunFacts, located: Sequence[ReferenceInRepository], images: int
) -> tuple[tuple[str, str, str], ...]:
    total, pinned = len(located), sum(at.reference.digest is not None for at in located)
    proposals = sum(len(tree.proposals) for tree in run.repositories)
    return (
        ("Repositories", f"{len(run.repositories):,}", ""),
        ("Images", f"{images:,}", ""),
        ("Image references", f"{total:,}", ""),
        ("Pinned by digest", f"{pinned:,}", f"of {total:,}"),
        ("Can be updated now", f"{sum(can_update_now(at.reference) for at in located):,}", ""),
        ("Proposals", f"{proposals:,}", ""),
        ("Failures of basebump", f"{len(run.failures):,}", ""),
    )


def _build_groups(run: RunFacts, rows: int) -> Iterable[ProposalGroup]:
    by_group: dict[str, list[tuple[RepositoryFacts, ProposalFacts]]] = {}
    for tree in run.repositories:
        for proposal in tree.proposals:
            by_group.setdefault(get_group_heading(proposal.outcome), []).append((tree, proposal))
    for heading in (*_OUTCOMES_BY_HEADING, OTHER_GROUP):
        group_proposals = sorted(by_group.get(heading, []), key=lambda entry: _get_due_order(entry[1]))
        if group_proposals:
            yield ProposalGroup(heading, len(group_proposals), cut_rows(group_proposals, rows, _build_proposal_row))


def get_group_heading(outcome: str) -> str:
    """Return the heading under which the page lists proposals with this outcome, such as `Open` or `Waiting`."""
    return next((heading for heading, outcomes in _OUTCOMES_BY_HEADING.items() if outcome in outcomes), OTHER_GROUP)


def _build_proposal_row(entry: tuple[RepositoryFacts, ProposalFacts]) -> ProposalRow:
    tree, proposal = entry
    return ProposalRow(
        format_repository(tree),
        link_proposal(proposal),
        shorten_text(proposal.outcome),
        shorten_text(proposal.note or ""),
        _format_due_date(proposal),
        proposal.is_overdue,
        ", ".join(_list_owners(tree, proposal)),
    )


def _get_due_order(proposal: ProposalFacts) -> tuple[bool, datetime]:
    """Return the key that sorts proposals by due date: overdue proposals first, proposals without a date last."""
    return not proposal.is_overdue, proposal.due_at or datetime.max.replace(tzinfo=UTC)


def _format_due_date(proposal: ProposalFacts) -> str:
    """Return the due date of a proposal, or the risk that was accepted by declining it; empty if there is neither."""
    if proposal.accepted_risk is not None:
        return f"accepted risk ({shorten_text(proposal.accepted_risk)})"
    if proposal.due_at is None:
        return ""
    words = f"{proposal.due_at:%Y-%m-%d %H:%M} UTC ({shorten_text(proposal.due_for or '')})"
    return f"overdue since {words}" if proposal.is_overdue else words


def _list_owners(tree: RepositoryFacts, proposal: ProposalFacts) -> Iterable[str]:
    files = frozenset(proposal.files)
    owners = (owner for each in tree.references if each.path in files for owner in each.owners)
    return map(shorten_text, islice(dict.fromkeys(owners), MAX_OWNERS))


def _shorten_failure(failure: FailureFacts) -> FailureFacts:
    return FailureFacts(shorten_text(failure.subject), shorten_text(failure.stage), shorten_text(failure.error))


def _build_not_updated_rows(located: Sequence[ReferenceInRepository], rows: int) -> ShownRows[NotUpdatedRow]:
    order = {status.value: number for number, status in enumerate(_NOT_UPDATED_STATUSES)}
    not_updated = sorted(
        (at for at in located if at.reference.status in order), key=lambda at: order[at.reference.status]
    )
    return cut_rows(not_updated, rows, _build_not_updated_row)


def _build_not_updated_row(at: ReferenceInRepository) -> NotUpdatedRow:
    return NotUpdatedRow(
        format_image(at.image),
        format_status(at.reference),
        shorten_text(at.reference.detail or _get_reason_sentence(at.reference.reason)),
        format_repository(at.repository),
        format_position(at.reference),
    )


def _build_paused_rows(located: Iterable[ReferenceInRepository], rows: int) -> ShownRows[PausedRow]:
    """Return the images whose new digest fails CI in several repositories, beginning with the most used image."""
    waiting: dict[tuple[str, str], set[str]] = {}
    for at in located:
        if at.reference.reason == Reason.FAILING_ELSEWHERE:
            why = shorten_text(at.reference.detail or Reason.FAILING_ELSEWHERE.sentence)
            waiting.setdefault((format_image(at.image), why), set()).add(format_repository(at.repository))
    most_first = sorted(waiting.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    return cut_rows([PausedRow(image, why, len(names)) for (image, why), names in most_first], rows, lambda row: row)


def _build_repository_row(tree: RepositoryFacts) -> RepositoryRow:
    return RepositoryRow(
        repository=format_repository(tree),
        forge=shorten_text(tree.forge),
        reference_count=len(tree.references),
        pinned_count=sum(reference.digest is not None for reference in tree.references),
        updatable_count=sum(map(can_update_now, tree.references)),
        proposal_count=len(tree.proposals),
        unsupported_count=tree.unsupported_count,
        note=shorten_text(tree.note or ""),
    )


def _list_reasons(located: Iterable[ReferenceInRepository]) -> tuple[tuple[str, str], ...]:
    used_reasons = {at.reference.reason for at in located}
    return tuple((reason.value, reason.sentence) for reason in Reason if reason.value in used_reasons)


def _get_reason_sentence(reason: str | None) -> str:
    return next((each.sentence for each in Reason if each.value == reason), "")
