"""Read the images of Kubernetes objects in YAML, in a file or in a text inside a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple, assert_never

from bot.core.places.closing import close
from bot.formats._syntax.helm.values import find_values, read_values
from bot.formats._syntax.kubernetes.embedded import EmbeddedText
from bot.formats._syntax.kubernetes.gate import is_definition, may_hold_images
from bot.formats._syntax.kubernetes.jobs import is_job, is_replaced
from bot.formats._syntax.kubernetes.kinds import (
    FUNCTION,
    KINDS,
    NOWHERE,
    VALUES,
    WAYS_OF_A_POD,
    WAYS_OF_ALL_KINDS,
    Shape,
    Ways,
    group_of,
    ways_of,
)
from bot.formats._syntax.kubernetes.kustomize_images import find_entries, read_entries
from bot.formats._syntax.kubernetes.lines import claims_an_object, read_lines
from bot.formats._syntax.kubernetes.shapes import find_by_shape, may_be_custom, text_or_template
from bot.formats._syntax.kubernetes.writers import remarks_of
from bot.formats._syntax.places import Place
from bot.formats._syntax.yaml.images import ImageReader
from bot.formats._syntax.yaml.nodes import (
    EACH,
    STRING,
    Broken,
    Document,
    Mapping,
    Node,
    Scalar,
    TooDeepError,
    read_documents,
    read_inner_documents,
)
from bot.model.found import ExtractedItem
from bot.model.remark import CrossFileFact
from bot.model.source import FilePath, Occurrence, UnsupportedText
from bot.model.vocabulary import Reason, Role

MAX_DEPTH = 5
"""Limit on nested objects, with lists and their items counted; kubectl writes two levels."""
MAX_REPEATS = 4
"""Limit on the length of all texts of a document, as a multiple of the document's; only aliases repeat texts."""

_WHOLE_TEXT = frozenset({Reason.UNPARSABLE, Reason.UNDECODABLE, Reason.TOO_DEEP})
"""Errors of a text inside a file as a whole: the text is then not YAML for its consumer either."""

_Found = Occurrence | UnsupportedText
_Later = Callable[[], Iterable[_Found]]
"""Reads a field after all paths of its document have been walked, when the shared scalars are known.

It holds no reference to the search that created it: such a cycle would keep the tree of every document in memory until
the garbage collector runs.
"""


@dataclass(frozen=True, slots=True)
class ObjectReader:
    """Reads objects for one format; never raises."""

    path: FilePath
    format: str
    is_inside: bool = False
    """Whether it reads a text inside a file; texts inside such a text are not read."""
    ways: Ways | None = None
    """The fields of a file or text from its top level, if it holds something other than objects."""

    def read(self, content: bytes, *, is_wanted: Callable[[bytes], bool] = may_hold_images) -> Iterator[ExtractedItem]:
        """Yield the images and the cross-file facts of a file's objects."""
        return self._read(read_documents(content, is_wanted))

    def read_embedded(
        self, document: Document, scalar: Scalar, locator: str, ways: Ways | None = None
    ) -> Iterator[_Found]:
        """Yield the images in the text of `scalar`, with positions in the file; not editable (`embedded`).

        The text holds objects or parts of objects, as a patch does, or the fields `image_paths` from its top level.
        Call this only after all paths of the document have been walked.
        """
        text = EmbeddedText.of(document, scalar)
        if text is not None:
            found = replace(self, is_inside=True, ways=ways).read_text(text.content)
            yield from text.tell(found, locator, is_shared=document.is_shared(scalar))

    def read_text(self, content: bytes) -> Iterator[_Found]:
        """Yield the images of a text inside a file, with positions in the text."""
        for found in self._read(read_inner_documents(content, may_hold_images if self.ways is None else bool)):
            if isinstance(found, Occurrence) or (isinstance(found, UnsupportedText) and found.reason not in _WHOLE_TEXT):
                yield found

    def _read(self, documents: Iterable[Document | Broken]) -> Iterator[ExtractedItem]:
        count = 0
        last: Document | None = None
        for document in documents:
            match document:
                case Document():
                    last = document
                    yield from self._document(document)
                case Broken(source=source):
                    has_begun = last is not None and last.source is source
                    start = last.extent(last.root)[1] - source.start if last is not None and has_begun else 0
                    yield from self._broken(document, start, f"broken[{count}]")
                    count += 1
                case _:
                    assert_never(document)

    def _document(self, document: Document) -> Iterator[ExtractedItem]:
        """Read a document completely, or report that it is too deep and read nothing of it."""
        search = _Search(self, document)
        try:
            if self.ways is None:
                search.objects(document.root, str(document.index))
            else:
                search.go(document.root, self.ways, str(document.index))
        except TooDeepError:
            yield UnsupportedText(self.path, document.line_number(document.root), "", Reason.TOO_DEEP)
            return
        yield from sorted(search.found(), key=lambda each: each.line_number)
        yield from search.remarks

    def _broken(self, broken: Broken, start: int, locator: str) -> Iterator[_Found]:
        """Report a section that cannot be parsed from `start` on, if it looks like an object with images."""
        place = Place(self.path, self.format, Role.THIRD_PARTY, broken.line_number, locator)
        raw = broken.source.raw
        if broken.reason is not Reason.UNPARSABLE:
            if not is_definition(raw):
                yield place.unsupported(broken.line.strip(), broken.reason)
        elif claims_an_object(raw, start, self.path):
            yield from read_lines(broken, start, place)


class _Place(NamedTuple):
    """A field that is to be read."""

    later: _Later
    reason: Reason | None
    """Why it is not editable."""
    item: Node
    """The list item that the field is, or is directly in: comments above the item apply to the field, too."""


@dataclass(slots=True)
class _Search:
    """Finds the fields in the objects of one document."""

    reader: ObjectReader
    document: Document
    remarks: list[CrossFileFact] = field(default_factory=list)
    _places: list[_Place] = field(default_factory=list)
    _images: ImageReader = field(init=False)
    _depth: int = 0
    """The number of objects around the current one."""
    _text_length: int = 0
    """The number of characters in all texts so far."""
    _ways_of_all_kinds: Ways = NOWHERE
    _may_have_shape: bool = False

    def __post_init__(self) -> None:
        raw = self.document.source.raw
        has_escapes = b"\\" in raw
        self._images = ImageReader(self.document, self.reader.path, self.reader.format, Role.THIRD_PARTY)
        if has_escapes or b"function" in raw:
            self._ways_of_all_kinds = WAYS_OF_ALL_KINDS
        self._may_have_shape = has_escapes or b"containers" in raw or raw.count(b"apiVersion") > 1

    def found(self) -> Iterator[_Found]:
        """Yield the images of the fields that were found."""
        for place in self._places:
            for each in place.later():
                yield self._as_it_stands(each, place) if isinstance(each, Occurrence) else each

    def _as_it_stands(self, found: Occurrence, place: _Place) -> Occurrence:
        if place.item is not None:
            found = replace(found, related_lines=(*found.related_lines, self.document.line_number(place.item)))
        return close(found, place.reason) if place.reason is not None else found

    def objects(self, node: Node, locator: str, of_list: tuple[str, str] = ("", "")) -> None:
        """Find the fields of an object, and of the objects in it. Raises TooDeepError.

        `list_type` has the apiVersion and kind for the items of the list that contains `node`; items without a kind
        take these, as with kubectl.
        """
        document = self.document
        version, kind = (text_or_template(document, node, key) for key in ("apiVersion", "kind"))
        if not kind:
            version, kind = of_list
        if not version:
            return
        if self._depth == MAX_DEPTH:
            raise TooDeepError
        self._depth += 1
        self.go(node, self._ways_of_all_kinds, locator)
        if (group_of(version), kind) in KINDS:
            self._known(node, group_of(version), kind, locator)
        elif kind.endswith("List") and document.values(node, "items"):
            of_items = (version, kind.removesuffix("List"))
            for item_locator, item in document.walk(node, ("items", EACH), locator):
                self.objects(item, item_locator, of_items)
        elif self._may_have_shape and may_be_custom(version, kind):
            for place, found, is_object in find_by_shape(document, node, locator):
                if is_object:
                    self.objects(found, place)
                else:
                    self.go(found, WAYS_OF_A_POD, place)
        self._depth -= 1

    def _known(self, node: Node, group: str, kind: str, locator: str) -> None:
        self.go(node, ways_of(group, kind), locator, self._why_closed(node, group, kind))
        if not self.reader.is_inside:
            self.remarks += remarks_of(self.document, node, (group, kind), locator, self.reader.path)

    def go(self, node: Node, ways: Ways, locator: str, reason: Reason | None = None, item: Node = None) -> None:
        """Find the fields in the tree `image_paths`, not editable because of `reason` if given. Raises TooDeepError.

        `list_item` is the list item that `node` is, or is directly in; for an image this is its container.
        """
        for shape in ways.here:
            later = _FINDERS[shape](self, locator, node)
            if later is not None:
                self._places.append(_Place(later, reason, item))
        around = item if item is node else None
        for key, below in ways.below.items():
            for place, found in self.document.walk(node, (key,), locator):
                self.go(found, below, place, reason, found if key == EACH else around)

    def _why_closed(self, node: Node, group: str, kind: str) -> Reason | None:
        if not is_job(group, kind):
            return None
        metadata = self._look(node).get("metadata")
        fields = self._look(metadata)
        own, labels, annotations = (
            {key: value.value for key, value in self._look(each).items() if isinstance(value, Scalar)}
            for each in (metadata, fields.get("labels"), fields.get("annotations"))
        )
        return None if is_replaced(own, labels, annotations) else Reason.IMMUTABLE_JOB

    def _look(self, node: Node) -> dict[str, Node]:
        """Return the entries of a mapping; this does not count as a walked path."""
        return dict(self.document.look(node)) if isinstance(node, Mapping) else {}

    def image(self, locator: str, node: Node) -> _Later:
        return partial(_read_image, self._images, locator, node)

    def override(self, locator: str, node: Node) -> _Later:
        old, equals, _ = node.value.partition("=") if isinstance(node, Scalar) else ("", "", "")
        return partial(_read_image, self._images, locator, node, f"{old}=" if equals else "")

    def entries(self, locator: str, node: Node) -> _Later:
        entries = list(find_entries(self.document, node, locator))
        return partial(read_entries, entries, self.reader.path, self.reader.format)

    def values(self, locator: str, node: Node) -> _Later:
        images = list(find_values(self.document, node, locator))
        return partial(read_values, images, self.reader.path, self.reader.format)

    def object(self, locator: str, node: Node) -> None:
        self.objects(node, locator)

    def text(self, locator: str, node: Node, ways: Ways | None) -> _Later | None:
        if not isinstance(node, Scalar) or node.tag != STRING or self.reader.is_inside:
            return None
        self._text_length += len(node.value)
        if self._text_length > MAX_REPEATS * len(self.document.source.text):
            raise TooDeepError
        return partial(self.reader.read_embedded, self.document, node, locator, ways)


def _read_image(images: ImageReader, locator: str, node: Node, prefix: str = "") -> Iterator[_Found]:
    found = images.read(locator, node, scheme=prefix)
    if found is not None:
        yield found


_FINDERS: dict[Shape, Callable[[_Search, str, Node], _Later | None]] = {
    Shape.IMAGE: _Search.image,
    Shape.OVERRIDE: _Search.override,
    Shape.ENTRIES: _Search.entries,
    Shape.VALUES: _Search.values,
    Shape.OBJECT: _Search.object,
    Shape.OBJECTS_TEXT: partial(_Search.text, ways=None),
    Shape.VALUES_TEXT: partial(_Search.text, ways=VALUES),
    Shape.FUNCTION_TEXT: partial(_Search.text, ways=FUNCTION),
}
"""By the form of a field: the method that finds it and returns how to read it later, or None."""
