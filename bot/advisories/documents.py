"""Says what accepted authors answer for, by the VEX documents that the operator names.

A document is believed for where it comes from: its author is a line of text in it, and nobody signed it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.advisories._openvex import MAX_DOCUMENT, parse_document
from bot.advisories.source import MalformedError, Source, UnreadableError
from bot.core.globs import matches
from bot.model.vex import Vex, VexStatement

MAX_DOCUMENTS = 2000
"""Of one folder with those inside it; a document for each image of a large fleet."""
MAX_STATEMENTS = 200_000
"""Of all documents together; they are kept for the whole run, and take half a gigabyte then."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Documents at one place, and whose words count there."""

    key: str
    """Of the config that names them: `enrichment.vex[0]`."""
    place: Path | str
    """A file, a folder whose `.json` files are documents, or an absolute URL."""
    authors: tuple[str, ...]
    """Globs over the whole author; one must match."""


class VexDocuments:
    """Reads all documents once, when the first image is asked about."""

    def __init__(self, accepted: Sequence[Accepted], environment: Mapping[str, str]) -> None:
        self._accepted, self._environment = accepted, environment
        self._vex: Vex | None = None
        self._digests: frozenset[str] | None = None

    def statements(self) -> Vex:
        """Return what accepted authors say, and which documents could not be read."""
        if self._vex is None:
            self._vex = self._read()
        return self._vex

    def digests(self) -> frozenset[str]:
        """Return every digest that a statement calls an image by."""
        if self._digests is None:
            products = (product for each in self.statements().statements for product in each.products)
            self._digests = frozenset(product.image.version for product in products if product.image.version)
        return self._digests

    def _read(self) -> Vex:
        statements: list[VexStatement] = []
        troubles: list[tuple[str, str]] = []
        for each in self._accepted:
            of_this: list[str] = []
            for statement in self._said(each, of_this):
                if len(statements) == MAX_STATEMENTS:
                    of_this.append(f"there are more than {MAX_STATEMENTS} statements; the rest is not read")
                    break
                statements.append(statement)
            if of_this:
                more = f" (and {len(of_this) - 1} more like it)" if len(of_this) > 1 else ""
                troubles.append((each.key, f"{of_this[0]}{more}"))
        return Vex(tuple(statements), tuple(troubles))

    def _said(self, accepted: Accepted, troubles: list[str]) -> Iterator[VexStatement]:
        """Yield what is said at one place. A folder may hold what others say; a document that is named may not."""
        is_folder = isinstance(accepted.place, Path) and accepted.place.is_dir()
        for source in self._sources(accepted.place, troubles):
            try:
                document = parse_document(source.read(MAX_DOCUMENT))
            except UnreadableError as error:
                troubles.append(str(error))
            except MalformedError as error:
                troubles.append(f"{source} {error}")
            else:
                if any(matches(glob, document.author) for glob in accepted.authors):
                    yield from document.statements
                elif not is_folder:
                    troubles.append(f"{source} is by `{document.author[:100]}`, whom `authors` does not accept")

    def _sources(self, place: Path | str, troubles: list[str]) -> Iterator[Source]:
        """Yield the documents at one place, in the order of their names."""
        if isinstance(place, str) or not place.is_dir():
            yield Source(place, self._environment)
            return
        for number, path in enumerate(sorted(path for path in place.rglob("*.json") if path.is_file())):
            if number == MAX_DOCUMENTS:
                troubles.append(f"{place} has more than {MAX_DOCUMENTS} documents; the rest is not read")
                return
            yield Source(path, self._environment)
