"""Type aliases for the items that formats extract from files.

The aliases are in a module of their own, so that only code that uses cross-file facts imports the classes of these
facts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from bot.model.source import Occurrence, UnsupportedText

if TYPE_CHECKING:
    from bot.model.cross_file import CrossFileFact

ExtractedItem: TypeAlias = "Occurrence | UnsupportedText | CrossFileFact"
"""An item that a format extracts from a file."""
ExtractedReferences = tuple[Occurrence | UnsupportedText, ...]
