"""Key paths: the keys and wildcards that lead from a YAML node to nodes below it."""

from __future__ import annotations

KeyPath = tuple[str, ...]
"""Keys that lead from a node to nodes below it. ALL_ITEMS and ALL_VALUES are wildcards."""
ALL_ITEMS = "*"
"""In a path, every item of a sequence."""
ALL_VALUES = "{}"
"""In a path, every value of a mapping."""
