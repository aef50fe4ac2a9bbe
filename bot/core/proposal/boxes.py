"""What people ask for: boxes that they tick in a body or the dashboard, and labels that they give a request."""

from __future__ import annotations

import re
from collections.abc import Iterable
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


LABELS = {f"basebump-{ask}": ask for ask in (Ask.REBASE, Ask.AGAIN)}
"""Labels that people give a request to ask for something of it; what waits has no request yet."""


def asked_by(labels: Iterable[str]) -> frozenset[Ask]:
    """Return what the labels of a request ask for."""
    return frozenset(LABELS[label] for label in labels if label in LABELS)


def labels_of(asks: Iterable[Ask]) -> tuple[str, ...]:
    """Return the labels that ask for it."""
    return tuple(label for label, ask in LABELS.items() if ask in asks)


def ticked(body: str) -> frozenset[tuple[Ask, str]]:
    """Return what people ask for, and for which branch; that is empty in the body of a proposal."""
    return frozenset((Ask(ask), branch) for ask, branch in _TICKED.findall(body))
