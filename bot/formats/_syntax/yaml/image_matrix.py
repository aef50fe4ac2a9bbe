"""Declare the matrices of CI systems, which run a job once for each value, for example once for each image.

This module does not import the YAML parser, so that formats can define their matrices at start-up.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, ALL_VALUES, KeyPath


class ImageMatrix(NamedTuple):
    """The matrices in the documents of a format, and the texts that use their values."""

    scope: KeyPath
    """The path of the part of a document in which the values of a matrix can be used. Empty for the whole document."""
    value_paths: tuple[KeyPath, ...]
    """The paths of the mappings with the values of a matrix, below the scope."""
    use: re.Pattern[str]
    """Matches a text that consists of one value. The first group that is set is the name of the value, with dots
    between the keys of nested mappings. With IGNORECASE, upper and lower case make no difference in names."""
    mention: re.Pattern[str]
    """Matches every part of a text that may depend on a value. The first group that is set is the first key of the
    value's name. If no group is set, the part may depend on all values."""
    compared_paths: tuple[KeyPath, ...] = ()
    """The paths of mappings whose values are compared with those of the matrix, below the scope."""
    are_keys_mentions: bool = False
    """True if every key with the name of a value, such as one of a variable, may depend on the value or set it."""
    title_key: str = ""
    """The key of a scope without which the CI system shows the values in the title of a job. Empty if it makes no
    difference."""
    title_note: str = ""
    """The note for images that are not edited because a scope does not have `title_key`."""

    @property
    def keys(self) -> frozenset[str]:
        """The keys that every file with a matrix contains."""
        shared = frozenset.intersection(*(frozenset(path) for path in self.value_paths))
        return frozenset({*self.scope, *shared} - {ALL_ITEMS, ALL_VALUES})
