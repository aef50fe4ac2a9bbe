"""Read the images of Kubernetes objects in YAML files, and in texts inside such files.

All image fields of a document are found before any of them is read. A YAML alias (`*name`) may repeat the text of a
field in another place, such as a label. Such a text must not be edited.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple, assert_never

from bot.core.references.locking import lock_reference
from bot.formats._syntax.helm.value_images import find_images_below, read_images
from bot.formats._syntax.kubernetes.embedded_texts import EmbeddedText, encode_text
from bot.formats._syntax.kubernetes.gitops_facts import list_facts
from bot.formats._syntax.kubernetes.image_fields import FieldShape, ImagePaths
from bot.formats._syntax.kubernetes.image_keys import (
    CONTAINER_SCHEME,
    ImageCertainty,
    classify_image_text,
    may_have_image_keys_of_any_name,
)
from bot.formats._syntax.kubernetes.jobs import is_job, is_replaced
from bot.formats._syntax.kubernetes.kinds import (
    COMMON_PATHS,
    FUNCTION_PATHS,
    KINDS,
    NO_PATHS,
    POD_PATHS,
    VALUES_PATHS,
    get_group,
    get_image_paths,
)
from bot.formats._syntax.kubernetes.kustomize_images import find_entries, read_entries
from bot.formats._syntax.kubernetes.prefilter import (
    is_only_definition,
    is_only_kind,
    is_without_kind,
    may_have_image_keys,
    may_hold_images,
    may_hold_pod_spec,
)
from bot.formats._syntax.kubernetes.shapes import (
    ShapeKind,
    ShapeMatch,
    ShapeSearch,
    get_text_or_template,
    may_be_custom,
    read_text_or_template,
)
from bot.formats._syntax.kubernetes.templated_lines import TEMPLATE_OPENER, has_object_keys, read_templated_lines
from bot.formats._syntax.reference_positions import ReferencePosition, UniqueLocators
from bot.formats._syntax.yaml.image_reader import YamlImageReader
from bot.formats._syntax.yaml.nodes import (
    ALL_ITEMS,
    STRING,
    BrokenSection,
    TooDeepError,
    YamlDocument,
    YamlMapping,
    YamlNode,
    YamlScalar,
    YamlSequence,
    read_documents,
    read_inner_documents,
)
from bot.model.cross_file import CrossFileFact
from bot.model.extracted_item import ExtractedItem
from bot.model.source import FilePath, Reference, UnsupportedText
from bot.model.vocabulary import Reason, Role

_KINDS_WITH_FIELDS = frozenset(kind.encode() for _, kind in KINDS)
_WRITING_OPERATIONS = frozenset({"add", "replace"})
_LIST_POSITION = re.compile(r"-|\d+", re.ASCII)
"""The position of a list item. `-` is the position after the last item."""
_FIELDS_WITHOUT_IMAGES = frozenset({"metadata", "data", "stringData", "binaryData"})
"""Fields at the top of an object in which a key `image` is not the image of a container, such as annotations."""
_CHART_VALUES = frozenset({"values", "valuesObject"})
_PATCHED_IMAGE = ImagePaths((FieldShape.IMAGE,), {})
"""A field `image` outside of a PodSpec. If the value of the field is not a text, the field has another meaning."""


class _PatchedValue(NamedTuple):
    """The value of an operation in a JSON patch that may contain images."""

    locator: str
    node: YamlNode
    image_paths: ImagePaths | None
    """The image fields in the value, or None if the value is a part of an object that may contain PodSpecs."""


def may_have_fields(raw: bytes) -> bool:
    """Return False if a section certainly has no image field and nothing about images in other files.

    This is the case if `may_hold_images` returns False, or if the section is not an object. It is also the case for a
    single object of a kind without image fields that contains no other object, no PodSpec and no key such as `image`.
    The kind makes no difference for a section with templates, because it is read line by line if it is not YAML.
    """
    if not may_hold_images(raw):
        return False
    has_known_kind = not is_without_kind(raw) and (
        not is_only_kind(raw, _has_no_fields)
        or may_have_common_fields(raw)
        or may_have_shapes(raw)
        or may_have_image_keys(raw)
    )
    return has_known_kind or may_hold_pod_spec(raw) or TEMPLATE_OPENER.search(raw) is not None


def _has_no_fields(kind: bytes) -> bool:
    return kind not in _KINDS_WITH_FIELDS and not kind.endswith(b"List")


def may_have_common_fields(raw: bytes) -> bool:
    """Return False if the object in a section certainly has none of the fields that objects of all kinds can have."""
    return raw.find(b"\\") >= 0 or raw.find(b"function") >= 0


def may_have_shapes(raw: bytes) -> bool:
    """Return False if the object in a section certainly contains no other object and no PodSpec."""
    return raw.find(b"\\") >= 0 or raw.find(b"containers") >= 0 or raw.count(b"apiVersion") > 1


MAX_DEPTH = 5
"""Limit on nested objects, including lists and their items. kubectl writes two levels."""
MAX_REPEATS = 4
"""Limit on the total length of the texts in a document, as a multiple of the length of the document. Only aliases
repeat texts."""

_WHOLE_TEXT_REASONS = frozenset({Reason.UNPARSABLE, Reason.TOO_LARGE})
"""Errors that affect a whole text inside a file. The program that reads such a text does not treat the text as YAML
either."""

_FoundReference = Reference | UnsupportedText
_DeferredRead = Callable[[], Iterable[_FoundReference]]
"""Reads a field. Call this after all paths of the document have been walked, because only then are the shared scalars
known. The function contains no reference to the search that created the function. Such a reference cycle would keep the
tree of every document in memory until the garbage collector runs."""


@dataclass(frozen=True, slots=True)
class ObjectReader:
    """Reads the images of the Kubernetes objects in one file, or in a text inside the file.

    Its methods never raise. They yield an `UnsupportedText` for a document that cannot be read.
    """

    path: FilePath
    format: str
    is_embedded: bool = False
    """True if the reader reads a text inside a file. Texts inside such a text are not read."""
    image_paths: ImagePaths | None = None
    """The image fields from the top level of a file or text, if it contains something other than objects."""

    def read(
        self, content: bytes, *, is_relevant: Callable[[bytes], bool] = may_have_fields
    ) -> Iterator[ExtractedItem]:
        """Yield the images of the objects in a file, and facts in these objects that affect images in other files.

        The file may also contain a JSON patch, which is a list of operations on an object. An example of a fact is that
        an Application of Argo CD replaces images in the folder that it deploys (see `gitops_facts`). Sections of the
        file for which `is_relevant` returns False are skipped without being parsed.
        """
        return self._read_documents(read_documents(content, is_relevant))

    def read_embedded(
        self,
        document: YamlDocument,
        scalar: YamlScalar,
        locator: str,
        image_paths: ImagePaths | None = None,
        *,
        is_patch: bool = False,
    ) -> Iterator[_FoundReference]:
        """Yield the images in the YAML text that `scalar` contains, such as a manifest in a ConfigMap.

        The positions of the images are positions in the file. The images are not editable (`embedded`), but a rule in
        the config can allow edits. If `is_patch` is True, the images are editable, because kustomize reads the text as
        a patch. Call this method only after all image fields of `document` have been found.

        If `image_paths` is None, the text is expected to contain objects or parts of objects, such as a patch. If the
        text contains something else, `image_paths` are the paths of its image fields.
        """
        content = encode_text(scalar)
        if content is None:
            return
        found = list(replace(self, is_embedded=True, image_paths=image_paths).read_text(content))
        if found:  # most texts contain no image, so their positions are not needed
            text = EmbeddedText.create(document, scalar, content)
            is_shared = document.is_shared(scalar)
            yield from text.map_references(found, locator, is_shared=is_shared, is_editable=is_patch)

    def read_text(self, content: bytes) -> Iterator[_FoundReference]:
        """Yield the images in `content`, a text inside a file. The positions of the images are positions in the text.

        If the whole text is not valid YAML, no error is reported, because it is probably not meant to be YAML.
        """
        for found in self._read_documents(
            read_inner_documents(content, may_hold_images if self.image_paths is None else bool)
        ):
            if isinstance(found, Reference) or (
                isinstance(found, UnsupportedText) and found.reason not in _WHOLE_TEXT_REASONS
            ):
                yield found

    def _read_documents(self, documents: Iterable[YamlDocument | BrokenSection]) -> Iterator[ExtractedItem]:
        count = 0
        last_document: YamlDocument | None = None
        for document in documents:
            match document:
                case YamlDocument():
                    last_document = document
                    yield from self._read_document(document)
                case BrokenSection(source=source):
                    has_begun = last_document is not None and last_document.source is source
                    start = (
                        last_document.get_byte_range(last_document.root)[1] - source.start
                        if last_document is not None and has_begun
                        else 0
                    )
                    yield from self._read_broken(document, start, f"broken[{count}]")
                    count += 1
                case _:
                    assert_never(document)

    def _read_document(self, document: YamlDocument) -> Iterator[ExtractedItem]:
        """Yield the images in a document, and facts in its objects that affect images in other files.

        If the document is nested too deeply, yield only an `UnsupportedText`.
        """
        search = _ObjectSearch(self, document)
        try:
            if self.image_paths is None and isinstance(document.root, YamlSequence):
                search.find_patched_values(document.root, str(document.index))
            elif self.image_paths is None:
                search.find_objects(document.root, str(document.index))
            else:
                search.walk_paths(document.root, self.image_paths, str(document.index))
        except TooDeepError:
            yield UnsupportedText(self.path, document.get_line_number(document.root), "", Reason.TOO_LARGE)
            return
        locators = UniqueLocators("~")  # `#` already numbers the values of a repeated key
        for found in sorted(search.read_fields(), key=lambda each: each.line_number):
            if not isinstance(found, Reference):
                yield found
            else:
                locator = locators.make_unique(found.locator)
                yield found if locator == found.locator else replace(found, locator=locator)
        yield from search.facts

    def _read_broken(self, broken: BrokenSection, start: int, locator: str) -> Iterator[_FoundReference]:
        """Yield the images in a section that cannot be parsed as YAML, usually because it contains templates.

        The section is read from the offset `start` on, because the documents above have been read already. Yield
        nothing if this part does not look like an object. If its images cannot be determined, for example because it
        contains no templates, yield an `UnsupportedText` for the section.
        """
        position = ReferencePosition(self.path, self.format, Role.THIRD_PARTY, broken.line_number, locator)
        raw = broken.source.raw
        if broken.reason is not Reason.UNPARSABLE:
            if not is_only_definition(raw):
                yield position.make_unsupported(broken.line.strip(), broken.reason)
        elif has_object_keys(raw, start, self.path):
            yield from read_templated_lines(broken, start, position)


class _FoundField(NamedTuple):
    """An image field that was found in a document, and the function that reads its images later."""

    read_later: _DeferredRead
    reason: Reason | None
    """The reason why the field is not editable."""
    list_item: YamlNode
    """The list item that is the field, or that directly contains the field. Comments above the item apply to the field
    as well."""


@dataclass(slots=True)
class _ObjectSearch:
    """Finds the image fields in the objects of one document. After that, `read_fields` reads their images."""

    reader: ObjectReader
    document: YamlDocument
    facts: list[CrossFileFact] = field(default_factory=list)
    _fields: list[_FoundField] = field(default_factory=list)
    _image_reader: YamlImageReader = field(init=False)
    _depth: int = 0
    """The number of objects that contain the current one."""
    _text_length: int = 0
    """The number of characters in all texts so far."""
    _common_paths: ImagePaths = NO_PATHS
    _has_image_keys: bool = field(init=False)

    def __post_init__(self) -> None:
        self._has_image_keys = may_have_image_keys(self.document.source.raw)
        self._image_reader = YamlImageReader(self.document, self.reader.path, self.reader.format, Role.THIRD_PARTY)
        if may_have_common_fields(self.document.source.raw):
            self._common_paths = COMMON_PATHS

    def read_fields(self) -> Iterator[_FoundReference]:
        """Yield the images of the fields that were found. Call this only after all objects have been searched."""
        for found_field in self._fields:
            for each in found_field.read_later():
                yield self._add_field_context(each, found_field) if isinstance(each, Reference) else each

    def _add_field_context(self, reference: Reference, found_field: _FoundField) -> Reference:
        if found_field.list_item is not None:
            reference = replace(
                reference,
                related_lines=(*reference.related_lines, self.document.get_line_number(found_field.list_item)),
            )
        return lock_reference(reference, found_field.reason) if found_field.reason is not None else reference

    def find_objects(self, node: YamlNode, locator: str, list_type: tuple[str, str] = ("", "")) -> None:
        """Record the image fields of the object `node` and of all objects inside it.

        Raises TooDeepError if objects or other nodes are nested too deeply, if the document's nodes are visited too
        often, or if aliases repeat too much text.

        `read_fields` reads the recorded fields later. `locator` is the position of `node` in the document. `list_type`
        is the (apiVersion, kind) of `node` if it states no kind itself. In a list such as a `PodList`, kubectl allows
        items without a kind.
        """
        document = self.document
        version, kind = (get_text_or_template(document, node, key) for key in ("apiVersion", "kind"))
        if not version and not kind and not list_type[1]:
            self._find_pods_without_kind(node, locator)
        if not kind:
            version, kind = list_type
        if not version:
            return
        if self._depth == MAX_DEPTH:
            raise TooDeepError
        self._depth += 1
        self.walk_paths(node, self._common_paths, locator)
        if (get_group(version), kind) in KINDS:
            self._walk_known_kind(node, get_group(version), kind, locator)
        elif kind.endswith("List") and document.get_values(node, "items"):
            item_type = (version, kind.removesuffix("List"))
            for item_locator, item in document.walk(node, ("items", ALL_ITEMS), locator):
                self.find_objects(item, item_locator, item_type)
        elif may_be_custom(version, kind):
            group = get_group(version)
            has_keys = self._has_image_keys and may_have_image_keys_of_any_name(group)
            if has_keys or may_have_shapes(self.document.source.raw):
                self._find_by_shape(node, locator, ShapeSearch(has_keys), group)
        self._depth -= 1

    def _find_pods_without_kind(self, node: YamlNode, locator: str) -> None:
        """Record the images of PodSpecs in a document that is not an object, such as the jobs of Prow.

        Values files of charts are left out, because the format `helm` reads them.
        """
        is_readable = self._depth == 0 and not self.reader.is_embedded and "values" not in self.reader.path.lower()
        if is_readable and may_hold_pod_spec(self.document.source.raw):
            self._find_by_shape(node, locator, ShapeSearch(is_without_kind=True))

    def find_patched_values(self, root: YamlNode, locator: str) -> None:
        """Record the image fields in the operations of a JSON patch.

        Raises TooDeepError if objects or other nodes are nested too deeply, if the document's nodes are visited too
        often, or if aliases repeat too much text.
        """
        for value in _find_patched_values(self.document, root, locator):
            if value.image_paths is None:
                self._find_by_shape(value.node, value.locator, ShapeSearch())
            else:
                self.walk_paths(value.node, value.image_paths, value.locator)

    def _find_by_shape(self, node: YamlNode, locator: str, search: ShapeSearch, group: str = "") -> None:
        for match in search.find(self.document, node, locator):
            match match.kind:
                case ShapeKind.OBJECT:
                    self.find_objects(match.mapping, match.locator)
                case ShapeKind.POD:
                    self.walk_paths(match.mapping, POD_PATHS, match.locator)
                case ShapeKind.KEY:
                    self._find_by_key(match, group)
                case _:
                    assert_never(match.kind)

    def _find_by_key(self, match: ShapeMatch, group: str) -> None:
        """Record the images under a key such as `image`, unless their texts are evidently not container images."""
        for image_locator, node in self.document.list_children(match.mapping, match.key, match.locator):
            text = read_text_or_template(self.document, node)
            certainty = classify_image_text(group, match.key, text)
            if certainty is not ImageCertainty.NONE:
                is_certain = certainty is ImageCertainty.FULL and not match.is_uncertain
                reason = None if is_certain else Reason.UNKNOWN_FIELD
                scheme = CONTAINER_SCHEME if text.startswith(CONTAINER_SCHEME) else ""
                later = partial(_read_image, self._image_reader, image_locator, node, scheme)
                self._fields.append(_FoundField(later, reason, match.mapping))

    def _walk_known_kind(self, node: YamlNode, group: str, kind: str, locator: str) -> None:
        paths = get_image_paths(group, kind)
        self.walk_paths(node, paths, locator, self._get_not_editable_reason(node, group, kind))
        if may_have_image_keys_of_any_name(group) and self._has_image_keys:
            search = ShapeSearch(has_keys=True, known_paths=paths, is_known_kind=True)
            self._find_by_shape(node, locator, search, group)
        if not self.reader.is_embedded:
            self.facts += list_facts(self.document, node, (group, kind), locator, self.reader.path)

    def walk_paths(
        self,
        node: YamlNode,
        image_paths: ImagePaths,
        locator: str,
        reason: Reason | None = None,
        list_item: YamlNode = None,
    ) -> None:
        """Record the image fields below `node` at the paths in `image_paths`, for `read_fields`.

        Raises TooDeepError if objects or other nodes are nested too deeply, if the document's nodes are visited too
        often, or if aliases repeat too much text.

        If `reason` is given, the fields are not editable for this reason. If `node` is a list item or a value in a list
        item, `list_item` is this item, such as the container around an `image`. `list_item` is needed, because comments
        above the list item apply to the image.
        """
        for shape in image_paths.shapes:
            later = _FINDERS[shape](self, locator, node)
            if later is not None:
                self._fields.append(_FoundField(later, reason, list_item))
        inner_item = list_item if list_item is node else None
        for key, below in image_paths.children.items():
            if not self.document.may_have_child(node, key):
                continue
            for child_locator, child in self.document.list_children(node, key, locator):
                self.walk_paths(child, below, child_locator, reason, child if key == ALL_ITEMS else inner_item)

    def _get_not_editable_reason(self, node: YamlNode, group: str, kind: str) -> Reason | None:
        if not is_job(group, kind):
            return None
        metadata = self._get_entries(node).get("metadata")
        fields = self._get_entries(metadata)
        own_fields, labels, annotations = (
            {key: value.value for key, value in self._get_entries(each).items() if isinstance(value, YamlScalar)}
            for each in (metadata, fields.get("labels"), fields.get("annotations"))
        )
        return None if is_replaced(own_fields, labels, annotations) else Reason.IMMUTABLE_JOB

    def _get_entries(self, node: YamlNode) -> dict[str, YamlNode]:
        """Return the entries of a mapping, or an empty dict if `node` is not a mapping.

        Unlike `YamlDocument.walk`, this does not mark the entries as visited. Therefore, `YamlDocument.is_shared` does
        not treat them as image fields.
        """
        return self.document.get_entries(node) if isinstance(node, YamlMapping) else {}

    def find_image(self, locator: str, node: YamlNode) -> _DeferredRead:
        return partial(_read_image, self._image_reader, locator, node)

    def find_override(self, locator: str, node: YamlNode) -> _DeferredRead:
        old, equals, _ = node.value.partition("=") if isinstance(node, YamlScalar) else ("", "", "")
        return partial(_read_image, self._image_reader, locator, node, f"{old}=" if equals else "")

    def find_image_entries(self, locator: str, node: YamlNode) -> _DeferredRead:
        entries = list(find_entries(self.document, node, locator))
        return partial(read_entries, entries, self.reader.path, self.reader.format)

    def find_chart_values(self, locator: str, node: YamlNode) -> _DeferredRead:
        images = list(find_images_below(self.document, node, locator))
        return partial(read_images, images, self.reader.path, self.reader.format)

    def find_object(self, locator: str, node: YamlNode) -> None:
        self.find_objects(node, locator)

    def find_text(
        self, locator: str, node: YamlNode, image_paths: ImagePaths | None, *, is_patch: bool = False
    ) -> _DeferredRead | None:
        if not isinstance(node, YamlScalar) or node.tag != STRING or self.reader.is_embedded:
            return None
        self._text_length += len(node.value)
        if self._text_length > MAX_REPEATS * len(self.document.source.text):
            raise TooDeepError
        return partial(self.reader.read_embedded, self.document, node, locator, image_paths, is_patch=is_patch)


def _read_image(
    image_reader: YamlImageReader, locator: str, node: YamlNode, prefix: str = ""
) -> Iterator[_FoundReference]:
    found = image_reader.read(locator, node, scheme=prefix)
    if found is not None:
        yield found


_FINDERS: dict[FieldShape, Callable[[_ObjectSearch, str, YamlNode], _DeferredRead | None]] = {
    FieldShape.IMAGE: _ObjectSearch.find_image,
    FieldShape.OVERRIDE: _ObjectSearch.find_override,
    FieldShape.ENTRIES: _ObjectSearch.find_image_entries,
    FieldShape.VALUES: _ObjectSearch.find_chart_values,
    FieldShape.OBJECT: _ObjectSearch.find_object,
    FieldShape.OBJECTS_TEXT: partial(_ObjectSearch.find_text, image_paths=None),
    FieldShape.PATCH_TEXT: partial(_ObjectSearch.find_text, image_paths=None, is_patch=True),
    FieldShape.VALUES_TEXT: partial(_ObjectSearch.find_text, image_paths=VALUES_PATHS),
    FieldShape.FUNCTION_TEXT: partial(_ObjectSearch.find_text, image_paths=FUNCTION_PATHS),
}
"""For each form of a field, the method that finds the field. The method returns a function that reads the field later,
or None."""


def _find_patched_values(document: YamlDocument, root: YamlNode, locator: str) -> Iterator[_PatchedValue]:
    """Yield the values in a JSON patch that may contain images. `root` is the list of operations.

    Kustomize, Flux and Argo CD apply such patches to objects. The patch does not contain the kind of the object. Yield
    nothing if `root` is not a list of operations. Raises TooDeepError if the document's nodes are visited more than
    MAX_VISITS times.

    The operations are defined in https://www.rfc-editor.org/rfc/rfc6902, and their paths in
    https://www.rfc-editor.org/rfc/rfc6901.
    """
    for operation_locator, operation in document.walk(root, (ALL_ITEMS,), locator):
        pointer = document.get_string(operation, "path") or ""
        if document.get_string(operation, "op") not in _WRITING_OPERATIONS or not pointer.startswith("/"):
            continue
        image_paths = _find_patched_paths(pointer.split("/")[1:])
        if image_paths != NO_PATHS:
            for value_locator, value in document.walk(operation, ("value",), operation_locator):
                if image_paths is not _PATCHED_IMAGE or isinstance(value, YamlScalar):
                    yield _PatchedValue(value_locator, value, image_paths)


def _find_patched_paths(keys: list[str]) -> ImagePaths | None:
    """Return the image fields in the value at the path `keys` of an object, or None if PodSpecs must be searched.

    For example, the value at `["spec", "containers", "-"]` is a container, whose image field is `image`.
    """
    if keys[0] in _FIELDS_WITHOUT_IMAGES or not _CHART_VALUES.isdisjoint(keys):
        return NO_PATHS
    for at in range(len(keys) - 1, -1, -1):
        if keys[at] in POD_PATHS.children:
            found = POD_PATHS
            for key in keys[at:]:
                found = found.children.get(ALL_ITEMS if _LIST_POSITION.fullmatch(key) else key, NO_PATHS)
            return found
    return _PATCHED_IMAGE if keys[-1] == "image" else None
