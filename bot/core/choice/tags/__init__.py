"""Relations between tags: newer tags, tags of the same family, patches of a tag, and tags that are superseded."""

from bot.core.choice.tags.choosing import reaches, successor, successors
from bot.core.choice.tags.endings import Ending, could_end, ended
from bot.core.choice.tags.families import is_kin
from bot.core.choice.tags.patches import original_of, patched
from bot.core.choice.tags.reading import read
from bot.core.choice.tags.version import Scheme, System, Version

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
