"""The values of a page: headings, figures and tables. The template of all pages shows them.

Texts are not yet escaped for HTML: the template escapes them (`bot.reports.page.fleet_html`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bot.model.patch_times import FleetTrends
from bot.reports.parts.stage_section import StageBar

_NOT_FOUND = 404


class PageLink(StrEnum):
    """The pages in the navigation, with their titles."""

    OVERVIEW = "Overview"
    EXPOSURE = "Exposure"
    PROPOSALS = "Proposals"
    TRENDS = "Trends"
    STAGES = "Stages"
    IMAGES = "Images"
    REPOSITORIES = "Repositories"
    QUEUE = "Queue"
    EVENTS = "Events"
    HEALTH = "Health"

    @property
    def address(self) -> str:
        return "/" if self is PageLink.OVERVIEW else f"/{self.value.lower()}"


class CellStyle(StrEnum):
    """The meaning of a text, which determines its colour. The text says the same in words."""

    PLAIN = ""
    MUTED = "muted"
    GOOD = "good"
    WARNING = "warning"
    ALARM = "alarm"
    CRITICAL = "critical"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class ShownTime:
    """A relative time, and the full time for the title of the HTML element."""

    iso: str
    full: str
    words: str
    """The time relative to now, such as `3 h ago`."""


@dataclass(frozen=True, slots=True)
class Part:
    """A text in a cell."""

    text: str
    style: CellStyle = CellStyle.PLAIN
    address: str | None = None
    """The URL of the link; None if the text is not a link."""
    is_code: bool = False
    is_badge: bool = False
    title: str = ""
    """An explanation that browsers show when the pointer is over the text; empty if there is none."""
    time: ShownTime | None = None
    """If this is not None, the time is shown instead of the text."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table."""

    parts: tuple[Part, ...] = ()
    note: str = ""
    """A second line in small print; empty if there is none."""


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Pager:
    """The position in a list that has several pages."""

    words: str
    """For example `51 to 100 of 1,234`."""
    previous: str | None
    next: str | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a heading. The first cell of a row is the heading of the row."""

    name: str
    """The `id` of the table's section in the page."""
    heading: str
    empty: str
    """The sentence that is shown if there are no rows."""
    columns: tuple[Column, ...] = ()
    rows: Sequence[tuple[Cell, ...]] = ()
    note: str = ""
    """A sentence under the heading; empty if there is none."""
    more: Part | None = None
    """A link to a page with more rows; None if there are no more rows."""
    pager: Pager | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with a link to a page that explains it."""

    label: str
    value: str
    note: str
    address: str
    is_alarming: bool = False


@dataclass(frozen=True, slots=True)
class Tab:
    """One of several views of a page."""

    title: str
    address: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class SearchField:
    """A form that filters the list of a page."""

    label: str
    words: str
    """The words that the user searched for; empty if the user did not search."""
    kept: tuple[tuple[str, str], ...] = ()
    """The other query parameters of the page, such as the order of the list, with their values."""


@dataclass(frozen=True, slots=True)
class PageContent:
    """All values of a page."""

    title: str
    link: PageLink | None = None
    """The entry of the navigation to which the page belongs; None if there is no such entry."""
    lead: tuple[Part, ...] = ()
    """The text below the title."""
    notices: tuple[str, ...] = ()
    """Sentences that users should read first, such as that evidence was left out."""
    facts: Sequence[tuple[str, Cell]] = ()
    figures: tuple[Figure, ...] = ()
    tabs: tuple[Tab, ...] = ()
    filter: SearchField | None = None
    trends: FleetTrends | None = None
    has_all_trends: bool = False
    """True if the page shows all trends; False if it shows only the trends of the whole fleet."""
    alarm: Table | None = None
    """The figure or message that users should see first; None if there is none."""
    bars: tuple[StageBar, ...] = ()
    """How far the updates of an image or of all images got."""
    tables: Sequence[Table] = field(default_factory=tuple)
    status: int = 200


def build_missing_page(sentence: str, link: PageLink | None = None) -> PageContent:
    """Return the page that is shown if the URL names nothing that exists, with the reason."""
    return PageContent(title="Not found", link=link, lead=(Part(sentence),), status=_NOT_FOUND)
