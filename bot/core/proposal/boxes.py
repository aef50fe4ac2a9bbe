"""Actions that users request: by ticking checkboxes in a body or the dashboard, and by labels on a request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bot.model.dashboard import UserRequest

MAX_BRANCH = 255
"""Characters; git's limit for a name in a folder."""

_ASKS = "|".join(UserRequest)
_TICKED = re.compile(
    rf"^[ ]*[-*] \[[xX]\] <!-- basebump:({_ASKS})(?: ([^\s<>]{{1,{MAX_BRANCH}}}))? -->", re.MULTILINE | re.ASCII
)


@dataclass(frozen=True, slots=True)
class Box:
    """The start of a list item with an unticked checkbox; a description of the action follows."""

    ask: UserRequest
    branch: str = ""
    """A branch of basebump, so its name is harmless; empty in the body of the proposal itself."""

    def __str__(self) -> str:
        words = f"{self.ask} {self.branch}".strip()
        return f"- [ ] <!-- basebump:{words} -->"


LABELS = {f"basebump-{ask}": ask for ask in (UserRequest.REBASE, UserRequest.AGAIN)}
"""Labels on a request that request an action. `open` has none, because a waiting proposal has no request yet."""


def asked_by(labels: Iterable[str]) -> frozenset[UserRequest]:
    """Return the actions that the labels of a request ask for."""
    return frozenset(LABELS[label] for label in labels if label in LABELS)


def labels_of(asks: Iterable[UserRequest]) -> tuple[str, ...]:
    """Return the labels for these actions."""
    return tuple(label for label, ask in LABELS.items() if ask in asks)


def ticked(body: str) -> frozenset[tuple[UserRequest, str]]:
    """Return the requested actions with their branches; the branch is empty in the body of a proposal."""
    return frozenset((UserRequest(ask), branch) for ask, branch in _TICKED.findall(body))
