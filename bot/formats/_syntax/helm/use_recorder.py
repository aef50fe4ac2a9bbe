"""Record how one Helm template uses chart values."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.references.chart_names import NO_NAME
from bot.formats._syntax.helm.actions import TemplateAction
from bot.formats._syntax.helm.expression_values import ANY_ITEM, NO_VALUE, ExpressionValue
from bot.formats._syntax.helm.expressions import ExpressionEvaluator
from bot.model.chart_facts import ReferenceEnd, TemplateInclusion, TemplateSource, ValuePath, ValueUse, WrittenName

UseSet = frozenset[tuple[TemplateSource, ValueUse]]


class UseRecorder:
    """Evaluates the conditions and assignments of one template, and records how the template uses chart values.

    Every method that evaluates an expression raises UnsupportedTemplateError if the expression is not valid or exceeds
    a limit.
    """

    def __init__(self) -> None:
        self.evaluator = ExpressionEvaluator()
        self.has_loop_assignment = False
        """True if a loop assigns variables, and may use them above the assignment in its body."""
        self._loop_depth = 0
        """The number of loops around the current node."""
        self._uses: set[tuple[TemplateSource, ValueUse]] = set()
        """All uses, except for those in `_other_sources`."""
        self._other_sources: set[TemplateSource] = set()
        """The sources whose use is OTHER."""

    def list_uses(self) -> UseSet:
        """Return all recorded uses."""
        other_uses = [(source, ValueUse.OTHER) for source in self._other_sources]
        unknown_uses = [(source, ValueUse.UNKNOWN) for source in self.evaluator.unknown_sources]
        return frozenset(self._uses).union(other_uses, unknown_uses)

    def assign_variables(self, action: TemplateAction, dot: ExpressionValue) -> None:
        """Assign the value of an action to its variables. `dot` is the value of `.`."""
        self.has_loop_assignment = self.has_loop_assignment or self._loop_depth > 0
        self._assign(action.variables, self.evaluator.evaluate(action.expression, dot))

    def enter_branch(self, branch: TemplateAction, dot: ExpressionValue) -> ExpressionValue:
        """Record the condition of a branch, and return the value of `.` in its body.

        `dot` is the value of `.` outside the branch.
        """
        if branch.name == "else":
            return dot
        value = self.evaluator.evaluate(branch.expression, dot)
        self.record_uses(value, ValueUse.CONDITION)
        if branch.name == "range":
            self._loop_depth += 1
            value = value.get_entry(ANY_ITEM)
        if branch.variables:
            *index_variables, last = branch.variables
            self._assign([last], value)
            self._assign(index_variables, NO_VALUE)  # `range` assigns the index or the key
        return value if branch.name in {"range", "with"} else dot

    def leave_branch(self, branch: TemplateAction) -> None:
        """Record that the body of a branch has ended."""
        if branch.name == "range":
            self._loop_depth -= 1

    def _assign(self, variables: Sequence[str], value: ExpressionValue) -> None:
        for variable in variables:
            self.evaluator.assign_variable(variable, value)

    def record_uses(self, value: ExpressionValue, use: ValueUse, written_name: WrittenName = NO_NAME) -> None:
        """Record that the template uses the sources of `value` as `use`.

        `written_name` is the image name before them.
        """
        if value is NO_VALUE:
            return
        if use is ValueUse.OTHER:
            self._other_sources |= value.end_sources
        elif use is ValueUse.CONDITION:
            self._uses.update((source, use) for source in value.end_sources if isinstance(source, TemplateInclusion))
        else:
            self._uses.update((_make_end(value, source, written_name), use) for source in value.end_sources)
        self._other_sources |= value.changed_sources
        if value.digest_sources:
            self._uses.update((source, ValueUse.BEHIND_ALGORITHM) for source in value.digest_sources)
        if value.entries:
            self._other_sources |= value.sources - value.end_sources - value.digest_sources


def _make_end(
    value: ExpressionValue, source: ValuePath | TemplateInclusion, written_name: WrittenName
) -> TemplateSource:
    """Return `source`, a source of `value`, with the name before it and the value that replaces it if it is empty.

    If `source` has neither a name nor a replacement, return `source` itself. `written_name` is the name before `value`.
    """
    name = value.preceding_name | written_name
    fallback = None if isinstance(source, TemplateInclusion) else value.get_fallback(source)
    return ReferenceEnd(source, name, fallback) if name or fallback is not None else source
