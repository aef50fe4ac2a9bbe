"""Find texts that look like image references, whatever their position in a file means.

The search knows no format, so it needs evidence: a registry host together with a tag, a digest, or a key that ends in
`image`. Comments, sentences, URLs, and names that a build writes are left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from bot.core.references.unread_texts import leave_out_read_texts, list_edited_offsets
from bot.formats._syntax.kubernetes.prefilter import is_only_definition
from bot.formats._syntax.yaml.sections import LineCounter
from bot.model.errors import InvalidReferenceError
from bot.model.image_name import ImageName
from bot.model.source import Reference, SourceFile, Span, UnreadText, UnsupportedText

MAX_FILE_UNREAD_TEXTS = 1_000
"""The maximum number of texts that are returned for one file. A bundle of manifests has about a hundred."""
MAX_SEARCHED_TEXTS = 20_000
"""The maximum number of texts in one file that are examined. The jobs of Prow have 2,000 images in one file."""
MAX_NAME = 255
"""The number of bytes before the last part of a name in which the start of the name is searched."""
MAX_LINE = 1_000
"""The number of bytes before a text that are examined as its line."""
MAX_KEY = 100
"""The number of bytes before a text in which the end of its key is searched."""
MAX_LIST_LINES = 20
"""The number of lines above an item of a list among which the key of the list is searched."""

_VERSIONED = re.compile(rb"/[a-z0-9._-]++(?::[0-9A-Za-z_]|@sha256:)")
"""The last part of a name with the start of its tag or digest. The search starts at a slash, which is fast."""
_IMAGE_KEY = re.compile(rb"mage(?<=[iI]mage)(?:\\?[\"'])?[ \t]*+(?::[ \t]++|=[ \t]*+)(?:\\?[\"'])?(?=[a-z0-9])")
"""A key that ends in `image`, up to its value. The fixed letters come first, because the search for them is fast."""
_NAME_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@-"
_TEXT = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:/-]{0,500}+(?:@sha256:[0-9a-f]{64})?+(?=[\s\"'`,;\]})\\<>&]|\Z)")
"""A text that consists of the characters of references, up to the end of a value or of a word."""
_SCHEME = re.compile(rb"docker(?:-image)?://")
_COMMENT = re.compile(rb"(?:\A|[ \t])#|\A[ \t]*+//")
_JSON_COMMENT = re.compile(rb"\A[ \t]*+//")
_VALUE_START = re.compile(rb"(?:(?:\A|[:=,\[{>]|(?<![^ \t])-)[ \t]*+(?:\\?[\"'`])?|[\"'`])\Z")
"""The end of a line's part before a value: a key, an item of a list, an option or a quotation mark."""
_PROGRAM = re.compile(rb"\b(?:docker|podman|nerdctl|buildah|skopeo|crane|cosign|kubectl|ctr|trivy|grype|syft)\b")
"""Programs whose arguments are images. A text inside of a line counts only after such a program."""
_OTHER_KEY = rb"(?:tags?|destinations?|outputs?|push|cache[_-](?:from|to)|description|summary|title|message|examples?)"
_OTHER_VALUE = re.compile(rb"(?<![^\s\"'{,-])" + _OTHER_KEY + rb"[\"']?[ \t]*+[:=][ \t]*+[\"'\[]?\Z", re.IGNORECASE)
_OTHER_LIST = re.compile(
    rb"(?:.*[\s\"'{-])?" + _OTHER_KEY + rb"[\"']?[ \t]*+[:=][ \t]*+[|>\[]?[+-]?[ \t\r]*+", re.IGNORECASE
)
"""Keys of names that a build writes, and of sentences."""
_LIST_LINE = re.compile(rb"[ \t]*+(?:-[ \t].*|[^:]*|[^\s:]++:[^\s].*)", re.DOTALL)
"""An item of a list, or a line of a text."""
_DIGEST_LENGTH = len("sha256:") + 64
_MACHINE = re.compile(r"(?:ubuntu|windows-server|linux-cuda|arm)-?[0-9]")
"""Images of virtual machines, which CircleCI also writes with a colon."""


def find_unread_texts(file: SourceFile, items: Sequence[Reference | UnsupportedText]) -> Sequence[UnreadText]:
    """Return the texts in a file that look like image references, and that none of `items` reads.

    The texts are in file order, at most MAX_FILE_UNREAD_TEXTS.
    """
    content = file.content
    starts = _find_starts(content)
    if not starts:
        return ()
    line_counter = LineCounter(content)
    edited, definitions = list_edited_offsets(items), _Definitions(content)
    comment = _JSON_COMMENT if file.path.lower().endswith(".json") else _COMMENT
    found: list[UnreadText] = []
    line_start = last = 0
    for start, has_key in sorted(starts.items()):
        match = _TEXT.match(content, start)
        if match is None or match.end() in edited or match.end() - _DIGEST_LENGTH in edited:
            continue
        if not _is_image(match[0].decode(), has_key=has_key):
            continue
        line_start = max(content.rfind(b"\n", last, start) + 1, line_start)
        last, before = start, content[max(line_start, start - MAX_LINE) : start]
        if (
            not content.startswith(b"#", line_start)
            and comment.search(before) is None
            and _is_value(content, start, _SCHEME.sub(b"", before))
            and not definitions.contain(start)
        ):
            text = UnreadText(
                file.path, line_counter.count_line_breaks(start) + 1, match[0].decode(), Span(*match.span())
            )
            found.append(text)
            if len(found) == MAX_FILE_UNREAD_TEXTS:
                break
    return leave_out_read_texts(found, items) if found and items else found


def _find_starts(content: bytes) -> dict[int, bool]:
    """Return the offsets at which references may start, and whether a key before it ends in `image`."""
    starts: dict[int, bool] = {}
    for match in islice(_VERSIONED.finditer(content), MAX_SEARCHED_TEXTS):
        at = match.start()
        first = max(at - MAX_NAME, 0)
        start = first + len(content[first:at].rstrip(_NAME_BYTES))
        scheme = _SCHEME.match(content, start) if content.startswith(b"docker", start) else None
        starts[start if scheme is None else scheme.end()] = False
    for match in islice(_IMAGE_KEY.finditer(content), MAX_SEARCHED_TEXTS):
        at = match.end()
        scheme = _SCHEME.match(content, at) if content.startswith(b"docker", at) else None
        starts[at if scheme is None else scheme.end()] = True
    return starts


def _is_image(text: str, *, has_key: bool) -> bool:
    """Return True if there is evidence that `text` is an image. `has_key` is True if its key ends in `image`."""
    try:
        image = ImageName.parse(text)
    except InvalidReferenceError:
        return False
    if image.digest is not None:
        return True
    if image.tag is None:
        return False
    host, slash, _ = image.name.partition("/")
    if has_key:
        return bool(slash) or not ("." in host or _MACHINE.match(host))
    return bool(slash) and "." in host


def _is_value(content: bytes, start: int, before: bytes) -> bool:
    """Return True if the text at `start` is a value or an argument, and not a word of a sentence or a build's result.

    `before` is the part of the line before the text.
    """
    key = before[-MAX_KEY:]
    if _OTHER_VALUE.search(key):
        return False
    if _VALUE_START.search(key) is None:
        return _PROGRAM.search(before) is not None
    return before.strip(b" \t-\"'") != b"" or not _is_in_other_list(content, start - len(before))


def _is_in_other_list(content: bytes, line_start: int) -> bool:
    """Return True if the line is an item of a list, or a line of a text, whose key is not that of an image."""
    end = line_start - 1
    for _ in range(MAX_LIST_LINES):
        if end <= 0:
            return False
        start = max(content.rfind(b"\n", 0, end) + 1, end - MAX_LINE)
        line = content[start:end]
        if _OTHER_LIST.fullmatch(line):
            return True
        if _LIST_LINE.fullmatch(line) is None:
            return False
        end = start - 1
    return False


class _Definitions:
    """The sections of a file that only contain a CustomResourceDefinition, whose texts are never images in use."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._has_any = b"CustomResourceDefinition" in content
        self._end = -1
        self._is_definition = False

    def contain(self, offset: int) -> bool:
        """Return True if the byte at `offset` is in a definition. The offsets of later calls must be higher."""
        if self._has_any and offset > self._end:
            start = self._content.rfind(b"\n---", max(self._end, 0), offset)
            end = self._content.find(b"\n---", offset)
            self._end = len(self._content) if end < 0 else end
            self._is_definition = is_only_definition(self._content[start + 1 : self._end])
        return self._is_definition
