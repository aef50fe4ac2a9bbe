"""What somebody probably meant by a word that is not known."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

CLOSENESS = 0.6
"""The share of letters in common from which on a guess helps: `token` finds `token_env`, `labes` finds `labels`."""
MAX_WORD = 60
"""Characters; comparing takes the square of them, and nobody means a key by more."""


def suggestion(word: str, known: Collection[str]) -> str:
    """Return `; did you mean `x`?` where one of `known` is close to `word`, else nothing."""
    plain = {each.replace("_", ""): each for each in known}
    wanted = word[:MAX_WORD].lower().replace("-", "").replace("_", "").replace(" ", "")
    close = get_close_matches(wanted, plain, n=1, cutoff=CLOSENESS)
    return f"; did you mean `{plain[close[0]]}`?" if close else ""
