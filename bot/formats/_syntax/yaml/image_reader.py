"""Read a node of a YAML document as an image reference."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple, assert_never

from bot.core.references.locking import lock_reference
from bot.formats._syntax.reference_positions import SCHEME, TEMPLATE_MARKS, ReferencePosition
from bot.formats._syntax.yaml.nodes import NULL, STRING, YamlDocument, YamlMapping, YamlNode, YamlScalar, YamlSequence
from bot.model.source import FilePath, Reference, UnsupportedText
from bot.model.vocabulary import Reason, Role

SET_BY_FLUX = re.compile(r"#\s*\{\s*\"\$imagepolicy\"\s*:")
"""The comment after a value that Flux writes (https://fluxcd.io/flux/guides/image-update/#configure-image-updates)."""

_LINE_CONTINUATION = re.compile(r"\\\r?\n[ \t]*+")
"""An escaped line break in double quotes, and the indentation of the next line, which YAML removes."""


class _ImageText(NamedTuple):
    """The text of an image reference in a node, without the scheme."""

    text: str
    start: int | None
    """The offset of the text in the file, in bytes; None if the bytes of the file differ from the text."""
    hub_prefix: str
    """The prefix that names a proxy of Docker Hub; empty if there is none."""
    is_templated: bool


class YamlImageReader(NamedTuple):
    """Reads nodes of one YAML document as image references, for one format.

    This is a named tuple and not a dataclass, because one is created for each document.
    """

    document: YamlDocument
    path: FilePath
    format: str
    role: Role

    def read(
        self,
        locator: str,
        node: YamlNode,
        platform: str | None = None,
        scheme: str = "",
        *,
        is_scheme_required: bool = True,
        hub_prefixes: tuple[str, ...] = (),
    ) -> Reference | UnsupportedText | None:
        """Return the image reference in `node`, or None if `node` contains no reference.

        The result is None for an alias without an anchor, an empty text and a null. The result is an `UnsupportedText`
        if the text is a template or is not a valid reference.

        Call this only after all paths of the document have been visited. The text may also be the value of a key that
        was not visited: in `label: *name`, an alias repeats the image `&name nginx`. Such a text is not editable,
        because an edit would change the label too.

        Args:
            locator: The logical position of the reference in the file, such as `0/spec/containers/1/image`.
            node: The node that contains the reference.
            platform: The platform of the image, or None if the file does not state it.
            scheme: A prefix that is not part of the reference, such as `docker://`.
            is_scheme_required: If True, a text without the prefix is not an image, and the result is None.
            hub_prefixes: Prefixes that name a proxy of Docker Hub. The image after such a prefix is an image of Docker
                Hub.
        """
        image_text = self._find_text(node, scheme, is_scheme_required=is_scheme_required, hub_prefixes=hub_prefixes)
        if image_text is None or node is None:
            return None
        document, text, start = self.document, image_text.text, image_text.start
        line_number = document.source.get_line_number(document.get_start(node) if start is None else start)
        position = ReferencePosition(self.path, self.format, self.role, line_number, locator, platform)
        if image_text.is_templated:
            return position.make_unsupported(text, Reason.TEMPLATED)
        if start is None:
            found = _read_folded(document, node, text, position)
        elif SCHEME.match(text):
            return position.make_not_editable(text, Reason.NOT_AN_IMAGE)
        else:
            found = _read_behind_proxy(position, image_text.hub_prefix, text, start)
        reason = _get_not_editable_reason(document, node)
        return lock_reference(found, reason) if reason is not None and isinstance(found, Reference) else found

    def _find_text(
        self, node: YamlNode, scheme: str, *, is_scheme_required: bool, hub_prefixes: tuple[str, ...]
    ) -> _ImageText | None:
        """Return the text of the reference in `node`, or None if `node` contains no reference."""
        match node:
            case None:
                return None
            case YamlScalar():
                text = node.text
                if node.tag == NULL or not text or (is_scheme_required and not text.startswith(scheme)):
                    return None
                scheme_length = len(scheme) if text.startswith(scheme) else 0
                text = text[scheme_length:]
                start = self.document.find_literal_start(node) if node.tag == STRING else None
                hub_prefix = next(filter(text.startswith, hub_prefixes), "")
                return _ImageText(
                    text,
                    None if start is None else start + scheme_length,
                    hub_prefix,
                    is_templated=TEMPLATE_MARKS.search(text, len(hub_prefix)) is not None,
                )
            case YamlMapping() | YamlSequence() if scheme and is_scheme_required:
                return None
            case YamlMapping() | YamlSequence():  # YAML parses an unquoted `{{ image }}` as a mapping
                text = self.document.get_source_text(node)
                return _ImageText(text, None, "", is_templated="{{" in text)
            case _:
                assert_never(node)


def _read_behind_proxy(
    position: ReferencePosition, hub_prefix: str, text: str, start: int
) -> Reference | UnsupportedText:
    """Return the image after `hub_prefix`, which may be empty. `start` is the byte offset of `text` in the file.

    A proxy of Docker Hub has no images of other registries. If the text names another registry, the prefix does not
    name a proxy of Docker Hub.
    """
    found = position.read_reference(text[len(hub_prefix) :], start + len(hub_prefix))
    if not hub_prefix or not isinstance(found, Reference):
        return found
    has_other_host = found.image.has_registry_host
    return position.make_unsupported(text, Reason.TEMPLATED) if has_other_host else replace(found, written=text)


def _read_folded(
    document: YamlDocument, node: YamlNode, text: str, position: ReferencePosition
) -> Reference | UnsupportedText:
    """Return the image in a double-quoted text whose lines end with a backslash, so that YAML joins them.

    The last line must contain the whole tag and the whole digest, so that both can be edited there. Any other text that
    the file does not contain literally is malformed.
    """
    source = document.get_source_text(node)
    malformed = position.make_unsupported(source, Reason.MALFORMED)
    pieces = _LINE_CONTINUATION.split(source)
    if len(pieces) == 1 or not "".join(pieces).endswith(f'"{text}"'):
        return malformed
    _, end = document.get_byte_range(node)
    found = position.read_reference(text, end - len('"') - len(text))
    if not isinstance(found, Reference):
        return malformed
    editable_length = len(text) - len(found.image.name) - len(":" if found.image.tag else "")
    return found if editable_length < len(pieces[-1]) else malformed


def _get_not_editable_reason(document: YamlDocument, node: YamlNode) -> Reason | None:
    if not isinstance(node, YamlScalar):
        return None
    if is_set_by_flux(document, node):
        return Reason.OTHER_WRITER
    return Reason.CONFLICTING_EDITS if document.is_shared(node) else None


def is_set_by_flux(document: YamlDocument, scalar: YamlScalar) -> bool:
    """Return True if a comment `# {"$imagepolicy": …}` after `scalar` lets Flux's image automation update it."""
    return not scalar.is_block and SET_BY_FLUX.search(document.get_rest_of_line(scalar)) is not None
