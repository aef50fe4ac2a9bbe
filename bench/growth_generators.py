"""Generators of files that repeat, nest or alternate a construct, for `bench/growth_cases.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

NUMBER = "§"
"""A placeholder for a number in a construct. Each repetition of the construct gets a different number."""
LINE_BYTES = 60_000
"""The number of bytes after which a line of a Dockerfile is continued, because BuildKit rejects longer lines."""
Files = dict[str, bytes]
FileGenerator = Callable[[int], Files]
"""Returns the files of a tree. The argument is the size of the generated file in bytes."""


class GrowthCase(NamedTuple):
    """A generator of files for one reader."""

    name: str
    make_files: FileGenerator


def repeat(path: str, construct: str, before: str = "", after: str = "", **others: str) -> FileGenerator:
    """Return a generator that repeats `construct` between `before` and `after`.

    `others` are further files, with `__` for the slashes and `_` for the dots in their paths.
    """

    def make_files(size: int) -> Files:
        count = (size - len((before + after).encode())) // _measure(construct)
        numbered = (construct.replace(NUMBER, f"{number:06}") for number in range(count))
        body = "".join(numbered) if NUMBER in construct else construct * count
        further = {name.replace("__", "/").replace("_", "."): text.encode() for name, text in others.items()}
        return {path: (before + body + after).encode(), **further}

    return make_files


def nest(path: str, opening: str, middle: str, closing: str, before: str = "", after: str = "") -> FileGenerator:
    """Return a generator that puts `middle` between repeated `opening` and equally often repeated `closing`."""

    def make_files(size: int) -> Files:
        fixed = len((before + middle + after).encode())
        count = (size - fixed) // (_measure(opening) + _measure(closing))
        return {path: (before + opening * count + middle + closing * count + after).encode()}

    return make_files


def fold(construct: str, before: str = "FROM a\nRUN ", after: str = "") -> FileGenerator:
    """Return a generator of a Dockerfile that repeats `construct` in one instruction that continues over many lines."""

    def make_files(size: int) -> Files:
        (content,) = repeat("Dockerfile", construct)(size - 2 * size // LINE_BYTES - 100).values()
        lines = (content[start : start + LINE_BYTES] for start in range(0, len(content), LINE_BYTES))
        return {"Dockerfile": before.encode() + b"\\\n".join(lines) + after.encode()}

    return make_files


def multiply(path: str, long: str, construct: str, before: str = "", after: str = "") -> FileGenerator:
    """Return a generator of a file with a long text and constructs that could each copy this text.

    The text and the constructs each take half of the file. `before` contains `{}` for the long text, which repeats
    `long`.
    """

    def make_files(size: int) -> Files:
        return repeat(path, construct, before.replace("{}", long * (size // 2 // len(long))), after)(size)

    return make_files


def _measure(construct: str) -> int:
    return len(construct.replace(NUMBER, "000000").encode())
