"""Locators (positions) of base images in a Dockerfile. Base images are the images that `FROM` instructions name."""

from __future__ import annotations

import re

from bot.model.source import Reference

_BASE_LOCATOR = re.compile(r"stage\[\d+\]")


def build_base_locator(stage: int) -> str:
    """Return the locator of the base image of a build stage, such as `stage[0]` for the first stage."""
    return f"stage[{stage}]"


def is_base_image(reference: Reference) -> bool:
    """Return True if the image is named by a `FROM` instruction.

    Return False for images that a Dockerfile only copies from (`COPY --from`) or mounts (`RUN --mount`).
    """
    return _BASE_LOCATOR.fullmatch(reference.locator) is not None
