"""BuildKit's view of a Dockerfile: its parser (PyPI `dockerfile`), and ports of its word and scope rules.

The scoping is that of buildMetaArgs, buildDispatchStates and dispatchArg in moby/buildkit's
frontend/dockerfile/dockerfile2llb/convert.go.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import dockerfile
from e2b_dockerfile_utils.lexer import ShellLex

AMD64 = {
    "BUILDPLATFORM": "linux/amd64",
    "BUILDARCH": "amd64",
    "TARGETPLATFORM": "linux/amd64",
    "TARGETOS": "linux",
    "TARGETARCH": "amd64",
    "TARGETVARIANT": "",
}
"""What the builder sets of itself, for one platform."""
ARM64 = AMD64 | {"TARGETPLATFORM": "linux/arm64", "TARGETARCH": "arm64", "TARGETVARIANT": "v8"}


class RefusedError(Exception):
    """BuildKit builds nothing of this file."""


@dataclass(frozen=True)
class WordValue:
    """The value of an expanded word."""

    text: str
    is_open: bool
    """Whether it depends on a variable that has no value, or another one for each platform."""


@dataclass
class ResolvedDockerfile:
    """A file, as far as images and arguments go."""

    bases: list[WordValue] = field(default_factory=list)
    """Of each FROM."""
    names: list[str] = field(default_factory=list)
    """Of the stages, empty for none."""
    platforms: list[str] = field(default_factory=list)
    taken: list[tuple[str, str]] = field(default_factory=list)
    """The arguments that stages take from above the first FROM, with the values they get."""


def resolve_dockerfile(
    content: str, escape: str, given: Mapping[str, str] | None = None, predefined: Mapping[str, str] = AMD64
) -> ResolvedDockerfile:
    """Resolve a Dockerfile as a build with the `given` arguments. Raises RefusedError."""
    try:
        return _BuildReader(escape, given or {}, predefined).run(content)
    except (dockerfile.GoParseError, ValueError) as error:
        raise RefusedError(str(error)) from error


@dataclass(frozen=True)
class ImagePull:
    """An image that a build of the file pulls, or the image that reads the file."""

    first_line: int
    """Of the instruction."""
    last_line: int
    image: WordValue


_DIRECTIVE = re.compile(r"[ \t]*([a-zA-Z][a-zA-Z0-9]*)[ \t]*=[ \t]*(.+?)[ \t\r]*")
_STAGE_NAME = re.compile(r"[a-z][a-z0-9_.-]*")


def list_pulls(content: str) -> list[ImagePull]:
    """Return the images of every instruction that BuildKit can read; one that it refuses costs no other.

    Raises RefusedError when the file has no instructions for it.
    """
    lines = content.removeprefix("\ufeff").split("\n")
    escape = _list_directives([line.lstrip() for line in lines], "#").get("escape", (1, "\\"))[1]
    try:
        commands = dockerfile.parse_string(content)
    except (dockerfile.GoParseError, ValueError) as error:
        raise RefusedError(str(error)) from error
    return [*_find_syntax_image(lines), *_StagePulls(escape).of(commands)]


def _find_syntax_image(lines: list[str]) -> list[ImagePull]:
    """Return the image that reads the file, without the JSON form (frontend/dockerfile/parser/directives.go)."""
    skipped = int(lines[0].startswith("#!"))
    found = (_list_directives(lines[skipped:], mark).get("syntax") for mark in ("#", "//"))
    number, text = next((each for each in found if each), (0, ""))
    image = WordValue(text.partition(" ")[0], is_open=False)
    return [ImagePull(number + skipped, number + skipped, image)] if text else []


def _list_directives(lines: list[str], mark: str) -> dict[str, tuple[int, str]]:
    """Return the directives at the top, with their lines."""
    found: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(lines, start=1):
        match = _DIRECTIVE.fullmatch(line.removeprefix(mark)) if line.startswith(mark) else None
        key = match[1].lower() if match else ""
        if match is None or key not in ("syntax", "escape", "check") or key in found:
            break
        found[key] = number, match[2]
    return found


class _StagePulls:
    def __init__(self, escape: str) -> None:
        self._build = _BuildReader(escape, {}, AMD64)
        self._names: set[str] = set()
        """Of the stages so far; what is no FROM may name later ones."""

    def of(self, commands: tuple[dockerfile.Command, ...]) -> Iterator[ImagePull]:
        commands = tuple(command for command in commands if command.cmd)
        every = {name for command in commands if _is_from(command) for name in _list_stage_names(command)}
        for command in commands:
            lines = command.start_line, command.end_line
            if _is_from(command):
                base = self._base(command)
                if base is not None and base.text.lower() not in {*self._names, "", "scratch"}:
                    yield ImagePull(*lines, base)
                self._names.update(_list_stage_names(command))
                continue
            if command.cmd.lower() == "arg" and not self._build.resolved.bases:
                self._define(command)
            for text in _list_sources(_parse_onbuild(command)):
                if text.lower() not in {*every, "", "scratch"} and not text.isdecimal():
                    yield ImagePull(*lines, WordValue(text, is_open="$" in text))

    def _base(self, command: dockerfile.Command) -> WordValue | None:
        try:
            self._build.begin(command)
        except (RefusedError, ValueError):
            self._build.resolved.bases.append(WordValue("", is_open=True))
            return None
        return self._build.resolved.bases[-1]

    def _define(self, command: dockerfile.Command) -> None:
        try:
            self._build.define(command.value)
        except ValueError:
            return


def _is_from(command: dockerfile.Command) -> bool:
    return command.cmd.lower() == "from"


def _list_stage_names(command: dockerfile.Command) -> Iterator[str]:
    """Yield the name of the stage that a FROM begins; a template before it can be several words."""
    match command.value:
        case (_, *_, as_, name) if as_.lower() == "as" and _STAGE_NAME.fullmatch(name.lower()):
            yield name.lower()


def _parse_onbuild(command: dockerfile.Command) -> dockerfile.Command:
    """Return the instruction of an ONBUILD, whose flags the parser omits."""
    if command.cmd.lower() != "onbuild":
        return command
    try:
        first_line = command.original.partition("\n")[0]
        return dockerfile.parse_string(first_line.split(None, 1)[1].replace("<<", ""))[0]
    except (dockerfile.GoParseError, IndexError):
        return command


def _list_sources(command: dockerfile.Command) -> Iterator[str]:
    """Yield the value of every `from` of a COPY or RUN (instructions/commands_runmount.go)."""
    if command.cmd.lower() == "copy":
        yield from [flag.partition("=")[2] for flag in command.flags if flag.startswith("--from=")][-1:]
    if command.cmd.lower() == "run":
        for flag in command.flags:
            if flag.startswith("--mount="):
                options = next(csv.reader([flag.removeprefix("--mount=")]), [])
                pairs = [option.partition("=") for option in options]
                yield from [value for key, _, value in pairs if key.lower() == "from"][-1:]


class _BuildReader:
    def __init__(self, escape: str, given: Mapping[str, str], predefined: Mapping[str, str]) -> None:
        self._escape = escape
        self._given = given
        # `defaultArgs` of BuildKit's dockerfile2llb: arguments of the build replace the values of the builder.
        self._values = {
            name: WordValue(given.get(name, text), is_open=name not in given) for name, text in predefined.items()
        }
        self.resolved = ResolvedDockerfile()

    def run(self, content: str) -> ResolvedDockerfile:
        for command in dockerfile.parse_string(content):
            match (command.sub_cmd or command.cmd).lower():
                case "from":
                    self.begin(command)
                case "arg" if command.sub_cmd or self.resolved.bases:
                    self._take(command.value)
                case "arg":
                    self.define(command.value)
        return self.resolved

    def begin(self, command: dockerfile.Command) -> None:
        match command.value:
            case (base,):
                name = ""
            case (base, as_, name) if as_.lower() == "as":
                pass
            case _:
                raise RefusedError("FROM requires either one or three arguments")
        self.resolved.bases.append(self._expand(base))
        self.resolved.names.append(name.lower())
        for flag in command.flags:
            self.resolved.platforms.append(self._expand(flag.removeprefix("--platform=")).text)

    def define(self, words: tuple[str, ...]) -> None:
        for word in words:
            name, equals, default = word.partition("=")
            if name in self._given:
                self._values[name] = WordValue(self._given[name], is_open=False)
            elif equals:
                self._values[name] = self._expand(default)

    def _take(self, words: tuple[str, ...]) -> None:
        for word in words:
            if word in self._values:
                self.resolved.taken.append((word, self._values[word].text))

    def _expand(self, word: str) -> WordValue:
        asked = _RecordingVariables(self._values)
        text = ShellLex(self._escape, env=asked, skip_unset_env=False).process_word(word)
        return WordValue(text, asked.is_open)


class _RecordingVariables(dict[str, str]):
    """The variables that a word sees, which note whether one was asked for that is not certain."""

    def __init__(self, values: Mapping[str, WordValue]) -> None:
        super().__init__({name: value.text for name, value in values.items()})
        self._values = values
        self.is_open = False

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]  # all that is asked
        value = self._values.get(name)
        self.is_open |= value is None or value.is_open
        return default if value is None else value.text
