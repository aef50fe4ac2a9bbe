"""Find images among the values of a Helm chart.

Charts name images only by convention (https://helm.sh/docs/chart_best_practices/values/). An image is either a text, or
a mapping that contains its parts. The following are recognised as images. Upper and lower case in the ends of keys are
not distinguished. The items of a list are treated as values under the key of the list.

- A mapping with `repository` under a key that ends in `image`: `webImage: {repository: web}`.
- A mapping with `repository` and with a tag or a digest, if its key ends in `images`, if the mapping or list around it
  has a key that ends in `image` or `images`, or if the mapping contains another key that only images have, such as
  `pullPolicy`. An example is `images: {web: {repository: web, tag: "1"}}`.
- A mapping with `repository` and `tag` under any other key, such as `provisioner`. If the repository has no path and no
  registry, or may be a repository of source code or of charts, it is unknown whether the mapping is an image.
- A mapping without `repository` under a key that ends in `image`, if it has a `tag`, and a `name` or `repo` whose value
  contains a slash. If a mapping has a `registry`, its `name` is treated as `repository`.
- A text with a tag or a digest, if its key ends in `image`, or the key of the mapping or list around it ends in
  `images`.
- A text without a tag and a digest, if its key is `image`, if its key ends in `image` and the text contains a host, or
  if the tag is under a key next to it (`webImage` and `webImageTag`).

Names of pictures and disks, file paths and web addresses are not images.

All images of a document are found before any of them is read. A YAML alias (`*name`) may repeat the text of an image in
another place, such as a label. Such a text must not be edited.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from bot.core.references.chart_names import is_registry_key
from bot.core.references.locking import add_warning, lock_reference
from bot.formats._syntax.helm.values_walk import (
    KeyMeaning,
    ValuesCollection,
    ValuesEntry,
    build_locator,
    find_key_line,
    get_entries_at,
    walk_values,
)
from bot.formats._syntax.reference_positions import TEMPLATE_MARKS, ReferencePosition
from bot.formats._syntax.yaml.nodes import NULL, STRING, YamlDocument, YamlMapping, YamlNode, YamlScalar
from bot.formats._syntax.yaml.split_references import (
    ReferencePart,
    SplitReference,
    find_shared_scalars,
)
from bot.model.chart_facts import ImagePart
from bot.model.errors import InvalidReferenceError
from bot.model.image_name import DOCKER_HUB, ImageName, is_tag, parse_sha256
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, UnsupportedText
from bot.model.vocabulary import Reason, Role

TAG_KEYS = ("tag", "version")
SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.ASCII | re.IGNORECASE)
_SIBLING_KEYS = {"imageTag": "imageDigest", "image_tag": "image_digest", "tag": "digest"}
"""Keys next to `image` that contain its tag, with the corresponding keys of its digest. Other keys have suffixes:
`initImageTag` belongs to `initImage`."""
_SUFFIXES = (("Tag", "Digest"), ("_tag", "_digest"))


def find_name_key(collection: ValuesCollection) -> str | None:
    """Return the key that contains the name of the image in a mapping, or None if there is no such key.

    - If the mapping has a `repository`, the key is `repository`.
    - If the mapping has a `registry` instead, the key is `name`.
    - If the mapping has a `tag` and is under a key that ends in `image`, the key is `name` or `repo`, provided that its
      value contains a slash.
    """
    entries = collection.entries
    if get_string(entries.get("repository")):
        return "repository"
    if get_string(entries.get("registry")):
        return "name" if get_string(entries.get("name")) else None
    if "repository" in entries or collection.key_meaning is not KeyMeaning.IMAGE or TAG_KEYS[0] not in entries:
        return None
    return next((key for key in ("name", "repo") if "/" in get_string(entries.get(key))), None)


def find_sibling_keys(collection: ValuesCollection, key: str, text: str) -> tuple[str, str] | None:
    """Return the keys next to `key` that contain the tag and the digest of the image `text`.

    For `image: nginx`, these may be `imageTag` and `imageDigest`. Return None if `text` itself has a tag or a digest,
    or if no key for a tag contains a valid tag or nothing.
    """
    if ":" in text.rpartition("/")[2] or "@" in text:
        return None
    keys = _SIBLING_KEYS if key.lower() == "image" else {f"{key}{tag}": f"{key}{digest}" for tag, digest in _SUFFIXES}
    return next(
        (each for each in keys.items() if _may_be_tag(collection.entries.get(each[0]))),
        None,
    )


def _may_be_tag(node: YamlNode) -> bool:
    text = get_source_value(node)
    return isinstance(node, YamlScalar) and (not text or is_tag(text.partition("@")[0]))


def is_image_text(text: str, *, is_named: bool, is_exact: bool) -> bool:
    """Return True if the text of a value is an image.

    `is_named` is True if the key of the value ends in `image`, and `is_exact` is True if the key is `image`.
    """
    if TEMPLATE_MARKS.search(text) or SCHEME.match(text):
        return is_named
    try:
        image = ImageName.parse(text)
    except InvalidReferenceError:
        return is_exact
    if image.tag is not None or image.digest is not None:
        return True
    return is_exact or (is_named and image.host != DOCKER_HUB)


def get_source_value(node: YamlNode) -> str:
    """Return the text of a scalar of any type as it is written in the file.

    The result is empty for nulls and collections.
    """
    return node.value if isinstance(node, YamlScalar) and node.tag != NULL else ""


def get_string(node: YamlNode) -> str:
    """Return the text of a string. The result is empty for numbers, nulls and collections."""
    return node.text if isinstance(node, YamlScalar) and node.tag == STRING else ""


_HEX_DIGEST = "sha"
"""The key of a digest without its algorithm, as used in the charts of Grafana and Prometheus."""
_IMAGE_ONLY_KEYS = frozenset({"registry", "digest", "pullPolicy", "imagePullPolicy", "pullSecrets", "imagePullSecrets"})
_GLOBAL_REGISTRY_KEYS = ("global", "imageRegistry")
"""Key path of a registry. In charts that use `common.images.image` (github.com/bitnami/charts), this registry replaces
the registry of every image. In other charts, this registry applies only to some images."""
_UNCERTAIN_REGISTRY_NOTE = "it is unknown whether the chart puts global.imageRegistry before this image"
_DEFAULT_REGISTRY_KEYS: tuple[tuple[str, ...], ...] = (("global", "image"), ("global",), ())
"""Key paths below which charts have a default registry for images that name no registry. Without this registry, these
images would be on Docker Hub."""
_SOURCE_KEY = re.compile(
    r".*(?:git|github|chart|source|repo|module|plugin|package|release)s?", re.IGNORECASE | re.DOTALL
)
_SOURCE_ENTRIES = frozenset({"url", "branch", "revision", "ref", "chart"})
_SOURCE_NAME = re.compile(r"(?:[^/]*\.)?(?:github\.com|gitlab\.com|bitbucket\.org|codeberg\.org|gitea\.com)/.*|.*\.git")
"""Signs of a repository of source code or of charts: the key of a mapping, its entries, and its repository."""
_OTHER_KEY_NOTE = "its key does not name an image"
_HOST = re.compile(r"(?=[^/]*[.:])[^/]*+/|localhost/")
"""The start of an image name that contains a host."""
_WEB_SCHEMES = frozenset({"http", "https", "ftp", "file", "s3", "gs", "git", "ssh"})
"""Schemes of pictures, disks and sources. Other schemes, such as `ko`, name images."""
_NOT_REFERENCE = re.compile(
    r".*\.(?:png|jpe?g|gif|svg|webp|ico|bmp|tiff?|avif|iso|img|qcow2|vmdk|vhdx?|ova)(?:[?#].*)?|data:.*|[./#].*",
    re.IGNORECASE | re.DOTALL,
)


class ImageCandidate(NamedTuple):
    """A text or mapping in the values of a chart that looks like an image. `read_images` reads it later."""

    locator: str
    line_number: int
    parts: SplitReference
    keys_by_part: dict[ImagePart, tuple[str, ...]]
    """The key path of each part, from the mapping of all values, including optional parts that are missing."""
    is_in_list: bool
    """True if the image is inside a list. Values files that are merged over the chart's own replace a list as a
    whole."""
    is_text: bool
    """True if a single text contains the whole reference."""
    is_certain: bool
    """True if a text that is not a valid reference is an error, and not just another value."""
    related_lines: tuple[int, ...]
    has_uncertain_registry: bool
    """True if there is a registry that some charts put before all images, and other charts only before some images."""
    hex_digest: str = ""
    may_be_other: bool = False
    """True if it is unknown whether a mapping under another key than `image` is an image."""

    @property
    def name_values(self) -> tuple[str, ...]:
        """The dotted paths of the repository, and of the registry if it is in another value."""
        parts = [ImagePart.REPOSITORY, *([ImagePart.REGISTRY] if self.parts.registry else [])]
        return tuple(".".join(self.keys_by_part[part]) for part in parts)

    @property
    def needs_tag(self) -> bool:
        """True if the tag would be a separate value, and this value is empty or missing.

        The chart then uses another tag, such as its `appVersion`.
        """
        name = self.parts.name.text.rpartition("/")[2]
        has_tag = ":" in name.partition("@")[0] or (self.parts.tag is not None and self.parts.tag.text != "")
        return not self.is_text and not has_tag

    @property
    def digest_part(self) -> ImagePart:
        """The part of the image that contains its digest, such as the key `digest`, or the tag in `1.0@sha256:…`.

        If the image has no digest, this is the part into which a new digest would be written.
        """
        tag, digest = self.parts.tag, self.parts.digest
        if digest is not None and (
            digest.text or (digest.find_empty_slot() is not None and "@" not in self.parts.text)
        ):
            return ImagePart.DIGEST
        return ImagePart.TAG if tag is not None and tag.text else ImagePart.REPOSITORY


def find_images_below(document: YamlDocument, root: YamlNode, locator: str) -> Iterator[ImageCandidate]:
    """Yield the texts and mappings below `root`, the mapping of all values, that look like images.

    Raises TooDeepError if the values are nested too deeply, or the document's nodes are visited too often.

    Pass them to `read_images` only after all images of the document have been found.
    """
    return find_images(document, list(walk_values(document, root)), locator)


def find_images(document: YamlDocument, values: list[ValuesEntry], locator: str) -> Iterator[ImageCandidate]:
    """Yield the texts and mappings among `values` that look like images.

    Raises TooDeepError if the document's nodes are visited more than MAX_VISITS times.

    `values` is the result of `walk_values`. Pass the results of all calls for the document to `read_images` together,
    after the last call.
    """
    if not values:
        return
    first = values[0].collection
    global_registry = _get_registry_at(document, first, _GLOBAL_REGISTRY_KEYS)
    default_registries = (_find_registry_in(document, first, keys) for keys in _DEFAULT_REGISTRY_KEYS)
    search = _CandidateSearch(
        document, locator, global_registry, global_registry or next(filter(None, default_registries), "")
    )
    for value in values:
        found = None
        if value.own_collection is not None:
            found = search.find_in_mapping(value.collection, value.own_collection)
        elif isinstance(value.node, YamlScalar) and value.node.tag == STRING:
            found = search.find_in_text(value.collection, value.key, value.node)
        if found is not None:
            yield found


def read_images(
    candidates: Collection[ImageCandidate], path: FilePath, format_name: str
) -> Iterator[Reference | UnsupportedText]:
    """Yield the image references in `candidates`, the result of `find_images` for one document.

    Candidates that turn out not to be images, such as web addresses, are left out. If an image has a tag but no key for
    a digest, a digest can only be appended to the tag: `1.0@sha256:…`. Some templates of charts do not accept this.
    Therefore, the digest is not editable at first (`chart-unknown`), and `variables` contains the key path of the tag.
    After all files have been read, the chart's templates are searched for uses of this path.
    """
    shared = find_shared_scalars(candidate.parts for candidate in candidates)
    for image in candidates:
        position = ReferencePosition(
            path, format_name, Role.THIRD_PARTY, image.line_number, image.locator, related_lines=image.related_lines
        )
        found = _read_candidate(image, position, shared)
        if image.may_be_other:
            found = _lock_other_key(found)
        if found is not None:
            yield found


def _lock_other_key(found: Reference | UnsupportedText | None) -> Reference | None:
    """Lock a reference that may be something other than an image, unless its digest shows that it is an image.

    Return None for texts that are evidently not images, such as the address of a packaged chart.
    """
    if not isinstance(found, Reference) or found.digest_slot == NotEditable(Reason.NOT_AN_IMAGE):
        return None
    is_pinned = found.image.digest is not None
    return found if is_pinned else add_warning(found, Reason.UNKNOWN_FIELD, _OTHER_KEY_NOTE)


def _read_candidate(
    candidate: ImageCandidate, position: ReferencePosition, shared: frozenset[int]
) -> Reference | UnsupportedText | None:
    text = candidate.parts.text
    scheme = SCHEME.match(text)
    if scheme is not None:
        return None if scheme[1].lower() in _WEB_SCHEMES else position.make_not_editable(text, Reason.NOT_AN_IMAGE)
    if TEMPLATE_MARKS.search(text):
        return position.make_unsupported(text, Reason.TEMPLATED)
    found = candidate.parts.read(position, shared)
    if isinstance(found, UnsupportedText):
        return found if candidate.is_certain else None
    if not candidate.is_text:
        found = replace(found, name_values=candidate.name_values)
    if candidate.needs_tag:
        return _require_tag(found, candidate)
    if candidate.has_uncertain_registry:
        return replace(lock_reference(found, Reason.CHART_UNKNOWN), notes=(_UNCERTAIN_REGISTRY_NOTE,))
    if candidate.hex_digest:
        digest = parse_sha256(f"sha256:{candidate.hex_digest}")
        image = found.image.with_digest(digest) if digest is not None else found.image
        closed = NotEditable(Reason.UNSUPPORTED_DIGEST)
        return replace(found, image=image, digest_slot=closed, tag_slot=closed)
    slot = found.digest_slot
    if candidate.is_text or not isinstance(slot, EditSlot) or found.image.digest is not None:
        return found
    if slot.prefix != b"@":
        return replace(found, variables=(".".join(candidate.keys_by_part[ImagePart.DIGEST]),))
    tag = ".".join(candidate.keys_by_part[ImagePart.TAG])
    return replace(found, digest_slot=NotEditable(Reason.CHART_UNKNOWN, slot), variables=(tag,))


def _require_tag(reference: Reference, candidate: ImageCandidate) -> Reference:
    """Lock the digest of an image without a tag, because it is unknown which tag the chart uses instead.

    `variables` contains the key paths of the tag and of the digest. After all files have been read, the chart's
    templates are searched for the tag that they use. If the registry of the image is uncertain, `variables` is empty.
    """
    if candidate.has_uncertain_registry:
        return replace(lock_reference(reference, Reason.NO_TAG), notes=(_UNCERTAIN_REGISTRY_NOTE,))
    slot = reference.digest_slot
    if isinstance(slot, EditSlot):
        slot = NotEditable(Reason.NO_TAG, slot if candidate.digest_part is ImagePart.DIGEST else None)
    paths = [candidate.keys_by_part[part] for part in (ImagePart.TAG, ImagePart.DIGEST)]
    return replace(reference, digest_slot=slot, variables=tuple(map(".".join, paths)))


@dataclass(frozen=True, slots=True)
class _CandidateSearch:
    """Finds the texts and mappings in the values of one document that look like images."""

    document: YamlDocument
    locator: str
    global_registry: str
    default_registry: str

    def find_in_mapping(self, parent: ValuesCollection, collection: ValuesCollection) -> ImageCandidate | None:
        """Return the image that the mapping `collection` describes, or None if it does not describe an image.

        `parent` is the mapping or list that contains `collection`.
        """
        entries, value = collection.entries, collection.node
        tag_key = next((each for each in TAG_KEYS if isinstance(entries.get(each), YamlScalar)), None)
        name_key = find_name_key(collection)
        if not isinstance(value, YamlMapping) or name_key is None:
            return None
        is_named = self._is_image(parent, collection, has_tag=tag_key is not None)
        if not is_named and not (
            name_key == "repository" and is_tag(get_source_value(entries.get("tag")).partition("@")[0])
        ):
            return None
        name, registry = self._read_part(value, name_key), self._read_part(value, "registry")
        tag, digest = self._read_part(value, tag_key), self._read_part(value, "digest")
        if name is None:
            return None
        own_registry = registry.text.removesuffix("/") if registry is not None else ""
        first = registry if registry is not None and own_registry else name
        others = [part.line_number for part in (registry, name, tag, digest) if part is not None]
        return ImageCandidate(
            locator=build_locator(self.locator, collection.keys),
            line_number=first.line_number,
            parts=SplitReference(name, self._get_registry(own_registry, name.text), tag, digest),
            keys_by_part=_map_part_keys(collection.keys, "registry", name_key, tag_key or TAG_KEYS[0], "digest"),
            is_in_list=collection.is_in_list,
            is_text=False,
            is_certain=is_named,
            has_uncertain_registry=self._has_uncertain_registry(own_registry, name.text),
            related_lines=tuple(dict.fromkeys([find_key_line(self.document, value), *others])),
            hex_digest=get_source_value(entries.get(_HEX_DIGEST)),
            may_be_other=not is_named and _may_be_source(collection, name.text),
        )

    @staticmethod
    def _is_image(parent: ValuesCollection, collection: ValuesCollection, *, has_tag: bool) -> bool:
        if collection.key_meaning is KeyMeaning.IMAGE:
            return True
        is_among_images = collection.key_meaning is KeyMeaning.IMAGES or parent.key_meaning is not KeyMeaning.NOTHING
        has_words = not _IMAGE_ONLY_KEYS.isdisjoint(collection.entries)
        return (has_tag or "digest" in collection.entries) and (is_among_images or has_words)

    def find_in_text(self, collection: ValuesCollection, key: str, value: YamlScalar) -> ImageCandidate | None:
        """Return the image in the text `value` under `key` of `collection`, or None if the text is not an image."""
        is_named = isinstance(collection.node, YamlMapping) and key.lower().endswith("image")
        text = get_string(value)
        if not (is_named or collection.key_meaning is KeyMeaning.IMAGES) or not text or _NOT_REFERENCE.fullmatch(text):
            return None
        keys = find_sibling_keys(collection, key, text) if is_named else None
        is_exact = is_named and key.lower() == "image"
        if keys is None and not is_image_text(text, is_named=is_named, is_exact=is_exact):
            return None
        name = (
            self._read_part(collection.node, key)
            if isinstance(collection.node, YamlMapping)
            else ReferencePart.create(self.document, value)
        )
        tag, digest, registry = map(
            partial(self._read_part, collection.node), (*keys, "registry") if keys else (None, None, None)
        )
        if name is None:
            return None
        own_registry = registry.text.removesuffix("/") if registry is not None else ""
        others = [part.line_number for part in (tag, digest, registry) if part is not None]
        return ImageCandidate(
            locator=build_locator(self.locator, (*collection.keys, key)),
            line_number=name.line_number,
            parts=SplitReference(name, self._get_registry(own_registry, text), tag, digest),
            keys_by_part=_map_part_keys(collection.keys, *(("registry", key, *keys) if keys else (None, key))),
            is_in_list=collection.is_in_list,
            is_text=keys is None,
            is_certain=is_exact,
            has_uncertain_registry=self._has_uncertain_registry(own_registry, text),
            related_lines=tuple(dict.fromkeys(others)),
        )

    def _read_part(self, node: YamlNode, key: str | None) -> ReferencePart | None:
        """Return the scalar under `key` of a mapping, or None if `key` is None or there is no such scalar.

        This records that the key belongs to an image. If a YAML alias repeats the scalar under another key, the scalar
        may be edited only if that key is recorded too (`YamlDocument.is_shared`).
        """
        if key is None:
            return None
        values = self.document.get_values(node, key)[-1:]
        return next(
            (ReferencePart.create(self.document, value) for value in values if isinstance(value, YamlScalar)), None
        )

    def _get_registry(self, own_registry: str, name: str) -> str:
        """Return the registry that the chart prepends to the image name `name`, or an empty string if it prepends none.

        `own_registry` is the value `registry` next to the image's name, or empty. If it is not empty, it is returned,
        but a global registry in the chart's values takes precedence. If it is empty and `name` starts with a registry,
        the result is empty. If it is empty and `name` has no registry, the result is the default registry of the chart.
        """
        if own_registry:
            return self.global_registry or own_registry
        return "" if _HOST.match(name) else self.default_registry

    def _has_uncertain_registry(self, own_registry: str, name: str) -> bool:
        return self.global_registry not in {"", own_registry} and not (not own_registry and _HOST.match(name))


def _may_be_source(collection: ValuesCollection, repository: str) -> bool:
    """Return True if a mapping with a tag may name something other than an image, such as source code."""
    has_source_key = _SOURCE_KEY.fullmatch(collection.keys[-1]) is not None
    has_source_entry = not _SOURCE_ENTRIES.isdisjoint(collection.entries)
    is_source = has_source_key or has_source_entry or _SOURCE_NAME.fullmatch(repository) is not None
    return is_source or "/" not in repository


def _map_part_keys(parent_keys: tuple[str, ...], *keys: str | None) -> dict[ImagePart, tuple[str, ...]]:
    return {part: (*parent_keys, key) for part, key in zip(ImagePart, keys, strict=False) if key is not None}


def _get_registry_at(document: YamlDocument, root: ValuesCollection, keys: tuple[str, ...]) -> str:
    *parent_keys, key = keys
    return get_string(get_entries_at(document, root, parent_keys).get(key)).removesuffix("/")


def _find_registry_in(document: YamlDocument, root: ValuesCollection, keys: tuple[str, ...]) -> str:
    entries = get_entries_at(document, root, keys)
    texts = (get_string(node) for key, node in entries.items() if is_registry_key(key))
    return next(filter(None, texts), "").removesuffix("/")
