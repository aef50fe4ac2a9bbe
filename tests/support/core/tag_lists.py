"""Tables about tags, from the text files beside the tests that hold them."""

from __future__ import annotations

from collections import defaultdict

from support.parts import ROOT

FOLDER = ROOT / "tests" / "core" / "choice" / "tags"


def read_rows(file: str) -> list[list[str]]:
    """Return the words of every line that is neither empty nor a comment."""
    lines = (FOLDER / file).read_text(encoding="utf-8").splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


def _read_tag_lists() -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    repository = ""
    for words in read_rows("lists.txt"):
        if words[0].startswith("["):
            repository = words[0].strip("[]")
            continue
        cut = words.index("/") if "/" in words else len(words)
        suffixes = [suffix.removeprefix(".") for suffix in words[cut + 1 :]] or [""]
        found[repository] += [tag + suffix for tag in words[:cut] for suffix in suffixes]
    return dict(found)


LISTS = _read_tag_lists()
