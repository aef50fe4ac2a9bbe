"""All published vulnerability information, combined for the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from bot.advisories.documents import VexDocuments
from bot.advisories.lists import PublicLists
from bot.model.advisory import AdvisoryList, AdvisoryResult
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem
from bot.model.errors import RegistryError
from bot.model.evidence import ScanSubject
from bot.model.reference import Digest
from bot.model.vex import VexStatements

Names = Callable[[ScanSubject], frozenset[Digest]]
"""Returns all digests of a subject's image: those of its index, manifest and config.

Raises RegistryError.
"""


class PublishedAdvisories:
    """Implements `bot.ports.AdvisorySource`."""

    def __init__(self, lists: PublicLists, documents: VexDocuments, names: Names) -> None:
        self._lists, self._documents, self._names = lists, documents, names

    def examine(self, aim: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level read them
        """Read the lists and the documents."""
        listed = self._lists.about(())
        for listing, day in ((AdvisoryList.KEV, listed.list_versions.kev_date), (AdvisoryList.EPSS, listed.list_versions.epss_date)):
            if day is not None:
                yield report_ok(listing.value, "read the list", f"the list is of {day:%Y-%m-%d}")
            elif listing in listed.errors:
                yield report_problem(listing.value, "read the list", listed.errors[listing])
        vex = self._documents.statements()
        for key, trouble in vex.errors:
            yield report_problem(key, "read its documents", trouble)
        if vex.statements:
            count = len(vex.statements)
            statements = "1 statement" if count == 1 else f"{count} statements"
            yield report_ok(AdvisoryList.VEX.value, "read its documents", f"{statements} by accepted authors")

    def load_statements(self) -> VexStatements:
        """Return the statements of accepted authors about images."""
        return self._documents.statements()

    def list_digests(self, subject: ScanSubject) -> frozenset[Digest]:
        """Return the digests of an image. Its registry is contacted only if statements name digests other than its own.

        Registry errors are ignored here; the image then has only its own digest.
        """
        own = frozenset({subject.digest})
        if self._documents.digests() <= own:
            return own
        try:
            return own | self._names(subject)
        except RegistryError:  # findings then count as usual, and the inspection of the image reports the error
            return own

    def query_lists(self, ids: Collection[str]) -> AdvisoryResult:
        """Return the entries of public lists for `ids`."""
        listed = self._lists.about(ids)
        if not self._documents.statements().errors:
            return listed
        return replace(listed, list_versions=replace(listed.list_versions, unread_lists=listed.list_versions.unread_lists | {AdvisoryList.VEX}))
