"""Read the images of a Dockerfile's text as BuildKit understands it, in a file of its own or inside another file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import dropwhile, islice, pairwise, takewhile

from bot.formats._syntax.dockerfile.arguments import global_scope, names_taken
from bot.formats._syntax.dockerfile.directives import find_syntax
from bot.formats._syntax.dockerfile.expansion import Expansion, How, Scope, Use, WordError, located
from bot.formats._syntax.dockerfile.lexer import Instruction, read_instructions
from bot.formats._syntax.dockerfile.mentions import Mention, Stages, mentions_of
from bot.formats._syntax.dockerfile.slots import Claims, Composed, compose
from bot.formats._syntax.dockerfile.words import expand
from bot.formats._syntax.places import Place, shown
from bot.model.source import FilePath, Occurrence, UnsupportedText
from bot.model.vocabulary import Reason, Role

MAX_STAGES_COMPARED = 100
"""Limit on stage names that are compared with a name that contains `TARGETARCH` or the like; no build has so many."""

_READ = frozenset({"arg", "from", "copy", "run", "onbuild"})
_SCRATCH = "scratch"
"""The name for an empty base; it is not an image."""
_STAGE_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_TEMPLATE = re.compile(rb"\{\{|\{%|<%|\$\(|\$\{\w+:[A-Za-z]|(?<![\w}])%%\w|@[A-Za-z_]\w*@")
"""Marks that template engines replace before the build; neither a reference nor an expansion contains them."""
_AS_IT_IS = re.compile(rb"[A-Za-z0-9._/:@+\[\]-]*")
"""A word that expands to itself."""
_NAME_USED = re.compile(rb"\$\{?([A-Za-z_][A-Za-z0-9_]*)")
_QUOTED = re.compile(rb"([\"'])([^\"']*)\1")


def read_dockerfile(content: bytes, path: FilePath, format_name: str) -> Iterator[Occurrence | UnsupportedText]:
    """Yield every image that the Dockerfile `content` names, in order; never raises.

    Spans and line numbers count from the start of `content`, and every slot lies inside one line of it. Locators are
    unique in `content`.
    """
    syntax = find_syntax(content)
    if syntax is not None:
        place = Place(path, format_name, Role.BASE, syntax.line_number, "syntax")
        if _TEMPLATE.search(syntax.text):
            yield place.unsupported(_decoded(syntax.text), Reason.TEMPLATED)
        else:
            yield place.read(_decoded(syntax.image), syntax.start)
    yield from _Reader(list(read_instructions(content, _READ)), path, format_name).places()


class _Reader:
    """Reads the instructions of one file."""

    def __init__(self, instructions: Sequence[Instruction], path: FilePath, format_name: str) -> None:
        self._instructions = instructions
        self._path = path
        self._format_name = format_name
        self._stages = Stages(instructions)
        self._global_scope: Scope | None = None
        self._claims = Claims()

    def places(self) -> Iterator[Occurrence | UnsupportedText]:
        found = [
            place
            for instruction in self._instructions
            for mention in mentions_of(instruction, self._stages)
            if (place := self._read(mention)) is not None
        ]
        if self._global_scope is not None:
            self._note_other_uses()
        for place in found:
            yield self._claims.settle(place, self._global_scope) if isinstance(place, Composed) else place

    @property
    def _scope(self) -> Scope:
        if self._global_scope is None:
            above = takewhile(lambda each: each.keyword != "from", self._instructions)
            self._global_scope = global_scope(each for each in above if each.keyword == "arg")
        return self._global_scope

    def _read(self, mention: Mention) -> Occurrence | UnsupportedText | Composed | None:
        """Return the image that a word names; None for a stage and for an empty word."""
        word = mention.word
        if _TEMPLATE.search(word.value):
            self._spoil_named(word.value)
            return self._unsupported(mention, Reason.TEMPLATED)
        if _AS_IT_IS.fullmatch(word.value):
            text = word.value.decode()
            if self._is_no_image(text, mention):
                return None
            start = mention.instruction.file_start(word)
            if start is not None:
                return self._place(mention).read(text, start)
        if mention.is_broken:
            self._spoil_named(word.value)
            return self._unsupported(mention, Reason.MALFORMED)
        if mention.is_from:
            return self._read_expanded(mention)
        names = _names_used(word.value)
        if names:
            return self._unsupported(mention, Reason.UNRESOLVED_ARGUMENT, names)
        try:
            return self._composed(mention, located(mention.instruction, word.origins))
        except WordError:
            return self._unsupported(mention, Reason.MALFORMED)

    def _read_expanded(self, mention: Mention) -> Occurrence | UnsupportedText | Composed | None:
        origins = mention.word.origins
        try:
            expansion = expand(mention.instruction, origins[0], origins[-1] + 1, self._scope)
        except WordError as error:
            self._spoil_named(mention.word.value)
            return self._unsupported(mention, error.reason, _names_used(mention.word.value))
        found = self._composed(mention, expansion)
        if isinstance(found, Composed):
            self._claims.claim(found)
        else:
            self._claims.spoil(expansion.uses)
        return found

    def _composed(self, mention: Mention, expansion: Expansion) -> UnsupportedText | Composed | None:
        """Return the image of a word that expansion changed, or that is not contiguous in the file."""
        text = _decoded(expansion.text)
        if _TEMPLATE.search(expansion.text):
            return self._unsupported(mention, Reason.TEMPLATED, expansion.variables)
        if expansion.unknown:
            if self._may_be_stage(mention, expansion):
                return None
            return self._unsupported(mention, Reason.UNRESOLVED_ARGUMENT, expansion.variables)
        if not text and expansion.uses:
            return self._unsupported(mention, Reason.UNRESOLVED_ARGUMENT, expansion.variables)
        if self._is_no_image(text, mention):
            return None
        found = self._place(mention).read(text, 0)
        if isinstance(found, UnsupportedText):
            return self._unsupported(mention, found.reason, expansion.variables)
        return compose(found, expansion, shown(_decoded(_unquoted(mention.word.value))))

    def _is_no_image(self, text: str, mention: Mention) -> bool:
        if not text or text == _SCRATCH or (not mention.is_from and _STAGE_NUMBER.fullmatch(text)):
            return True
        # BuildKit distinguishes upper case in FROM; no image has upper case, so nothing is lost by ignoring it.
        number = self._stages.first.get(text.lower())
        return number is not None and (mention.stage is None or number < mention.stage)

    def _may_be_stage(self, mention: Mention, expansion: Expansion) -> bool:
        """Return True if any value of the builder's variables would make the word the name of an existing stage."""
        if mention.stage is None or any(use.how is not How.PREDEFINED for use in expansion.unknown):
            return False
        cuts = [0, *sorted(use.start for use in expansion.unknown), len(expansion.text)]
        text = expansion.text.lower()
        first, *others, last = (_decoded(text[start:end]) for start, end in pairwise(cuts))
        stages = islice(self._stages.first.items(), MAX_STAGES_COMPARED)
        return any(number < mention.stage and _fits(name, first, others, last) for name, number in stages)

    def _place(self, mention: Mention) -> Place:
        instruction = mention.instruction
        line_number = instruction.line_number(mention.word)
        first_line = instruction.first_line
        also_lines = () if first_line == line_number else (first_line,)
        return Place(
            self._path, self._format_name, Role.BASE, line_number, mention.locator, mention.platform, also_lines
        )

    def _unsupported(self, mention: Mention, reason: Reason, variables: tuple[str, ...] = ()) -> UnsupportedText:
        found = self._place(mention).unsupported(_decoded(_unquoted(mention.word.value)), reason)
        return replace(found, variables=variables) if variables else found

    def _note_other_uses(self) -> None:
        """Record uses of arguments outside references: in flags, by stages that take them, and by unused arguments."""
        in_stages = dropwhile(lambda each: each.keyword != "from", self._instructions)
        for instruction in (each.onbuild() if each.keyword == "onbuild" else each for each in in_stages):
            if instruction.keyword == "arg":
                for name in names_taken([instruction]):
                    self._spoil(name)
            else:
                for flag in instruction.flags:
                    self._spoil_named(flag.value)
        for argument in self._scope.arguments.values():
            if not self._claims.is_used(argument.index):
                self._claims.spoil(argument.value.uses)

    def _spoil_named(self, text: bytes) -> None:
        for name in _NAME_USED.findall(text):
            self._spoil(name)

    def _spoil(self, name: bytes) -> None:
        argument = self._scope.arguments.get(name)
        if argument is not None:
            self._claims.spoil((Use(name, argument.index, How.VALUE, 0, 0), *argument.value.uses))


def _fits(name: str, first: str, others: Sequence[str], last: str) -> bool:
    """Return True if `name` is `first`, anything, each of `others` with anything behind it, and `last`."""
    at = len(first)
    if not name.startswith(first) or len(name) < at + len(last) or not name.endswith(last):
        return False
    for text in others:
        found = name.find(text, at, len(name) - len(last))
        if found < 0:
            return False
        at = found + len(text)
    return True


def _names_used(text: bytes) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.decode() for name in _NAME_USED.findall(text)))


def _unquoted(text: bytes) -> bytes:
    match = _QUOTED.fullmatch(text)
    return match[2] if match else text


def _decoded(text: bytes) -> str:
    return text.decode(errors="replace")
