"""Entries in the list `images` of a kustomization. An entry replaces an image, and may set its tag and digest.

api/filters/imagetag/updater.go of github.com/kubernetes-sigs/kustomize defines how the fields are combined. Since v4.5,
`newTag` and `digest` together give `tag@digest`. Older releases use only the digest, which is the same image.

All entries of a document are found before any of them is read. A YAML alias (`*name`) may repeat the text of an entry
in another place, such as a label. Such a text must not be edited.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from bot.core.references.locking import lock_reference
from bot.formats._syntax.reference_positions import TEMPLATE_MARKS, ReferencePosition
from bot.formats._syntax.yaml.nodes import ALL_ITEMS, STRING, YamlDocument, YamlMapping, YamlNode, YamlScalar
from bot.formats._syntax.yaml.sections import SectionSource
from bot.formats._syntax.yaml.split_references import (
    ReferencePart,
    SplitReference,
    find_shared_scalars,
    get_text_before,
)
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, Span, UnsupportedText
from bot.model.vocabulary import Reason, Role

_CHANGE_KEYS = ("newName", "newTag", "digest", "tagSuffix")
_BEFORE_TAG_VALUE = re.compile(rb"((?:[ ]|-(?=[ ]))*)(?:newTag|\"newTag\"|'newTag')[ \t]*:[ \t]+")
"""The text before the value of `newTag`, if another line can be added after that line. Group 1 is its indentation."""
_REST_OF_LINE = re.compile(rb"[ \t]*(?:(?<=[ \t])#[^\r\n\xc2\xe2]*)?(\r?\n|\r?\Z)")
"""The rest of a line. It may be a comment, unless the comment contains YAML's unusual line breaks. Group 1 is the end
of the line."""


class ImageEntry(NamedTuple):
    """An entry in the list `images` of a kustomization, such as `{name: nginx, newTag: "1.27"}`."""

    locator: str
    document: YamlDocument
    mapping: YamlMapping
    fields: dict[str, ReferencePart]
    """The scalars of the entry by their keys."""

    def get_text(self, key: str) -> str:
        """Return the text under `key`, or an empty text if the entry does not have this key."""
        return self.fields[key].text if key in self.fields else ""

    @property
    def name(self) -> str:
        """The name of the image to replace, as it is written in manifests."""
        return self.get_text("name")

    @property
    def is_renamed(self) -> bool:
        """True if the replacement has another name than the replaced image."""
        return self.get_text("newName") not in {"", self.name}

    @property
    def is_relocated(self) -> bool:
        """True if the replacement has another name, and keeps the tag and the digest of the replaced image."""
        return self.is_renamed and not any(self.get_text(key) for key in ("newTag", "digest", "tagSuffix"))

    @property
    def replacement(self) -> SplitReference | None:
        """The image that replaces the image `name`, or None if the entry changes nothing."""
        if not any(self.get_text(key) for key in _CHANGE_KEYS):
            return None
        name = next((self.fields[key] for key in ("newName", "name") if self.get_text(key)), None)
        return SplitReference(name, tag=self.fields.get("newTag"), digest=self.fields.get("digest")) if name else None

    @property
    def line_numbers(self) -> tuple[int, ...]:
        """The numbers of the lines on which the entry and its fields start."""
        parts = (part.line_number for part in self.fields.values())
        return tuple(dict.fromkeys([self.document.get_line_number(self.mapping), *parts]))


def find_entries(document: YamlDocument, node: YamlNode, locator: str) -> Iterator[ImageEntry]:
    """Yield the entries of `node`, the list `images` of a kustomization.

    Raises TooDeepError if the document's nodes are visited more than MAX_VISITS times.

    Pass all entries of the document to `read_entries` together, after the last call of this function for the document.
    """
    for entry_locator, entry in document.walk(node, (ALL_ITEMS,), locator):
        if isinstance(entry, YamlMapping):
            values = {key: value for key in ("name", *_CHANGE_KEYS) for value in document.get_values(entry, key)}
            fields = {
                key: ReferencePart.create(document, value)
                for key, value in values.items()
                if isinstance(value, YamlScalar)
            }
            yield ImageEntry(entry_locator, document, entry, fields)


def read_entries(
    entries: Sequence[ImageEntry], path: FilePath, format_name: str
) -> Iterator[Reference | UnsupportedText]:
    """Yield the image that each entry puts in place of another image.

    `entries` are all entries of one document. Entries that set no new name, tag, tag suffix or digest are skipped.
    """
    replacements = {entry.locator: parts for entry in entries if (parts := entry.replacement) is not None}
    shared_ids = find_shared_scalars(replacements.values())
    last = {entry.name: index for index, entry in enumerate(entries) if entry.locator in replacements}
    for index, entry in enumerate(entries):
        image = replacements.get(entry.locator)
        if image is not None:
            at = image.name.line_number, entry.locator
            position = ReferencePosition(path, format_name, Role.THIRD_PARTY, *at, related_lines=entry.line_numbers)
            found = _read_entry(entry, image, shared_ids, position)
            if isinstance(found, Reference):
                later = last.get(found.image.name, index)  # a later entry that replaces the image of this entry
                if later > index and replacements[entries[later].locator].text != image.text:
                    found = lock_reference(found, Reason.REPLACED_BY_KUSTOMIZE)
            yield found


def _read_entry(
    entry: ImageEntry, image: SplitReference, shared_ids: frozenset[int], position: ReferencePosition
) -> Reference | UnsupportedText:
    suffix = entry.get_text("tagSuffix")
    text = image.text
    if TEMPLATE_MARKS.search(text + suffix):
        return position.make_unsupported(text + suffix, Reason.TEMPLATED)
    if not suffix:
        return image.read(position, shared_ids, _find_new_digest_slot(entry, image))
    found = position.read_reference(image._replace(digest=None).text + suffix if image.tag else image.name.text, 0)
    composed = NotEditable(Reason.COMPOSED_TAG)
    return replace(found, digest_slot=composed, tag_slot=composed) if isinstance(found, Reference) else found


def _find_new_digest_slot(entry: ImageEntry, image: SplitReference) -> EditSlot | NotEditable | None:
    """Return the slot (the byte range of an edit) at which a new key `digest` can be inserted next to `newTag`.

    In flow style (`{…}`), the key is inserted after the value of `newTag`. In block style, it is inserted on a new line
    below `newTag`. If `newTag` is a YAML alias, return a `NotEditable`, because the text of the tag is outside the
    entry.

    Return None if a new digest must be appended to the tag instead (`newTag: 1.2@sha256:…`), which kustomize treats in
    the same way as a key `digest`. A key cannot be inserted

    - if the entry has no tag,
    - if the entry is written as JSON,
    - if the line of `newTag` contains more than the key and its value,
    - if the tag is a number, which kustomize rejects,
    - if there already is a key `digest`, but no digest can be written there.
    """
    tag = image.tag
    if tag is None or not tag.text or tag.scalar.tag != STRING or image.digest is not None:
        return None
    document, source = entry.document, entry.document.source
    start, end = (at - source.start for at in document.get_byte_range(tag.scalar))
    first, last = (at - source.start for at in document.get_byte_range(entry.mapping))
    if not first <= start < last:
        return NotEditable(Reason.CONFLICTING_EDITS)  # the tag is an alias, so its scalar is outside the entry
    before = get_text_before(source, source.start + start)
    if entry.mapping.first.flow_style:
        return None if before.rstrip(b" \t").endswith(b'":') else _make_insertion(source, end, b", digest: ")
    key = _BEFORE_TAG_VALUE.fullmatch(before)
    rest = _REST_OF_LINE.match(source.raw, end)
    if key is None or rest is None or b"\n" in source.raw[start:end]:
        return None
    line_break = rest[1] or (b"\r\n" if b"\r\n" in source.raw else b"\n")
    return _make_insertion(source, rest.start(1), line_break + b" " * len(key[1]) + b"digest: ")


def _make_insertion(source: SectionSource, offset: int, prefix: bytes) -> EditSlot:
    return EditSlot(Span(source.start + offset, source.start + offset), b"", prefix)
