"""The page of an image: its users, its digests in the registry, and the effect of the next digests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

from bot.core.registry_pages import find_registry_page
from bot.model.ci import FleetOutcome
from bot.model.errors import InvalidReferenceError
from bot.model.history import TagObservation
from bot.model.image_name import ImageName
from bot.model.inventory import BranchKey
from bot.model.report import RepositoryReport
from bot.model.usage import DeclinedRequest, ImageUsage
from bot.reports.fleet.history import HistoryAnswer
from bot.reports.fleet.stored_answers import answer_image_history
from bot.reports.parts.decline_words import describe_decline, describe_decline_effect
from bot.reports.parts.stage_section import build_bars
from bot.serve.http import HttpRequest
from bot.serve.pages.cells import (
    build_cell,
    join_words,
    link_image,
    link_outside,
    link_repository,
    show_count,
    show_digest,
    show_text,
    show_time,
)
from bot.serve.pages.content import (
    Cell,
    CellStyle,
    Column,
    PageContent,
    PageLink,
    Pager,
    Part,
    Table,
    build_missing_page,
)
from bot.serve.pages.evidence import EVIDENCE_LEFT_OUT, build_evidence_tables, load_shown_evidence
from bot.serve.pages.ports import ListPage, PagePorts
from bot.serve.pages.stage_tables import (
    build_running_tables,
    build_unwanted_table,
    list_missing,
    list_stuck_tables,
    load_stages,
    select_image,
)

MAX_DIGESTS = 20
"""The maximum number of digests in use that are shown, and of digests that a tag pointed to."""
_TAG_COLUMN = Column("Tag")
"""The column that is shown only on pages of images without a tag."""
_USE_COLUMNS = (
    *(Column("Repository"), Column("File"), _TAG_COLUMN, Column("Digest"), Column("Since"), Column("Status")),
    Column("Proposal"),
)
_DIGEST_COLUMNS = (
    *(Column("Digest"), _TAG_COLUMN, Column("First seen"), Column("Last seen")),
    *(Column("In use", is_number=True), Column("CI passed", is_number=True), Column("CI failed", is_number=True)),
    Column("Merged", is_number=True),
)
_UP_TO_DATE = "up-to-date"


def build_image(ports: PagePorts, request: HttpRequest, parts: Mapping[str, str]) -> PageContent:
    """Return the page of an image with or without a tag, or the page for images that the state does not contain."""
    name, now = parts["name"], ports.clock.now()
    try:
        image = ImageName.parse(name)
    except InvalidReferenceError as error:
        return build_missing_page(f"This is not an image: {error}", PageLink.IMAGES)
    usages = ports.inventory.list_usages(image)
    history = ports.inventory.load_image_history(image)
    if not usages and not history.held:
        return build_missing_page(f"No base branch uses or ever used {image}.", PageLink.IMAGES)
    answer = answer_image_history(name, image, history, ports.inventory.load_coverage())
    page = ListPage.parse(request)
    shown = usages[page.section.offset : page.end]
    reports = ports.reports.load_reports({each.key for each in [*shown, *_choose_examples(usages)]})
    evidence = load_shown_evidence(ports, _select_verdicts(reports, image))
    stages = select_image(load_stages(ports), image)
    return PageContent(
        title=f"{image.repository}:{image.tag}" if image.tag else image.repository,
        link=PageLink.IMAGES,
        lead=tuple(_build_lead(image)),
        notices=(*((EVIDENCE_LEFT_OUT,) if evidence.is_incomplete else ()), *list_missing(ports, stages)),
        facts=_list_facts(usages, answer.observations, now),
        alarm=build_unwanted_table(ports, stages),
        bars=build_bars(stages.stages.funnels, stages.stages.scope) if stages is not None else (),
        tables=(
            *list_stuck_tables(ports, stages),
            *build_evidence_tables(evidence, now),
            *build_running_tables(ports, stages),
            *(
                table if image.tag is None else _remove_tags(table)
                for table in (
                    _build_use_table(shown, reports, page.build_pager(request, len(usages)), now),
                    _build_digest_table(usages, answer, now),
                )
            ),
        ),
    )


def _choose_examples(usages: Iterable[ImageUsage]) -> Iterable[ImageUsage]:
    """Return one use of each outdated digest. The report on this use contains the evidence for the next digest."""
    examples: dict[tuple[str | None, str | None], ImageUsage] = {}
    for each in usages:
        if each.status != _UP_TO_DATE and len(examples) < MAX_DIGESTS:
            examples.setdefault((each.tag, each.digest), each)
    return examples.values()


def _select_verdicts(
    reports: Mapping[BranchKey, RepositoryReport], image: ImageName
) -> Mapping[BranchKey, RepositoryReport]:
    """Return the reports with only the verdicts on an image."""
    return {
        key: replace(
            report,
            verdicts=tuple(
                each
                for each in report.verdicts
                if each.reference.image.repository == image.repository and image.tag in {None, each.reference.image.tag}
            ),
        )
        for key, report in reports.items()
    }


def _build_lead(image: ImageName) -> Iterable[Part]:
    host, _, path = image.repository.partition("/")
    if image.tag:
        yield Part("All tags of")
        yield link_image(image.repository)
    page = find_registry_page(host, path)
    if page is not None:
        yield Part("·")
        yield link_outside(f"Page on {host}", page)


def _list_facts(
    usages: Sequence[ImageUsage], observations: Sequence[TagObservation], now: datetime
) -> list[tuple[str, Cell]]:
    last = max(observations, key=lambda each: each.last_seen, default=None)
    outdated = sum(each.status != _UP_TO_DATE for each in usages)
    facts = [
        ("Base branches", show_text(f"{len({each.key for each in usages}):,}")),
        ("References", show_text(f"{len(usages):,}")),
        ("Not up to date", show_count(outdated)),
        ("Not pinned", show_count(sum(each.digest is None for each in usages), CellStyle.WARNING)),
    ]
    if last is not None:
        facts.append(("Newest digest", show_digest(last.digest)))
        facts.append(("First seen", show_time(last.first_seen, now)))
    return facts


def _build_use_table(
    usages: Sequence[ImageUsage],
    reports: Mapping[BranchKey, RepositoryReport],
    pager: Pager | None,
    now: datetime,
) -> Table:
    return Table(
        name="uses",
        heading="Where it is used",
        columns=_USE_COLUMNS,
        rows=[_build_use_row(each, reports.get(each.key), now) for each in usages],
        empty="No base branch uses it any more.",
        pager=pager,
    )


def show_declined(declined: DeclinedRequest, forge: str) -> Cell:
    """Return a cell that says who declined an update, and what basebump does not propose again."""
    link = link_outside(describe_decline(declined), declined.link.url)
    return build_cell(link, note=describe_decline_effect(declined, forge))


def _remove_tags(table: Table) -> Table:
    """Return the table without the column of tags, because all rows have the same tag."""
    index = table.columns.index(_TAG_COLUMN)
    return replace(
        table,
        columns=(*table.columns[:index], *table.columns[index + 1 :]),
        rows=[(*row[:index], *row[index + 1 :]) for row in table.rows],
    )


def _build_use_row(usage: ImageUsage, report: RepositoryReport | None, now: datetime) -> tuple[Cell, ...]:
    since = "at least since" if usage.is_since_first_visit else ""
    requests = [link_outside(f"#{each.number}" if each.number else "open", each.url) for each in usage.requests]
    return (
        build_cell(link_repository(usage.key)),
        build_cell(link_file(report, usage.path, usage.line_number)),
        show_text(usage.tag or ""),
        show_digest(usage.digest),
        Cell((*((Part(since),) if since else ()), *show_time(usage.since, now).parts)),
        show_status(usage.status, usage.reason),
        build_cell(*requests) if usage.declined is None else show_declined(usage.declined, usage.key.forge),
    )


def link_file(report: RepositoryReport | None, path: str, line_number: int) -> Part:
    """Return the position of a reference, with a link to the file on its forge if the URL is known."""
    address = f"{report.files_url}{quote(path)}" if report is not None and report.files_url else None
    part = link_outside(f"{path}:{line_number}", address)
    is_safe = part.address is not None
    return replace(part, address=f"{address}#L{line_number}" if is_safe else None, is_code=True)


def show_status(status: str, reason: str | None) -> Cell:
    """Return the status of an image reference with its reason."""
    styles = {
        _UP_TO_DATE: CellStyle.GOOD,
        "gone": CellStyle.ALARM,
        "blocked": CellStyle.ALARM,
        "refused": CellStyle.ALARM,
    }
    words = join_words([status]) if reason is None else f"{join_words([status])} ({join_words([reason])})"
    return show_text(words, styles.get(status, CellStyle.PLAIN))


def _build_digest_table(usages: Sequence[ImageUsage], answer: HistoryAnswer, now: datetime) -> Table:
    """Return the table of the digests that tags pointed to, the newest first."""
    counts: dict[tuple[str | None, str | None], int] = {}
    for each in usages:
        counts[each.tag, each.digest] = counts.get((each.tag, each.digest), 0) + 1
    newest = sorted(answer.observations, key=lambda each: each.first_seen, reverse=True)
    rows = [_build_digest_row(each, answer.get_outcome(each), counts, now) for each in newest[:MAX_DIGESTS]]
    return Table(
        name="digests",
        heading="Digests in the registry, the newest first",
        columns=_DIGEST_COLUMNS,
        rows=rows,
        empty="No run has looked up the tag yet.",
        note=f"The newest {MAX_DIGESTS} of {len(newest):,}." if len(newest) > MAX_DIGESTS else "",
    )


def _build_digest_row(
    observation: TagObservation,
    outcome: FleetOutcome | None,
    counts: Mapping[tuple[str | None, str | None], int],
    now: datetime,
) -> tuple[Cell, ...]:
    tag = observation.tag_ref.tag
    known = outcome if outcome is not None else FleetOutcome()
    return (
        show_digest(observation.digest),
        show_text(tag),
        show_time(observation.first_seen, now),
        show_time(observation.last_seen, now),
        show_count(counts.get((tag, observation.digest), 0)),
        show_count(known.passed, CellStyle.GOOD),
        show_count(known.failed, CellStyle.ALARM),
        show_count(known.merged),
    )
