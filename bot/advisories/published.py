"""All that others publish of vulnerabilities, as the pipeline asks for it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from bot.advisories.documents import VexDocuments
from bot.advisories.lists import PublicLists
from bot.model.advisory import Listed, Listing
from bot.model.vex import Vex


class PublishedAdvisories:
    """Implements `bot.ports.Advisories`."""

    def __init__(self, lists: PublicLists, documents: VexDocuments) -> None:
        self._lists, self._documents = lists, documents

    def statements(self) -> Vex:
        """Return what accepted authors say of images."""
        return self._documents.statements()

    def about(self, ids: Collection[str]) -> Listed:
        """Return what public lists say of `ids`."""
        listed = self._lists.about(ids)
        if not self._documents.statements().troubles:
            return listed
        return replace(listed, asked=replace(listed.asked, unread=listed.asked.unread | {Listing.VEX}))
