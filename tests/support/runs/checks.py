"""Findings of `check` in the form that its tests need."""

from __future__ import annotations

from support.values import digest

PINNED = f"FROM python:3.12@{digest('some')}\n"
"""A Dockerfile whose image is nowhere."""


def list_findings(document: dict) -> list[tuple[str, int, str]]:
    """Return path, line and word of every finding of a JSON document."""
    return [(each["path"], each["line"], each["finding"]) for each in document["findings"]]
