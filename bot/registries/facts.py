"""What an image says of itself: annotations of the index, of its entry and of the manifest, then labels. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.core.build_time import build_time
from bot.model.image import BaseImage
from bot.model.reference import parse_sha256
from bot.net import plain
from bot.registries.manifest import NotAnImageError, platform_of

PREFIX = "org.opencontainers.image."
"""https://github.com/opencontainers/image-spec/blob/main/annotations.md"""
MAX_WORD = 512
"""Characters of one statement; the longest are URLs with a commit and a folder."""

Statements = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Config:
    """The part of an image's config that describes it."""

    created: datetime | None
    platform: str | None
    labels: Statements


def parse_config(body: bytes) -> Config:
    """Read an image's config. Raises NotAnImageError.

    https://github.com/opencontainers/image-spec/blob/main/config.md
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise NotAnImageError("its config is not JSON") from None
    if not isinstance(document, dict):
        raise NotAnImageError("its config is not a JSON object")
    runtime: Any = document.get("config")
    labels: Any = runtime.get("Labels") if isinstance(runtime, dict) else None
    texts = {key: value for key, value in labels.items() if isinstance(value, str)} if isinstance(labels, dict) else {}
    return Config(build_time(document.get("created")), platform_of(document), texts)


def first(word: str, said: Sequence[Statements]) -> str | None:
    """Return what the first of `said` that knows it has for `org.opencontainers.image.<word>`, fit for a message."""
    for statements in said:
        value = plain(statements.get(PREFIX + word, ""), limit=MAX_WORD)
        if value:
            return value
    return None


def base_image(said: Sequence[Statements]) -> BaseImage | None:
    """Return the base image as one speaker names it: name and digest of two speakers may be of two images."""
    for statements in said:
        name, digest = first("base.name", [statements]), parse_sha256(statements.get(f"{PREFIX}base.digest", ""))
        if name or digest:
            return BaseImage(name, digest)
    return None


def created(said: Sequence[Statements], config: Config | None) -> datetime | None:
    """Return when the image was built.

    Annotations are this build's own. Labels come last, after the config's own time: FROM hands them down, so that a
    child without its own shows when its base was built.
    """
    annotated = (build_time(statements.get(f"{PREFIX}created")) for statements in said)
    labelled = build_time(config.labels.get(f"{PREFIX}created")) if config else None
    return next(filter(None, annotated), None) or (config and config.created) or labelled
