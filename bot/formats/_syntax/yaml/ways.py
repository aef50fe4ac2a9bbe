"""How ways through YAML documents are written."""

from __future__ import annotations

Path = tuple[str, ...]
"""Keys from a node down to others, EACH and EVERY among them."""
EACH = "*"
"""In a path: every item of a sequence."""
EVERY = "{}"
"""In a path: every value of a mapping."""
