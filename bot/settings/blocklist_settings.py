"""The frozen settings of a list of blocked images."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlocklistSettings:
    """A list of blocked images that a run must download. It has either a URL or an artifact."""

    key: str
    """The key in the config, for messages: `blocked[0]`."""
    url: str | None = None
    artifact: str | None = None
    """The reference of an artifact in a registry."""
