"""Expand the shell words of a Dockerfile, and map each part of the result to file positions.

`$V`, `${V…}`, quotes and escapes are expanded like `Lex.ProcessWord` in frontend/dockerfile/shell/lex.go of
moby/buildkit. BuildKit reads characters and this module reads bytes: any byte outside ASCII may be part of a variable's
name here. No image has a name with such a character.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from bot.formats._syntax.dockerfile.expansion import Assembly, Expansion, How, Scope, Use, WordError
from bot.formats._syntax.dockerfile.lexer import Instruction
from bot.formats._syntax.dockerfile.patterns import PatternError, replace_all, replace_first, trim_end, trim_start
from bot.model.vocabulary import Reason

MAX_NESTING = 50
"""Nesting limit for `${a:-${b:-…}}` in one word; people nest fewer than three."""

PREDEFINED = frozenset(
    {
        *(b"BUILDPLATFORM", b"BUILDOS", b"BUILDOSVERSION", b"BUILDARCH", b"BUILDVARIANT"),
        *(b"TARGETPLATFORM", b"TARGETOS", b"TARGETOSVERSION", b"TARGETARCH", b"TARGETVARIANT", b"TARGETSTAGE"),
    }
)
"""Variables that the builder sets by itself for the target platform (defaultArgs in dockerfile2llb/platform.go)."""

_NAME = re.compile(rb"[0-9]+|[@*#?$!-]|[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*")
_PLAIN = re.compile(rb"[^$'\"\\`}/]+")
"""Bytes that stand for themselves everywhere in a word."""
_IN_DOUBLE_QUOTES = re.compile(rb"[^$\"\\`]+")
_ESCAPED_IN_QUOTES = frozenset(b'"$')
_DOLLAR = ord("$")
_SINGLE_QUOTE = ord("'")
_DOUBLE_QUOTE = ord('"')


def expand(instruction: Instruction, start: int, end: int, scope: Scope, argument: int | None = None) -> Expansion:
    """Return the expansion of the word from `start` to `end` of an instruction's text.

    `argument_index` is the index of the argument whose default the word is. Raises WordError.
    """
    scope.spend(end - start)
    expansion = _Expander(instruction, start, end, scope, argument).expand()
    scope.spend(expansion.steps)
    return expansion


class _Expander:
    """Expands one word. Every method raises WordError."""

    def __init__(self, instruction: Instruction, start: int, end: int, scope: Scope, argument: int | None) -> None:
        self._instruction = instruction
        self._text = instruction.text
        self._escape = instruction.escape
        self._at = start
        self._end = end
        self._scope = scope
        self._argument = argument
        self._depth = 0

    def expand(self) -> Expansion:
        return self._until(None)

    def _until(self, stop: int | None, *, keeps_escapes: bool = False) -> Expansion:
        """Read up to the byte `stop` and skip it, or to the end of the word."""
        result = Assembly()
        while self._at < self._end:
            plain = _PLAIN.match(self._text, self._at, self._end)
            if plain is not None:
                self._put(result, plain.end())
                continue
            byte = self._text[self._at]
            if byte == stop:
                self._at += 1
                return result.finish()
            if byte == _DOLLAR:
                self._dollar(result)
            elif byte == _SINGLE_QUOTE:
                self._single_quoted(result)
            elif byte == _DOUBLE_QUOTE:
                self._double_quoted(result, keeps_escapes=keeps_escapes)
            elif byte == self._escape:
                self._escaped(result, keeps_escapes=keeps_escapes)
            else:
                self._put(result, self._at + 1)
        if stop is not None:
            raise WordError(Reason.MALFORMED)
        return result.finish()

    def _put(self, result: Assembly, end: int) -> None:
        """Add the bytes from here up to `end` literally."""
        result.put(self._instruction, self._at, end, self._argument)
        self._at = end

    def _escaped(self, result: Assembly, *, keeps_escapes: bool) -> None:
        """Add the byte behind an escape literally; an escape at the end of the word adds nothing."""
        if keeps_escapes:
            self._put(result, self._at + 1)
        else:
            self._at += 1
        if self._at < self._end:
            self._put(result, self._at + 1)

    def _single_quoted(self, result: Assembly) -> None:
        end = self._text.find(b"'", self._at + 1, self._end)
        if end < 0:
            raise WordError(Reason.MALFORMED)
        self._at += 1
        self._put(result, end)
        self._at = end + 1

    def _double_quoted(self, result: Assembly, *, keeps_escapes: bool) -> None:
        self._at += 1
        while self._at < self._end:
            plain = _IN_DOUBLE_QUOTES.match(self._text, self._at, self._end)
            if plain is not None:
                self._put(result, plain.end())
                continue
            byte = self._text[self._at]
            if byte == _DOUBLE_QUOTE:
                self._at += 1
                return
            if byte == _DOLLAR:
                self._dollar(result)
            elif byte == self._escape:
                self._escaped_in_quotes(result, keeps_escapes=keeps_escapes)
            else:
                self._put(result, self._at + 1)
        raise WordError(Reason.MALFORMED)

    def _escaped_in_quotes(self, result: Assembly, *, keeps_escapes: bool) -> None:
        """Read an escape in double quotes: before a quote, a dollar or an escape it escapes it, else it is literal."""
        following = self._text[self._at + 1] if self._at + 1 < self._end else None
        if keeps_escapes:  # a literal escape is then added twice
            result.put(self._instruction, self._at, self._at + 1, self._argument)
        if following == self._escape or following in _ESCAPED_IN_QUOTES:
            self._at += 1
        self._put(result, self._at + 1)

    def _dollar(self, result: Assembly) -> None:
        start = self._at
        self._at += 1
        if not self._text.startswith(b"{", self._at, self._end):
            name = self._name()
            if name:
                self._put_value(result, name)
            else:
                result.put(self._instruction, start, start + 1, self._argument)
            return
        self._at += 1
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise WordError(Reason.UNRESOLVED_ARGUMENT)
        if self._peek() in (b"", b"{", b"}", b":"):
            raise WordError(Reason.MALFORMED)
        name = self._name()
        match self._take():
            case b"}":
                self._put_value(result, name)
            case b":":
                self._choose(result, name, self._take(), takes_empty=True)
            case b"-" | b"+" | b"?" as operator:
                self._choose(result, name, operator, takes_empty=False)
            case b"#" | b"%" as operator:
                self._trim(result, name, operator)
            case b"/":
                self._replace(result, name)
            case _:
                raise WordError(Reason.MALFORMED)
        self._depth -= 1

    def _name(self) -> bytes:
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

    def _put_value(self, result: Assembly, name: bytes) -> None:
        argument = self._scope.arguments.get(name)
        if argument is None:
            self._note_unknown(result, name)
        else:
            result.include(argument.value, Use(name, argument.index, How.VALUE, 0, 0))

    def _note_unknown(self, result: Assembly, name: bytes) -> None:
        how = How.PREDEFINED if name in PREDEFINED else How.UNSET
        result.note(Use(name, None, how, result.length, result.length))

    def _choose(self, result: Assembly, name: bytes, operator: bytes, *, takes_empty: bool) -> None:
        """Read `${name-word}` and the like; with `is_empty_unset` an empty value counts as unset."""
        if operator not in (b"-", b"+", b"?"):
            raise WordError(Reason.MALFORMED)
        word = self._until(ord("}"))
        argument = self._scope.arguments.get(name)
        if argument is None and name in PREDEFINED:
            self._note_unknown(result, name)
            result.set_aside(word)
            return
        if argument is not None and takes_empty and not argument.value.text:
            if argument.value.unknown:
                self._put_value(result, name)
                result.set_aside(word)
                return
            is_set = False
        else:
            is_set = argument is not None
        choice = Use(name, argument.index if argument else None, How.CHOICE, result.length, result.length)
        if operator == (b"+" if is_set else b"-"):
            result.include(word, choice)
            return
        if is_set:
            self._put_value(result, name)
        elif operator == b"?":
            result.note(choice._replace(how=How.UNSET))
        else:
            result.note(choice)
        result.set_aside(word)

    def _trim(self, result: Assembly, name: bytes, operator: bytes) -> None:
        """Read `${name#pattern}` and the like, which cut the match of a pattern off one end of the value."""
        word = self._until(ord("}"), keeps_escapes=True)
        longest = word.text.startswith(operator)
        pattern = _decoded(word.text[longest:])
        trim = trim_start if operator == b"#" else trim_end
        self._compute(result, name, (word,), lambda value: trim(pattern, value, longest=longest))

    def _replace(self, result: Assembly, name: bytes) -> None:
        """Read `${name/pattern/replacement}`, and `${name//pattern/replacement}` for all matches."""
        is_for_all = self._peek() == b"/"
        self._at += is_for_all
        pattern = self._until(ord("/"), keeps_escapes=True)
        replacement = self._until(ord("}"), keeps_escapes=True)
        replace_matches = replace_all if is_for_all else replace_first
        texts = _decoded(pattern.text), _decoded(replacement.text)
        self._compute(result, name, (pattern, replacement), lambda value: replace_matches(texts[0], value, texts[1]))

    def _compute(
        self, result: Assembly, name: bytes, words: tuple[Expansion, ...], operation: Callable[[str], str]
    ) -> None:
        """Add the result of `operation` on a value; `operands` are its other operands."""
        argument = self._scope.arguments.get(name)
        start = result.length
        if argument is None or argument.value.unknown:
            self._put_value(result, name)
            uses: tuple[Use, ...] = ()
        else:
            value = argument.value
            self._scope.spend((len(value.text) + 1) * (1 + sum(len(word.text) for word in words)))
            try:
                computed = operation(_decoded(value.text))
            except PatternError:
                raise WordError(Reason.UNRESOLVED_ARGUMENT) from None
            result.compute(computed.encode(errors="surrogateescape"))
            uses = (Use(name, argument.index, How.PATTERN, 0, 0), *value.uses)
        for use in (*uses, *(use for word in words for use in word.uses)):
            how = use.how if use.how in (How.UNSET, How.PREDEFINED) else How.PATTERN
            result.note(use._replace(how=how, start=start, end=result.length))


def _decoded(text: bytes) -> str:
    return text.decode(errors="surrogateescape")
