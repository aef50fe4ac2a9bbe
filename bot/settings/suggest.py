"""Suggestions for mistyped words of the config file."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

CLOSENESS = 0.6
"""The share of common letters from which on a guess helps: `token` finds `token_env`, `labes` finds `labels`."""
MAX_WORD = 60
"""Characters; the time to compare grows with their square, and no key is longer."""


def suggest_key(word: str, choices: Collection[str]) -> str:
    """Return a hint with the one of `choices` that is close to `word`, or an empty text."""
    plain = {each.replace("_", ""): each for each in choices}
    normalised = word[:MAX_WORD].lower().replace("-", "").replace("_", "").replace(" ", "")
    close = get_close_matches(normalised, plain, n=1, cutoff=CLOSENESS)
    return f"; hint: did you mean `{plain[close[0]]}`?" if close else ""
