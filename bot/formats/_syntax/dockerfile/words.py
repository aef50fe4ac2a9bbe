"""Expand the shell words of a Dockerfile, and map each part of the result to file offsets.

`$V`, `${V…}`, quotes and escapes are expanded like `Lex.ProcessWord` in frontend/dockerfile/shell/lex.go of
moby/buildkit. Unlike BuildKit, this module reads bytes and not characters, so any byte outside ASCII may be part of a
variable's name here. The difference does not matter, because no image name contains such a character.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from bot.formats._syntax.dockerfile.expansion import (
    ArgScope,
    ArgumentUse,
    ExpansionBuilder,
    VariableEffect,
    WordError,
    WordExpansion,
)
from bot.formats._syntax.dockerfile.lexer import DockerfileInstruction
from bot.formats._syntax.dockerfile.shell_patterns import PatternError, replace_all, replace_first, trim_end, trim_start
from bot.model.vocabulary import Reason

MAX_NESTING = 50
"""Limit on the nesting of `${a:-${b:-…}}` in one word. People nest fewer than three."""

PREDEFINED = frozenset(
    {
        *(b"BUILDPLATFORM", b"BUILDOS", b"BUILDOSVERSION", b"BUILDARCH", b"BUILDVARIANT"),
        *(b"TARGETPLATFORM", b"TARGETOS", b"TARGETOSVERSION", b"TARGETARCH", b"TARGETVARIANT", b"TARGETSTAGE"),
    }
)
"""Variables that the builder sets according to the platforms (defaultArgs in dockerfile2llb/platform.go)."""

_NAME = re.compile(rb"[0-9]+|[@*#?$!-]|[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*")
_PLAIN = re.compile(rb"[^$'\"\\`}/]+")
"""Bytes that stand for themselves everywhere in a word."""
_PLAIN_OUTSIDE_BRACES = re.compile(rb"[^$'\"\\`]+")
"""Bytes that stand for themselves outside of `${…}`, where `}` and `/` have no meaning."""
_IN_DOUBLE_QUOTES = re.compile(rb"[^$\"\\`]+")
_ESCAPED_IN_QUOTES = frozenset(b'"$')
_DOLLAR = ord("$")
_SINGLE_QUOTE = ord("'")
_DOUBLE_QUOTE = ord('"')


def expand_word(
    instruction: DockerfileInstruction, start: int, end: int, scope: ArgScope, argument_index: int | None = None
) -> WordExpansion:
    """Return the text to which a word of an instruction expands.

    Raises WordError if the word is malformed, exceeds a limit or contains an unsupported pattern.

    Args:
        instruction: The instruction that contains the word.
        start: The position in the instruction's text at which the word starts.
        end: The position at which the word ends.
        scope: The variables that the word can use.
        argument_index: The index of the `ARG` default, if the word is the default of an argument. Otherwise None.
    """
    scope.spend_steps(end - start)
    expansion = _WordExpander(instruction, start, end, scope, argument_index).expand()
    scope.spend_steps(expansion.cost)
    return expansion


class _WordExpander:
    """Expands one word.

    Every method raises WordError if the word is malformed, exceeds a limit or contains an unsupported pattern.
    """

    def __init__(
        self, instruction: DockerfileInstruction, start: int, end: int, scope: ArgScope, argument_index: int | None
    ) -> None:
        self._instruction = instruction
        self._text = instruction.text
        self._escape = instruction.escape
        self._at = start
        self._end = end
        self._scope = scope
        self._argument_index = argument_index
        self._depth = 0

    def expand(self) -> WordExpansion:
        return self._expand_until(None)

    def _expand_until(self, stop: int | None, *, should_keep_escapes: bool = False) -> WordExpansion:
        """Expand the text from the current position up to the byte `stop`, and skip that byte.

        If `stop` is None, the rest of the word is expanded.

        `should_keep_escapes` is True for a pattern or a replacement, as in `${V#pattern}`. Their expansion keeps the
        escape characters, because the functions that interpret patterns and replacements need them.
        """
        result = ExpansionBuilder()
        plain_bytes = _PLAIN_OUTSIDE_BRACES if stop is None else _PLAIN
        while self._at < self._end:
            plain = plain_bytes.match(self._text, self._at, self._end)
            if plain is not None:
                self._put_literal(result, plain.end())
                continue
            byte = self._text[self._at]
            if byte == stop:
                self._at += 1
                return result.finish()
            if byte == _DOLLAR:
                self._put_substitution(result)
            elif byte == _SINGLE_QUOTE:
                self._put_single_quoted(result)
            elif byte == _DOUBLE_QUOTE:
                self._put_double_quoted(result, should_keep_escapes=should_keep_escapes)
            elif byte == self._escape:
                self._put_escaped(result, should_keep_escapes=should_keep_escapes)
            else:
                self._put_literal(result, self._at + 1)
        if stop is not None:
            raise WordError(Reason.MALFORMED)
        return result.finish()

    def _put_literal(self, result: ExpansionBuilder, end: int) -> None:
        """Append the text from the current position to `end` without expanding it, and continue at `end`."""
        result.put_text(self._instruction, self._at, end, self._argument_index)
        self._at = end

    def _put_escaped(self, result: ExpansionBuilder, *, should_keep_escapes: bool) -> None:
        """Append the byte that follows the escape character at the current position, without expanding it.

        If `should_keep_escapes` is True, the escape character is appended before it. If the escape character is the
        last byte of the word, no byte follows.
        """
        if should_keep_escapes:
            self._put_literal(result, self._at + 1)
        else:
            self._at += 1
        if self._at < self._end:
            self._put_literal(result, self._at + 1)

    def _put_single_quoted(self, result: ExpansionBuilder) -> None:
        end = self._text.find(b"'", self._at + 1, self._end)
        if end < 0:
            raise WordError(Reason.MALFORMED)
        self._at += 1
        self._put_literal(result, end)
        self._at = end + 1

    def _put_double_quoted(self, result: ExpansionBuilder, *, should_keep_escapes: bool) -> None:
        self._at += 1
        while self._at < self._end:
            plain = _IN_DOUBLE_QUOTES.match(self._text, self._at, self._end)
            if plain is not None:
                self._put_literal(result, plain.end())
                continue
            byte = self._text[self._at]
            if byte == _DOUBLE_QUOTE:
                self._at += 1
                return
            if byte == _DOLLAR:
                self._put_substitution(result)
            elif byte == self._escape:
                self._put_escaped_in_quotes(result, should_keep_escapes=should_keep_escapes)
            else:
                self._put_literal(result, self._at + 1)
        raise WordError(Reason.MALFORMED)

    def _put_escaped_in_quotes(self, result: ExpansionBuilder, *, should_keep_escapes: bool) -> None:
        """Append the text that an escape character in double quotes stands for.

        If the next character is `"`, `$` or the escape character, that next character is appended. Otherwise, the
        escape character is literal and is appended. If `should_keep_escapes` is True, one more escape character is
        appended first.
        """
        following = self._text[self._at + 1] if self._at + 1 < self._end else None
        if should_keep_escapes:  # a literal escape character is added here and again below
            result.put_text(self._instruction, self._at, self._at + 1, self._argument_index)
        if following == self._escape or following in _ESCAPED_IN_QUOTES:
            self._at += 1
        self._put_literal(result, self._at + 1)

    def _put_substitution(self, result: ExpansionBuilder) -> None:
        start = self._at
        self._at += 1
        if not self._text.startswith(b"{", self._at, self._end):
            name = self._take_name()
            if name:
                self._put_value(result, name)
            else:
                result.put_text(self._instruction, start, start + 1, self._argument_index)
            return
        self._at += 1
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise WordError(Reason.UNRESOLVED_ARGUMENT)
        if self._peek() in (b"", b"{", b"}", b":"):
            raise WordError(Reason.MALFORMED)
        name = self._take_name()
        match self._take():
            case b"}":
                self._put_value(result, name)
            case b":":
                self._put_conditional(result, name, self._take(), is_empty_unset=True)
            case b"-" | b"+" | b"?" as operator:
                self._put_conditional(result, name, operator, is_empty_unset=False)
            case b"#" | b"%" as operator:
                self._put_trimmed(result, name, operator)
            case b"/":
                self._put_replaced(result, name)
            case _:
                raise WordError(Reason.MALFORMED)
        self._depth -= 1

    def _take_name(self) -> bytes:
        name = _NAME.match(self._text, self._at, self._end)
        if name is None:
            return b""
        self._at = name.end()
        return name[0]

    def _peek(self) -> bytes:
        return self._text[self._at : min(self._at + 1, self._end)]

    def _take(self) -> bytes:
        taken = self._peek()
        self._at += 1
        return taken

    def _put_value(self, result: ExpansionBuilder, name: bytes) -> None:
        argument = self._scope.defaults.get(name)
        if argument is None:
            self._record_unknown(result, name)
        else:
            result.put_expansion(argument.expansion, ArgumentUse(name, argument.index, VariableEffect.VALUE, 0, 0))

    def _record_unknown(self, result: ExpansionBuilder, name: bytes) -> None:
        effect = VariableEffect.PREDEFINED if name in PREDEFINED else VariableEffect.UNSET
        result.record_use(ArgumentUse(name, None, effect, result.length, result.length))

    def _put_conditional(self, result: ExpansionBuilder, name: bytes, operator: bytes, *, is_empty_unset: bool) -> None:
        """Append the result of `${name-word}`, `${name+word}` or `${name?word}`.

        `is_empty_unset` is True for the forms with a colon, such as `${name:-word}`. These forms treat a variable with
        an empty value like a variable that is not set.
        """
        if operator not in (b"-", b"+", b"?"):
            raise WordError(Reason.MALFORMED)
        word = self._expand_until(ord("}"))
        argument = self._scope.defaults.get(name)
        if argument is None and name in PREDEFINED:
            self._record_unknown(result, name)
            result.record_unchosen(word)
            return
        if argument is not None and is_empty_unset and not argument.expansion.text:
            if argument.expansion.unknown_uses:
                self._put_value(result, name)
                result.record_unchosen(word)
                return
            is_set = False
        else:
            is_set = argument is not None
        choice = ArgumentUse(
            name, argument.index if argument else None, VariableEffect.CHOICE, result.length, result.length
        )
        if operator == (b"+" if is_set else b"-"):
            result.put_expansion(word, choice)
            return
        if is_set:
            self._put_value(result, name)
        elif operator == b"?":
            result.record_use(choice._replace(effect=VariableEffect.UNSET))
        else:
            result.record_use(choice)
        result.record_unchosen(word)

    def _put_trimmed(self, result: ExpansionBuilder, name: bytes, operator: bytes) -> None:
        """Append the result of `${name#pattern}` or `${name%pattern}`, or of the same forms with `##` or `%%`.

        These remove a match of the pattern from the start (`#`) or the end (`%`) of the variable's value.
        """
        word = self._expand_until(ord("}"), should_keep_escapes=True)
        longest = word.text.startswith(operator)
        pattern = _decode(word.text[longest:])
        trim = trim_start if operator == b"#" else trim_end
        self._put_computed(result, name, (word,), lambda value: trim(pattern, value, longest=longest))

    def _put_replaced(self, result: ExpansionBuilder, name: bytes) -> None:
        """Append the result of `${name/pattern/replacement}`, or of `${name//pattern/replacement}` for all matches."""
        is_for_all = self._peek() == b"/"
        self._at += is_for_all
        pattern = self._expand_until(ord("/"), should_keep_escapes=True)
        replacement = self._expand_until(ord("}"), should_keep_escapes=True)
        replace_matches = replace_all if is_for_all else replace_first
        texts = _decode(pattern.text), _decode(replacement.text)
        self._put_computed(
            result, name, (pattern, replacement), lambda value: replace_matches(texts[0], value, texts[1])
        )

    def _put_computed(
        self,
        result: ExpansionBuilder,
        name: bytes,
        operands: tuple[WordExpansion, ...],
        operation: Callable[[str], str],
    ) -> None:
        """Append `operation(value)`, a text that is computed from the value of the variable `name`.

        `operation` trims the value, or replaces matches of a pattern in the value. `operands` are the expansions of the
        pattern and the replacement, which `operation` already contains. The variables in `operands` are recorded as
        used, because they also affect the result.
        """
        argument = self._scope.defaults.get(name)
        start = result.length
        if argument is None or argument.expansion.unknown_uses:
            self._put_value(result, name)
            uses: tuple[ArgumentUse, ...] = ()
        else:
            value = argument.expansion
            self._scope.spend_steps((len(value.text) + 1) * (1 + sum(len(word.text) for word in operands)))
            try:
                computed = operation(_decode(value.text))
            except PatternError:
                raise WordError(Reason.UNRESOLVED_ARGUMENT) from None
            result.put_computed(computed.encode(errors="surrogateescape"))
            uses = (ArgumentUse(name, argument.index, VariableEffect.PATTERN, 0, 0), *value.uses)
        for use in (*uses, *(use for word in operands for use in word.uses)):
            effect = (
                use.effect
                if use.effect in (VariableEffect.UNSET, VariableEffect.PREDEFINED)
                else VariableEffect.PATTERN
            )
            result.record_use(use._replace(effect=effect, start=start, end=result.length))


def _decode(text: bytes) -> str:
    return text.decode(errors="surrogateescape")
