"""Boxes that people tick: in the body of a proposal for that one, in the dashboard for each of its branches."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.model.dashboard import Ask

MAX_BRANCH = 255
"""Characters: what git takes for one name in a folder."""

_ASKS = "|".join(Ask)
_TICKED = re.compile(
    rf"^[ ]*[-*] \[[xX]\] <!-- basebump:({_ASKS})(?: ([^\s<>]{{1,{MAX_BRANCH}}}))? -->", re.MULTILINE | re.ASCII
)


@dataclass(frozen=True, slots=True)
class Box:
    """The beginning of a list item with a box that nobody ticked yet; what it means follows in words."""

    ask: Ask
    branch: str = ""
    """Ours, so that nothing in it can act; empty in the body of the proposal itself."""

    def __str__(self) -> str:
        words = f"{self.ask} {self.branch}".strip()
        return f"- [ ] <!-- basebump:{words} -->"


def ticked(body: str) -> frozenset[tuple[Ask, str]]:
    """Return what people ask for, and for which branch; that is empty in the body of a proposal."""
    return frozenset((Ask(ask), branch) for ask, branch in _TICKED.findall(body))
