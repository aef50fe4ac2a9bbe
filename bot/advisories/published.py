"""Combines the public lists and the VEX documents into one source of vulnerability data for the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from bot.advisories.public_lists import PublicLists
from bot.advisories.vex_documents import VexDocuments
from bot.model.advisory import AdvisoryList, AdvisoryResult
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem
from bot.model.errors import RegistryError
from bot.model.evidence import ScanSubject
from bot.model.image_name import Digest
from bot.model.vex import VexStatements

ListDigests = Callable[[ScanSubject], frozenset[Digest]]
"""Returns all digests of a subject's image: the digests of its index, manifest and config. Raises RegistryError if the
registry cannot be queried."""


class PublishedAdvisories:
    """All published vulnerability data that is configured. Implements `bot.ports.AdvisorySource`."""

    def __init__(self, lists: PublicLists, documents: VexDocuments, list_digests: ListDigests) -> None:
        self._lists, self._documents, self._list_digests = lists, documents, list_digests

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level read them
        """Read the configured lists and documents, and yield a result for each list and for the documents."""
        result = self._lists.query_lists(())
        for advisory_list, day in (
            (AdvisoryList.KEV, result.list_versions.kev_date),
            (AdvisoryList.EPSS, result.list_versions.epss_date),
        ):
            if day is not None:
                yield report_ok(advisory_list.value, "read the list", f"the list is of {day:%Y-%m-%d}")
            elif advisory_list in result.errors:
                yield report_problem(advisory_list.value, "read the list", result.errors[advisory_list])
        vex = self._documents.load_statements()
        for key, error in vex.errors:
            yield report_problem(key, "read its documents", error)
        if vex.statements:
            count = len(vex.statements)
            statements = "1 statement" if count == 1 else f"{count} statements"
            yield report_ok(AdvisoryList.VEX.value, "read its documents", f"{statements} by accepted authors")

    def load_statements(self) -> VexStatements:
        """Return the VEX statements of accepted authors, with the errors of documents that could not be used."""
        return self._documents.load_statements()

    def list_digests(self, subject: ScanSubject) -> frozenset[Digest]:
        """Return the digests by which VEX statements may name the image of `subject`.

        An image can be named by the digest of its index, its manifest or its config. The registry is queried for these
        digests only if a VEX statement names a digest other than `subject.digest`. If the query fails, only
        `subject.digest` is returned.
        """
        own_digests = frozenset({subject.digest})
        if self._documents.list_digests() <= own_digests:
            return own_digests
        try:
            return own_digests | self._list_digests(subject)
        except RegistryError:  # findings are then not suppressed, and inspecting the image reports the same error
            return own_digests

    def query_lists(self, ids: Collection[str]) -> AdvisoryResult:
        """Return which of the vulnerabilities `ids` are in the KEV list, and their EPSS scores.

        If a VEX document could not be used, the result also names VEX as a list that could not be read.
        """
        result = self._lists.query_lists(ids)
        if not self._documents.load_statements().errors:
            return result
        return replace(
            result,
            list_versions=replace(
                result.list_versions, unread_lists=result.list_versions.unread_lists | {AdvisoryList.VEX}
            ),
        )
