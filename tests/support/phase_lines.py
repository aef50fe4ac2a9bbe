"""Separates the messages on stderr from the lines about phases."""

import re

_PHASE_LINE = re.compile(r"^phase \d+ of \d+: .*\n", re.MULTILINE)


def drop_phase_lines(errors: str) -> str:
    """Return the text without the lines about phases that every log gets."""
    return _PHASE_LINE.sub("", errors)
