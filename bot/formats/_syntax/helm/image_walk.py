"""Find the chart values with which the image references in a Helm template end.

This module examines each action that outputs something. It determines whether the output is part of the image in a line
such as `image: {{ … }}`, and which texts may follow the output. Several texts are possible because of branches and
loops.
"""

from __future__ import annotations

import re
from enum import StrEnum, auto
from typing import assert_never

from bot.formats._syntax.helm.actions import TemplateAction
from bot.formats._syntax.helm.blocks import ControlBlock, TemplateBody, can_be_empty
from bot.formats._syntax.helm.expression_values import ROOT_VALUE, ExpressionValue
from bot.formats._syntax.helm.reference_prefix import ALGORITHM_PREFIX, MAX_LINE, WrittenLine
from bot.formats._syntax.helm.use_recorder import UseRecorder
from bot.model.chart_facts import ValueUse

_IMAGE_VALUE = re.compile(
    r"(?:^|[\s{,\"'])[\w.-]*image[\"']?\s*:(?P<space>\s*)(?P<begun>[\"']?[^\s\"',{}]*)\Z", re.IGNORECASE
)
_REST_OF_REFERENCE = re.compile(r"[^\s\"',{}]*")
_KEY = re.compile(r"(?:^|[\s{,\"'])(?P<key>[\w.-]++)(?:[\"']\s*:|\s*:(?=[\s\"']))")
"""A key of a mapping in YAML. In `image: web-image:1`, only the first colon ends a key."""
_LINE_END = re.compile(r"[ \t]*(?:\r?\n|[ \t]#|[,}\]])")


_FollowingText = int
"""The kinds of text that may follow an action in a template, as bits.

A value of this type may combine several kinds. For example, the branches of an `if` after the action may start with
different kinds of text, or a loop may run once more. This is a number and not an `enum.Flag`, whose operators take ten
times as long.
"""
_LINE_END_FOLLOWS: _FollowingText = 1
"""Nothing else follows on the line."""
_END_FOLLOWS: _FollowingText = 2
"""Nothing else follows in the template."""
_DIGEST_FOLLOWS: _FollowingText = 4
"""A digest follows, starting with `@`."""
_OTHER_FOLLOWS: _FollowingText = 8


class _LineState(StrEnum):
    """The content of the line to which a template currently adds its output."""

    IMAGE_KEY = auto()
    """The line ends with the key of an image, without a value so far."""
    IMAGE = auto()
    OTHER = auto()


_IMAGE_STATES = frozenset({_LineState.IMAGE, _LineState.IMAGE_KEY})


def _list_following(body: TemplateBody) -> list[_FollowingText]:
    """Return the kinds of text that may follow each output in the template `body`, in the order of the outputs."""
    found: list[_FollowingText] = []
    _add_following(body, _END_FOLLOWS, found)
    return found[::-1]


def _add_following(body: TemplateBody, following: _FollowingText, found: list[_FollowingText]) -> _FollowingText:
    """Add the kinds of text that may follow each output in `body` to `found`, from the last output to the first.

    `following` are the kinds of text that may follow after the end of `body`. Return the kinds of text that may follow
    a position directly before `body`: the kinds with which `body` may start. If `body` may output nothing, they include
    `following`.
    """
    for node in reversed(body):
        match node:
            case str():
                following = _get_following_before_text(node, following)
            case TemplateAction() if node.variables:
                pass
            case TemplateAction():
                found.append(following)
                following = _LINE_END_FOLLOWS if node.expression.starts_with_line_break else _OTHER_FOLLOWS
            case list():
                before = following if can_be_empty(node) else 0
                for branch, branch_body in reversed(node):
                    repeated = _get_repeated_following(branch_body) if branch.name == "range" else 0
                    before |= _add_following(branch_body, following | repeated, found)
                following = before
            case _:
                assert_never(node)
    return following


def _get_repeated_following(body: TemplateBody) -> _FollowingText:
    """Return the kinds of text with which `body`, the body of a loop, starts when the loop runs once more."""
    return _get_following_before_text(body[0], _OTHER_FOLLOWS) if body and isinstance(body[0], str) else _OTHER_FOLLOWS


def _get_following_before_text(text: str, following: _FollowingText) -> _FollowingText:
    text = text[1:] if text[0] in "\"'" else text
    if not text or text.isspace():
        return following if "\n" not in text or following == _END_FOLLOWS else _LINE_END_FOLLOWS
    if text.startswith("@"):
        return _DIGEST_FOLLOWS
    return _LINE_END_FOLLOWS if _LINE_END.match(text) else _OTHER_FOLLOWS


def _advance_line(last: str, line_state: _LineState, *, names_image: bool) -> _LineState:
    """Return the state of the current line after the output of `last`, a text without a line break.

    `line_state` is the state of the line before this output. `names_image` is False if `last` does not contain the word
    `image`.
    """
    if line_state is _LineState.IMAGE_KEY:
        last = last.lstrip(" \t")
        last = last[1:] if last[:1] in {"'", '"'} else last
        if not last:
            return line_state
        line_state = _LineState.IMAGE
    if line_state is _LineState.IMAGE:
        return line_state if _REST_OF_REFERENCE.fullmatch(last) else _LineState.OTHER
    match = _IMAGE_VALUE.search(last) if names_image else None
    if match is None:
        return _LineState.OTHER
    return _LineState.IMAGE if match["begun"] else _LineState.IMAGE_KEY


class ImageWalk:
    """Walks through the nodes of one template and records how the template uses chart values."""

    def __init__(self, recorder: UseRecorder, *, is_defined: bool) -> None:
        """Take the recorder of the uses. `is_defined` is True for a named template."""
        self._recorder = recorder
        self._is_defined = is_defined
        self._next_following = iter(list[_FollowingText]())
        """The kinds of text that may follow the next outputs."""
        self._is_behind_algorithm = False
        self._line = WrittenLine(None, "")
        """The text that is output so far on the current line, or after the last key of an image on this line."""

    def walk(self, body: TemplateBody) -> None:
        """Record how the template `body` uses chart values.

        Raises UnsupportedTemplateError if an expression in `body` is not valid or exceeds a limit.
        """
        self._next_following = iter(_list_following(body))
        self._walk_body(body, ROOT_VALUE, _LineState.OTHER)

    def _walk_body(self, body: TemplateBody, dot: ExpressionValue, line_state: _LineState) -> _LineState:
        """Record how the nodes of `body` use chart values. Return the state of the current line after `body`.

        `dot` is the value of `.` in `body`, and `line_state` is the state of the current line before `body`.
        """
        for node in body:
            match node:
                case str():
                    line_state = self._add_text(node, line_state)
                case TemplateAction() if node.variables:
                    self._recorder.assign_variables(node, dot)
                case TemplateAction():
                    line_state = self._walk_output(node, dot, line_state)
                case list():
                    line_state = self._walk_block(node, dot, line_state)
                case _:
                    assert_never(node)
        return line_state

    def _add_text(self, text: str, line_state: _LineState) -> _LineState:
        """Return the state of the current line after `text` is output.

        `line_state` is the state of the line before `text`.
        """
        self._is_behind_algorithm = text.endswith(ALGORITHM_PREFIX)
        _, line_break, last = text.rpartition("\n")
        last = last[-MAX_LINE:]
        names_image = "image" in last.lower()
        key_end = _find_key_end(last) if names_image else 0
        self._line = WrittenLine(None if line_break or key_end else self._line, last[key_end:])
        return _advance_line(last, _LineState.OTHER if line_break else line_state, names_image=names_image)

    def _walk_output(self, action: TemplateAction, dot: ExpressionValue, line_state: _LineState) -> _LineState:
        """Record how an output uses chart values. Return the state of the current line after the output."""
        value = self._recorder.evaluator.evaluate(action.expression, dot)
        if self._is_behind_algorithm:
            value = value.as_digest
            self._is_behind_algorithm = False
        self._record_output(value, self._classify_use(next(self._next_following), line_state))
        self._line = WrittenLine(self._line, value)
        return _LineState.IMAGE if line_state in _IMAGE_STATES else _LineState.OTHER

    def _classify_use(self, following: _FollowingText, line_state: _LineState) -> ValueUse:
        """Return how the template uses an output, if the text before the output on the line does not change it."""
        if line_state in _IMAGE_STATES and not following & _OTHER_FOLLOWS:
            return ValueUse.IMAGE
        if self._is_defined and not following & ~(_END_FOLLOWS | _DIGEST_FOLLOWS):
            return ValueUse.END
        return ValueUse.OTHER

    def _record_output(self, value: ExpressionValue, use: ValueUse) -> None:
        if use is ValueUse.OTHER:
            self._recorder.record_uses(value, use)
            return
        prefix = self._line.build_prefix()
        self._recorder.record_uses(value, use if prefix.is_unmodified else ValueUse.OTHER, prefix.name)

    def _walk_block(self, block: ControlBlock, dot: ExpressionValue, line_state: _LineState) -> _LineState:
        line_states = {line_state} if can_be_empty(block) else set()
        line_before = self._line
        branch_lines: list[WrittenLine] = []
        for branch, body in block:
            self._line = line_before
            inner_dot = self._recorder.enter_branch(branch, dot)
            line_states.add(self._walk_body(body, inner_dot, line_state))
            self._recorder.leave_branch(branch)
            branch_lines.append(self._line)
        self._line = WrittenLine(line_before, branch_lines)
        if len(line_states) == 1:
            return line_states.pop()
        return _LineState.IMAGE if line_states <= _IMAGE_STATES else _LineState.OTHER


def _find_key_end(last: str) -> int:
    """Return the end of the last key of an image in `last`; 0 if there is no such key.

    `last` contains no line break.
    """
    ends = [match.end() for match in _KEY.finditer(last) if match["key"].lower().endswith("image")]
    return ends[-1] if ends else 0
