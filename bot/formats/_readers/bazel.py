"""Read the base images that Bazel pulls with `rules_oci`, or with its predecessor `rules_docker`.

An image has separate attributes for its name, its tag and its digest. The name may also contain a tag and a digest,
which then override the attributes. See `oci/pull.bzl` and `oci/private/util.bzl` of
https://github.com/bazel-contrib/rules_oci. Since version 1.7.6, an image may have both a tag and a digest, unless
`reproducible` is False. The digest is pulled.

The rule `container_pull` has the same attributes, except `image`. It refuses the digest of an index, so its images are
only listed. See `container/pull.bzl` of https://github.com/bazelbuild/rules_docker.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from bot.core.references.locking import lock_reference
from bot.formats._syntax.broken import BrokenAtError, BrokenFile
from bot.formats._syntax.line_offsets import LineOffsets
from bot.formats._syntax.platforms import read_platform
from bot.formats._syntax.reference_positions import TEMPLATE_MARKS, ReferencePosition, UniqueLocators
from bot.formats._syntax.starlark import StarlarkArgument, StarlarkCall, StarlarkString, find_calls
from bot.model.errors import InvalidReferenceError
from bot.model.extracted_item import ExtractedItem
from bot.model.image_name import ImageName, is_tag, parse_sha256
from bot.model.source import EditSlot, NotEditable, Reference, SourceFile, Span, UnsupportedText
from bot.model.vocabulary import Reason, Role

_FORMAT = "bazel"
_RULE = "oci_pull"
_OLDER_RULE = "container_pull"
_RULE_FILE = "//oci:pull.bzl"
_EXTENSION_FILE = "//oci:extensions.bzl"
_NAME_ATTRIBUTES = ("image", "registry", "repository")
_TEXT_ATTRIBUTES = (*_NAME_ATTRIBUTES, "tag", "digest")
_MAX_INDENTATION = 200
"""Number of bytes before an attribute that are checked for its indentation. Attributes are indented by a few spaces."""
_SCHEME = re.compile(r"https?://")
_NOT_REPRODUCIBLE_NOTE = "because of `reproducible = False`, rules_oci does not accept a digest beside a tag"
_NO_INDEX_NOTE = "`container_pull` of rules_docker accepts only digests of a single platform"


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the images that a file pulls with `oci.pull`, `oci_pull` or `container_pull`, in file order."""
    try:
        calls = list(_find_pulls(find_calls(file.content)))
    except (UnicodeDecodeError, BrokenAtError) as error:
        yield BrokenFile.create_from_error(file.content, error).make_unsupported(file.path)
        return
    reader = _PullReader(file, LineOffsets(file.content))
    for call in sorted(calls, key=lambda each: each.start):
        yield from reader.read_call(call)


def _find_pulls(calls: Iterable[StarlarkCall]) -> Iterator[StarlarkCall]:
    """Yield the calls that pull an image.

    A file loads the rule `oci_pull`, and may give it another name. A file with modules assigns the module extension to
    a variable, which is often called `oci`, and calls `pull` on it.
    """
    names = {_RULE, _OLDER_RULE}
    for call in calls:
        source = next(call.list_positional(), None)
        file = source.value if isinstance(source, StarlarkString) else ""
        if call.function == "use_extension" and file.endswith(_EXTENSION_FILE):
            names.add(f"{call.target}.pull")
        elif call.function == "load" and file.endswith(_RULE_FILE):
            names |= {
                each.name
                for each in call.arguments
                if isinstance(each.value, StarlarkString) and each.value.value == _RULE and each.name
            }
        elif call.function in names:
            yield call


@dataclass(frozen=True, slots=True)
class _PullReader:
    file: SourceFile
    line_offsets: LineOffsets
    _locators: UniqueLocators = field(default_factory=UniqueLocators)

    def read_call(self, call: StarlarkCall) -> Iterator[Reference | UnsupportedText]:
        """Yield the image of a call, or nothing if the call does not name an image."""
        is_older_rule = call.function == _OLDER_RULE
        attributes = _TEXT_ATTRIBUTES[1:] if is_older_rule else _TEXT_ATTRIBUTES
        arguments = {each.name: each for each in call.arguments if each.name in attributes}
        names = [arguments[name] for name in _NAME_ATTRIBUTES if name in arguments]
        if not names:
            return
        position = self._make_position(call, names[0], arguments.values())
        texts = {name: each.value for name, each in arguments.items() if isinstance(each.value, StarlarkString)}
        computed = next((each for name, each in arguments.items() if name not in texts), None)
        if computed is not None and computed.source != "None":
            yield position.make_unsupported(computed.source, Reason.TEMPLATED)
        elif any(TEMPLATE_MARKS.search(text.value) for text in texts.values()):
            # A method of the string replaces `{}` or `%s` when a macro runs.
            yield position.make_unsupported(next(iter(texts.values())).value, Reason.TEMPLATED)
        elif not all(text.is_literal for text in texts.values()):
            yield position.make_unsupported(next(iter(texts.values())).value, Reason.MALFORMED)
        else:
            found = self._read_image(call, position, texts)
            yield _lock_older_rule(found) if is_older_rule and isinstance(found, Reference) else found

    def _make_position(
        self, call: StarlarkCall, name: StarlarkArgument, arguments: Iterable[StarlarkArgument]
    ) -> ReferencePosition:
        label = call.get_argument("name")
        suffix = f"/{label.value.value}" if label is not None and isinstance(label.value, StarlarkString) else ""
        lines = {self._get_line_number(each.start) for each in arguments} | {self._get_line_number(call.start)}
        line_number = self._get_line_number(name.start)
        return ReferencePosition(
            self.file.path,
            _FORMAT,
            Role.BASE,
            line_number,
            self._locators.make_unique(f"{call.function}{suffix}"),
            _get_platform(call),
            related_lines=tuple(sorted(lines - {line_number})),
        )

    def _read_image(
        self, call: StarlarkCall, position: ReferencePosition, texts: dict[str, StarlarkString]
    ) -> Reference | UnsupportedText:
        found = _read_name(position, texts)
        if isinstance(found, UnsupportedText):
            return found
        tag, digest = texts.get("tag"), texts.get("digest")
        if found.image.tag is None and tag is not None and tag.value:
            if not is_tag(tag.value):
                return position.make_unsupported(tag.value, Reason.MALFORMED)
            found = self._add_tag(found, tag, call.get_argument("tag"))
        if found.image.digest is None and digest is not None:
            found_with_digest = _add_digest(found, digest)
            if found_with_digest is None:
                return position.make_unsupported(digest.value, Reason.MALFORMED)
            found = found_with_digest
        if found.image.digest is None and _is_false(call):
            return replace(lock_reference(found, Reason.PIN_OFF), notes=(_NOT_REPRODUCIBLE_NOTE,))
        return found

    def _add_tag(self, found: Reference, tag: StarlarkString, argument: StarlarkArgument | None) -> Reference:
        """Return `found` with the tag of the attribute `tag`, after which the attribute `digest` can be inserted."""
        image = replace(found.image, tag=tag.value)
        tag_slot = EditSlot(Span(tag.start, tag.end), tag.value.encode())
        digest_slot = found.digest_slot
        if image.digest is None and argument is not None:
            digest_slot = EditSlot(Span(tag.end, tag.end), b"", self._make_digest_prefix(argument, tag))
        return replace(found, written=str(image), image=image, tag_slot=tag_slot, digest_slot=digest_slot)

    def _make_digest_prefix(self, argument: StarlarkArgument, tag: StarlarkString) -> bytes:
        """Return the bytes before a new digest: the end of the attribute `tag`, and the start of `digest`.

        The quote after the text of the tag then ends the digest. The digest is written like the tag: on a line of its
        own with the same indentation, or on the same line.
        """
        content = self.file.content
        line_start = self.line_offsets.get_line_start(self._get_line_number(argument.start))
        indentation = content[line_start : min(argument.start, line_start + _MAX_INDENTATION)]
        line_end = b"\r\n" if content[max(line_start - 2, 0) : line_start] == b"\r\n" else b"\n"
        is_alone = line_start > 0 and not indentation.strip() and line_start + len(indentation) == argument.start
        separator = line_end + indentation if is_alone else b" "
        before_text = content[argument.start + len(argument.name) : tag.start]
        return tag.quote.encode() + b"," + separator + b"digest" + before_text

    def _get_line_number(self, offset: int) -> int:
        return self.line_offsets.get_line_number(offset)


def _read_name(position: ReferencePosition, texts: dict[str, StarlarkString]) -> Reference | UnsupportedText:
    """Return the image in the attribute `image`, or in `registry` and `repository`, without the other attributes."""
    image = texts.get("image")
    if image is not None:
        name = _SCHEME.sub("", image.value, count=1)
        return position.read_reference(name, image.start + len(image.value) - len(name))
    found = position.read_reference("/".join(texts[name].value for name in _NAME_ATTRIBUTES if name in texts), 0)
    if isinstance(found, UnsupportedText):
        return found
    # The file does not contain the whole name as one text, so nothing can be inserted after the name.
    return replace(found, digest_slot=NotEditable(Reason.NO_TAG), tag_slot=NotEditable(Reason.NO_TAG))


def _add_digest(found: Reference, digest: StarlarkString) -> Reference | None:
    """Return `found` with the digest of the attribute `digest`, or None if the attribute is not a digest."""
    span = Span(digest.start, digest.end)
    if not digest.value:
        return replace(found, digest_slot=EditSlot(span, b""))
    try:
        image = ImageName.parse(f"{found.image}@{digest.value}")
    except InvalidReferenceError:
        return None
    is_sha256 = parse_sha256(digest.value) is not None
    slot = EditSlot(span, digest.value.encode()) if is_sha256 else NotEditable(Reason.UNSUPPORTED_DIGEST)
    return replace(found, written=str(image), image=image, digest_slot=slot)


def _lock_older_rule(found: Reference) -> Reference:
    return replace(lock_reference(found, Reason.PIN_OFF), notes=(_NO_INDEX_NOTE,))


def _get_platform(call: StarlarkCall) -> str | None:
    """Return the only platform for which a call pulls the image; None if the call lists several or none."""
    platforms = call.get_argument("platforms")
    match platforms.value if platforms is not None else None:
        case (StarlarkString(platform),):
            return read_platform(platform)
        case _:
            return None


def _is_false(call: StarlarkCall) -> bool:
    """Return True if the call sets `reproducible = False`."""
    reproducible = call.get_argument("reproducible")
    return reproducible is not None and reproducible.source == "False"
