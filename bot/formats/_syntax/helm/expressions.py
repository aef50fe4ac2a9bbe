"""Find the chart values of which the result of an expression in a Helm template consists.

Expressions are not computed. This module only lists the sources of a result: the chart values and the included
templates that it contains. It also determines which source is at the end of the result without a change. An example is
`printf "%s:%s" .Values.name .Values.tag`. Its result ends with the value `tag`, so a digest may be appended to that
value. The value `name` is only at the start.

The functions are listed in https://helm.sh/docs/chart_template_guide/function_list/. A function that this module does
not list is assumed to change its arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, reduce

from bot.formats._syntax.helm.actions import (
    MAX_CACHED_ACTIONS,
    ActionExpression,
    UnsupportedTemplateError,
    is_word,
    parse_text,
)
from bot.formats._syntax.helm.expression_values import (
    ANY_ITEM,
    NO_VALUE,
    ROOT_VALUE,
    ExpressionValue,
    merge_all,
    merge_changed,
)
from bot.formats._syntax.helm.reference_prefix import ALGORITHM_PREFIX, ReferencePrefix
from bot.model.chart_facts import TemplateInclusion, ValuePath

_END = ""
"""Follows the last token of an expression, so that there is always a next token."""

MAX_DEPTH = 30
"""Limit on nested parentheses. People nest at most about five."""

_CONSTANTS = frozenset({"true", "false", "nil"})
_VERB = re.compile(r"%(?:%|(?P<format>[-+# 0]*\d*(?:\.\d+)?[a-zA-Z]))")


def _change_all(values: list[ExpressionValue]) -> ExpressionValue:
    return merge_changed([value.sources for value in values])


def _get_last(values: list[ExpressionValue]) -> ExpressionValue:
    return values[-1] if values else NO_VALUE


def _concatenate(values: list[ExpressionValue]) -> ExpressionValue:
    """Return the sources of a text that joins all values.

    Only the last value remains unchanged, at the end of the text.
    """
    *others, last = values or [NO_VALUE]
    if last.literal is not None or last.entries:
        last = last._replace(literal=None, entries=())
    return _change_all(others).merge(last).with_fallback(None) if others else last


def _print(values: list[ExpressionValue]) -> ExpressionValue:
    """Return the sources of a text that joins all values, if the earlier text does not change the last value.

    For example, `print "v" .Values.tag` renders another tag than the value (see `ReferencePrefix.is_unmodified`).
    """
    prefix = reduce(ReferencePrefix.add_value, values[:-1], ReferencePrefix())
    if not prefix.is_unmodified:
        return _change_all(values)
    return _concatenate([*values[:-1], _get_last(values).with_name(prefix.name)])


def _choose_first(values: list[ExpressionValue]) -> ExpressionValue:
    """Return the sources of the first value that is not empty, as `coalesce` returns it."""
    merged = _get_last(values)
    for value in reversed(values[:-1]):
        merged = merge_all([value.with_fallback(merged.single_path), merged])
    return merged


def _apply_default(values: list[ExpressionValue]) -> ExpressionValue:
    """Return the sources of `default fallback value`."""
    return _choose_first(values[::-1])


def _apply_printf(values: list[ExpressionValue]) -> ExpressionValue:
    template, *arguments = values or [NO_VALUE]
    if template.literal is None:
        return _change_all(values)
    verbs = [verb for verb in _VERB.finditer(template.literal) if verb["format"]]
    if len(verbs) != len(arguments):
        return _change_all(values)
    formatted_values: list[ExpressionValue] = []
    prefix = ReferencePrefix()
    end = 0
    for verb, value in zip(verbs, arguments, strict=True):
        prefix = prefix.add_text(template.literal[end : verb.start()].replace("%%", "%"))
        formatted_values.append(_apply_verb(verb, value, prefix))
        prefix = prefix.add_value(value if verb["format"] in {"s", "v"} else value.as_changed)
        end = verb.end()
    formatted = merge_all(formatted_values)._replace(entries=(), literal=None)
    return formatted if _VERB.fullmatch(template.literal) else formatted.with_fallback(None)


def _apply_verb(verb: re.Match[str], value: ExpressionValue, prefix: ReferencePrefix) -> ExpressionValue:
    """Return the sources that `value`, an argument of `printf`, contributes to the result of `printf`.

    `verb` is the match of the format verb for this argument, such as `%s`, and `prefix` is the text before it. The
    sources remain unchanged if all of these conditions are met:

    - The verb is `%s` or `%v`.
    - Nothing follows the verb, or a digest (`@…`) follows.
    - The text before the verb is the start of an image reference (`ReferencePrefix.is_unmodified`).
    """
    if verb["format"] not in {"s", "v"} or verb.string[verb.end() : verb.end() + 1] not in {"", "@"}:
        return value.as_changed
    if not prefix.is_unmodified:
        return value.as_changed
    value = value.with_name(prefix.name)
    return value.as_digest if verb.string.endswith(ALGORITHM_PREFIX, 0, verb.start()) else value


def _make_dict(values: list[ExpressionValue]) -> ExpressionValue:
    keys, entry_values = values[::2], values[1::2]
    names = [key.literal for key in keys if key.literal is not None]
    if len(names) != len(keys) or len(keys) != len(entry_values):
        return _change_all(values)
    return merge_all([_make_entry(name, value) for name, value in zip(names, entry_values, strict=True)])


def _make_list(values: list[ExpressionValue]) -> ExpressionValue:
    return merge_all([_make_entry(str(number), value) for number, value in enumerate(values)])


def _make_entry(key: str, value: ExpressionValue) -> ExpressionValue:
    """Return the value of a collection that contains only `value`, under `key`.

    If `value` is a collection itself, all its sources become `changed_sources`, because the entries of nested
    collections are not tracked.
    """
    return ExpressionValue(entries=((key, value.as_changed if value.entries else value),))


def _get_item(values: list[ExpressionValue]) -> ExpressionValue:
    """Return the sources of the item that `index` or `get` takes from a collection.

    The first element of `values` is the collection. All later elements are the keys that lead to the item.
    """
    whole, *keys = values or [NO_VALUE]
    for key in keys:
        whole = whole.get_entry(ANY_ITEM if key.literal is None else key.literal)
    return merge_all([whole, _change_all(keys)])


def _compare(values: list[ExpressionValue]) -> ExpressionValue:
    """Return the sources of the result of `eq` or `ne`.

    The sources of both values become `changed_sources`, because the result is not the original text. If one of the
    values is an empty string, the comparison only tests whether the other value is empty.
    """
    return _test_all(values) if any(value.literal == "" for value in values) else _change_all(values)


def _test_all(values: list[ExpressionValue]) -> ExpressionValue:
    """Return the sources of the result of a test whether values are empty, such as `not .Values.tag`.

    `end_sources` are left out, because the result of the test does not contain them. Appending a digest to one of them
    does not change the result.
    """
    return merge_changed([value.changed_sources | value.digest_sources for value in values])


def _choose(values: list[ExpressionValue]) -> ExpressionValue:
    return merge_all([*values[:2], _test_all(values[2:])])


_FUNCTIONS: dict[str, Callable[[list[ExpressionValue]], ExpressionValue]] = {
    **dict.fromkeys(("quote", "squote", "toString", "trim", "required", "indent", "nindent"), _concatenate),
    **dict.fromkeys(("and", "merge", "mergeOverwrite", "deepCopy"), merge_all),
    **dict.fromkeys(("coalesce", "or"), _choose_first),
    "default": _apply_default,
    "print": _print,
    **dict.fromkeys(("not", "empty", "hasKey", "kindIs", "kindOf", "typeIs", "typeOf", "len"), _test_all),
    **dict.fromkeys(("eq", "ne"), _compare),
    **dict.fromkeys(("index", "get"), _get_item),
    **dict.fromkeys(("list", "tuple"), _make_list),
    **dict.fromkeys(("sha256sum", "sha1sum", "adler32sum", "fail", "lookup"), lambda _: NO_VALUE),
    "dict": _make_dict,
    "omit": lambda values: values[0] if values else NO_VALUE,
    "printf": _apply_printf,
    "ternary": _choose,
}
"""For each function, how its result depends on its arguments. A piped argument is the last one. All other functions
change their arguments."""


class ExpressionEvaluator:
    """Evaluates the expressions of one template, and stores the values that the template assigns to variables.

    Every method raises UnsupportedTemplateError if an expression is not valid or exceeds a limit.
    """

    def __init__(self) -> None:
        self.variables: dict[str, ExpressionValue] = {}
        self.unknown_sources: set[ValuePath | TemplateInclusion] = set()
        """Sources whose use is unknown, because the template uses them in a way that is not tracked."""

    def assign_variable(self, variable: str, value: ExpressionValue) -> None:
        """Add `value` to the values that a variable may have.

        A variable may have several values, because variables of the same name in different scopes are not
        distinguished.
        """
        self.variables[variable] = self.variables.get(variable, NO_VALUE).merge(value)

    def evaluate(self, expression: ActionExpression, dot: ExpressionValue) -> ExpressionValue:
        """Return the sources of an expression's result. `dot` is the value of `.` in the expression."""
        if expression.is_path:  # a fast path for nearly half of all expressions
            return self.evaluate_path(expression.tokens[0], dot)
        if not expression.is_cacheable:
            return self.evaluate_uncached(expression, dot)
        value, unknown = _evaluate_without_variables(expression, dot)
        if unknown:
            self.unknown_sources |= unknown
        return value

    def evaluate_uncached(self, expression: ActionExpression, dot: ExpressionValue) -> ExpressionValue:
        """Return the same as `evaluate`, without using the cache."""
        reader = _ExpressionReader(self, expression.tokens, dot)
        value = reader.parse_pipeline(0)
        if not reader.is_at_end:
            raise UnsupportedTemplateError
        return value

    def evaluate_path(self, token: str, dot: ExpressionValue) -> ExpressionValue:
        """Return the value at a path, such as `.Values.a` or `$x.a`. `dot` is the value of `.`."""
        start, _, fields = token.partition(".")
        if start == "$":
            value = ROOT_VALUE
        elif start:
            if start not in self.variables:
                raise UnsupportedTemplateError
            value = self.variables[start]
        else:
            value = dot
        return value.follow_keys(fields.split(".")) if fields else value

    def call_function(self, function: str, arguments: list[ExpressionValue]) -> ExpressionValue:
        match function:
            case "include":
                template, argument, *_ = *arguments, NO_VALUE, NO_VALUE
                return self.include_template(template, argument)
            case _ if function in _FUNCTIONS:
                return _FUNCTIONS[function](arguments)
            case "tpl":
                text, *_ = arguments or [NO_VALUE]
                if any("Files" in source for source in text.sources if isinstance(source, tuple)):
                    self.unknown_sources.update(*(argument.sources for argument in arguments))
                return text
            case "set" | "unset":
                self.unknown_sources.update(*(argument.sources - {()} for argument in arguments))
                return NO_VALUE
            case _:
                return _change_all(arguments)

    def include_template(self, template: ExpressionValue, argument: ExpressionValue) -> ExpressionValue:
        """Return the output of `include "name" argument`, with the included template as its source.

        `template` is the value that contains the name of the template. If an expression computes this name, the result
        is NO_VALUE. The sources of `argument` are added to `unknown_sources`, because it is unknown how the included
        template uses them. If the computed name is the name of a template file (`.Template.BasePath`), nothing is
        added, because charts include a whole file only to hash its text.
        """
        if template.literal is None:
            is_file = any("Template" in source for source in template.sources if isinstance(source, tuple))
            # The name of a template file is computed only to hash the text of the whole file.
            self.unknown_sources |= frozenset() if is_file else argument.sources
            return NO_VALUE
        if argument is not ROOT_VALUE:  # nearly all templates get this argument
            self._record_unknown_parts(argument)
        named = tuple([(key, value.unchanged_paths) for key, value in argument.entries])
        inclusion = TemplateInclusion(template.literal, argument.unchanged_paths, named)
        return ExpressionValue(frozenset({inclusion}))

    def _record_unknown_parts(self, argument: ExpressionValue) -> None:
        """Record the sources of a template's argument, if the use of these sources in the template is not tracked."""
        self.unknown_sources |= argument.changed_sources | argument.digest_sources
        self.unknown_sources |= argument.end_sources - argument.unchanged_paths
        for _, value in argument.entries:
            self.unknown_sources |= value.sources - value.unchanged_paths


@lru_cache(maxsize=MAX_CACHED_ACTIONS)
def _evaluate_without_variables(
    expression: ActionExpression, dot: ExpressionValue
) -> tuple[ExpressionValue, frozenset[ValuePath | TemplateInclusion]]:
    """Return the value of an expression without variables, and the sources that the expression uses in an unknown way.

    For example, a source is used in an unknown way if it is passed to a template whose name is computed. Results are
    cached, because templates repeat the same expressions.
    """
    evaluator = ExpressionEvaluator()
    return evaluator.evaluate_uncached(expression, dot), frozenset(evaluator.unknown_sources)


class _ExpressionReader:
    """Parses and evaluates one expression.

    Every method raises UnsupportedTemplateError if the expression is not valid or exceeds a limit.
    """

    def __init__(self, evaluator: ExpressionEvaluator, tokens: tuple[str, ...], dot: ExpressionValue) -> None:
        self._evaluator = evaluator
        self._dot = dot
        self._tokens = [_END, *reversed(tokens)]
        """The tokens that are not read yet, from the last to the next one."""

    @property
    def is_at_end(self) -> bool:
        return self._tokens[-1] is _END

    def parse_pipeline(self, depth: int) -> ExpressionValue:
        if depth > MAX_DEPTH:
            raise UnsupportedTemplateError
        value = self._parse_command(depth, [])
        while self._tokens[-1] == "|":
            self._tokens.pop()
            value = self._parse_command(depth, [value])
        return value

    def _parse_command(self, depth: int, piped_values: list[ExpressionValue]) -> ExpressionValue:
        first = self._tokens.pop()
        if first is _END:
            raise UnsupportedTemplateError
        if is_word(first) and first not in _CONSTANTS:
            return self._evaluator.call_function(first, self._parse_operands(depth) + piped_values)
        value = self.parse_operand(first, depth)
        arguments = self._parse_operands(depth) + piped_values
        return _change_all([value, *arguments]) if arguments else value  # a method call, as on `.Files`

    def _parse_operands(self, depth: int) -> list[ExpressionValue]:
        operands: list[ExpressionValue] = []
        tokens = self._tokens
        while tokens[-1] is not _END and tokens[-1][0] not in "|)":
            operands.append(self.parse_operand(tokens.pop(), depth))
        return operands

    def parse_operand(self, token: str, depth: int) -> ExpressionValue:
        match token[0]:
            case "." | "$":
                return self._evaluator.evaluate_path(token, self._dot)
            case '"' | "`":
                return ExpressionValue(literal=parse_text(token))
            case "(":
                return self._parse_parentheses(depth)
            case "+" | "-" | "'":
                return ExpressionValue(literal=token)
            case _ if token[0].isdigit():
                return ExpressionValue(literal=token)
            case _ if is_word(token):
                return NO_VALUE if token in _CONSTANTS else self._evaluator.call_function(token, [])
            case _:
                raise UnsupportedTemplateError

    def _parse_parentheses(self, depth: int) -> ExpressionValue:
        value = self.parse_pipeline(depth + 1)
        end = self._tokens.pop()
        if end[:1] != ")":
            raise UnsupportedTemplateError
        return value.follow_keys(end.split(".")[1:]) if end != ")" else value
