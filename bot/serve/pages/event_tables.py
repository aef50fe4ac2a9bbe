"""The table of deliveries, and the page that lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlencode

from bot.core.markdown import describe_rest, make_one_line
from bot.model.delivery import Delivery, DeliveryOutcome
from bot.model.image_name import parse_sha256
from bot.serve.http import HttpRequest
from bot.serve.pages.cells import join_words, show_count, show_digest, show_identifier, show_text, show_time
from bot.serve.pages.content import Cell, CellStyle, Column, PageContent, PageLink, Pager, Part, Table
from bot.serve.pages.ports import MAX_RECORD_PAGE, ListPage, PagePorts

MAX_SUBJECTS = 3
"""The number of tags or repositories of a delivery that are shown."""
_COLUMNS = (
    *(Column("Received"), Column("Sender"), Column("Outcome"), Column("Names")),
    *(Column("Repeats", is_number=True), Column("Delivery"), Column("Trace")),
)
OUTCOME_STYLES = {
    DeliveryOutcome.ACCEPTED: CellStyle.GOOD,
    DeliveryOutcome.REFUSED: CellStyle.ALARM,
    DeliveryOutcome.UNREADABLE: CellStyle.WARNING,
}
"""The styles of outcomes. Other outcomes need no attention."""

_WITHOUT_ID = frozenset({DeliveryOutcome.REFUSED, DeliveryOutcome.UNREADABLE})
"""The outcomes of deliveries from which no identifier was read. Their records have identifiers that basebump made."""
_NOTE = (
    "Not used: no repository uses the image, or basebump does not read the repository or branch. Refused: the secret "
    "is wrong. All refused deliveries of a sender within an hour are one row."
)


def build_events(ports: PagePorts, request: HttpRequest, _parts: Mapping[str, str]) -> PageContent:
    """Return the page that lists the deliveries of all senders."""
    page = ListPage.parse(request, MAX_RECORD_PAGE)
    rows = ports.log.list_deliveries(page.end + 1)
    pager = page.build_pager(request, len(rows), is_total_known=False)
    table = build_delivery_table(rows[page.section.offset : page.end], ports.clock.now(), note=_NOTE, pager=pager)
    return PageContent(title="Events", link=PageLink.EVENTS, tables=(table,))


def build_delivery_table(
    rows: Sequence[Delivery], now: datetime, *, note: str = "", more: Part | None = None, pager: Pager | None = None
) -> Table:
    return Table(
        name="deliveries",
        heading="Deliveries, the newest first",
        columns=_COLUMNS,
        rows=[
            (
                show_time(each.received_at, now),
                show_text(each.sender),
                show_text(join_words([each.outcome]), OUTCOME_STYLES.get(each.outcome, CellStyle.MUTED)),
                _show_subjects(each.subjects),
                show_count(each.repeats),
                _show_id(each),
                show_identifier(each.trace),
            )
            for each in rows
        ],
        empty="No sender delivered an event yet.",
        note=note if rows else "",
        more=more if rows else None,
        pager=pager,
    )


def _show_id(delivery: Delivery) -> Cell:
    """Return the sender's identifier of a delivery, or the hash that replaces it; empty if the record has neither."""
    if delivery.outcome in _WITHOUT_ID:
        return Cell()
    digest = parse_sha256(delivery.id)
    return show_identifier(delivery.id) if digest is None else show_digest(digest)


def _show_subjects(subjects: Sequence[str]) -> Cell:
    parts = tuple(
        Part(make_one_line(each), address=f"/search?{urlencode({'q': each})}", is_code=True)
        for each in subjects[:MAX_SUBJECTS]
    )
    return Cell(parts, describe_rest(len(subjects), MAX_SUBJECTS))
