"""Image metadata from annotations (of the index, of its entry, of the manifest) and from labels. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.core.evidence.build_time import parse_build_time
from bot.model.contents import ImageConfig
from bot.model.image import BaseImage
from bot.model.reference import parse_sha256
from bot.net import plain
from bot.registries.manifest import NotAnImageError, platform_of

PREFIX = "org.opencontainers.image."
"""https://github.com/opencontainers/image-spec/blob/main/annotations.md"""
MAX_WORD = 512
"""Characters that are kept of one value; the longest are URLs with a commit and a folder."""

MAX_WORDS = 100
"""Entries that are kept of one list in a config: ports, arguments, variables."""

Statements = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Config:
    """The descriptive part of an image's config."""

    created: datetime | None
    platform: str | None
    labels: Statements
    start: ImageConfig = field(default_factory=ImageConfig)


def parse_config(body: bytes) -> Config:
    """Parse an image's config. Raises NotAnImageError.

    https://github.com/opencontainers/image-spec/blob/main/config.md
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise NotAnImageError("its config is not JSON") from None
    if not isinstance(document, dict):
        raise NotAnImageError("its config is not a JSON object")
    found: Any = document.get("config")
    runtime: Mapping[str, Any] = found if isinstance(found, dict) else {}
    labels: Any = runtime.get("Labels")
    texts = {key: value for key, value in labels.items() if isinstance(value, str)} if isinstance(labels, dict) else {}
    return Config(parse_build_time(document.get("created")), platform_of(document), texts, _start(runtime))


def _start(runtime: Mapping[str, Any]) -> ImageConfig:
    variables = (variable.partition("=")[0] for variable in _words(runtime.get("Env")))
    return ImageConfig(
        user=_word(runtime.get("User")),
        entrypoint=_words(runtime.get("Entrypoint")),
        command=_words(runtime.get("Cmd")),
        folder=_word(runtime.get("WorkingDir")),
        environment=tuple(sorted(set(variables))),
        ports=tuple(sorted(_words(runtime.get("ExposedPorts")))),
        volumes=tuple(sorted(_words(runtime.get("Volumes")))),
        stop_signal=_word(runtime.get("StopSignal")),
    )


def _words(found: object) -> tuple[str, ...]:
    """Return the strings of a list, or the keys of a mapping."""
    listed = list(found) if isinstance(found, list | dict) else []
    return tuple(plain(word, limit=MAX_WORD) for word in listed[:MAX_WORDS] if isinstance(word, str))


def _word(found: object) -> str:
    return plain(found, limit=MAX_WORD) if isinstance(found, str) else ""


def first(word: str, said: Sequence[Statements]) -> str | None:
    """Return the first value of `org.opencontainers.image.<key>` in the sources, fit for a message."""
    for statements in said:
        value = plain(statements.get(PREFIX + word, ""), limit=MAX_WORD)
        if value:
            return value
    return None


def base_image(said: Sequence[Statements]) -> BaseImage | None:
    """Return the base image of the first source that names one; name and digest of two sources may not match."""
    for statements in said:
        name, digest = first("base.name", [statements]), parse_sha256(statements.get(f"{PREFIX}base.digest", ""))
        if name or digest:
            return BaseImage(name, digest)
    return None


def created(said: Sequence[Statements], config: Config | None) -> datetime | None:
    """Return the build time of the image.

    Annotations are specific to this build. Labels come last, after the config's own time, because FROM passes labels
    on: an image without its own would show the build time of its base.
    """
    annotated = (parse_build_time(statements.get(f"{PREFIX}created")) for statements in said)
    labelled = parse_build_time(config.labels.get(f"{PREFIX}created")) if config else None
    return next(filter(None, annotated), None) or (config and config.created) or labelled
