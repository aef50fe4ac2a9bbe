"""Read Helm templates: which values end an image reference in them, and which have other uses.

Nothing is rendered. A template is followed as a text with branches: at each action it is determined whether the line
is an image's, and what may follow. Uses that cannot be determined are reported as unknown, never as an image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum, Flag, auto
from typing import assert_never

from bot.formats._syntax.helm.actions import NotUnderstoodError
from bot.formats._syntax.helm.blocks import Assignment, Block, Body, Output, Template, Text, read_blocks
from bot.formats._syntax.helm.expressions import ALGORITHM, ITEM, NOTHING, ROOT, WRITTEN, Evaluator, Value, is_name
from bot.model.remark import ChartTemplate, TemplateInclusion, ValuePath, ValueUse
from bot.model.source import FilePath

MAX_LINE = 300
"""Limit on the characters of a line that are looked at before an action: a key and a reference."""

_NOTES = "NOTES.txt"
"""Shown to the user who installs the chart, and not part of any manifest."""
_IMAGE_VALUE = re.compile(
    r"(?:^|[\s{,\"'])[\w.-]*image[\"']?\s*:(?P<space>\s*)(?P<begun>[\"']?[^\s\"',{}]*)\Z", re.IGNORECASE
)
_REST_OF_REFERENCE = re.compile(r"[^\s\"',{}]*")
_UP_TO_KEY = re.compile(r".*image[\"']?\s*:", re.IGNORECASE | re.DOTALL)
_LINE_END = re.compile(r"[ \t]*(?:\r?\n|[ \t]#|[,}\]])")


class _After(Flag):
    """The texts that may follow a point of a template."""

    LINE_END = auto()
    """Nothing more on the line."""
    END = auto()
    """Nothing more in the template."""
    DIGEST = auto()
    """A digest, which begins with `@`."""
    OTHER = auto()


class _Line(Enum):
    """The state of the current line up to a point of a template."""

    BLANK = auto()
    IMAGE_KEY = auto()
    """The line ends in an image's key; its value has not begun yet."""
    IMAGE = auto()
    OTHER = auto()


_IMAGE_LINES = frozenset({_Line.IMAGE, _Line.IMAGE_KEY})


def read_chart_template(path: FilePath, content: bytes) -> Iterator[ChartTemplate]:
    """Yield the uses of values in a file of a chart's `templates/`, and in each template that the file defines."""
    text = content.decode(errors="replace")
    if "{{" not in text:
        return
    try:
        body, defined = read_blocks(text)
    except NotUnderstoodError:
        yield ChartTemplate(path, "", _UNKNOWN)
        return
    yield ChartTemplate(path, "", frozenset() if path.endswith(f"/{_NOTES}") else _uses(body, is_defined=False))
    for name, inside in defined:
        yield ChartTemplate(path, name, _uses(inside, is_defined=True))


_Uses = frozenset[tuple[ValuePath | TemplateInclusion, ValueUse]]
_UNKNOWN: _Uses = frozenset({((), ValueUse.UNKNOWN)})


_Marks = dict[int, _After]
"""For each output, by its `id`: the texts that may follow."""


def _before(body: Body, after: _After, marks: _Marks) -> _After:
    """Return the texts that may follow the point before `body`; fill in `following_by_output` for each output in it."""
    for node in reversed(body):
        match node:
            case Text():
                after = _before_text(node.text, after)
            case Output() | Template():
                marks[id(node)] = after
                after = _After.LINE_END if isinstance(node, Output) and _begins_a_line(node) else _After.OTHER
            case Block():
                before = after if node.may_be_nothing else _After(0)
                for branch in node.branches:
                    again = _begins(branch.body) if branch.keyword == "range" else _After(0)
                    before |= _before(branch.body, after | again, marks)
                after = before
            case Assignment():
                pass
            case _:
                assert_never(node)
    return after


def _begins_a_line(output: Output) -> bool:
    """Return True if an output begins with a line break, as `nindent` adds one."""
    last = [token.text for token in output.tokens if token.kind in {"word", "sign"}][-1:]
    return last == ["nindent"]


def _begins(body: Body) -> _After:
    """Return the texts that may follow the end of a loop's body, if the body is rendered once more."""
    return _before_text(body[0].text, _After.OTHER) if body and isinstance(body[0], Text) else _After.OTHER


def _before_text(text: str, after: _After) -> _After:
    text = text[1:] if text[0] in "\"'" else text
    if not text.strip():
        return after if "\n" not in text or after is _After.END else _After.LINE_END
    if text.startswith("@"):
        return _After.DIGEST
    return _After.LINE_END if _LINE_END.match(text) else _After.OTHER


def _line_after(text: str, line: _Line) -> _Line:
    """Return the state of the line behind `text`, which follows a line in the state `line_state`."""
    _, line_break, last = text.rpartition("\n")
    last = last[-MAX_LINE:]
    line = _Line.BLANK if line_break else line
    if line is _Line.IMAGE_KEY:
        last = last.lstrip(" \t")
        last = last[1:] if last[:1] in {"'", '"'} else last
        line = _Line.IMAGE if last else line
    if line is _Line.IMAGE:
        return line if _REST_OF_REFERENCE.fullmatch(last) else _Line.OTHER
    match = _IMAGE_VALUE.search(last)
    if match is not None:
        return _Line.IMAGE if match["begun"] else _Line.IMAGE_KEY
    return line if not last.strip(" \t-") else _Line.OTHER


def _uses(body: Body, *, is_defined: bool) -> _Uses:
    marks: _Marks = {}
    _before(body, _After.END, marks)
    walk = _Walk(marks, is_defined=is_defined)
    try:
        walk.body(body, ROOT, _Line.BLANK)
        if walk.sets_in_loops:  # a loop may use variables that are set further down in it
            walk.body(body, ROOT, _Line.BLANK)
    except NotUnderstoodError:
        return _UNKNOWN
    return frozenset(walk.uses) | {(source, ValueUse.UNKNOWN) for source in walk.evaluator.unknown}


class _Walk:
    """Walks through one template and records how it uses values."""

    def __init__(self, marks: _Marks, *, is_defined: bool) -> None:
        self._marks = marks
        self._is_defined = is_defined
        self.evaluator = Evaluator()
        self.sets_in_loops = False
        self._loops = 0
        """The number of loops around the current node."""
        self._is_behind_algorithm = False
        self._before = ""
        """The text written so far on the current line."""
        self.uses: set[tuple[ValuePath | TemplateInclusion, ValueUse]] = set()

    def body(self, body: Body, dot: Value, line: _Line) -> _Line:
        """Walk through `body`, starting in the line state `line_state`; return the state behind it."""
        for node in body:
            match node:
                case Text():
                    line = _line_after(node.text, line)
                    self._before = (self._before + node.text[-MAX_LINE:]).rpartition("\n")[2][-MAX_LINE:]
                    self._is_behind_algorithm = node.text.endswith(ALGORITHM)
                case Output() | Template():
                    value = self._value(node, dot)
                    value = value.behind_sha256 if self._is_behind_algorithm else value
                    self._is_behind_algorithm = False
                    self._note(value, self._use(self._marks[id(node)], line))
                    line = _Line.IMAGE if line in _IMAGE_LINES else _Line.OTHER
                    self._before = self._before[1 - MAX_LINE :] + WRITTEN
                case Assignment():
                    self.sets_in_loops = self.sets_in_loops or self._loops > 0
                    self._assign(node.variables, self.evaluator.evaluate(node.tokens, dot))
                case Block():
                    line = self._block(node, dot, line)
                case _:
                    assert_never(node)
        return line

    def _value(self, node: Output | Template, dot: Value) -> Value:
        if isinstance(node, Output):
            return self.evaluator.evaluate(node.tokens, dot)
        given = self.evaluator.evaluate(node.given, dot) if node.given else NOTHING
        return self.evaluator.include(Value(literal=node.template), given)

    def _use(self, after: _After, line: _Line) -> ValueUse:
        key = _UP_TO_KEY.match(self._before)
        if not is_name(self._before[key.end() if key else 0 :].strip(" \t\"'")):
            return ValueUse.OTHER
        if line in _IMAGE_LINES and not after & _After.OTHER:
            return ValueUse.IMAGE
        is_end = not after & ~(_After.END | _After.DIGEST)
        return ValueUse.END if self._is_defined and is_end else ValueUse.OTHER

    def _block(self, block: Block, dot: Value, line: _Line) -> _Line:
        lines = {line} if block.may_be_nothing else set()
        before = self._before
        for branch in block.branches:
            self._before = before
            value = NOTHING if branch.keyword == "else" else self.evaluator.evaluate(branch.tokens, dot)
            self._note(value, ValueUse.CONDITION)
            is_loop = branch.keyword == "range"
            value = value.at(ITEM) if is_loop else value
            self._assign(branch.variables[-1:], value)
            self._assign(branch.variables[:-1], NOTHING)  # the index or the key
            inside = value if branch.keyword in {"range", "with"} else dot
            self._loops += is_loop
            lines.add(self.body(branch.body, inside, line))
            self._loops -= is_loop
        self._before = before + WRITTEN
        if len(lines) == 1:
            return lines.pop()
        return _Line.IMAGE if lines <= _IMAGE_LINES else _Line.OTHER

    def _assign(self, variables: Sequence[str], value: Value) -> None:
        for variable in variables:
            self.evaluator.assign(variable, value)

    def _note(self, value: Value, use: ValueUse) -> None:
        if value is NOTHING:
            return
        for source in value.ends:
            if use is not ValueUse.CONDITION or isinstance(source, TemplateInclusion):
                self.uses.add((source, use))
        self.uses.update((source, ValueUse.BEHIND_ALGORITHM) for source in value.behind_algorithm)
        self.uses.update((source, ValueUse.OTHER) for source in value.sources - value.ends - value.behind_algorithm)
