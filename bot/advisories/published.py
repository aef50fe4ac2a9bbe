"""All that others publish of vulnerabilities, as the pipeline asks for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from bot.advisories.documents import VexDocuments
from bot.advisories.lists import PublicLists
from bot.model.advisory import Listed, Listing
from bot.model.diagnosis import Aim, Check, ok, problem
from bot.model.errors import RegistryError
from bot.model.evidence import Subject
from bot.model.reference import Digest
from bot.model.vex import Vex

Names = Callable[[Subject], frozenset[Digest]]
"""All digests by which the image of a subject is known: of its index, its manifest and its config.

Raises RegistryError.
"""


class PublishedAdvisories:
    """Implements `bot.ports.Advisories`."""

    def __init__(self, lists: PublicLists, documents: VexDocuments, names: Names) -> None:
        self._lists, self._documents, self._names = lists, documents, names

    def examine(self, aim: Aim) -> Iterator[Check]:  # noqa: ARG002 - runs of every level read them
        """Read the lists and the documents."""
        listed = self._lists.about(())
        for listing, day in ((Listing.KEV, listed.asked.exploited), (Listing.EPSS, listed.asked.scores)):
            if day is not None:
                yield ok(listing.value, "read the list", f"it is of {day:%Y-%m-%d}")
            elif listing in listed.troubles:
                yield problem(listing.value, "read the list", listed.troubles[listing])
        vex = self._documents.statements()
        for key, trouble in vex.troubles:
            yield problem(key, "read its documents", trouble)
        if vex.statements:
            count = len(vex.statements)
            statements = "1 statement of accepted authors is" if count == 1 else f"{count} of accepted authors are"
            yield ok(Listing.VEX.value, "read its documents", f"{statements} read")

    def statements(self) -> Vex:
        """Return what accepted authors say of images."""
        return self._documents.statements()

    def names(self, subject: Subject) -> frozenset[Digest]:
        """Return the digests of an image; its registry is asked only where authors call images by others."""
        own = frozenset({subject.digest})
        if self._documents.digests() <= own:
            return own
        try:
            return own | self._names(subject)
        except RegistryError:  # which lets findings count, and whoever looks into the image says so
            return own

    def about(self, ids: Collection[str]) -> Listed:
        """Return what public lists say of `ids`."""
        listed = self._lists.about(ids)
        if not self._documents.statements().troubles:
            return listed
        return replace(listed, asked=replace(listed.asked, unread=listed.asked.unread | {Listing.VEX}))
