"""What tags mean to each other: which one is newer, of the same family, a patch of another, or at its end."""

from bot.core.tags.choosing import reaches, successor, successors
from bot.core.tags.endings import Ending, could_end, ended
from bot.core.tags.families import is_kin
from bot.core.tags.patches import original_of, patched
from bot.core.tags.reading import read
from bot.core.tags.version import Scheme, System, Version

__all__ = [
    "Ending",
    "Scheme",
    "System",
    "Version",
    "could_end",
    "ended",
    "is_kin",
    "original_of",
    "patched",
    "reaches",
    "read",
    "successor",
    "successors",
]
