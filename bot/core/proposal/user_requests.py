"""Actions that users request by ticking checkboxes in a request or the dashboard, or by adding labels to a request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bot.model.dashboard import UserRequest

MAX_BRANCH_LENGTH = 255
"""Characters. This is the limit of git for one part of a branch name."""

_REQUEST_WORDS = "|".join(UserRequest)
_TICKED_CHECKBOX = re.compile(
    rf"^[ ]*[-*] \[[xX]\] <!-- basebump:({_REQUEST_WORDS})(?: ([^\s<>]{{1,{MAX_BRANCH_LENGTH}}}))? -->",
    re.MULTILINE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Box:
    """The Markdown of an unticked checkbox, such as `- [ ] <!-- basebump:rebase -->`.

    The template adds the description of the action after it.
    """

    ask: UserRequest
    branch: str = ""
    """A branch of basebump, whose name is harmless. Empty in the body of the proposal itself."""

    def __str__(self) -> str:
        words = f"{self.ask} {self.branch}".strip()
        return f"- [ ] <!-- basebump:{words} -->"


REQUEST_LABELS = {f"basebump-{ask}": ask for ask in (UserRequest.REBASE, UserRequest.AGAIN)}
"""The action that each label on a request stands for. `open` has no label, because a waiting proposal has no
request."""


def parse_labels(labels: Iterable[str]) -> frozenset[UserRequest]:
    """Return the actions that users request with the given labels of a request. Other labels are ignored."""
    return frozenset(REQUEST_LABELS[label] for label in labels if label in REQUEST_LABELS)


def get_labels(user_requests: Iterable[UserRequest]) -> tuple[str, ...]:
    """Return the labels with which a user can trigger the actions in `user_requests`.

    Actions that have no label are skipped.
    """
    return tuple(label for label, ask in REQUEST_LABELS.items() if ask in user_requests)


def parse_checkboxes(body: str) -> frozenset[tuple[UserRequest, str]]:
    """Return the action of each ticked checkbox, together with the branch to which it applies.

    A checkbox in the dashboard names a branch. A checkbox in the text of a request applies to the branch of this
    request. For such a checkbox, the branch in the result is an empty text.
    """
    return frozenset((UserRequest(ask), branch) for ask, branch in _TICKED_CHECKBOX.findall(body))
