"""Read a node of a YAML document as an image reference."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import assert_never

from bot.core.places.closing import close
from bot.formats._syntax.places import SCHEME, TEMPLATE_MARKS, Place
from bot.formats._syntax.yaml.nodes import NULL, STRING, Document, Mapping, Node, Scalar, Sequence
from bot.model.source import FilePath, Occurrence, UnsupportedText
from bot.model.vocabulary import Reason, Role

SET_BY_FLUX = re.compile(r"#\s*\{\s*\"\$imagepolicy\"\s*:")
"""The comment behind a value that Flux writes (https://fluxcd.io/flux/guides/image-update/#configure-image-updates)."""


@dataclass(frozen=True, slots=True)
class ImageReader:
    """Reads the images of one document for one format."""

    document: Document
    path: FilePath
    format: str
    role: Role

    def read(
        self, locator: str, node: Node, platform: str | None = None, scheme: str = "", *, needs_scheme: bool = True
    ) -> Occurrence | UnsupportedText | None:
        """Return the image reference in `node`, or why it cannot be read; None if there is no text.

        `scheme` is a prefix of the text, such as `docker://`, that is not part of the reference; with
        `is_scheme_required` a text without it is not an image.

        A scalar that also stands where no path has led so far is not editable, because an environment variable or a
        label would change with it. Call this only after all paths of the document have been walked.
        """
        document = self.document
        match node:
            case None:
                return None
            case Scalar():
                text = node.text
                tag = node.tag
                if tag == NULL or not text or (needs_scheme and not text.startswith(scheme)):
                    return None
                skipped = len(scheme) if text.startswith(scheme) else 0
                text = text[skipped:]
                start = document.literal_start(node) if tag == STRING else None
                start = None if start is None else start + skipped
                is_templated = TEMPLATE_MARKS.search(text) is not None
            case Mapping() | Sequence() if scheme and needs_scheme:
                return None
            case Mapping() | Sequence():  # YAML takes an unquoted `{{ image }}` for a mapping
                text, start = document.source_of(node), None
                is_templated = "{{" in text
            case _:
                assert_never(node)
        line_number = document.source.line_number(document.start(node) if start is None else start)
        place = Place(self.path, self.format, self.role, line_number, locator, platform)
        if is_templated:
            return place.unsupported(text, Reason.TEMPLATED)
        if start is None:
            return place.unsupported(document.source_of(node), Reason.MALFORMED)
        if SCHEME.match(text):
            return place.closed(text, Reason.NOT_AN_IMAGE)
        found = place.read(text, start)
        reason = _why_closed(document, node)
        return close(found, reason) if reason is not None and isinstance(found, Occurrence) else found


def _why_closed(document: Document, node: Node) -> Reason | None:
    if not isinstance(node, Scalar):
        return None
    if is_set_by_flux(document, node):
        return Reason.OTHER_WRITER
    return Reason.CONFLICTING_EDITS if document.is_shared(node) else None


def is_set_by_flux(document: Document, scalar: Scalar) -> bool:
    """Return True if Flux's image automation writes `scalar` or a part of it."""
    return not scalar.is_block and SET_BY_FLUX.search(document.rest_of_line(scalar)) is not None
