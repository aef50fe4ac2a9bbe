"""Type aliases for the items that formats extract from files.

They have their own module, so that code that does not use cross-file facts need not import their classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from bot.model.source import Occurrence, UnsupportedText

if TYPE_CHECKING:
    from bot.model.cross_file import CrossFileFact

ExtractedItem: TypeAlias = "Occurrence | UnsupportedText | CrossFileFact"
"""An item that a format extracts from a file."""
ExtractedReferences = tuple[Occurrence | UnsupportedText, ...]
