"""Find images among the values of a Helm chart: texts, and mappings of registry, repository, tag and digest.

Images in values follow conventions only (https://helm.sh/docs/chart_best_practices/values/), so they are recognised by
their shape:

- a mapping with a `repository`: under a key that ends in `image`; with a tag or a digest, also inside such a key or one
  that ends in `images`; with a tag or a digest and a key that only images have, anywhere;
- a mapping without a `repository`, under a key that ends in `image`: if it has a `tag`, and a `name` or `repo` with a
  slash in it;
- a text with a tag or a digest: under a key that ends in `image`, or inside one that ends in `images`;
- a text without either: under the key `image` itself, beside a key for its tag (`imageTag`), or if it names a host.

Names of pictures and disks, file paths and web addresses are not images.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from bot.core.places.closing import close
from bot.formats._syntax.helm.keys import Context, Step, Value, locate, walk_values
from bot.formats._syntax.places import TEMPLATE_MARKS, Place
from bot.formats._syntax.yaml.nodes import NULL, STRING, Document, Mapping, Node, Scalar
from bot.formats._syntax.yaml.parts import Part, Parts, before_on_line, shared_scalars
from bot.model.errors import InvalidReferenceError
from bot.model.reference import DOCKER_HUB, ImageReference, is_tag, parse_sha256
from bot.model.remark import ImagePart
from bot.model.source import EditSlot, FilePath, NotEditable, Occurrence, UnsupportedText
from bot.model.vocabulary import Reason, Role

_TAG_KEYS = ("tag", "version")
_HEX_DIGEST = "sha"
"""The key of a digest without its algorithm, in the charts of Grafana and Prometheus."""
_ONLY_IMAGES_HAVE = frozenset(
    {"registry", "digest", "pullPolicy", "imagePullPolicy", "pullSecrets", "imagePullSecrets"}
)
_REGISTRY_OF_ALL = ("global", "imageRegistry")
"""The registry of every image, which replaces its own, in charts with `common.images.image`
(github.com/bitnami/charts); in other charts it applies only to some images."""
_MAY_BE_ELSEWHERE = "whether the chart puts global.imageRegistry before it is not known"
_REGISTRIES_OF_OTHERS: tuple[tuple[str, ...], ...] = (("global", "image"), ("global",), ())
"""Keys below which charts have the registry of images that name none; without it, a name would mean Docker Hub."""
_REGISTRY_KEY = re.compile(r"(?:(?:image|docker|container)[-_]?)?registry(?:[-_]?(?:url|host))?", re.IGNORECASE)
"""The name of the key there."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.ASCII | re.IGNORECASE)
_HOST = re.compile(r"[^/]*[.:][^/]*/|localhost/")
"""A beginning of an image name that is a host."""
_WEB = frozenset({"http", "https", "ftp", "file", "s3", "gs", "git", "ssh"})
"""Schemes of pictures, disks and sources; other schemes, such as `ko`, name images."""
_NO_REFERENCE = re.compile(
    r".*\.(?:png|jpe?g|gif|svg|webp|ico|bmp|tiff?|avif|iso|img|qcow2|vmdk|vhdx?|ova)(?:[?#].*)?|data:.*|[./#].*",
    re.IGNORECASE | re.DOTALL,
)
_BESIDE = {"imageTag": "imageDigest", "image_tag": "image_digest", "tag": "digest"}
"""Keys beside `image` that hold its tag, with the keys of the digest; `initImageTag` belongs to `initImage`."""
_SUFFIXES = (("Tag", "Digest"), ("_tag", "_digest"))

MAX_COMMENT_LINES = 100
"""Limit on the lines between a key and its mapping that are looked at."""


class ValueImage(NamedTuple):
    """A value or mapping that looks like an image, before its document has been walked to the end."""

    locator: str
    line_number: int
    parts: Parts
    keys: dict[ImagePart, tuple[str, ...]]
    """The keys down to each part from the mapping of values, including optional parts that are missing."""
    is_in_list: bool
    """Whether it is inside a list; values files that are merged over the chart's replace lists as a whole."""
    is_text: bool
    """Whether a single text holds the whole reference."""
    is_certain: bool
    """Whether a text that is not a valid reference is an error, not just another value."""
    also_lines: tuple[int, ...]
    may_be_elsewhere: bool
    """Whether it has a registry that some charts put before all images, and others only before some."""
    hex_digest: str = ""

    @property
    def pinned_in(self) -> ImagePart:
        """The part that holds its digest, or would hold it."""
        tag, digest = self.parts.tag, self.parts.digest
        if digest is not None and (digest.text or (digest.empty_slot() is not None and "@" not in self.parts.text)):
            return ImagePart.DIGEST
        return ImagePart.TAG if tag is not None and tag.text else ImagePart.REPOSITORY


def find_values(document: Document, root: Node, locator: str) -> Iterator[ValueImage]:
    """Yield the candidates for images below `root`, the mapping of values. Raises TooDeepError.

    Read them only after all paths of the document have been walked: only then are the scalars known that are shared.
    """
    return find_images(document, list(walk_values(document, root)), locator)


def find_images(document: Document, values: list[Value], locator: str) -> Iterator[ValueImage]:
    """Yield the candidates for images among walked `values`. Raises TooDeepError."""
    if not values:
        return
    first = values[0].around
    of_all = _registry_at(document, first, _REGISTRY_OF_ALL)
    of_others = (_registry_in(document, first, keys) for keys in _REGISTRIES_OF_OTHERS)
    search = _Search(document, locator, of_all, of_all or next(filter(None, of_others), ""))
    for value in values:
        found = None
        if value.step is not None:
            found = search.mapping(value.around, value.step)
        elif isinstance(value.node, Scalar) and value.node.tag == STRING:
            found = search.text(value.around, value.key, value.node)
        if found is not None:
            yield found


def read_values(images: Collection[ValueImage], path: FilePath, format_name: str) -> Iterator[Occurrence | UnsupportedText]:
    """Yield the image references of one document's values.

    If a digest would go behind a tag, the slot is not editable (`chart-unknown`), since only the chart's templates show
    whether that is allowed. `variables` then has the key path that the templates have to be checked for.
    """
    shared = shared_scalars(image.parts for image in images)
    for image in images:
        place = Place(
            path, format_name, Role.THIRD_PARTY, image.line_number, image.locator, also_lines=image.also_lines
        )
        found = _read(image, place, shared)
        if found is not None:
            yield found


def _read(image: ValueImage, place: Place, shared: frozenset[int]) -> Occurrence | UnsupportedText | None:
    text = image.parts.text
    scheme = _SCHEME.match(text)
    if scheme is not None:
        return None if scheme[1].lower() in _WEB else place.closed(text, Reason.NOT_AN_IMAGE)
    if TEMPLATE_MARKS.search(text):
        return place.unsupported(text, Reason.TEMPLATED)
    found = image.parts.read(place, shared)
    if isinstance(found, UnsupportedText):
        return found if image.is_certain else None
    if image.may_be_elsewhere:
        return replace(close(found, Reason.CHART_UNKNOWN), notes=(_MAY_BE_ELSEWHERE,))
    if image.hex_digest:
        digest = parse_sha256(f"sha256:{image.hex_digest}")
        reference = found.reference.with_digest(digest) if digest is not None else found.reference
        closed = NotEditable(Reason.UNSUPPORTED_DIGEST)
        return replace(found, reference=reference, digest_slot=closed, tag_slot=closed)
    slot = found.digest_slot
    if image.is_text or not isinstance(slot, EditSlot) or found.reference.digest is not None:
        return found
    if slot.prefix != b"@":
        return replace(found, variables=(".".join(image.keys[ImagePart.DIGEST]),))
    tag = ".".join(image.keys[ImagePart.TAG])
    return replace(found, digest_slot=NotEditable(Reason.CHART_UNKNOWN, slot), variables=(tag,))


@dataclass(frozen=True, slots=True)
class _Search:
    """Decides which values of one document look like images."""

    document: Document
    locator: str
    registry_of_all: str
    registry_of_others: str

    def mapping(self, around: Step, step: Step) -> ValueImage | None:
        """Return the image in a mapping, which stands in the collection `parent`; None if it is not an image."""
        inside, value = step.inside, step.node
        tag_key = next((each for each in _TAG_KEYS if isinstance(inside.get(each), Scalar)), None)
        name_key = _name_key(step)
        if not isinstance(value, Mapping) or name_key is None:
            return None
        if not self._is_image(around, step, has_tag=tag_key is not None):
            return None
        name, registry = self._part(value, name_key), self._part(value, "registry")
        tag, digest = self._part(value, tag_key), self._part(value, "digest")
        if name is None:
            return None
        own = registry.text.removesuffix("/") if registry is not None else ""
        first = registry if registry is not None and own else name
        others = [part.line_number for part in (registry, name, tag, digest) if part is not None]
        return ValueImage(
            locator=locate(self.locator, step.keys),
            line_number=first.line_number,
            parts=Parts(name, self._prefix(own, name.text), tag, digest),
            keys=_part_keys(step.keys, "registry", name_key, tag_key or _TAG_KEYS[0], "digest"),
            is_in_list=step.is_in_list,
            is_text=False,
            is_certain=True,
            may_be_elsewhere=self._may_be_elsewhere(own, name.text),
            also_lines=tuple(dict.fromkeys([_key_line(self.document, value), *others])),
            hex_digest=_written(inside.get(_HEX_DIGEST)),
        )

    @staticmethod
    def _is_image(around: Step, step: Step, *, has_tag: bool) -> bool:
        if step.context is Context.IMAGE:
            return True
        is_among_images = step.context is Context.IMAGES or around.context is not Context.NOTHING
        has_words = not _ONLY_IMAGES_HAVE.isdisjoint(step.inside)
        return (has_tag or "digest" in step.inside) and (is_among_images or has_words)

    def text(self, step: Step, key: str, value: Scalar) -> ValueImage | None:
        """Return the image in a text, which stands under `key` of `collection`; None if it is not an image."""
        is_named = isinstance(step.node, Mapping) and key.lower().endswith("image")
        text = _text(value)
        if not (is_named or step.context is Context.IMAGES) or not text or _NO_REFERENCE.fullmatch(text):
            return None
        keys = _keys_beside(step, key, text) if is_named else None
        is_exact = is_named and key.lower() == "image"
        if keys is None and not _is_image_text(text, is_named=is_named, is_exact=is_exact):
            return None
        name = self._part(step.node, key) if isinstance(step.node, Mapping) else Part.of(self.document, value)
        tag, digest, registry = map(partial(self._part, step.node), (*keys, "registry") if keys else (None, None, None))
        if name is None:
            return None
        own = registry.text.removesuffix("/") if registry is not None else ""
        others = [part.line_number for part in (tag, digest, registry) if part is not None]
        return ValueImage(
            locator=locate(self.locator, (*step.keys, key)),
            line_number=name.line_number,
            parts=Parts(name, self._prefix(own, text), tag, digest),
            keys=_part_keys(step.keys, *(("registry", key, *keys) if keys else (None, key))),
            is_in_list=step.is_in_list,
            is_text=keys is None,
            is_certain=is_exact,
            may_be_elsewhere=self._may_be_elsewhere(own, text),
            also_lines=tuple(dict.fromkeys(others)),
        )

    def _part(self, node: Node, key: str | None) -> Part | None:
        """Return the scalar under `key` of a mapping; this counts as a walked path."""
        if key is None:
            return None
        values = self.document.values(node, key)[-1:]
        return next((Part.of(self.document, value) for value in values if isinstance(value, Scalar)), None)

    def _prefix(self, own: str, name: str) -> str:
        """Return the registry before a name; empty if the name has one or none is set."""
        if own:
            return self.registry_of_all or own
        return "" if _HOST.match(name) else self.registry_of_others

    def _may_be_elsewhere(self, own: str, name: str) -> bool:
        return self.registry_of_all not in {"", own} and not (not own and _HOST.match(name))


def _part_keys(around: tuple[str, ...], *keys: str | None) -> dict[ImagePart, tuple[str, ...]]:
    return {part: (*around, key) for part, key in zip(ImagePart, keys, strict=False) if key is not None}


def _name_key(step: Step) -> str | None:
    """Return the key of a mapping's image name; a key other than `repository` needs a slash in its value."""
    inside = step.inside
    if _text(inside.get("repository")):
        return "repository"
    if _text(inside.get("registry")):
        return "name" if _text(inside.get("name")) else None
    if "repository" in inside or step.context is not Context.IMAGE or _TAG_KEYS[0] not in inside:
        return None
    return next((key for key in ("name", "repo") if "/" in _text(inside.get(key))), None)


def _keys_beside(step: Step, key: str, text: str) -> tuple[str, str] | None:
    """Return the keys beside `key` for the tag and the digest of an image without a tag; None if there are none."""
    if ":" in text.rpartition("/")[2] or "@" in text:
        return None
    keys = _BESIDE if key.lower() == "image" else {f"{key}{tag}": f"{key}{digest}" for tag, digest in _SUFFIXES}
    return next((each for each in keys.items() if is_tag(_written(step.inside.get(each[0])).partition("@")[0])), None)


def _is_image_text(text: str, *, is_named: bool, is_exact: bool) -> bool:
    if TEMPLATE_MARKS.search(text) or _SCHEME.match(text):
        return is_named
    try:
        reference = ImageReference.parse(text)
    except InvalidReferenceError:
        return is_exact
    if reference.tag is not None or reference.digest is not None:
        return True
    return is_exact or (is_named and reference.host != DOCKER_HUB)


def _registry_at(document: Document, root: Step, keys: tuple[str, ...]) -> str:
    *around, key = keys
    return _text(_look(document, root, around).get(key)).removesuffix("/")


def _registry_in(document: Document, root: Step, keys: tuple[str, ...]) -> str:
    inside = _look(document, root, keys)
    texts = (_text(node) for key, node in inside.items() if _REGISTRY_KEY.fullmatch(key))
    return next(filter(None, texts), "").removesuffix("/")


def _look(document: Document, root: Step, keys: Iterable[str]) -> dict[str, Node]:
    """Return the entries under `keys`, from the top of the values."""
    inside = root.inside
    for key in keys:
        inside = dict(document.look(inside.get(key)))
    return inside


def _written(node: Node) -> str:
    """Return the source value of a scalar, whatever its YAML type; empty for a null."""
    return node.value if isinstance(node, Scalar) and node.tag != NULL else ""


def _text(node: Node) -> str:
    """Return the text of a string; empty for numbers, nulls and collections."""
    return node.text if isinstance(node, Scalar) and node.tag == STRING else ""


def _key_line(document: Document, mapping: Mapping) -> int:
    """Return the line of the key of a mapping: the mapping's own, or the next above that is not a comment."""
    source, start = document.source, document.start(mapping)
    number = source.line_number(start)
    if before_on_line(source, start).strip(b" \t-"):
        return number
    for above in range(number - 1, max(number - MAX_COMMENT_LINES, source.first_line_number) - 1, -1):
        line = source.line(above).strip()
        if line and not line.startswith(b"#"):
            return above
    return number
