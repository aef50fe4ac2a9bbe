"""What a Dockerfile's text says of images: the words of its instructions, as BuildKit understands them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from bot.formats._syntax.dockerfile_lexer import Instruction, Word, read_instructions
from bot.formats._syntax.places import Place
from bot.model.source import FilePath, Occurrence, Unsupported
from bot.model.vocabulary import Reason, Role

_SCRATCH = "scratch"
"""No image: the name for starting with nothing."""
_STAGE_NAME = re.compile(rb"[a-z][a-z0-9_.-]*")
_STAGE_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_TEMPLATE_MARKS = (b"{{", b"<%", b"%%")
_QUOTED = re.compile(rb"([\"'])([^\"']*)\1")
_CSV_FIELD = re.compile(rb'(?:"((?:[^"]|"")*)"|([^",]*))(?:,|\Z)')
_PLATFORM = re.compile(r"([a-z0-9]+)/([a-z0-9_-]+)(/[a-z0-9.]+)?", re.ASCII)
_ARCHITECTURES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386"}
"""Names that builders take for another (normalizeArch of github.com/containerd/platforms)."""


def read_dockerfile(
    content: bytes, path: FilePath, format_name: str, role: Role = Role.BASE
) -> Iterator[Occurrence | Unsupported]:
    """Yield every image that the Dockerfile `content` names, in its order; never raises.

    Spans and line numbers count from the start of `content`, wherever it stands; every slot lies inside one line of it.
    Locators are unique in it.
    """
    instructions = [each for each in read_instructions(content) if each.keyword in _USES]
    froms = (each for each in instructions if each.keyword == "from")
    stages = _Stages(frozenset(name for each in froms if (name := _stage_name(each))))
    for instruction in instructions:
        for use in _USES[instruction.keyword](instruction, stages):
            place = Place(path, format_name, role, use.line_number, use.locator, use.platform)
            found = _read(use, place)
            if found is not None:
                yield found


@dataclass(slots=True)
class _Stages:
    """The stages of one file while it is gone through, and what the current one has had so far."""

    all_names: frozenset[str]
    """In lower case. `COPY` and mounts may name any stage (findStateByName in dockerfile2llb/convert.go)."""
    names: set[str] = field(default_factory=set)
    """Those above the current instruction; only they hide an image from `FROM`."""
    count: int = 0
    seen: Counter[str] = field(default_factory=Counter)

    def begin(self, name: str | None) -> None:
        self.count += 1
        self.seen.clear()
        if name:
            self.names.add(name)

    def locate(self, keyword: str) -> str:
        """Return the locator of the next instruction of its kind in the current stage."""
        index = self.seen[keyword]
        self.seen[keyword] += 1
        stage = f"stage[{self.count - 1}]" if self.count else "preamble"
        return f"{stage}.{keyword}[{index}]"


@dataclass(frozen=True, slots=True)
class _Use:
    """A word that names an image, or a stage."""

    instruction: Instruction
    word: Word
    locator: str
    stages: Collection[str]
    """Names that are no images here, in lower case."""
    takes_numbers: bool = True
    """Whether a number is a stage."""
    platform: str | None = None

    @property
    def line_number(self) -> int:
        return self.instruction.line_number(self.word)


def _uses_of_from(instruction: Instruction, stages: _Stages) -> Iterator[_Use]:
    locator = f"stage[{stages.count}]"
    earlier = frozenset(stages.names)
    stages.begin(_stage_name(instruction))
    match instruction.words:
        case (image,):
            word = _unquoted(image)
        case (image, Word(b"as" | b"AS" | b"As" | b"aS"), _):
            word = _unquoted(image)
        case _:  # BuildKit builds nothing else; shown as a whole, it is no reference
            word = instruction.rest
    yield _Use(instruction, word, locator, earlier, takes_numbers=False, platform=_platform(instruction))


def _uses_of_copy(instruction: Instruction, stages: _Stages) -> Iterator[_Use]:
    return _copied(instruction, stages.locate("copy"), stages.all_names)


def _uses_of_run(instruction: Instruction, stages: _Stages) -> Iterator[_Use]:
    return _mounted(instruction, stages.locate("run"), stages.all_names)


def _uses_of_onbuild(instruction: Instruction, stages: _Stages) -> Iterator[_Use]:
    """Yield what will be used in another build, whose stages are unknown: a name of ours is taken for one of its."""
    locator = stages.locate("onbuild")
    inner = instruction.onbuild()
    if inner.keyword == "copy":
        yield from _copied(inner, f"{locator}.copy", stages.all_names)
    elif inner.keyword == "run":
        yield from _mounted(inner, f"{locator}.run", stages.all_names)


_USES: dict[str, Callable[[Instruction, _Stages], Iterator[_Use]]] = {
    "from": _uses_of_from,
    "copy": _uses_of_copy,
    "run": _uses_of_run,
    "onbuild": _uses_of_onbuild,
}
"""By keyword: what of an instruction names images."""


def _copied(instruction: Instruction, locator: str, stages: Collection[str]) -> Iterator[_Use]:
    for word in _flag_values(instruction, b"from")[-1:]:
        yield _Use(instruction, word, locator, stages)


def _mounted(instruction: Instruction, locator: str, stages: Collection[str]) -> Iterator[_Use]:
    for index, mount in enumerate(_flag_values(instruction, b"mount")):
        word = _mount_source(mount)
        if word is not None:
            yield _Use(instruction, word, f"{locator}.mount[{index}]", stages)


def _mount_source(mount: Word) -> Word | None:
    """Return the value of the last `from` among the comma-separated options of a mount.

    What is no such list is returned whole when it speaks of a source, and is no reference then. BuildKit reads them in
    frontend/dockerfile/instructions/commands_runmount.go.
    """
    source = None
    at = 0
    while at < len(mount.value):
        match = _CSV_FIELD.match(mount.value, at)
        if match is None:
            return mount if b"from=" in mount.value.lower() else None
        option = mount.part(*match.span(2 if match[1] is None else 1))
        key, equals, _ = option.value.partition(b"=")
        if equals and key.lower() == b"from":
            source = option.part(len(key) + 1)
        at = match.end()
    return source


def _read(use: _Use, place: Place) -> Occurrence | Unsupported | None:
    """Say what a word is; None for a stage and for no text at all."""
    value = use.word.value
    text = value.decode(errors="replace")
    if any(mark in value for mark in _TEMPLATE_MARKS):
        return place.unsupported(text, Reason.TEMPLATED)
    if b"$" in value:
        return place.unsupported(text, Reason.UNRESOLVED_ARGUMENT)
    if not text or text == _SCRATCH or (use.takes_numbers and _STAGE_NUMBER.fullmatch(text)):
        return None
    if text.lower() in use.stages:  # an image's name has no capitals, so nothing is lost where BuildKit minds them
        return None
    start = use.instruction.file_start(use.word)
    if start is None:  # escapes, quotes or a line break inside: there are no bytes to put a digest behind
        return place.unsupported(text, Reason.MALFORMED)
    return place.read(text, start)


def _stage_name(instruction: Instruction) -> str | None:
    """Return the name that a FROM gives its stage, in lower case; templates may leave many words before it."""
    match instruction.words:
        case (_, *_, Word(b"as" | b"AS" | b"As" | b"aS"), name):
            lowered = name.value.lower()
            return lowered.decode() if _STAGE_NAME.fullmatch(lowered) else None
        case _:
            return None


def _platform(instruction: Instruction) -> str | None:
    for word in _flag_values(instruction, b"platform")[-1:]:
        match = _PLATFORM.fullmatch(word.value.decode(errors="replace").lower())
        if match:
            system, architecture, variant = match.groups(default="")
            return f"{system}/{_ARCHITECTURES.get(architecture, architecture)}{variant}"
    return None


def _flag_values(instruction: Instruction, name: bytes) -> list[Word]:
    prefix = b"--" + name + b"="
    return [flag.part(len(prefix)) for flag in instruction.flags if flag.value.startswith(prefix)]


def _unquoted(word: Word) -> Word:
    """Return what is inside the quotes of `word`; quotes elsewhere stay, and make it no reference."""
    match = _QUOTED.fullmatch(word.value)
    return word.part(*match.span(2)) if match else word
