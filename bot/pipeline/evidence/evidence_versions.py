"""Determine the versions of the data on which evidence depends: scanners, their databases, and published lists."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from bot.core.inventory.value_hashes import hash_values
from bot.model.evidence import ScannerIdentity
from bot.model.image_name import TagRef
from bot.pipeline.run_context import RunContext


class EvidenceVersions:
    """The versions of this run. Each scanner and list is queried only if it is needed, and only once."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._identities: dict[int, ScannerIdentity | None] = {}

    def hash_versions(self, tag_refs: Iterable[TagRef]) -> str:
        """Return a hash of the versions of everything on which the evidence for these tags depends."""
        identities = {self._get_identity(tag_ref) for tag_ref in tag_refs}
        return hash_values((identities, self._list_versions))

    def has_known_scanner(self, tag_ref: TagRef) -> bool:
        """Return True if scan results for an image change only with the version of its scanner.

        A scanning service has no such version, because its results can change at any time.
        """
        identity = self._get_identity(tag_ref)
        return identity is not None and (identity.database is not None or identity.run is not None)

    def _get_identity(self, tag_ref: TagRef) -> ScannerIdentity | None:
        scanner = self._context.select_scanner(tag_ref)
        if id(scanner) not in self._identities:
            self._identities[id(scanner)] = scanner.get_identity()
        return self._identities[id(scanner)]

    @cached_property
    def _list_versions(self) -> str:
        """A hash of the date of the list KEV, of all VEX statements, and of the lists that could not be read.

        The list EPSS is left out, because a new score is no reason to change a pull request.
        """
        advisories = self._context.advisories
        if advisories is None:
            return ""
        lists, statements = advisories.query_lists(()).list_versions, advisories.load_statements()
        return hash_values((lists.kev_date, lists.unread_lists, statements))
