"""Paths through YAML documents."""

from __future__ import annotations

Path = tuple[str, ...]
"""Keys that lead from a node down to others; ALL_ITEMS and ALL_VALUES are wildcards."""
EACH = "*"
"""In a path: every item of a sequence."""
EVERY = "{}"
"""In a path: every value of a mapping."""
