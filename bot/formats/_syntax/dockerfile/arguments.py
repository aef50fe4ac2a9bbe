"""Build arguments of a Dockerfile: what `ARG` gives to the words of `FROM`, and which of it stages see, too.

Only what stands above the first `FROM` has a say in any `FROM`; the last default of a name wins, and a name without
one keeps what it had (buildMetaArgs in frontend/dockerfile/dockerfile2llb/convert.go of moby/buildkit). What the words
of an instruction are follows parseWords in frontend/dockerfile/parser/line_parsers.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.formats._syntax.dockerfile.expansion import Argument, Expansion, How, Scope, Use, WordError
from bot.formats._syntax.dockerfile.lexer import Instruction
from bot.formats._syntax.dockerfile.lines import SPACE
from bot.formats._syntax.dockerfile.words import expand

_WORDS = {
    escape: re.compile(
        rb"(?:[!#-&(-\[\]-_a-~]++|%b.|'[^']*+'?|\"(?:%b.|[^\"%b])*+\"?|(?!%b)[^%b])++" % (e, e, e, SPACE, e), re.DOTALL
    )
    for escape, e in ((ord("\\"), rb"\\"), (ord("`"), rb"`"))
}
"""By the escape character of the file: what is between spaces, quotes and escapes included."""


def global_scope(instructions: Iterable[Instruction]) -> Scope:
    """Return what the words of every `FROM` see, from the `ARG` instructions above the first."""
    scope = Scope()
    for index, (instruction, name, value) in enumerate(_definitions(instructions)):
        if value is None:
            continue
        try:
            expansion = expand(instruction, *value, scope, index)
        except WordError:  # BuildKit builds nothing then; here only what depends on it is not read
            expansion = Expansion((), (Use(name, None, How.UNSET, 0, 0),))
        scope.arguments[name] = Argument(index, expansion)
        scope.lines[index] = instruction.first_line
    return scope


def names_taken(instructions: Iterable[Instruction]) -> Iterator[bytes]:
    """Yield the names whose value stages take from above the first `FROM`: those that they give no default."""
    return (name for _, name, value in _definitions(instructions) if value is None)


def _definitions(instructions: Iterable[Instruction]) -> Iterator[tuple[Instruction, bytes, tuple[int, int] | None]]:
    """Yield each name of each instruction, and where in its text the default stands, if there is one."""
    for instruction in instructions:
        start, end = instruction.rest_span
        for word in _WORDS[instruction.escape].finditer(instruction.text, start, end):
            name, equals, _ = word[0].partition(b"=")
            yield instruction, name, (word.start() + len(name) + 1, word.end()) if equals else None
