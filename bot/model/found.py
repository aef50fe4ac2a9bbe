"""What formats find in files, by name: the kinds of remarks are only imported by those who make or read one."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from bot.model.source import Occurrence, Unsupported

if TYPE_CHECKING:
    from bot.model.remark import Remark

Found: TypeAlias = "Occurrence | Unsupported | Remark"
"""What a format finds in a file."""
Places = tuple[Occurrence | Unsupported, ...]
