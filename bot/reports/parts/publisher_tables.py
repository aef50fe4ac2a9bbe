"""The tables about the publishers of images in use: which images wait for them, and how far they are behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.model.exposure_summary import ExposureSummary, PublisherLag, WaitingImage
from bot.reports.parts.evidence_document import build_fix_date
from bot.reports.parts.exposure_lines import describe_fix_age, name_publisher
from bot.reports.parts.inventory_document import count_seconds, describe_duration
from bot.reports.parts.json_text import JsonValue, format_time
from bot.reports.parts.styled_lines import Line, Style, StyledLine
from bot.reports.parts.text_table import Column, render_table

MAX_SHOWN = 50
"""The number of rows of each table in text and HTML. The JSON document has all rows of the summary."""
_UNKNOWN = "-"
_WAITING_COLUMNS = (
    *(Column("image"), Column("severity"), Column("vulnerabilities"), Column("references")),
    *(Column("fix published"), Column("owners", drop_rank=0, is_text=True)),
)
_PUBLISHER_COLUMNS = (
    *(Column("image"), Column("fixes by", drop_rank=1), Column("fixes"), Column("median")),
    *(Column("9 of 10 within", drop_rank=0), Column("waiting"), Column("oldest waiting")),
)


@dataclass(frozen=True, slots=True)
class PublisherTable:
    """A table whose cells are plain text."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[tuple[str, ...]]
    left_out: int
    """The number of rows that are not shown."""


def build_publisher_tables(summary: ExposureSummary) -> tuple[PublisherTable, ...]:
    """Return the tables of a summary. Tables without rows are left out."""
    day = f"{summary.at:%Y-%m-%d}"
    tables = (
        PublisherTable(
            f"Images that wait for their publishers, on {day}",
            _WAITING_COLUMNS,
            [_build_waiting_row(each, summary.at) for each in summary.waiting[:MAX_SHOWN]],
            max(len(summary.waiting) - MAX_SHOWN, 0),
        ),
        PublisherTable(
            f"How far publishers were behind in the year before {day}",
            _PUBLISHER_COLUMNS,
            [_build_publisher_row(each, summary.at) for each in summary.publishers[:MAX_SHOWN]],
            max(len(summary.publishers) - MAX_SHOWN, 0),
        ),
    )
    return tuple(each for each in tables if each.rows)


def render_publisher_tables(summary: ExposureSummary, screen_width: int | None) -> Iterator[list[Line]]:
    """Yield the lines of each table. `screen_width` is the width of the terminal; None for a file."""
    for table in build_publisher_tables(summary):
        rest = [f"  {table.left_out} more are in the format json"] if table.left_out else []
        heading = StyledLine("", table.title, Style.UPDATE)
        yield [heading, *render_table(table.columns, table.rows, screen_width), *rest]


def build_publisher_documents(summary: ExposureSummary) -> dict[str, JsonValue]:
    """Return the keys of JSON documents with all rows of both tables."""
    return {
        "exposure_at": format_time(summary.at),
        "waiting_images": [_build_waiting_document(each) for each in summary.waiting],
        "publishers": [_build_publisher_document(each) for each in summary.publishers],
    }


def _build_waiting_row(image: WaitingImage, at: datetime) -> tuple[str, ...]:
    return (
        str(image.tag_ref),
        image.exposure_class.value,
        f"{image.vulnerabilities:,}",
        f"{image.references:,}",
        describe_fix_age(image.oldest_fix, at) if image.oldest_fix is not None else _UNKNOWN,
        ", ".join(image.owners),
    )


def _build_publisher_row(lag: PublisherLag, at: datetime) -> tuple[str, ...]:
    return (
        lag.repository,
        name_publisher(lag.distribution),
        f"{lag.fixes:,}",
        _format_duration(lag.median),
        _format_duration(lag.percentile_90),
        f"{lag.waiting:,}",
        _format_duration(at - lag.oldest_waiting if lag.oldest_waiting is not None else None),
    )


def _format_duration(duration: timedelta | None) -> str:
    return describe_duration(duration.total_seconds()) if duration is not None else _UNKNOWN


def _build_waiting_document(image: WaitingImage) -> JsonValue:
    return {
        "image": str(image.tag_ref),
        "digest": image.digest,
        "distribution": image.distribution or None,
        "class": image.exposure_class.value,
        "vulnerabilities": image.vulnerabilities,
        "references": image.references,
        "owners": list(image.owners),
        **build_fix_date(image.oldest_fix),
    }


def _build_publisher_document(lag: PublisherLag) -> JsonValue:
    return {
        "image": lag.repository,
        "distribution": lag.distribution or None,
        "fixes": lag.fixes,
        "median_seconds": count_seconds(lag.median),
        "percentile_90_seconds": count_seconds(lag.percentile_90),
        "waiting": lag.waiting,
        "oldest_waiting_at": format_time(lag.oldest_waiting),
    }
