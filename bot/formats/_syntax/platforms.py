"""Platforms as files say them: `linux/arm64`, `linux/arm/v7`."""

from __future__ import annotations

import re

_PLATFORM = re.compile(r"([a-z0-9]+)/([a-z0-9_-]+)(/[a-z0-9.]+)?", re.ASCII)
_ARCHITECTURES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386"}
"""Names that are taken for another (normalizeArch of github.com/containerd/platforms)."""


def read_platform(text: str | None) -> str | None:
    """Return `text` as `os/architecture[/variant]`; None where it does not say that literally."""
    match = _PLATFORM.fullmatch(text.lower()) if text is not None else None
    if match is None:
        return None
    system, architecture, variant = match.groups(default="")
    return f"{system}/{_ARCHITECTURES.get(architecture, architecture)}{variant}"
