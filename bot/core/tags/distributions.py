"""Distributions in tags: `alpine3.20`, `bookworm`, `ltsc2022`, as a name and a release that can be compared."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_DIGITS = 9
"""Of a number in a tag; longer ones are no releases."""

_CODENAMES: dict[str, tuple[str, ...]] = {
    "debian": ("jessie", "stretch", "buster", "bullseye", "bookworm", "trixie", "forky", "duke"),
    "ubuntu": ("trusty", "xenial", "bionic", "focal", "jammy", "noble", "resolute"),
}
"""In their order; of Ubuntu those with long support, which images are built on."""
_RANKS = {word: (name, rank) for name, words in _CODENAMES.items() for rank, word in enumerate(words)}

_NUMBERED = re.compile(
    r"(?P<name>alpine|ubi|el|al|amzn|fedora|ltsc|debian|ubuntu|azurelinux|mariner|cbl-mariner|rockylinux|photon|leap)"
    r"(?P<release>\d{1,9}(?:\.\d{1,9})?)"
)
_NAMED_BEFORE = frozenset({"debian", "ubuntu", "alpine", "ubi", "photon", "fedora"})
"""Words whose release is the next word: `debian-12`."""
_RELEASE = re.compile(r"\d{1,9}(?:\.\d{1,9})?")


@dataclass(frozen=True, slots=True)
class Distribution:
    """One release of one distribution."""

    name: str
    release: tuple[int, ...]


def read_words(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[Distribution, ...]]:
    """Return the words of a suffix with the releases of distributions taken out, and those releases.

    What is left is the same for two tags that differ in nothing but the release of their distribution.
    """
    left: list[str] = []
    found: list[Distribution] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in _RANKS:
            name, rank = _RANKS[word]
            found.append(Distribution(name, (rank,)))
            left.append(f"<{name}>")
        elif numbered := _NUMBERED.fullmatch(word):
            found.append(Distribution(numbered["name"], _numbers(numbered["release"])))
            left.append(f"<{numbered['name']} number>")
        elif word in _NAMED_BEFORE and rest and _RELEASE.fullmatch(rest[0]):
            found.append(Distribution(word, _numbers(rest.pop(0))))
            left.append(f"<{word} number>")
        else:
            left.append(word)
    return tuple(left), tuple(found)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))
