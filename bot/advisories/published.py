"""All that others publish of vulnerabilities, as the pipeline asks for it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from bot.advisories.documents import VexDocuments
from bot.advisories.lists import PublicLists
from bot.model.advisory import Listed, Listing
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
