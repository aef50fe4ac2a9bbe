"""What a stage of a Dockerfile begins with: the locators of the images that `FROM` names."""

from __future__ import annotations

import re

from bot.model.source import Occurrence

_BASE = re.compile(r"stage\[\d+\]")


def base_locator(stage: int) -> str:
    """Return the locator of what the `FROM` of a stage names; they are counted from 0."""
    return f"stage[{stage}]"


def is_base(place: Occurrence) -> bool:
    """Say whether a place is what a `FROM` names, and not what is copied or mounted from an image."""
    return _BASE.fullmatch(place.locator) is not None
