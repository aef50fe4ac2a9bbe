"""Find the images of resources in Bicep files, and the parameters and variables. Strings have byte offsets.

The tokens follow https://github.com/Azure/bicep/blob/main/docs/grammar.md. Expressions are not parsed.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from bot.formats._syntax.azure_resources import ImageValue, NamedTemplateValue, TemplateString, is_image_property
from bot.formats._syntax.broken import BrokenAtError
from bot.formats._syntax.encoding import find_text_start
from bot.model.vocabulary import Reason

MAX_NESTING = 100
"""Limit on nested objects, arrays, calls and interpolations. Files that people write nest about fifteen."""

MAX_TOKENS = 300_000
"""Limit on the tokens of one file. The largest files that people write have some ten thousand tokens. Reading
MAX_TOKENS tokens takes about two seconds."""
_MAX_SHOWN_SOURCE = 200

_STRING_PART = rb"(?:[^'\\$\r\n]++|\\.|\$(?!\{))*+(?:'|\$\{)"
_TOKEN = re.compile(
    rb"""
      (?P<skip>(?:[ \t\f]++|//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/)?)++)
    | (?P<newline>(?:\r?\n[ \t]*+)++)
    | (?P<multiline>\${0,3}+'''(?:[^']++|'(?!''))*+'{3,5})
    | (?P<string>'%b)
    | (?P<word>[A-Za-z_]\w*+)
    | (?P<number>[0-9]++)
    | (?P<symbol>[\[\]{}():=,.@]|[^\s'])
    """
    % _STRING_PART,
    re.VERBOSE | re.DOTALL,
)
_REST_OF_STRING = re.compile(rb"\}" + _STRING_PART, re.DOTALL)
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_INTERPOLATION = "${"
_DECLARATIONS = frozenset({"param", "var", "resource", "module", "output", "func", "type", "metadata"})
"""Keywords that are followed by a name."""
_LIMITING_DECORATORS = frozenset({"allowed", "maxLength"})


@dataclass(slots=True)
class _Frame:
    """An open bracket, or the file itself."""

    opening: str
    start: int
    resource_type: str = ""
    resource_name: str = ""
    path: tuple[str, ...] = ()
    """The keys that lead from the resource to this object."""
    statement: list[str] = field(default_factory=list)
    """The first tokens of the current item or declaration."""
    key: str = ""
    """The key of the current item."""


@dataclass(slots=True)
class _PendingValue:
    """A value whose tokens are being read: an image, or the default of a parameter or variable."""

    depth: int
    """The number of brackets around the value."""
    property_name: str
    """The name of the property in lower case, or the keyword `param` or `var`."""
    locator: str
    start: int = -1
    end: int = 0
    tokens: list[tuple[str, str, int]] = field(default_factory=list)
    """The kinds, texts and offsets of the first two tokens."""


@dataclass(slots=True)
class BicepScanner:
    """Scans one file. The results are in the fields without an underscore."""

    content: bytes
    images: list[ImageValue] = field(default_factory=list)
    named_values: dict[str, NamedTemplateValue] = field(default_factory=dict)
    use_counts: Counter[str] = field(default_factory=Counter)
    _frames: list[_Frame] = field(default_factory=lambda: [_Frame("", 0)])
    _pending: _PendingValue | None = None
    _previous: str = ""
    _is_limited: bool = False

    def scan(self) -> None:
        """Read the file. Raises BrokenAtError if it cannot be parsed, and UnicodeDecodeError if it is not in UTF-8."""
        self.content.decode()
        at = find_text_start(self.content)
        token_count = 0
        while at < len(self.content):
            match = _TOKEN.match(self.content, at)
            is_rest = self._frames[-1].opening == _INTERPOLATION and self.content.startswith(b"}", at)
            if is_rest:
                match = _REST_OF_STRING.match(self.content, at)
            if match is None:
                raise BrokenAtError(at)
            kind = "rest" if is_rest else str(match.lastgroup)
            if kind != "skip":
                self._read_token(kind, match[0].decode(), at)
                token_count += 1
                if token_count > MAX_TOKENS:
                    raise BrokenAtError(at, Reason.TOO_LARGE)
            at = match.end()
        self._end_item(self._frames[0])
        if len(self._frames) > 1:
            raise BrokenAtError(self._frames[-1].start)

    def _read_token(self, kind: str, text: str, start: int) -> None:
        frame = self._frames[-1]
        if kind == "newline":
            if frame.opening in ("", "{"):
                self._end_item(frame)
            return
        if text in (")", "]", "}"):
            self._close(frame, text, start)
            self._extend_pending(kind, text, start)
        elif text == "," and frame.opening == "{":
            self._end_item(frame)
        elif text in (":", "=") and self._starts_value(frame, text):
            pass
        else:
            self._extend_pending(kind, text, start)
            self._add_to_statement(frame, kind, text)
            if kind in ("string", "rest") and text.endswith(_INTERPOLATION):
                if kind == "string":
                    self._open(_INTERPOLATION, start)
            elif kind == "rest":
                self._frames.pop()
            elif text in _CLOSING:
                self._open(text, start)
        self._previous = text

    def _add_to_statement(self, frame: _Frame, kind: str, text: str) -> None:
        if kind == "word" and self._previous != ".":
            is_declared_name = len(frame.statement) == 1 and frame.statement[0] in _DECLARATIONS
            self.use_counts[text] += not is_declared_name
        if frame.opening == "" and frame.statement[:1] == ["@"]:
            self._is_limited = self._is_limited or text in _LIMITING_DECORATORS
        if frame.statement[:1] == ["param"] and kind == "string" and not frame.key:
            self._is_limited = True  # the type is a list of literal values
        if len(frame.statement) < 3:  # noqa: PLR2004 - a keyword, a name and a type
            frame.statement.append(text)

    def _starts_value(self, frame: _Frame, text: str) -> bool:
        """Start to read a value after `key:`, `param name type =` or `var name =`.

        Return False if no value starts here.
        """
        match frame.opening, text, frame.statement:
            case "{", ":", [key] if not frame.key:
                self.use_counts[key] -= key.isidentifier()
                frame.key = key.strip("'")
                name = frame.key.lower()
                if is_image_property(frame.resource_type, (*frame.path, name)):
                    locator = "/".join((f"resource.{frame.resource_name}", *frame.path, name))
                    self._pending = _PendingValue(len(self._frames), name, locator)
                return True
            case "", "=", ["param" | "var" as keyword, name, *_] if not frame.key:
                frame.key = name
                self._pending = _PendingValue(len(self._frames), keyword, name)
                return True
            case _:
                return False

    def _extend_pending(self, kind: str, text: str, start: int) -> None:
        if self._pending is None:
            return
        if self._pending.start < 0:
            self._pending.start = start
        self._pending.end = start + len(text.encode())
        if len(self._pending.tokens) < 2:  # noqa: PLR2004 - a value of several tokens is computed
            self._pending.tokens.append((kind, text, start))

    def _open(self, opening: str, start: int) -> None:
        if len(self._frames) > MAX_NESTING:
            raise BrokenAtError(start, Reason.TOO_LARGE)
        parent = self._frames[-1]
        frame = _Frame(opening, start, parent.resource_type, parent.resource_name, parent.path)
        match parent.opening, parent.statement:
            case "" | "{", ["resource", name, resource_type]:
                frame.resource_type = _join_types(parent.resource_type, resource_type.strip("'").partition("@")[0])
                frame.resource_name = f"{parent.resource_name}.{name}" if parent.resource_name else name
                frame.path = ()
            case "{", _ if parent.key:
                frame.path = (*parent.path, parent.key.lower())
            case _:
                pass
        self._frames.append(frame)

    def _close(self, frame: _Frame, text: str, start: int) -> None:
        if frame.opening not in _CLOSING or _CLOSING[frame.opening] != text:
            raise BrokenAtError(start)
        self._end_item(frame)
        self._frames.pop()

    def _end_item(self, frame: _Frame) -> None:
        """End the current item of an object, or the current declaration of the file."""
        keyword = frame.statement[0] if frame.statement else ""
        pending = self._pending
        if pending is not None and pending.depth == len(self._frames):
            self._finish_value(pending)
            self._pending = None
        elif not frame.opening and keyword == "param" and len(frame.statement) > 1:
            self.named_values[frame.statement[1]] = NamedTemplateValue(None, is_parameter=True, is_limited=False)
        if not frame.opening and keyword not in ("", "@"):
            self._is_limited = False
        frame.statement, frame.key = [], ""

    def _finish_value(self, pending: _PendingValue) -> None:
        value: TemplateString | str | None = None
        match pending.tokens:
            case [("string", text, start)] if text.endswith("'"):
                value = TemplateString(text[1:-1], start + 1, is_literal="\\" not in text)
            case [("word", name, _)]:
                value = name
            case _:
                pass
        if pending.property_name in ("param", "var"):
            string = value if isinstance(value, TemplateString) else None
            is_parameter = pending.property_name == "param"
            self.named_values[pending.locator] = NamedTemplateValue(string, is_parameter, self._is_limited)
        elif pending.start >= 0:
            end = min(pending.end, pending.start + _MAX_SHOWN_SOURCE)
            source = self.content[pending.start : end].decode(errors="replace")
            self.images.append(ImageValue(pending.locator, pending.property_name, source, pending.start, value))


def _join_types(parent: str, resource_type: str) -> str:
    """Return the full type of a resource. The type of a nested resource omits the type of the resource around it."""
    is_full = "." in resource_type.partition("/")[0]
    return resource_type if is_full or not parent else f"{parent}/{resource_type}"
