"""Sizes in decimal units: `30.4 MB`."""

from __future__ import annotations

_UNITS = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000


def format_size(size: int) -> str:
    """Format a number of bytes with a decimal unit: `30.4 MB`."""
    amount, unit = float(size), 0
    while round(amount, 1) >= _STEP and unit < len(_UNITS) - 1:
        amount, unit = amount / _STEP, unit + 1
    return f"{amount:.1f} {_UNITS[unit]}" if unit else f"{size} {_UNITS[0]}"


def format_size_change(change: int) -> str:
    """Format the difference of two sizes with its sign: `+6.4 MB`. No difference is `same size`."""
    return f"{'+' if change > 0 else '-'}{format_size(abs(change))}" if change else "same size"
