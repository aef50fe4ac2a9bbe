"""Reads VEX statements of accepted authors from the documents that the configuration names.

basebump trusts a document because of its location. The author cannot be verified, because documents are not signed, and
the name of the author is a plain field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.advisories._openvex import MAX_DOCUMENT_SIZE, parse_document
from bot.advisories.source import DocumentSource, MalformedError, UnreadableSourceError
from bot.core.globs import is_glob_match
from bot.model.vex import VexStatement, VexStatements

MAX_DOCUMENTS = 2000
"""The largest number of documents in a folder with its subfolders. This allows one document for each image of a large
fleet."""
MAX_STATEMENTS = 200_000
"""The largest number of statements in all documents together. This many statements take half a gigabyte of memory
during the whole run."""


@dataclass(frozen=True, slots=True)
class AcceptedDocuments:
    """An entry of the configuration: the location of VEX documents, and the authors that are accepted there."""

    config_key: str
    """The key of this entry in the configuration, such as `enrichment.vex[0]`."""
    location: Path | str
    """A file, an absolute URL, or a folder whose `.json` files are documents."""
    authors: tuple[str, ...]
    """Globs for the author's name. One glob must match the whole name."""


class VexDocuments:
    """The VEX statements in all configured documents. The documents are read once, when they are first needed."""

    def __init__(self, accepted: Sequence[AcceptedDocuments], environment: Mapping[str, str]) -> None:
        self._accepted, self._environment = accepted, environment
        self._vex: VexStatements | None = None
        self._digests: frozenset[str] | None = None

    def load_statements(self) -> VexStatements:
        """Return the statements of accepted authors, with the errors of documents that could not be used."""
        if self._vex is None:
            self._vex = self._read_documents()
        return self._vex

    def list_digests(self) -> frozenset[str]:
        """Return the digests of all images that the statements name by digest."""
        if self._digests is None:
            products = (product for each in self.load_statements().statements for product in each.products)
            self._digests = frozenset(product.image.version for product in products if product.image.version)
        return self._digests

    def _read_documents(self) -> VexStatements:
        statements: list[VexStatement] = []
        errors: list[tuple[str, str]] = []
        for each in self._accepted:
            source_errors: list[str] = []
            for statement in self._read_statements(each, source_errors):
                if len(statements) == MAX_STATEMENTS:
                    source_errors.append(f"there are more than {MAX_STATEMENTS} statements; the rest is not read")
                    break
                statements.append(statement)
            if source_errors:
                more = f" (and {len(source_errors) - 1} more like it)" if len(source_errors) > 1 else ""
                errors.append((each.config_key, f"{source_errors[0]}{more}"))
        return VexStatements(tuple(statements), tuple(errors))

    def _read_statements(self, accepted: AcceptedDocuments, errors: list[str]) -> Iterator[VexStatement]:
        """Yield the statements at the location of `accepted`.

        For each document that cannot be used, an error is appended to `errors`. A folder may contain documents by
        several authors, so that documents by authors that are not accepted are skipped. If the location is a single
        document whose author is not accepted, this is an error.
        """
        is_folder = isinstance(accepted.location, Path) and accepted.location.is_dir()
        for source in self._list_sources(accepted.location, errors):
            try:
                document = parse_document(source.read_content(MAX_DOCUMENT_SIZE))
            except UnreadableSourceError as error:
                errors.append(str(error))
            except MalformedError as error:
                errors.append(f"{source} {error}")
            else:
                if any(is_glob_match(glob, document.author) for glob in accepted.authors):
                    yield from document.statements
                elif not is_folder:
                    errors.append(f"{source} is by `{document.author[:100]}`, who is not listed in `authors`")

    def _list_sources(self, location: Path | str, errors: list[str]) -> Iterator[DocumentSource]:
        """Yield the documents at one location, sorted by path.

        If a folder contains more than MAX_DOCUMENTS documents, append an error to `errors` and stop.
        """
        if isinstance(location, str) or not location.is_dir():
            yield DocumentSource(location, self._environment)
            return
        for number, path in enumerate(sorted(path for path in location.rglob("*.json") if path.is_file())):
            if number == MAX_DOCUMENTS:
                errors.append(f"{location} has more than {MAX_DOCUMENTS} documents; the rest is not read")
                return
            yield DocumentSource(path, self._environment)
