"""What BuildKit makes of a Dockerfile: its own parser (PyPI `dockerfile`), a port of its shell words, and its scoping.

The scoping is that of buildMetaArgs, buildDispatchStates and dispatchArg in moby/buildkit's
frontend/dockerfile/dockerfile2llb/convert.go.
"""

from __future__ import annotations

from collections.abc import Mapping
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
class Value:
    """What a word becomes."""

    text: str
    is_open: bool
    """Whether it depends on a variable that has no value, or another one for each platform."""


@dataclass
class Resolved:
    """A file, as far as images and arguments go."""

    bases: list[Value] = field(default_factory=list)
    """Of each FROM."""
    names: list[str] = field(default_factory=list)
    """Of the stages, empty for none."""
    platforms: list[str] = field(default_factory=list)
    taken: list[tuple[str, str]] = field(default_factory=list)
    """The arguments that stages take from above the first FROM, with the values they get."""


def resolve(
    content: str, escape: str, given: Mapping[str, str] | None = None, predefined: Mapping[str, str] = AMD64
) -> Resolved:
    """Return what a build that is `given` arguments makes of a Dockerfile. Raises RefusedError."""
    try:
        return _Build(escape, given or {}, predefined).run(content)
    except (dockerfile.GoParseError, ValueError) as error:
        raise RefusedError(str(error)) from error


class _Build:
    def __init__(self, escape: str, given: Mapping[str, str], predefined: Mapping[str, str]) -> None:
        self._escape = escape
        self._given = given
        self._values = {name: Value(text, is_open=True) for name, text in predefined.items()}
        self._resolved = Resolved()

    def run(self, content: str) -> Resolved:
        for command in dockerfile.parse_string(content):
            match (command.sub_cmd or command.cmd).lower():
                case "from":
                    self._from(command)
                case "arg" if command.sub_cmd or self._resolved.bases:
                    self._take(command.value)
                case "arg":
                    self._define(command.value)
        return self._resolved

    def _from(self, command: dockerfile.Command) -> None:
        match command.value:
            case (base,):
                name = ""
            case (base, as_, name) if as_.lower() == "as":
                pass
            case _:
                raise RefusedError("FROM requires either one or three arguments")
        self._resolved.bases.append(self._expand(base))
        self._resolved.names.append(name.lower())
        for flag in command.flags:
            self._resolved.platforms.append(self._expand(flag.removeprefix("--platform=")).text)

    def _define(self, words: tuple[str, ...]) -> None:
        for word in words:
            name, equals, default = word.partition("=")
            if name in self._given:
                self._values[name] = Value(self._given[name], is_open=False)
            elif equals:
                self._values[name] = self._expand(default)

    def _take(self, words: tuple[str, ...]) -> None:
        for word in words:
            if word in self._values:
                self._resolved.taken.append((word, self._values[word].text))

    def _expand(self, word: str) -> Value:
        asked = _Asked(self._values)
        text = ShellLex(self._escape, env=asked, skip_unset_env=False).process_word(word)
        return Value(text, asked.is_open)


class _Asked(dict[str, str]):
    """The variables that a word sees, which note whether one was asked for that is not certain."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        super().__init__({name: value.text for name, value in values.items()})
        self._values = values
        self.is_open = False

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]  # all that is asked
        value = self._values.get(name)
        self.is_open |= value is None or value.is_open
        return default if value is None else value.text
