"""Hashes of values, by which a later run notices that something changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache

_TAG_LISTS = 1000
"""Number of lists of tags whose hashes are cached, because many base branches depend on the same list."""
_DIGITS = 32
"""Hexadecimal digits of a hash. Collisions of 128 bits do not happen by chance."""


def hash_values(parts: Iterable[object]) -> str:
    """Return a hash of texts, numbers, times, dataclasses and collections of them, as 32 hexadecimal digits.

    The result does not depend on the order of sets and mappings, and is the same in every process. Raises TypeError if
    a value has another type, whose text might differ from process to process.
    """
    return hashlib.sha256(_serialise(tuple(parts)).encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def _serialise(value: object) -> str:
    """Return a text that is the same for equal values, and differs for different ones."""
    if isinstance(value, Mapping):
        pairs = sorted((_serialise(key), _serialise(each)) for key, each in value.items())
        return _join("mapping", (text for pair in pairs for text in pair))
    if isinstance(value, AbstractSet):
        return _join("set", sorted(map(_serialise, value)))
    if isinstance(value, tuple | list):
        return _join("list", map(_serialise, value))
    if is_dataclass(value) and not isinstance(value, type):
        return _join(type(value).__name__, (_serialise(getattr(value, each.name)) for each in fields(value)))
    if isinstance(value, Enum):
        return _join(type(value).__name__, (value.name,))
    if type(value).__repr__ is object.__repr__:
        raise TypeError(f"a {type(value).__name__} has no text that is the same in every process")
    return _join(type(value).__name__, (str(value),))


def _join(kind: str, texts: Iterable[str]) -> str:
    """Join the texts with their lengths, so that different texts never have the same result."""
    return f"{kind}(" + "".join(f"{len(text)}:{text}" for text in texts) + ")"


@lru_cache(_TAG_LISTS)
def hash_tag_list(tags: tuple[str, ...]) -> str:
    """Return a hash of the tags of a repository, which does not depend on their order."""
    return hash_values(sorted(tags))
