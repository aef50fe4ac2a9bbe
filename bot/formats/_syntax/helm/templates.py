"""Read Helm templates: which chart values they use, and which of these values end an image reference.

Templates are not rendered. For each action (`{{ … }}`), this package determines the chart values that it uses. If the
use of a value cannot be determined, it is reported as unknown, and never as an image.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import assert_never

from bot.formats._syntax.helm.actions import ActionExpression, TemplateAction, UnsupportedTemplateError
from bot.formats._syntax.helm.blocks import TemplateBody, read_blocks
from bot.formats._syntax.helm.expression_values import ROOT_VALUE, ExpressionValue
from bot.formats._syntax.helm.image_walk import ImageWalk
from bot.formats._syntax.helm.reference_prefix import ALGORITHM_PREFIX
from bot.formats._syntax.helm.use_recorder import UseRecorder, UseSet
from bot.model.chart_facts import ChartTemplate, ValueUse
from bot.model.source import FilePath

_NOTES = "NOTES.txt"
"""The file that is shown to the user who installs the chart. It is not part of any manifest."""
_UNKNOWN: UseSet = frozenset({((), ValueUse.UNKNOWN)})


def read_chart_template(path: FilePath, content: bytes) -> Iterator[ChartTemplate]:
    """Yield a `ChartTemplate` for a template file of a chart, and one for each named template that the file defines.

    A `ChartTemplate` lists the chart values that the template uses, and how it uses them. If the file cannot be parsed,
    yield a single `ChartTemplate`, which states that the use of all values is unknown. If the file contains no `{{`,
    yield nothing.
    """
    text = content.decode(errors="replace")
    if "{{" not in text:
        return
    needs_texts = "image" in text or ALGORITHM_PREFIX in text or "image" in text.lower()
    try:
        body, defined = read_blocks(text, with_texts=needs_texts or "define" in text or "block" in text)
    except UnsupportedTemplateError:
        yield ChartTemplate(path, "", _UNKNOWN)
        return
    yield ChartTemplate(
        path, "", frozenset() if path.endswith(f"/{_NOTES}") else _find_uses(body, needs_texts=needs_texts)
    )
    for name, inside in defined:
        yield ChartTemplate(path, name, _find_uses(inside, needs_texts=True, is_defined=True))


def _find_uses(body: TemplateBody, *, needs_texts: bool, is_defined: bool = False) -> UseSet:
    """Return the uses of values in a template. `is_defined` is True for a named template.

    `needs_texts` is False if no output of the template can be the end of an image reference or of a digest. The texts
    around the outputs then make no difference, and are skipped. In most charts, these are most templates.
    """
    recorder = UseRecorder()
    walk = ImageWalk(recorder, is_defined=is_defined) if needs_texts else _PlainWalk(recorder)
    try:
        walk.walk(body)
        if recorder.has_loop_assignment:  # a loop may use variables that are assigned further down in its body
            walk.walk(body)
    except UnsupportedTemplateError:
        return _UNKNOWN
    return recorder.list_uses()


class _PlainWalk:
    """Walks through the nodes of a template without image references and records how it uses chart values."""

    def __init__(self, recorder: UseRecorder) -> None:
        self._recorder = recorder
        self._recorded_outputs: dict[ExpressionValue, set[ActionExpression]] = defaultdict(set)
        """The expressions of recorded outputs for each value of `.`. Templates repeat many outputs."""

    def walk(self, body: TemplateBody, dot: ExpressionValue = ROOT_VALUE) -> None:
        """Record how `body` uses chart values.

        Raises UnsupportedTemplateError if an expression in `body` is not valid or exceeds a limit.
        """
        recorded_outputs = self._recorded_outputs[dot]
        for node in body:
            match node:
                case str():
                    pass
                case TemplateAction() if node.variables:
                    self._recorder.assign_variables(node, dot)
                case TemplateAction():
                    if node.expression not in recorded_outputs:
                        value = self._recorder.evaluator.evaluate(node.expression, dot)
                        self._recorder.record_uses(value, ValueUse.OTHER)
                        if node.expression.is_cacheable:
                            recorded_outputs.add(node.expression)
                case list():
                    for branch, branch_body in node:
                        self.walk(branch_body, self._recorder.enter_branch(branch, dot))
                        self._recorder.leave_branch(branch)
                case _:
                    assert_never(node)
