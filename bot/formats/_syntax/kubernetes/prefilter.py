"""Decide without parsing whether bytes may contain an object with an image.

The result may be True for bytes without an image, but is never False for bytes with an image. The checks use these
facts:

- An object has texts under the keys `apiVersion` and `kind`. In a schema, these keys contain mappings instead. Many
  files contain large schemas, which are skipped for this reason.
- The path to each image in an object contains a key of IMAGE_KEYS.
- If an object is embedded as a text, the text contains all of these keys.
- An Application of Argo CD must be read even if it has no images, because of the folders that it deploys. A HelmRelease
  of Flux must be read if it names values files, and a Kustomization of Flux if it sets variables.
- A JSON patch is a list of operations instead of an object, or such a list as a text in an object. Each operation has
  texts under the keys `op` and `path`, and an image under the key `value`. The path or the value contains a key of
  IMAGE_KEYS.
- A document that is not an object may contain PodSpecs under the key `spec`, such as the jobs of Prow.
- A CustomResourceDefinition contains many of these keys, but never an image.

The letters of a key are contiguous in the file and followed by a colon, with the exceptions that `key_escapes` lists.

Words are searched with `find`. The operator `in` takes twice as long for most files, because it first tries to convert
the word to a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from bot.formats._syntax.last_result import remember_last
from bot.formats._syntax.yaml.document_starts import has_usual_line_breaks, may_contain_list
from bot.formats._syntax.yaml.key_escapes import KEY_END, has_unusual_keys, may_be_escaped

_NO_COLLECTION = rb"(?![ \t\r\n]*(?:\[|\{(?![{%]))|[ \t]*\r?\n[ \t\r\n]*[A-Za-z0-9_$.-]++:[ \t\r\n])"
"""Not followed by a collection in flow style, or by the first key of a block mapping. `{{` and `{%` are allowed,
because templates replace them by a text."""
_IMAGE_KEY_PATTERNS = tuple(
    (word, re.compile(word + ending + KEY_END))
    for word, ending in (
        (b"image", rb"(?:s|Name)?"),
        (b"Image", rb"(?:s|Name)?"),
        (b"reference", b""),
        (b"values", rb"(?:Object|Content)?"),
    )
)
"""The keys of IMAGE_KEYS, with one pattern for each, and the word at the start of each pattern. Most bytes contain none
of the words, and searching for a word is much faster. A single pattern for all would take eight times as long."""
_TEXT_KEY = re.compile(rb"mage(?<=[iI]mage)" + KEY_END)
"""A key whose value may be an image. The fixed letters come first, because the search for them is fast."""
_VERSION, _KIND = (re.compile(b"".join((key, KEY_END, _NO_COLLECTION))) for key in (b"apiVersion", b"kind"))
"""The keys of an object, with a value that may be a text."""
_OPERATION = re.compile(rb"op(?<![A-Za-z0-9_-]op)" + KEY_END)
"""The key of an operation in a JSON patch. The letters come first, because a search for fixed letters is fast."""

_DEFINITION = b"CustomResourceDefinition"
_PREAMBLE = re.compile(rb"(?:[ \t]*(?:#.*)?\r?\n|---[ \t]*(?:#.*)?\r?\n|%.*\n)*+(?=[A-Za-z]+:)")
"""Comments, directives and a bare marker, up to a plain key in the first column."""
_OTHER_LINE = re.compile(
    rb"\n(?:[^ \t\r\n#A-Za-z{-]|[A-Za-z][A-Za-z0-9_-]*+(?!:)|kind:|-(?!--[ \t]*(?:#.*)?\r?(?:\n|\Z))|\{(?!\{))"
)
"""A line in the first column that is not a plain key, a comment, a bare marker or a template, or that is the key
`kind`. A template is never a key. The alternatives are positive because most lines are indented, and a negative
lookahead would start for each of them."""
_KIND_LINE = re.compile(rb"kind:[ \t]+([A-Za-z0-9]++)[ \t]*(?:[ \t]#.*)?\r?(?:\n|\Z)")


def may_hold_images(raw: bytes) -> bool:
    """Return False if a section of a file certainly contains no image and nothing about images in other files.

    Such a section need not be parsed. `raw` must be a single section (the part from one `---` to the next), because a
    section that contains only a CustomResourceDefinition is rejected.
    """
    return not is_only_definition(raw) and may_name_images(raw)


@remember_last
def may_name_images(raw: bytes) -> bool:
    """Return False if `raw` certainly contains no image and nothing about images in other files.

    `raw` may be a whole file with several sections. The result may be True for a file that contains only a
    CustomResourceDefinition. `may_hold_images` returns False for such a section.
    """
    may_contain_object = _may_contain_object(raw)
    return (
        (may_contain_object and (_has_image_key(raw) or _has_fact_words(raw)))
        or (_has_patch_keys(raw) and (may_contain_object or may_contain_list(raw)))
        or may_hold_pod_spec(raw)
        or may_be_escaped(raw)
    )


def may_hold_pod_spec(raw: bytes) -> bool:
    """Return False if `raw` certainly contains no PodSpec with an image under a key `spec`."""
    return raw.find(b"containers") >= 0 and raw.find(b"spec") >= 0 and may_have_image_keys(raw)


def may_have_image_keys(raw: bytes) -> bool:
    """Return False if `raw` certainly contains no key that ends in `image` or `Image`."""
    return _TEXT_KEY.search(raw) is not None or has_unusual_keys(raw) or may_be_escaped(raw)


def _may_contain_object(raw: bytes) -> bool:
    has_words = raw.find(b"apiVersion") >= 0 and raw.find(b"kind") >= 0
    return has_words and ((_VERSION.search(raw) is not None and _KIND.search(raw) is not None) or has_unusual_keys(raw))


def _has_patch_keys(raw: bytes) -> bool:
    return (
        raw.find(b"value") >= 0
        and raw.find(b"path") >= 0
        and (raw.find(b"image") >= 0 or raw.find(b"reference") >= 0)
        and raw.find(b"op") >= 0
        and (_OPERATION.search(raw) is not None or has_unusual_keys(raw))
    )


def _has_fact_words(raw: bytes) -> bool:
    """Return True if an object in `raw` may state something about images in other files."""
    is_application = raw.find(b"argoproj.io") >= 0 and (b"Application" in raw or b"ImageUpdater" in raw)
    return (
        is_application
        or (raw.find(b"valuesFile") >= 0 and b"HelmRelease" in raw)
        or (raw.find(b"substitute") >= 0 and b"kustomize.toolkit.fluxcd.io" in raw)
    )


def _has_image_key(raw: bytes) -> bool:
    has_word = False
    for word, key in _IMAGE_KEY_PATTERNS:
        start = raw.find(word)
        if start >= 0:
            has_word = True
            if key.search(raw, start) is not None:
                return True
    return has_word and has_unusual_keys(raw)


def is_only_definition(raw: bytes) -> bool:
    """Return True if a section certainly contains a single CustomResourceDefinition, which never contains an image."""
    return raw.find(_DEFINITION) >= 0 and is_only_kind(raw, _DEFINITION.__eq__)


def is_only_kind(raw: bytes, is_expected: Callable[[bytes], bool]) -> bool:
    """Return True if a section certainly contains a single object, whose kind meets the condition `is_expected`.

    Exactly one line must start with `kind:`, and it must be `kind: KIND`. Either this line states the kind of the
    object, or the line is part of a text and the object has no kind.
    """
    kind_line = _KIND_LINE.match(raw, 0 if raw.startswith(b"kind:") else raw.find(b"\nkind:") + 1)
    return kind_line is not None and is_expected(kind_line[1]) and _has_only_plain_keys(raw, kind_line.span())


def is_without_kind(raw: bytes) -> bool:
    """Return True if a section certainly contains no object, because it is a mapping without the key `kind`."""
    has_kind = raw.startswith(b"kind:") or raw.find(b"\nkind:") >= 0
    return not has_kind and _has_only_plain_keys(raw, (len(raw), len(raw)))


def _has_only_plain_keys(raw: bytes, kind_line: tuple[int, int]) -> bool:
    """Return True if a section certainly is a mapping in block style, whose keys all start in the first column.

    The result is True if the lines that start in the first column meet these conditions:

    - The first line with content is a plain key, such as `apiVersion:`.
    - All later lines are plain keys, comments, markers (`---`) or templates.
    - No line starts with `kind:`, except the line at `kind_line`.
    """
    preamble = _PREAMBLE.match(raw)
    start, end = kind_line
    return (
        preamble is not None
        and _OTHER_LINE.search(raw, preamble.end(), start) is None
        and _OTHER_LINE.search(raw, end - 1) is None
        and has_usual_line_breaks(raw)
    )
