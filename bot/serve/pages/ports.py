"""The ports that pages and the API use, and the limits of their lists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from bot.inventory_ports import ExposureReader, ExposureSummaryStore, InventoryReader, StageReader
from bot.model.config_types.addresses import is_loopback
from bot.model.evidence import Evidence
from bot.model.fleet_overview import Entry, ListedEntries, ListSection
from bot.ports import Clock
from bot.reports.fleet.patch_times import PatchReport
from bot.reports.parts.stage_section import StageReport
from bot.serve.http import HttpRequest
from bot.serve.kept_answer import KeptAnswer
from bot.serve.pages.content import Pager, Part, SearchField
from bot.settings.sections.serve import ServeSection
from bot.state.inventory.fleet_reader import DatabaseFleetReader
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.work.service_log import DatabaseServiceLog
from bot.state.work.service_reader import DatabaseServiceReader
from bot.work_ports import WorkQueue

PAGE_ROWS = 50
"""The number of rows on one page of a list."""
PREVIEW_ROWS = 8
"""The number of rows of a list that continues on another page."""
MAX_PAGE = 200
"""The last page of a list. Users have to search for later entries."""
MAX_RECORD_PAGE = 20
"""The last page of deliveries and of finished work. To show such a page, all earlier rows are read, too."""
MAX_WORDS = 200
"""The maximum number of characters of a search."""
RECENT = timedelta(days=30)
"""How long merged proposals are counted."""


@dataclass(frozen=True, slots=True)
class PagePorts:
    """The sources of all data that pages and the API show."""

    inventory: InventoryReader
    exposure: ExposureReader
    exposure_summaries: ExposureSummaryStore
    fleet: DatabaseFleetReader
    reports: DatabaseInventoryStore
    log: DatabaseServiceLog
    service: DatabaseServiceReader
    queue: WorkQueue
    trends: KeptAnswer[PatchReport]
    """The fixes of the fleet over time."""
    clock: Clock
    settings: ServeSection
    stage_reader: StageReader | None = None
    """None if the config has neither clusters nor builds. The pages do not mention stages of updates then."""
    stages: KeptAnswer[StageReport] | None = None
    """How far the updates of the fleet got; None if `stage_reader` is None."""
    has_private_scanners: bool = True
    """True if the config has a scanner with private findings. The state does not contain which proposals they
    concern.
    """

    @property
    def has_users(self) -> bool:
        """True if a reverse proxy names the user of every request."""
        return self.settings.user_header is not None

    def can_show_fixes(self, *, is_public: bool) -> bool:
        """Return True if the page is allowed to show what a proposal fixes.

        `is_public` is about the proposal's repository. On a loopback address, everybody on this machine may see the
        numbers of fixes. What is fixed is evidence, and remains private.
        """
        is_local = is_loopback(self.settings.listen[0])
        return self.has_users or is_local or (is_public and not self.has_private_scanners)

    def can_show_evidence(self, evidence: Evidence, *, is_public: bool) -> bool:
        """Return True if the page is allowed to show the evidence for an update in a repository."""
        return self.has_users or (is_public and not evidence.is_private)


@dataclass(frozen=True, slots=True)
class ListPage:
    """The requested page of a list."""

    number: int
    last: int
    """The last page that can be requested."""
    rows: int
    """The number of rows on each page."""

    @classmethod
    def parse(cls, request: HttpRequest, last: int = MAX_PAGE, rows: int = PAGE_ROWS) -> ListPage:
        """Return the page in the query parameter `page`; the first page if the parameter is not a number."""
        text = request.query.get("page", "")
        is_number = text.isascii() and text.isdigit() and len(text) <= len(str(last))
        return cls(min(max(int(text), 1), last) if is_number else 1, last, rows)

    @property
    def section(self) -> ListSection:
        return ListSection((self.number - 1) * self.rows, self.rows)

    @property
    def end(self) -> int:
        """The number of entries up to the end of the page."""
        return self.number * self.rows

    def build_pager(self, request: HttpRequest, total: int, *, is_total_known: bool = True) -> Pager | None:
        """Return the links to the previous and the next page; None if the list fits one page."""
        if total <= self.rows and self.number == 1:
            return None
        first, end = self.section.offset + 1, min(self.end, total)
        shown = f"{first:,} to {end:,}" if first <= end else "nothing"
        return Pager(
            words=f"{shown} of {total:,}" if is_total_known else shown,
            previous=build_address(request, page=str(self.number - 1)) if self.number > 1 else None,
            next=build_address(request, page=str(self.number + 1)) if self.has_next(total) else None,
        )

    def has_next(self, total: int) -> bool:
        return self.end < total and self.number < self.last


def link_rest(listed: ListedEntries[Entry], address: str) -> Part | None:
    """Return a link to the page with all entries of a list; None if `listed` already contains all entries."""
    return Part(f"All {listed.total:,}", address=address) if listed.total > len(listed.entries) else None


def parse_words(request: HttpRequest) -> str:
    """Return the words that the user searches for."""
    return request.query.get("q", "")[:MAX_WORDS].strip()


def build_filter(request: HttpRequest) -> SearchField:
    """Return the form that filters a list by name. The form keeps the other parameters, except for the page."""
    kept = tuple((name, value) for name, value in request.query.items() if value and name not in {"q", "page"})
    return SearchField("Name contains", parse_words(request), kept)


def build_address(request: HttpRequest, **changes: str) -> str:
    """Return the relative URL of the same page with changed query parameters."""
    parameters = {name: value for name, value in {**request.query, **changes}.items() if value}
    return f"?{urlencode(parameters)}"
