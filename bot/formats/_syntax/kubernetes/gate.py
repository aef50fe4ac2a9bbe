"""Whether there may be an object with an image in some bytes; a no is certain, and costs no parsing.

An object has texts under the keys `apiVersion` and `kind`, and on the way to each of its images is one of the keys
SPELLINGS. What an object holds as a text has all of that in the text. (Schemas have mappings under the same keys; there
are many, and large ones.) The letters of a key stand in the file one after another, and a colon follows, unless

- escapes in double quotes write some of the letters, or join what stands on two lines;
- the key has a `?` before it: then a comment may come between;
- the key is an alias, and its letters stand at the anchor.

An Application of Argo CD's is wanted without images, too, for what it deploys. The definition of a resource is the one
object that is full of such keys and never has an image.
"""

from __future__ import annotations

import re

from bot.formats._syntax.yaml.keys import may_be_escaped

_COLON = rb"[\\\"' \tt\r\n\xc2\x85\xe2\x80\xa8\xa9]*:"
"""What ends a key. Inside a text that has quotes itself, `"` is written `\\"`, `'` is `''` and a tab may be `\\t`; a
line break, in any of YAML's spellings, is a space there."""
_NO_COLLECTION = rb"(?![ \t\r\n]*(?:\[|\{(?![{%]))|[ \t]*\r?\n[ \t\r\n]*[A-Za-z0-9_$.-]++:[ \t\r\n])"
"""Neither a collection in flow style nor the first key of a mapping in block style comes next; `{{` and `{%` are what
templates put in the place of a text."""
_KEYS = tuple(
    re.compile(key + _COLON)
    for key in (rb"image(?:s|Name)?", rb"Image(?:s|Name)?", rb"reference", rb"values(?:Object|Content)?")
)
"""The keys of SPELLINGS; one pattern each, since one for all has no letters to look for first and takes eight times as
long."""
_VERSION, _KIND = (re.compile(b"".join((key, _COLON, _NO_COLLECTION))) for key in (b"apiVersion", b"kind"))
"""The keys of an object, with a value that may be a text."""
_QUESTION_MARK = re.compile(rb"\?[ \t\r\n\xc2\xe2]")
_BEFORE_A_KEY = (*(bytes([each]) for each in b"\r\n\x85\xa8\xa9\"'>|{[,:?-"), b"\\n", b"\\r")
"""How what stands before an explicit key may end; in prose a `?` comes after a word."""
MAX_INDENT = 100
"""Blanks before a `?`; where there are more, it is taken for a key."""
_ALIAS_AS_KEY = re.compile(rb"\*[0-9A-Za-z_-]++[ \t]*+:")
"""Both of PyYAML's parsers take no other letters for a name."""

_DEFINITION = b"CustomResourceDefinition"
_PREAMBLE = re.compile(rb"(?:[ \t]*(?:#.*)?\r?\n|---[ \t]*(?:#.*)?\r?\n|%.*\n)*(?=[A-Za-z]+:)")
"""Comments, directives and a bare marker, up to a plain key in the first column."""
_OTHER_LINE = re.compile(rb"\n(?![ \t\r\n#]|[A-Za-z]+:|---[ \t]*(?:#.*)?\r?(?:\n|\Z)|\{\{|\Z)")
"""A line in the first column that is neither a plain key nor a comment nor a bare marker; templates are never a key."""
_KIND_LINE = re.compile(rb"kind:[ \t]+CustomResourceDefinition[ \t]*(?:[ \t]#.*)?\r?(?:\n|\Z)")
_OTHER_BREAKS = (b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9")
"""What YAML takes for the end of a line beside the usual."""


def may_hold_images(raw: bytes) -> bool:
    """Say whether an object in one stretch of a file may name an image."""
    return not is_definition(raw) and may_name_images(raw)


def may_name_images(raw: bytes) -> bool:
    """Say whether the keys that lead to an image may be in these bytes."""
    return (
        b"apiVersion" in raw
        and b"kind" in raw
        and (_has_object_keys(raw) or _has_odd_keys(raw))
        and (_has_image_key(raw) or _speaks_of_applications(raw))
    ) or may_be_escaped(raw)


def _has_object_keys(raw: bytes) -> bool:
    return _VERSION.search(raw) is not None and _KIND.search(raw) is not None


def _speaks_of_applications(raw: bytes) -> bool:
    return b"argoproj.io" in raw and (b"Application" in raw or b"ImageUpdater" in raw)


def _has_image_key(raw: bytes) -> bool:
    if any(key.search(raw) for key in _KEYS):
        return True
    has_word = any(word in raw for word in (b"mage", b"reference", b"values"))
    return has_word and _has_odd_keys(raw)


def _has_odd_keys(raw: bytes) -> bool:
    return _ALIAS_AS_KEY.search(raw) is not None or any(
        not before or before.endswith(_BEFORE_A_KEY)
        for mark in _QUESTION_MARK.finditer(raw)
        for before in [raw[max(mark.start() - MAX_INDENT, 0) : mark.start()].rstrip(b" \t")]
    )


def is_definition(raw: bytes) -> bool:
    """Say whether a stretch of a file is nothing but the definition of a resource (a CRD); a yes is certain.

    Its first line of content is a plain key in the first column, so its root is a mapping in block style and every key
    of that begins a line. All lines that begin in the first column are plain keys, and only one of them is `kind`.
    Then it is the kind of the object, or it is part of a text and the object has none.
    """
    if _DEFINITION not in raw or raw.startswith(b"kind:") + raw.count(b"\nkind:") != 1:
        return False
    preamble = _PREAMBLE.match(raw)
    return (
        preamble is not None
        and _KIND_LINE.match(raw, 0 if raw.startswith(b"kind:") else raw.find(b"\nkind:") + 1) is not None
        and _OTHER_LINE.search(raw, preamble.end()) is None
        and (b"\r" not in raw or raw.count(b"\r") == raw.count(b"\r\n"))
        and (raw.isascii() or not any(each in raw for each in _OTHER_BREAKS))
    )
