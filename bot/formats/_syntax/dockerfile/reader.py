"""Read the images of a Dockerfile as BuildKit does. The Dockerfile may also be inside another file.

A `FROM` can use only the arguments that are defined above the first `FROM`. If several `ARG` instructions set a default
for the same argument, the last default applies. An `ARG` without a default keeps the earlier default (buildMetaArgs in
frontend/dockerfile/dockerfile2llb/convert.go of moby/buildkit). Instructions are split into words as in parseWords of
frontend/dockerfile/parser/line_parsers.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import dropwhile, islice, pairwise, takewhile

from bot.formats._syntax.broken import BrokenAtError, BrokenFile
from bot.formats._syntax.dockerfile.directives import find_syntax
from bot.formats._syntax.dockerfile.expansion import (
    ArgDefault,
    ArgScope,
    ArgumentUse,
    ByteRun,
    VariableEffect,
    WordError,
    WordExpansion,
    expand_literally,
)
from bot.formats._syntax.dockerfile.instruction_lines import SPACE
from bot.formats._syntax.dockerfile.lexer import DockerfileInstruction, read_instructions
from bot.formats._syntax.dockerfile.mentions import BuildStages, ImageMention, list_mentions
from bot.formats._syntax.dockerfile.slots import ComposedReference, SlotClaims, compose_reference
from bot.formats._syntax.dockerfile.words import PREDEFINED, expand_word
from bot.formats._syntax.reference_positions import ReferencePosition, format_for_display
from bot.model.cost_limits import MAX_FILE_REFERENCES
from bot.model.source import FilePath, Reference, UnsupportedText
from bot.model.vocabulary import Reason, Role

_WORDS = {
    escape: re.compile(
        rb"(?:[!#-&(-\[\]-_a-~]++|%b.|'[^']*+'?|\"(?:%b.|[^\"%b])*+\"?|(?!%b)[^%b])++" % (e, e, e, SPACE, e), re.DOTALL
    )
    for escape, e in ((ord("\\"), rb"\\"), (ord("`"), rb"`"))
}
"""A word between spaces, with its quotes and escapes, by the escape character of the file."""


BuildValues = Mapping[bytes, bytes | None]
"""The values of build arguments by their names. None if the value is unknown."""

FRONTEND_ARGUMENT = b"BUILDKIT_SYNTAX"
"""The build argument whose value is the image of the Dockerfile frontend. It replaces the directive `# syntax=`:
https://docs.docker.com/reference/dockerfile/#buildkit-built-in-build-args."""


def build_global_scope(instructions: Iterable[DockerfileInstruction], build_values: BuildValues) -> ArgScope:
    """Return the arguments that every `FROM` can use, with their defaults or the values that a build sets.

    `instructions` are the `ARG` instructions above the first `FROM`. A build also replaces the values that the builder
    sets itself, such as `TARGETARCH` (defaultArgs in dockerfile2llb/platform.go).
    """
    scope = ArgScope()
    for name in PREDEFINED & build_values.keys():
        _set_build_value(scope, _PREDEFINED_INDEX, name, build_values[name])
    for index, (instruction, name, value) in enumerate(_list_definitions(instructions)):
        if name in build_values:
            _set_build_value(scope, index, name, build_values[name])
            scope.first_lines[index] = instruction.first_line_number
            continue
        if value is None:
            continue
        try:
            expansion = expand_word(instruction, *value, scope, index)
        except WordError:  # BuildKit rejects the whole file. Here, only words that use the argument are unresolved.
            expansion = WordExpansion((), (ArgumentUse(name, None, VariableEffect.UNSET, 0, 0),))
        scope.defaults[name] = ArgDefault(index, expansion)
        scope.first_lines[index] = instruction.first_line_number
    return scope


_PREDEFINED_INDEX = -1
"""The index of the values that a build sets for variables without an `ARG` instruction."""


def _set_build_value(scope: ArgScope, index: int, name: bytes, value: bytes | None) -> None:
    if value is None:
        expansion = WordExpansion((), (ArgumentUse(name, None, VariableEffect.UNSET, 0, 0),))
    else:
        expansion = WordExpansion((ByteRun(value, None, 0, None),) if value else ())
    scope.defaults[name] = ArgDefault(index, expansion)
    scope.first_lines.setdefault(index, 1)


def list_inherited_names(instructions: Iterable[DockerfileInstruction]) -> Iterator[bytes]:
    """Yield the names of the arguments that a stage inherits with `ARG NAME`, without setting a default.

    The value of such an argument is set by an `ARG` above the first `FROM`. `instructions` are `ARG` instructions.
    """
    return (name for _, name, value in _list_definitions(instructions) if value is None)


def _list_definitions(
    instructions: Iterable[DockerfileInstruction],
) -> Iterator[tuple[DockerfileInstruction, bytes, tuple[int, int] | None]]:
    """Yield each argument that `ARG` instructions define, as (instruction, name, range of its default).

    The range is the (start, end) of the default in the text of the instruction, or None if there is no default.
    """
    for instruction in instructions:
        start, end = instruction.rest_span
        for word in _WORDS[instruction.escape].finditer(instruction.text, start, end):
            name, equals, _ = word[0].partition(b"=")
            yield instruction, name, (word.start() + len(name) + 1, word.end()) if equals else None


MAX_DEFAULTS = 100_000
"""Limit on the equals signs in the `ARG` instructions of one file, each of which may set a default. An instruction can
set any number of defaults, and each takes about 600 bytes of memory."""

MAX_STAGES_COMPARED = 100
"""Limit on the stage names that are compared with a name that contains `TARGETARCH` or the like. No build has so many
stages."""

_KEYWORDS = frozenset({"arg", "from", "copy", "run", "onbuild"})
_SCRATCH = "scratch"
"""The name of the empty base, which is not an image."""
_STAGE_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_TEMPLATE_MARKS = re.compile(rb"\{\{|\{%|<%|\$\(|\$\{\w+:[A-Za-z]|(?<![\w}])%%\w|@[A-Za-z_]\w*@")
"""Placeholders that template engines replace before the build. Neither references nor expansions contain such
placeholders."""
_LITERAL_WORD = re.compile(rb"[A-Za-z0-9._/:@+\[\]-]*")
"""A word that expands to itself."""
_VARIABLE_NAME = re.compile(rb"\$\{?([A-Za-z_][A-Za-z0-9_]*)")
_QUOTED = re.compile(rb"([\"'])([^\"']*)\1")


def read_dockerfile(
    content: bytes, path: FilePath, format_name: str, build_values: BuildValues | None = None
) -> Iterator[Reference | UnsupportedText]:
    """Yield every image that the Dockerfile `content` names, in the order of the file. Never raises.

    Slots (the byte ranges of edits) and line numbers count from the start of `content`. No slot extends over several
    lines, and locators are unique in `content`. If the file exceeds a limit, yield only an `UnsupportedText` for the
    whole file.

    `build_values` are the arguments that a build sets, which replace the defaults. The slots are then meaningless.
    """
    try:
        instructions = list(read_instructions(content, _KEYWORDS))
    except BrokenAtError as error:
        yield BrokenFile.create_from_error(content, error).make_unsupported(path)
        return
    if content.count(b"=") > MAX_DEFAULTS and _count_defaults(instructions) > MAX_DEFAULTS:
        yield UnsupportedText(path, 1, "", Reason.TOO_LARGE)
        return
    yield from _read_syntax(content, path, format_name)
    yield from _DockerfileReader(instructions, path, format_name, build_values or {}).read_images()


def _count_defaults(instructions: Iterable[DockerfileInstruction]) -> int:
    return sum(each.text.count(b"=") for each in instructions if each.keyword == "arg")


def _read_syntax(content: bytes, path: FilePath, format_name: str) -> Iterator[Reference | UnsupportedText]:
    syntax = find_syntax(content)
    if syntax is not None:
        position = ReferencePosition(path, format_name, Role.BASE, syntax.line_number, "syntax")
        if _TEMPLATE_MARKS.search(syntax.text):
            yield position.make_unsupported(_decode(syntax.text), Reason.TEMPLATED)
        else:
            yield position.read_reference(_decode(syntax.image), syntax.start)


class _DockerfileReader:
    """Reads the image references in the instructions of one Dockerfile."""

    def __init__(
        self,
        instructions: Sequence[DockerfileInstruction],
        path: FilePath,
        format_name: str,
        build_values: BuildValues,
    ) -> None:
        self._instructions = instructions
        self._build_values = build_values
        self._path = path
        self._format_name = format_name
        self._stages = BuildStages(instructions)
        self._global_scope: ArgScope | None = None
        self._slot_claims = SlotClaims()

    def read_images(self) -> Iterator[Reference | UnsupportedText]:
        """Yield every image. If there are more than MAX_FILE_REFERENCES, yield only an `UnsupportedText` for the file.

        Call this once.
        """
        found = (
            reference
            for instruction in self._instructions
            for mention in list_mentions(instruction, self._stages)
            if (reference := self._read_mention(mention)) is not None
        )
        references = list(islice(found, MAX_FILE_REFERENCES + 1))
        if len(references) > MAX_FILE_REFERENCES:
            yield UnsupportedText(self._path, 1, "", Reason.TOO_LARGE)
            return
        if self._global_scope is not None:
            self._record_other_uses()
        for reference in references:
            yield (
                self._slot_claims.build_reference(reference, self._global_scope)
                if isinstance(reference, ComposedReference)
                else reference
            )

    @property
    def _scope(self) -> ArgScope:
        if self._global_scope is None:
            above = takewhile(lambda each: each.keyword != "from", self._instructions)
            self._global_scope = build_global_scope(
                (each for each in above if each.keyword == "arg"), self._build_values
            )
        return self._global_scope

    def _read_mention(self, mention: ImageMention) -> Reference | UnsupportedText | ComposedReference | None:
        """Return the image that a word names, or None if the word is empty, is `scratch`, or names a build stage.

        If the word contains arguments and can be expanded, its image is a `ComposedReference`. Whether this image is
        editable is decided after all instructions have been read: an edit changes the default of an argument, which
        other instructions may use too.
        """
        word = mention.word
        if _TEMPLATE_MARKS.search(word.value):
            self._record_named_uses(word.value)
            return self._make_unsupported(mention, Reason.TEMPLATED)
        if _LITERAL_WORD.fullmatch(word.value):
            text = word.value.decode()
            if self._is_not_image(text, mention):
                return None
            start = mention.instruction.find_file_start(word)
            if start is not None:
                return self._make_position(mention).read_reference(text, start)
        if mention.is_broken:
            self._record_named_uses(word.value)
            return self._make_unsupported(mention, Reason.MALFORMED)
        if mention.is_from:
            return self._read_expanded(mention)
        names = _list_variable_names(word.value)
        if names:
            return self._make_unsupported(mention, Reason.UNRESOLVED_ARGUMENT, names)
        try:
            return self._read_expansion(mention, expand_literally(mention.instruction, word.origins))
        except WordError:
            return self._make_unsupported(mention, Reason.MALFORMED)

    def _read_expanded(self, mention: ImageMention) -> Reference | UnsupportedText | ComposedReference | None:
        origins = mention.word.origins
        try:
            expansion = expand_word(mention.instruction, origins[0], origins[-1] + 1, self._scope)
        except WordError as error:
            self._record_named_uses(mention.word.value)
            return self._make_unsupported(mention, error.reason, _list_variable_names(mention.word.value))
        found = self._read_expansion(mention, expansion)
        if isinstance(found, ComposedReference):
            self._slot_claims.record_reference(found)
        else:
            self._slot_claims.record_other_uses(expansion.uses)
        return found

    def _read_expansion(
        self, mention: ImageMention, expansion: WordExpansion
    ) -> UnsupportedText | ComposedReference | None:
        """Return the image that `expansion` names.

        The expansion is the text of a word after its variables were replaced.

        The result is an `UnsupportedText` if the text contains a template, depends on an unknown variable, or is not a
        valid reference. The result is also an `UnsupportedText` if the text is empty because all its variables are
        empty.

        The result is None if the text is `scratch`, is or may be the name of a stage, or is empty without using
        variables.
        """
        text = _decode(expansion.text)
        if _TEMPLATE_MARKS.search(expansion.text):
            return self._make_unsupported(mention, Reason.TEMPLATED, expansion.variables)
        if expansion.unknown_uses:
            if self._may_be_stage(mention, expansion):
                return None
            return self._make_unsupported(mention, Reason.UNRESOLVED_ARGUMENT, expansion.variables)
        if not text and expansion.uses:
            return self._make_unsupported(mention, Reason.UNRESOLVED_ARGUMENT, expansion.variables)
        if self._is_not_image(text, mention):
            return None
        found = self._make_position(mention).read_reference(text, 0)
        if isinstance(found, UnsupportedText):
            return self._make_unsupported(mention, found.reason, expansion.variables)
        return compose_reference(found, expansion, format_for_display(_decode(_unquote(mention.word.value))))

    def _is_not_image(self, text: str, mention: ImageMention) -> bool:
        if not text or text == _SCRATCH or (not mention.is_from and _STAGE_NUMBER.fullmatch(text)):
            return True
        # In a FROM, BuildKit distinguishes upper and lower case. No image name has upper case, so ignoring the case is
        # safe.
        number = self._stages.numbers_by_name.get(text.lower())
        return number is not None and (mention.stage is None or number < mention.stage)

    def _may_be_stage(self, mention: ImageMention, expansion: WordExpansion) -> bool:
        """Return True if the word may become the name of an earlier stage when the builder sets the variables in it.

        For example, `base-$TARGETARCH` may become the name of the stage `base-arm64`. The result is False if the word
        contains an unknown variable that the builder does not set itself.
        """
        if mention.stage is None or any(use.effect is not VariableEffect.PREDEFINED for use in expansion.unknown_uses):
            return False
        cuts = [0, *sorted(use.start for use in expansion.unknown_uses), len(expansion.text)]
        text = expansion.text.lower()
        first, *others, last = (_decode(text[start:end]) for start, end in pairwise(cuts))
        stages = islice(self._stages.numbers_by_name.items(), MAX_STAGES_COMPARED)
        return any(number < mention.stage and _can_match(name, first, others, last) for name, number in stages)

    def _make_position(self, mention: ImageMention) -> ReferencePosition:
        instruction = mention.instruction
        line_number = instruction.get_line_number(mention.word)
        first_line = instruction.first_line_number
        also_lines = () if first_line == line_number else (first_line,)
        return ReferencePosition(
            self._path, self._format_name, Role.BASE, line_number, mention.locator, mention.platform, also_lines
        )

    def _make_unsupported(
        self, mention: ImageMention, reason: Reason, variables: tuple[str, ...] = ()
    ) -> UnsupportedText:
        found = self._make_position(mention).make_unsupported(_decode(_unquote(mention.word.value)), reason)
        return replace(found, variables=variables) if variables else found

    def _record_other_uses(self) -> None:
        """Record the arguments that are used outside image references, so that their defaults are not editable.

        These are arguments in flags, and arguments that a stage inherits with `ARG NAME`. If no image reference uses an
        argument, the arguments in its default are recorded too.
        """
        in_stages = dropwhile(lambda each: each.keyword != "from", self._instructions)
        for instruction in (each.parse_onbuild() if each.keyword == "onbuild" else each for each in in_stages):
            if instruction.keyword == "arg":
                for name in list_inherited_names([instruction]):
                    self._record_name_use(name)
            else:
                for flag in instruction.flags:
                    self._record_named_uses(flag.value)
        for argument in self._scope.defaults.values():
            if not self._slot_claims.is_used(argument.index):
                self._slot_claims.record_other_uses(argument.expansion.uses)

    def _record_named_uses(self, text: bytes) -> None:
        for name in _VARIABLE_NAME.findall(text):
            self._record_name_use(name)

    def _record_name_use(self, name: bytes) -> None:
        argument = self._scope.defaults.get(name)
        if argument is not None:
            self._slot_claims.record_other_uses(
                (ArgumentUse(name, argument.index, VariableEffect.VALUE, 0, 0), *argument.expansion.uses)
            )


def _can_match(name: str, first: str, others: Sequence[str], last: str) -> bool:
    """Return True if `name` consists of `first`, `others` in this order, and `last`, with any text between them."""
    at = len(first)
    if not name.startswith(first) or len(name) < at + len(last) or not name.endswith(last):
        return False
    for text in others:
        found = name.find(text, at, len(name) - len(last))
        if found < 0:
            return False
        at = found + len(text)
    return True


def _list_variable_names(text: bytes) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.decode() for name in _VARIABLE_NAME.findall(text)))


def _unquote(text: bytes) -> bytes:
    match = _QUOTED.fullmatch(text)
    return match[2] if match else text


def _decode(text: bytes) -> str:
    return text.decode(errors="replace")
