"""Find the chart values of which the result of an expression in a Helm template consists.

Expressions are not computed. This module only lists the sources of a result: the chart values and the included
templates that it contains. It also determines which source is at the end of the result without a change. An example is
`printf "%s:%s" .Values.name .Values.tag`. Its result ends with the value `tag`, so a digest may be appended to that
value. The value `name` is only at the start.

The functions are those of https://helm.sh/docs/chart_template_guide/function_list/. A function that is not listed here
is assumed to change its arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache, reduce

from bot.formats._syntax.helm.actions import ActionExpression, ActionToken, UnsupportedTemplateError
from bot.formats._syntax.helm.expression_values import (
    ANY_ITEM,
    NO_VALUE,
    ROOT_VALUE,
    ExpressionValue,
    merge_all,
)
from bot.formats._syntax.helm.reference_prefix import ALGORITHM_PREFIX, ReferencePrefix
from bot.model.chart_facts import TemplateInclusion, ValuePath

_END = ActionToken("end", "", is_attached=False)
"""Follows the last token of an expression, so that the reader need not compare each position with the length."""

MAX_DEPTH = 30
"""Limit on nested parentheses. People nest at most about five."""

_CONSTANTS = frozenset({"true", "false", "nil"})
_VERB = re.compile(r"%(?:%|(?P<format>[-+# 0]*\d*(?:\.\d+)?[a-zA-Z]))")


def _change_all(values: Iterable[ExpressionValue]) -> ExpressionValue:
    return merge_all([value.as_changed for value in values])


def _get_last(values: list[ExpressionValue]) -> ExpressionValue:
    return values[-1] if values else NO_VALUE


def _concatenate(values: list[ExpressionValue]) -> ExpressionValue:
    """Return the sources of a text that joins all values. Only the last value is an unchanged source at its end."""
    joined = _change_all(values[:-1]).merge(_get_last(values))._replace(literal=None, entries=())
    return joined if len(values) == 1 else joined.with_fallback(None)


def _print(values: list[ExpressionValue]) -> ExpressionValue:
    """Return the sources of a text that joins all values, if the text before the last value does not change it.

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
    values is an empty string, the comparison only tests whether the other value is empty, so the result is that of
    `as_condition`.
    """
    return _test_all(values) if any(value.literal == "" for value in values) else _change_all(values)


def _test_all(values: list[ExpressionValue]) -> ExpressionValue:
    return merge_all([value.as_condition for value in values])


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

    Every method raises UnsupportedTemplateError.
    """

    def __init__(self) -> None:
        self.variables: dict[str, ExpressionValue] = {}
        self.unknown_sources: set[ValuePath | TemplateInclusion] = set()
        """Sources that the template uses in a way that is not tracked, so that it is unknown how they are used."""

    def assign_variable(self, variable: str, value: ExpressionValue) -> None:
        """Add `value` to the values that a variable may have.

        A variable may have several values, because variables of the same name in different scopes are not
        distinguished.
        """
        self.variables[variable] = self.variables.get(variable, NO_VALUE).merge(value)

    def evaluate(self, expression: ActionExpression, dot: ExpressionValue) -> ExpressionValue:
        """Return the sources of an expression's result. `dot` is the value of `.` in the expression."""
        if not expression.is_cacheable:
            return self.evaluate_uncached(expression, dot)
        value, unknown = _evaluate_without_variables(expression, dot)
        if unknown:
            self.unknown_sources |= unknown
        return value

    def evaluate_uncached(self, expression: ActionExpression, dot: ExpressionValue) -> ExpressionValue:
        """Return the same as `evaluate`, without using the cache."""
        reader = _ExpressionReader(self, expression.tokens, dot)
        if len(expression.tokens) == 1 and expression.tokens[0].kind not in {"word", "sign"}:  # nearly half of all
            return reader.parse_primary(expression.tokens[0], 0)
        value = reader.parse_pipeline(0)
        if reader.position < len(expression.tokens):
            raise UnsupportedTemplateError
        return value

    def call_function(self, function: str, arguments: list[ExpressionValue]) -> ExpressionValue:
        if function == "include":
            return self.include_template(*[*arguments, NO_VALUE, NO_VALUE][:2])
        if function == "tpl":
            text, *_ = arguments or [NO_VALUE]
            if any("Files" in source for source in text.sources if isinstance(source, tuple)):
                self.unknown_sources.update(*(argument.sources for argument in arguments))
            return text
        if function in {"set", "unset"}:
            self.unknown_sources.update(*(argument.sources - {()} for argument in arguments))
            return NO_VALUE
        return _FUNCTIONS.get(function, _change_all)(arguments)

    def include_template(self, template: ExpressionValue, argument: ExpressionValue) -> ExpressionValue:
        """Return the output of `include "name" argument`, with the included template as its source.

        `template` is the value that contains the name of the template. If an expression computes this name, the result
        is NO_VALUE. The sources of `argument` are added to `unknown_sources`, because it is unknown how the included
        template uses them. If the computed name is that of a template file (`.Template.BasePath`), nothing is added,
        because charts include a whole file only to hash its text.
        """
        if template.literal is None:
            is_file = any("Template" in source for source in template.sources if isinstance(source, tuple))
            # The name of a template file is computed only to hash the text of the whole file.
            self.unknown_sources |= frozenset() if is_file else argument.sources
            return NO_VALUE
        self.unknown_sources |= (
            argument.changed_sources | argument.digest_sources | (argument.end_sources - argument.unchanged_paths)
        )
        self.unknown_sources.update(*(value.sources - value.unchanged_paths for _, value in argument.entries))
        named = tuple((key, value.unchanged_paths) for key, value in argument.entries)
        return ExpressionValue(
            end_sources=frozenset({TemplateInclusion(template.literal, argument.unchanged_paths, named)})
        )


@lru_cache(maxsize=4096)
def _evaluate_without_variables(
    expression: ActionExpression, dot: ExpressionValue
) -> tuple[ExpressionValue, frozenset[ValuePath | TemplateInclusion]]:
    """Return the value of an expression without variables, and the sources that it uses in an unknown way.

    For example, a source is used in an unknown way if it is passed to a template whose name is computed. Results are
    cached, because templates repeat the same expressions.
    """
    evaluator = ExpressionEvaluator()
    return evaluator.evaluate_uncached(expression, dot), frozenset(evaluator.unknown_sources)


class _ExpressionReader:
    """Parses and evaluates one expression. Every method raises UnsupportedTemplateError."""

    def __init__(self, evaluator: ExpressionEvaluator, tokens: tuple[ActionToken, ...], dot: ExpressionValue) -> None:
        self._evaluator = evaluator
        self._tokens = (*tokens, _END)
        self._dot = dot
        self.position = 0

    def parse_pipeline(self, depth: int) -> ExpressionValue:
        if depth > MAX_DEPTH:
            raise UnsupportedTemplateError
        value = self._parse_command(depth, [])
        while self._next_sign == "|":
            self.position += 1
            value = self._parse_command(depth, [value])
        return value

    def _parse_command(self, depth: int, piped_values: list[ExpressionValue]) -> ExpressionValue:
        first = self._take_next()
        if first.kind == "word" and first.text not in _CONSTANTS:
            return self._evaluator.call_function(first.text, [*self._parse_operands(depth), *piped_values])
        value = self._parse_operand(first, depth)
        arguments = [*self._parse_operands(depth), *piped_values]
        return _change_all([value, *arguments]) if arguments else value  # a method call, as on `.Files`

    def _parse_operands(self, depth: int) -> list[ExpressionValue]:
        operands: list[ExpressionValue] = []
        while self._tokens[self.position] is not _END and self._next_sign not in {"|", ")"}:
            operands.append(self._parse_operand(self._take_next(), depth))
        return operands

    def _parse_operand(self, token: ActionToken, depth: int) -> ExpressionValue:
        value = self.parse_primary(token, depth)
        while (following := self._tokens[self.position]).is_attached and following.kind == "fields":
            self.position += 1
            value = self._follow_fields(value, following)
        return value

    def parse_primary(self, token: ActionToken, depth: int) -> ExpressionValue:
        match token.kind:
            case "text" | "number":
                return ExpressionValue(literal=token.text)
            case "variable" if token.text == "$":
                return ROOT_VALUE
            case "variable" if token.text in self._evaluator.variables:
                return self._evaluator.variables[token.text]
            case "fields":
                return self._follow_fields(self._dot, token)
            case "dot":
                return self._dot
            case "word":
                return NO_VALUE if token.text in _CONSTANTS else self._evaluator.call_function(token.text, [])
            case "sign" if token.text == "(":
                value = self.parse_pipeline(depth + 1)
                if self._take_next().text != ")":
                    raise UnsupportedTemplateError
                return value
            case _:
                raise UnsupportedTemplateError

    @staticmethod
    def _follow_fields(value: ExpressionValue, token: ActionToken) -> ExpressionValue:
        return value.follow_keys(token.text.split(".")[1:])

    def _take_next(self) -> ActionToken:
        token = self._tokens[self.position]
        if token is _END:
            raise UnsupportedTemplateError
        self.position += 1
        return token

    @property
    def _next_sign(self) -> str:
        """The next token if it is a sign, otherwise empty."""
        kind, text, _ = self._tokens[self.position]
        return text if kind == "sign" else ""
