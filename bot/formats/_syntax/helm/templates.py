"""Read Helm templates: which chart values they use, and which of these values end an image reference.

Templates are not rendered. For each action (`{{ … }}`) that outputs something, this module determines whether the
output is part of the image in a line such as `image: {{ … }}`, and which texts may follow the output. Several texts are
possible because of branches and loops. If the use of a value cannot be determined, it is reported as unknown, and never
as an image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum, auto
from typing import assert_never

from bot.formats._syntax.helm.actions import ActionExpression, UnsupportedTemplateError
from bot.formats._syntax.helm.blocks import (
    ControlBlock,
    OutputNode,
    TemplateBody,
    TemplateCall,
    VariableAssignment,
    read_blocks,
)
from bot.formats._syntax.helm.expression_values import ANY_ITEM, NO_VALUE, ROOT_VALUE, ExpressionValue
from bot.formats._syntax.helm.expressions import ExpressionEvaluator
from bot.formats._syntax.helm.reference_prefix import ALGORITHM_PREFIX, MAX_LINE, ReferencePrefix
from bot.model.chart_facts import ChartTemplate, ReferenceEnd, TemplateInclusion, TemplateSource, ValuePath, ValueUse
from bot.model.source import FilePath

_NOTES = "NOTES.txt"
"""The file that is shown to the user who installs the chart. It is not part of any manifest."""
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

    BLANK = auto()
    IMAGE_KEY = auto()
    """The line ends with the key of an image, without a value so far."""
    IMAGE = auto()
    OTHER = auto()


_IMAGE_STATES = frozenset({_LineState.IMAGE, _LineState.IMAGE_KEY})


def read_chart_template(path: FilePath, content: bytes) -> Iterator[ChartTemplate]:
    """Yield a `ChartTemplate` for a template file of a chart, and one for each named template that the file defines.

    A `ChartTemplate` lists the chart values that the template uses, and how it uses them. If the file cannot be parsed,
    yield a single `ChartTemplate`, which states that the use of all values is unknown. If the file contains no `{{`,
    yield nothing.
    """
    text = content.decode(errors="replace")
    if "{{" not in text:
        return
    may_end_images = "image" in text or "image" in text.lower()
    may_need_texts = may_end_images or any(word in text for word in ("define", "block", ALGORITHM_PREFIX))
    try:
        body, defined = read_blocks(text, with_texts=may_need_texts)
    except UnsupportedTemplateError:
        yield ChartTemplate(path, "", _UNKNOWN)
        return
    is_note = path.endswith(f"/{_NOTES}")
    yield ChartTemplate(path, "", frozenset() if is_note else _find_uses(body, may_end_images=may_end_images))
    for name, inside in defined:
        yield ChartTemplate(path, name, _find_uses(inside, may_end_images=True, is_defined=True))


_UseSet = frozenset[tuple[TemplateSource, ValueUse]]
_UNKNOWN: _UseSet = frozenset({((), ValueUse.UNKNOWN)})


_FollowingByOutput = dict[int, _FollowingText]
"""The texts that may follow each output, by the `id` of the output."""


def _compute_following(
    body: TemplateBody, following: _FollowingText, following_by_output: _FollowingByOutput
) -> _FollowingText:
    """Determine the kinds of text that may follow each output in `body`, and store them in `following_by_output`.

    `following` are the kinds of text that may follow after the end of `body`. Return the kinds of text that may follow
    directly before the start of `body`: those with which `body` may start. If `body` may output nothing, they include
    `following`.
    """
    for node in reversed(body):
        match node:
            case str():
                following = _get_following_before_text(node, following)
            case OutputNode() | TemplateCall():
                following_by_output[id(node)] = following
                following = (
                    _LINE_END_FOLLOWS
                    if isinstance(node, OutputNode) and node.expression.starts_with_line_break
                    else _OTHER_FOLLOWS
                )
            case ControlBlock():
                before = following if node.can_be_empty else 0
                for branch in node.branches:
                    repeated = _get_repeated_following(branch.body) if branch.keyword == "range" else 0
                    before |= _compute_following(branch.body, following | repeated, following_by_output)
                following = before
            case VariableAssignment():
                pass
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
    """Return the state of the current line after the text `last` is output, which contains no line break.

    `line_state` is the state of the line before. `names_image` is False if `last` does not contain the word `image`.
    """
    if line_state is _LineState.IMAGE_KEY:
        last = last.lstrip(" \t")
        last = last[1:] if last[:1] in {"'", '"'} else last
        line_state = _LineState.IMAGE if last else line_state
    if line_state is _LineState.IMAGE:
        return line_state if _REST_OF_REFERENCE.fullmatch(last) else _LineState.OTHER
    match = _IMAGE_VALUE.search(last) if names_image else None
    if match is not None:
        return _LineState.IMAGE if match["begun"] else _LineState.IMAGE_KEY
    return line_state if not last.strip(" \t-") else _LineState.OTHER


def _find_uses(body: TemplateBody, *, may_end_images: bool, is_defined: bool = False) -> _UseSet:
    """Return the uses of values in a template. `is_defined` is True for a named template.

    `may_end_images` is False if no output of the template can be the end of an image reference. The texts around the
    outputs then make no difference, and are skipped. In most charts, these are most templates.
    """
    following_by_output: _FollowingByOutput = {}
    if may_end_images:
        _compute_following(body, _END_FOLLOWS, following_by_output)
    walk = _TemplateWalk(following_by_output, may_end_images=may_end_images, is_defined=is_defined)
    try:
        walk.walk_body(body, ROOT_VALUE, _LineState.BLANK)
        if walk.has_loop_assignment:  # a loop may use variables that are assigned further down in its body
            walk.walk_body(body, ROOT_VALUE, _LineState.BLANK)
    except UnsupportedTemplateError:
        return _UNKNOWN
    return frozenset(walk.uses) | {(source, ValueUse.UNKNOWN) for source in walk.evaluator.unknown_sources}


class _TemplateWalk:
    """Walks through the nodes of one template and records how the template uses chart values."""

    def __init__(self, following_by_output: _FollowingByOutput, *, may_end_images: bool, is_defined: bool) -> None:
        self._following_by_output = following_by_output
        self._may_end_images = may_end_images
        self._is_defined = is_defined
        self.evaluator = ExpressionEvaluator()
        self.has_loop_assignment = False
        self._loop_depth = 0
        """The number of loops around the current node."""
        self._is_behind_algorithm = False
        self._prefix = ReferencePrefix()
        """The text that is output so far on the current line, or after the last key of an image on this line."""
        self.uses: set[tuple[TemplateSource, ValueUse]] = set()
        self._other_outputs: set[tuple[ActionExpression, ExpressionValue]] = set()
        """The expressions whose sources are in `uses` already as OTHER, each with its dot. Templates repeat many."""

    def walk_body(self, body: TemplateBody, dot: ExpressionValue, line_state: _LineState) -> _LineState:
        """Record how the nodes of `body` use chart values. Return the state of the current line after `body`.

        `dot` is the value of `.` in `body`, and `line_state` is the state of the current line before `body`.
        """
        for node in body:
            match node:
                case str():
                    self._is_behind_algorithm = node.endswith(ALGORITHM_PREFIX)
                    if self._may_end_images:
                        line_state = self._add_text(node, line_state)
                case OutputNode() | TemplateCall():
                    line_state = self._walk_output(node, dot, line_state)
                case VariableAssignment():
                    self.has_loop_assignment = self.has_loop_assignment or self._loop_depth > 0
                    self._assign(node.variables, self.evaluator.evaluate(node.expression, dot))
                case ControlBlock():
                    line_state = self._walk_block(node, dot, line_state)
                case _:
                    assert_never(node)
        return line_state

    def _walk_output(self, node: OutputNode | TemplateCall, dot: ExpressionValue, line_state: _LineState) -> _LineState:
        """Record how an output uses chart values. Return the state of the current line after the output."""
        is_behind_algorithm, self._is_behind_algorithm = self._is_behind_algorithm, False
        if not self._may_end_images and not is_behind_algorithm:
            self._record_other_output(node, dot)
            return line_state
        value = self._evaluate_node(node, dot)
        value = value.as_digest if is_behind_algorithm else value
        if not self._may_end_images:
            self._record_uses(value, ValueUse.OTHER)
            return line_state
        self._record_uses(value, self._classify_use(self._following_by_output[id(node)], line_state))
        self._prefix = self._prefix.add_value(value)
        return _LineState.IMAGE if line_state in _IMAGE_STATES else _LineState.OTHER

    def _record_other_output(self, node: OutputNode | TemplateCall, dot: ExpressionValue) -> None:
        """Record that an output uses chart values outside of image references, unless this is already recorded."""
        if not isinstance(node, OutputNode) or not node.expression.is_cacheable:
            self._record_uses(self._evaluate_node(node, dot), ValueUse.OTHER)
        elif (node.expression, dot) not in self._other_outputs:
            self._other_outputs.add((node.expression, dot))
            self._record_uses(self.evaluator.evaluate(node.expression, dot), ValueUse.OTHER)

    def _add_text(self, text: str, line_state: _LineState) -> _LineState:
        """Return the state of the current line after `text` is output. `line_state` is its state before `text`."""
        _, line_break, last = text.rpartition("\n")
        last = last[-MAX_LINE:]
        names_image = "image" in last.lower()
        prefix = ReferencePrefix() if line_break else self._prefix
        self._prefix = _add_literal(prefix, last, names_image=names_image)
        return _advance_line(last, _LineState.BLANK if line_break else line_state, names_image=names_image)

    def _evaluate_node(self, node: OutputNode | TemplateCall, dot: ExpressionValue) -> ExpressionValue:
        if isinstance(node, OutputNode):
            return self.evaluator.evaluate(node.expression, dot)
        argument = self.evaluator.evaluate(node.argument, dot) if node.argument.tokens else NO_VALUE
        return self.evaluator.include_template(ExpressionValue(literal=node.template), argument)

    def _classify_use(self, following: _FollowingText, line_state: _LineState) -> ValueUse:
        use = ValueUse.OTHER
        if line_state in _IMAGE_STATES and not following & _OTHER_FOLLOWS:
            use = ValueUse.IMAGE
        elif self._is_defined and not following & ~(_END_FOLLOWS | _DIGEST_FOLLOWS):
            use = ValueUse.END
        return use if use is ValueUse.OTHER or self._prefix.is_unmodified else ValueUse.OTHER

    def _walk_block(self, block: ControlBlock, dot: ExpressionValue, line_state: _LineState) -> _LineState:
        line_states = {line_state} if block.can_be_empty else set()
        prefix_before = self._prefix
        branch_prefixes: list[ReferencePrefix] = []
        for branch in block.branches:
            self._prefix = prefix_before
            value = NO_VALUE if branch.keyword == "else" else self.evaluator.evaluate(branch.expression, dot)
            self._record_uses(value, ValueUse.CONDITION)
            is_loop = branch.keyword == "range"
            value = value.get_entry(ANY_ITEM) if is_loop else value
            self._assign(branch.variables[-1:], value)
            self._assign(branch.variables[:-1], NO_VALUE)  # the index or the key
            inner_dot = value if branch.keyword in {"range", "with"} else dot
            self._loop_depth += is_loop
            line_states.add(self.walk_body(branch.body, inner_dot, line_state))
            self._loop_depth -= is_loop
            branch_prefixes.append(self._prefix)
        if self._may_end_images:
            self._prefix = prefix_before.add_branches(branch_prefixes)
        if len(line_states) == 1:
            return line_states.pop()
        return _LineState.IMAGE if line_states <= _IMAGE_STATES else _LineState.OTHER

    def _assign(self, variables: Sequence[str], value: ExpressionValue) -> None:
        for variable in variables:
            self.evaluator.assign_variable(variable, value)

    def _record_uses(self, value: ExpressionValue, use: ValueUse) -> None:
        if value is NO_VALUE:
            return
        for source in value.end_sources:
            if use is not ValueUse.CONDITION or isinstance(source, TemplateInclusion):
                is_end = use in {ValueUse.IMAGE, ValueUse.END}
                self.uses.add((self._make_end(value, source) if is_end else source, use))
        for source in value.digest_sources:
            self.uses.add((source, ValueUse.BEHIND_ALGORITHM))
        for source in value.changed_sources:
            self.uses.add((source, ValueUse.OTHER))
        if value.entries:
            other_sources = value.sources - value.end_sources - value.digest_sources
            self.uses.update((source, ValueUse.OTHER) for source in other_sources)

    def _make_end(self, value: ExpressionValue, source: ValuePath | TemplateInclusion) -> TemplateSource:
        """Return `source`, a source of `value`, with the name before it and the value that replaces it if it is empty.

        If there is neither, return the plain `source`.
        """
        name = value.preceding_name | self._prefix.name
        fallback = None if isinstance(source, TemplateInclusion) else value.get_fallback(source)
        return ReferenceEnd(source, name, fallback) if name or fallback is not None else source


def _add_literal(prefix: ReferencePrefix, last: str, *, names_image: bool) -> ReferencePrefix:
    """Return the prefix after the text `last`, which contains no line break. The key of an image starts a new prefix.

    `names_image` is False if `last` does not contain the word `image`.
    """
    if names_image:
        key_ends = [match.end() for match in _KEY.finditer(last) if match["key"].lower().endswith("image")]
        if key_ends:
            return ReferencePrefix(last[key_ends[-1] :])
    return prefix.add_text(last)
