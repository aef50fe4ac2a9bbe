"""The build arguments of a Dockerfile: the defaults that `ARG` gives to the words of `FROM`.

Only arguments above the first `FROM` are visible in a `FROM`. The last default of a name counts, and an `ARG` without
a default keeps the earlier one (buildMetaArgs in frontend/dockerfile/dockerfile2llb/convert.go of moby/buildkit). The
words of an instruction follow parseWords in frontend/dockerfile/parser/line_parsers.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.formats._syntax.dockerfile.expansion import (
    ArgDefault,
    ArgScope,
    ArgumentUse,
    VariableEffect,
    WordError,
    WordExpansion,
)
from bot.formats._syntax.dockerfile.instruction_lines import SPACE
from bot.formats._syntax.dockerfile.lexer import DockerfileInstruction
from bot.formats._syntax.dockerfile.words import expand_word

_WORDS = {
    escape: re.compile(
        rb"(?:[!#-&(-\[\]-_a-~]++|%b.|'[^']*+'?|\"(?:%b.|[^\"%b])*+\"?|(?!%b)[^%b])++" % (e, e, e, SPACE, e), re.DOTALL
    )
    for escape, e in ((ord("\\"), rb"\\"), (ord("`"), rb"`"))
}
"""By the escape character of the file: a word between spaces, with its quotes and escapes."""


def build_global_scope(instructions: Iterable[DockerfileInstruction]) -> ArgScope:
    """Return the arguments that every `FROM` sees, from the `ARG` instructions above the first."""
    scope = ArgScope()
    for index, (instruction, name, value) in enumerate(_list_definitions(instructions)):
        if value is None:
            continue
        try:
            expansion = expand_word(instruction, *value, scope, index)
        except WordError:  # BuildKit refuses the whole file; here only the words that use the argument are unresolved
            expansion = WordExpansion((), (ArgumentUse(name, None, VariableEffect.UNSET, 0, 0),))
        scope.defaults[name] = ArgDefault(index, expansion)
        scope.first_lines[index] = instruction.first_line_number
    return scope


def list_inherited_names(instructions: Iterable[DockerfileInstruction]) -> Iterator[bytes]:
    """Yield the names that stages take from above the first `FROM`: those of `ARG` instructions without a default."""
    return (name for _, name, value in _list_definitions(instructions) if value is None)


def _list_definitions(
    instructions: Iterable[DockerfileInstruction],
) -> Iterator[tuple[DockerfileInstruction, bytes, tuple[int, int] | None]]:
    """Yield each name of each instruction, and the range of its default in the text, None without a default."""
    for instruction in instructions:
        start, end = instruction.rest_span
        for word in _WORDS[instruction.escape].finditer(instruction.text, start, end):
            name, equals, _ = word[0].partition(b"=")
            yield instruction, name, (word.start() + len(name) + 1, word.end()) if equals else None
