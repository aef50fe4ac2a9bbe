"""Type aliases for the items that formats extract from files.

They are not defined in `bot.model.cross_file`, so that code can use them without importing that module. The module is
imported only if a file contains cross-file facts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from bot.model.source import Reference, UnsupportedText

if TYPE_CHECKING:
    from bot.model.cross_file import CrossFileFact

ExtractedItem: TypeAlias = "Reference | UnsupportedText | CrossFileFact"
"""An item that a format extracts from a file."""
ExtractedReferences = tuple[Reference | UnsupportedText, ...]
