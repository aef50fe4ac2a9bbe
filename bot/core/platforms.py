"""Platforms, `os/architecture[/variant]`: when two names mean the same."""

from __future__ import annotations


def is_same_platform(one: str, other: str) -> bool:
    """Say whether both name the same system and architecture, and no two different variants."""
    return "/" in one and all(mine == theirs for mine, theirs in zip(one.split("/"), other.split("/"), strict=False))
