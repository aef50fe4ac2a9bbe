"""Tags: what they say of versions, which one comes after another, and when one has ended. Pure."""

from __future__ import annotations

from bot.core.tags.endings import Ending, could_end, ended
from bot.core.tags.patches import patched
from bot.core.tags.successors import successor

__all__ = ["Ending", "could_end", "ended", "patched", "successor"]
