"""Locators of the base images in a Dockerfile, which are the images that `FROM` instructions name."""

from __future__ import annotations

import re

from bot.model.source import Occurrence

_BASE_LOCATOR = re.compile(r"stage\[\d+\]")


def build_base_locator(stage: int) -> str:
    """Return the locator of the base image of a stage. Stages are counted from 0."""
    return f"stage[{stage}]"


def is_base_image(occurrence: Occurrence) -> bool:
    """Return True if a `FROM` instruction names the image.

    False for images from which a Dockerfile copies or mounts files.
    """
    return _BASE_LOCATOR.fullmatch(occurrence.locator) is not None
