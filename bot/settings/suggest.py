"""Suggestions for mistyped words of the config file."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

CLOSENESS = 0.6
"""The minimum similarity (0 to 1) of a suggestion. With it, `token` finds `token_env`, and `labes` finds `labels`."""
MAX_WORD = 60
"""The number of characters that are compared. No key is longer, and the time grows with the square of the length."""


def suggest_key(word: str, choices: Collection[str]) -> str:
    """Return a hint with the choice that is most similar to `word`; empty if no choice is similar enough."""
    similar = find_similar_key(word, choices)
    return f"; hint: did you mean `{similar}`?" if similar is not None else ""


def find_similar_key(word: str, choices: Collection[str]) -> str | None:
    """Return the choice that is most similar to `word`; None if no choice is similar enough."""
    plain = {each.replace("_", ""): each for each in choices}
    normalised = word[:MAX_WORD].lower().replace("-", "").replace("_", "").replace(" ", "")
    close = get_close_matches(normalised, plain, n=1, cutoff=CLOSENESS)
    return plain[close[0]] if close else None
