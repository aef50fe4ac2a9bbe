"""Relations between the tags of a repository: newer tags, tag families, patches of a tag, and superseded tags."""

from bot.core.choice.tags.families import is_same_family
from bot.core.choice.tags.parsing import parse_tag
from bot.core.choice.tags.patches import find_newest_patch, get_original_tag
from bot.core.choice.tags.siblings import SiblingTag, find_siblings
from bot.core.choice.tags.successors import find_successor, find_successors, is_within_mode
from bot.core.choice.tags.superseded import TagEnding, can_be_superseded, find_tag_ending
from bot.core.choice.tags.version import TagOperatingSystem, TagVersion, VersionScheme

__all__ = [
    "SiblingTag",
    "TagEnding",
    "TagOperatingSystem",
    "TagVersion",
    "VersionScheme",
    "can_be_superseded",
    "find_newest_patch",
    "find_siblings",
    "find_successor",
    "find_successors",
    "find_tag_ending",
    "get_original_tag",
    "is_same_family",
    "is_within_mode",
    "parse_tag",
]
