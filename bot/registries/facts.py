"""Parses image metadata from annotations, labels and the image's config. This module does no I/O.

Annotations are in three locations: in the index, in the index's descriptor of the image, and in the image's manifest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.core.evidence.build_time import parse_build_time
from bot.model.contents import ImageConfig
from bot.model.image import BaseImage
from bot.model.image_name import Digest, parse_sha256
from bot.net import sanitize_text
from bot.registries.manifest import NotAnImageError, format_platform

ANNOTATION_PREFIX = "org.opencontainers.image."
"""https://github.com/opencontainers/image-spec/blob/main/annotations.md"""
MAX_TEXT_LENGTH = 512
"""The largest number of characters that are kept of one value. The longest values are URLs with a commit and a
folder."""

MAX_LIST_LENGTH = 100
"""The largest number of entries that are kept of one list in a config, such as its ports, arguments or variables."""
MAX_LAYERS = 512
"""The largest number of layers of an image. Container runtimes mount at most about 500 layers."""

Annotations = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ConfigFacts:
    """The build time, platform, labels and runtime settings in an image's config."""

    created_at: datetime | None
    platform: str | None
    labels: Annotations
    runtime_config: ImageConfig = field(default_factory=ImageConfig)
    layers: tuple[Digest, ...] = ()
    """The digests of the uncompressed layers, lowest first; empty if they are missing or invalid."""


def parse_config(body: bytes) -> ConfigFacts:
    """Parse an image's config. Raises NotAnImageError if it is not a JSON object.

    https://github.com/opencontainers/image-spec/blob/main/config.md
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise NotAnImageError("the image's config is not JSON") from None
    if not isinstance(document, dict):
        raise NotAnImageError("the image's config is not a JSON object")
    settings: Any = document.get("config")
    runtime: Mapping[str, Any] = settings if isinstance(settings, dict) else {}
    labels: Any = runtime.get("Labels")
    text_labels = (
        {key: value for key, value in labels.items() if isinstance(value, str)} if isinstance(labels, dict) else {}
    )
    return ConfigFacts(
        parse_build_time(document.get("created")),
        format_platform(document),
        text_labels,
        _parse_runtime_config(runtime),
        _parse_layers(document.get("rootfs")),
    )


def _parse_layers(file_system: Any) -> tuple[Digest, ...]:
    """Return the digests in `rootfs.diff_ids`; an empty tuple if any of them is invalid."""
    listed = file_system.get("diff_ids") if isinstance(file_system, dict) else None
    if not isinstance(listed, list) or len(listed) > MAX_LAYERS:
        return ()
    layers = [parse_sha256(each) if isinstance(each, str) else None for each in listed]
    return tuple(each for each in layers if each is not None) if None not in layers else ()


def _parse_runtime_config(runtime: Mapping[str, Any]) -> ImageConfig:
    variables = (variable.partition("=")[0] for variable in _read_texts(runtime.get("Env")))
    return ImageConfig(
        user=_read_text(runtime.get("User")),
        entrypoint=_read_texts(runtime.get("Entrypoint")),
        command=_read_texts(runtime.get("Cmd")),
        folder=_read_text(runtime.get("WorkingDir")),
        environment=tuple(sorted(set(variables))),
        ports=tuple(sorted(_read_texts(runtime.get("ExposedPorts")))),
        volumes=tuple(sorted(_read_texts(runtime.get("Volumes")))),
        stop_signal=_read_text(runtime.get("StopSignal")),
    )


def _read_texts(value: object) -> tuple[str, ...]:
    """Return the strings in a list or the keys of an object, sanitized. Return an empty tuple for any other value."""
    listed = list(value) if isinstance(value, list | dict) else []
    return tuple(
        sanitize_text(word, limit=MAX_TEXT_LENGTH) for word in listed[:MAX_LIST_LENGTH] if isinstance(word, str)
    )


def _read_text(value: object) -> str:
    return sanitize_text(value, limit=MAX_TEXT_LENGTH) if isinstance(value, str) else ""


def get_first_value(key: str, sources: Sequence[Annotations]) -> str | None:
    """Return the value of `org.opencontainers.image.<key>` in the first of `sources` that has this key.

    `sources` are sets of annotations or labels. The value is sanitized. Return None if none of the sources has the key.
    """
    for annotation_map in sources:
        value = sanitize_text(annotation_map.get(ANNOTATION_PREFIX + key, ""), limit=MAX_TEXT_LENGTH)
        if value:
            return value
    return None


def get_base_image(sources: Sequence[Annotations]) -> BaseImage | None:
    """Return the base image that the annotations or labels in `sources` state; None if they state no base image.

    The name and the digest of the base image are both taken from the first of `sources` that states either. Values from
    two sources are never combined, because they might describe different base images.
    """
    for annotation_map in sources:
        name, digest = (
            get_first_value("base.name", [annotation_map]),
            parse_sha256(annotation_map.get(f"{ANNOTATION_PREFIX}base.digest", "")),
        )
        if name or digest:
            return BaseImage(name, digest)
    return None


def get_build_time(sources: Sequence[Annotations], config: ConfigFacts | None) -> datetime | None:
    """Return the build time of the image, or None if it is not known.

    The first of these times that exists is returned:

    - the time in an annotation of `sources`, which belongs to this build
    - the time in the image's config
    - the time in a label of the config

    The label comes last because an image inherits the labels of its base image, so the label may state the build time
    of the base image.
    """
    annotated_times = (parse_build_time(statements.get(f"{ANNOTATION_PREFIX}created")) for statements in sources)
    labelled_time = parse_build_time(config.labels.get(f"{ANNOTATION_PREFIX}created")) if config else None
    return next(filter(None, annotated_times), None) or (config and config.created_at) or labelled_time
