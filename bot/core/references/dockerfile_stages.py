"""Locators of the images that `FROM` names in a Dockerfile."""

from __future__ import annotations

import re

from bot.model.source import Occurrence

_BASE_LOCATOR = re.compile(r"stage\[\d+\]")


def build_base_locator(stage: int) -> str:
    """Return the locator of the image in the `FROM` of a stage; stages are counted from 0."""
    return f"stage[{stage}]"


def is_base_image(occurrence: Occurrence) -> bool:
    """Return True if `FROM` names the image; False if the Dockerfile copies or mounts files from it."""
    return _BASE_LOCATOR.fullmatch(occurrence.locator) is not None
