"""The Protocols for the pages and the API of the service, which only read.

They complete the Protocols in `bot.inventory_ports` and `bot.work_ports`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # only signatures need these imports, so they do not slow down the start
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from bot.model.decision import Transition
    from bot.model.evidence import Evidence
    from bot.model.fleet_overview import (
        BranchSummary,
        ImageSummary,
        ListedEntries,
        ListSection,
        RequestFigures,
        RequestFilter,
        RequestSummary,
    )
    from bot.model.inventory import BranchKey
    from bot.model.report import RepositoryReport
    from bot.model.service_health import HostSummary, SenderSummary, WorkerSummary
    from bot.model.work import PendingWork


class FleetReader(Protocol):
    """Lists and searches the inventory. Every method raises StateError."""

    def find_images(self, words: str, section: ListSection) -> ListedEntries[ImageSummary]:
        """Return the tags whose name contains `words` in any case: blocked ones first, and then the most used ones."""

    def find_branches(self, words: str, section: ListSection) -> ListedEntries[BranchSummary]:
        """Return the base branches of the repositories whose name contains `words` in any case, sorted by name."""

    def list_repository_branches(self, forge: str, path: str) -> Sequence[BranchSummary]:
        """Return the base branches of a repository. `path` consists of the host, `/` and the name of the repository.

        The host can contain `/`, too.
        """

    def select_public(self, keys: Collection[BranchKey]) -> frozenset[BranchKey]:
        """Return those of the base branches of which it is known that everyone can read their repositories."""

    def list_requests(
        self, request_filter: RequestFilter, now: datetime, section: ListSection
    ) -> ListedEntries[RequestSummary]:
        """Return requests of basebump. Open requests with the earliest due dates come first, and last ended ones."""

    def count_requests(self, now: datetime, since: datetime) -> RequestFigures:
        """Return the numbers of requests. `since` is the time from which merged requests count."""


class StoredReports(Protocol):
    """The reports of the last visits. Every method raises StateError."""

    def load_reports(self, keys: Collection[BranchKey]) -> Mapping[BranchKey, RepositoryReport]:
        """Return the report of the last visit of these base branches. Branches without a usable report are missing."""

    def load_evidence(self, transitions: Collection[Transition]) -> Mapping[Transition, Evidence]:
        """Return the evidence of the last visit for these transitions. Transitions without evidence are missing."""


class ServiceReader(Protocol):
    """Summarises the records of the service. Every method raises StateError."""

    def list_running(self, limit: int) -> Sequence[PendingWork]:
        """Return the work that workers are doing, the oldest first."""

    def list_failing(self, limit: int) -> Sequence[PendingWork]:
        """Return pending work whose last attempt failed or was interrupted, beginning with the most attempts."""

    def summarise_senders(self) -> Sequence[SenderSummary]:
        """Return a summary for each sender with a delivery, sorted by name."""

    def summarise_hosts(self, since: datetime) -> Sequence[HostSummary]:
        """Return a summary for each forge and registry that work concerned since a time, sorted by name."""

    def summarise_workers(self) -> Sequence[WorkerSummary]:
        """Return a summary for each worker that is doing work, sorted by name."""
