"""Find the words in the instructions of a Dockerfile that name an image or a build stage."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bot.core.references.dockerfile_stages import build_base_locator
from bot.formats._syntax.dockerfile.lexer import DockerfileInstruction, InstructionWord
from bot.formats._syntax.platforms import read_platform

_COUNTED_KEYWORDS = frozenset({"copy", "run", "onbuild"})
"""Keywords of the instructions that are counted in each stage, so that their locators are unique."""
_STAGE_NAME = re.compile(rb"[a-z][a-z0-9_.-]*")
_CSV_FIELD = re.compile(rb'(?:"((?:[^"]|"")*)"|([^",]*))(?:,|\Z)')


class BuildStages:
    """The build stages of one Dockerfile, and counters that make the locators of its instructions unique."""

    def __init__(self, instructions: Iterable[DockerfileInstruction]) -> None:
        froms = (each for each in instructions if each.keyword == "from")
        self.numbers_by_name: dict[str, int] = {}
        """The number of the first stage with each name, in lower case."""
        for number, instruction in enumerate(froms):
            name = _get_stage_name(instruction)
            if name is not None:
                self.numbers_by_name.setdefault(name, number)
        self._count = 0
        self._keyword_counts: dict[str, int] = {}

    def begin_stage(self) -> int:
        """Begin the next stage and return its number. The first stage has the number 0."""
        self._count += 1
        self._keyword_counts.clear()
        return self._count - 1

    def count_instruction(self, keyword: str) -> None:
        """Count one more instruction with `keyword` in the current stage. Call this once for each instruction."""
        self._keyword_counts[keyword] = self._keyword_counts.get(keyword, 0) + 1

    def build_locator(self, keyword: str) -> str:
        """Return a unique locator for the instruction that was counted last.

        For example, the locator of the second `COPY` of the first stage is `stage[0].copy[1]`.
        """
        index = self._keyword_counts[keyword] - 1
        stage = build_base_locator(self._count - 1) if self._count else "preamble"
        return f"{stage}.{keyword}[{index}]"


class ImageMention(NamedTuple):
    """A word in an instruction that names an image or a build stage."""

    instruction: DockerfileInstruction
    word: InstructionWord
    locator: str
    stage: int | None = None
    """The number of the stage that a `FROM` starts. In a `FROM`, only the names of earlier stages take precedence over
    images.

    None for `COPY` and mounts, which may name any stage (findStateByName in dockerfile2llb/convert.go)."""
    platform: str | None = None
    is_broken: bool = False
    """True if BuildKit rejects the instruction. `word` is then the whole text after the flags."""

    @property
    def is_from(self) -> bool:
        """True if the instruction is a `FROM`.

        BuildKit expands arguments in the image of a `FROM`, but not in the image of a mount or in `COPY --from`
        (toCommand, parseMount). Therefore, these images are read differently.
        """
        return self.stage is not None


def list_mentions(instruction: DockerfileInstruction, stages: BuildStages) -> Iterable[ImageMention]:
    """Return the words of one instruction that name images or build stages, such as `alpine` in `COPY --from=alpine`.

    Call this once for each instruction, in the order of the file, because `stages` counts the instructions for their
    locators.
    """
    keyword = instruction.keyword
    if keyword == "from":
        return (_read_from(instruction, stages.begin_stage()),)
    if keyword not in _COUNTED_KEYWORDS:
        return ()
    stages.count_instruction(keyword)
    if keyword != "onbuild":
        return _read_flags(instruction, keyword, stages.build_locator(keyword)) if instruction.flags else ()
    # The stages of the later build are unknown. A stage name in this file is assumed to be a stage of that build, too.
    inner = instruction.parse_onbuild()
    return _read_flags(inner, inner.keyword, f"{stages.build_locator(keyword)}.{inner.keyword}")


def _read_flags(instruction: DockerfileInstruction, keyword: str, locator: str) -> Iterable[ImageMention]:
    match keyword:
        case "copy":
            return _read_copy(instruction, locator)
        case "run":
            return _read_mounts(instruction, locator)
        case _:
            return ()


def _read_from(instruction: DockerfileInstruction, stage: int) -> ImageMention:
    match instruction.words:
        case (word,) | (word, InstructionWord(b"as" | b"AS" | b"As" | b"aS"), _):
            is_broken = False
        case _:
            word, is_broken = instruction.rest, True
    return ImageMention(instruction, word, build_base_locator(stage), stage, _get_platform(instruction), is_broken)


def _read_copy(instruction: DockerfileInstruction, locator: str) -> Iterator[ImageMention]:
    for word in _get_flag_values(instruction, b"from")[-1:]:
        yield ImageMention(instruction, word, locator)


def _read_mounts(instruction: DockerfileInstruction, locator: str) -> Iterator[ImageMention]:
    for index, mount in enumerate(_get_flag_values(instruction, b"mount")):
        word = _parse_mount_source(mount)
        if word is not None:
            yield ImageMention(instruction, word, f"{locator}.mount[{index}]")


def _parse_mount_source(mount: InstructionWord) -> InstructionWord | None:
    """Return the value of the option `from` of a mount, such as `alpine` in `type=bind,from=alpine`.

    Return None if the mount has no such option. If it has several, return the last value. BuildKit parses mounts in
    frontend/dockerfile/instructions/commands_runmount.go.

    If the mount contains `from=` but cannot be split into options, return the whole mount. The whole mount is not a
    valid reference, so basebump reports it.
    """
    source = None
    at = 0
    while at < len(mount.value):
        match = _CSV_FIELD.match(mount.value, at)
        if match is None:
            return mount if b"from=" in mount.value.lower() else None
        option = mount.slice_word(*match.span(2 if match[1] is None else 1))
        key, equals, _ = option.value.partition(b"=")
        if equals and key.lower() == b"from":
            source = option.slice_word(len(key) + 1)
        at = match.end()
    return source


def _get_stage_name(instruction: DockerfileInstruction) -> str | None:
    """Return the name in `FROM … AS name` in lower case, or None if there is no valid name.

    A Dockerfile that is a template may have several words before `AS` until it is rendered, so these are accepted.
    """
    match instruction.words:
        case (_, *_, InstructionWord(b"as" | b"AS" | b"As" | b"aS"), name):
            lowered = name.value.lower()
            return lowered.decode() if _STAGE_NAME.fullmatch(lowered) else None
        case _:
            return None


def _get_platform(instruction: DockerfileInstruction) -> str | None:
    words = _get_flag_values(instruction, b"platform")
    return read_platform(words[-1].value.decode(errors="replace")) if words else None


def _get_flag_values(instruction: DockerfileInstruction, name: bytes) -> list[InstructionWord]:
    prefix = b"--" + name + b"="
    return [flag.slice_word(len(prefix)) for flag in instruction.flags if flag.value.startswith(prefix)]
