"""Actions that users request with checkboxes in a pull request or the dashboard, or with labels on a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bot.model.dashboard import RequestedAction

MAX_BRANCH_LENGTH = 255
"""The maximum number of characters of one part of a branch name, which is git's limit."""

_ACTION_WORDS = "|".join(RequestedAction)
_CHECKBOX = re.compile(
    rf"^[ ]*[-*] \[([xX ])\] <!-- basebump:({_ACTION_WORDS})(?: ([^\s<>]{{1,{MAX_BRANCH_LENGTH}}}))? -->",
    re.MULTILINE | re.ASCII,
)
_BULK_ACTIONS = frozenset({RequestedAction.OPEN, RequestedAction.REBASE})
"""The actions that a single checkbox of the dashboard can request for all branches. A decline is never among them."""


@dataclass(frozen=True, slots=True)
class Box:
    """The Markdown of an unticked checkbox, such as `- [ ] <!-- basebump:rebase -->`.

    The template adds the description of the action after it.
    """

    ask: RequestedAction
    branch: str = ""
    """A branch of basebump, whose name is harmless. Empty in the body of the proposal itself, and for a checkbox of the
    dashboard that stands for all checkboxes with the same action."""

    def __str__(self) -> str:
        words = f"{self.ask} {self.branch}".strip()
        return f"- [ ] <!-- basebump:{words} -->"


AGAIN_LABEL = f"basebump-{RequestedAction.AGAIN}"
ACTION_LABELS = {f"basebump-{RequestedAction.REBASE}": RequestedAction.REBASE, AGAIN_LABEL: RequestedAction.AGAIN}
"""The action that each label on a pull request stands for.

`open` has no label, because a waiting proposal has no pull request.
"""


def parse_labels(labels: Iterable[str]) -> frozenset[RequestedAction]:
    """Return the actions that users request with the given labels of a pull request. Other labels are ignored."""
    return frozenset(ACTION_LABELS[label] for label in labels if label in ACTION_LABELS)


def get_labels(requested_actions: Iterable[RequestedAction]) -> tuple[str, ...]:
    """Return the labels with which a user can trigger the actions in `requested_actions`.

    Actions that have no label are skipped.
    """
    return tuple(label for label, ask in ACTION_LABELS.items() if ask in requested_actions)


def parse_checkboxes(body: str) -> frozenset[tuple[RequestedAction, str]]:
    """Return the action of each ticked checkbox, together with the branch to which it applies.

    A checkbox in the text of a pull request applies to the branch of this pull request. For such a checkbox, the branch
    in the result is an empty text.
    """
    return frozenset((ask, branch) for is_ticked, ask, branch in _find_checkboxes(body) if is_ticked)


def _find_checkboxes(body: str) -> Iterator[tuple[bool, RequestedAction, str]]:
    """Yield for each checkbox whether it is ticked, its action, and its branch; the branch may be empty."""
    for mark, ask, branch in _CHECKBOX.findall(body):
        yield mark != " ", RequestedAction(ask), branch


@dataclass(frozen=True, slots=True)
class DashboardActions:
    """The actions that users requested in the dashboard issue, each with the branch to which it applies."""

    single: frozenset[tuple[RequestedAction, str]] = frozenset()
    """Actions whose own checkboxes are ticked."""
    bulk: frozenset[tuple[RequestedAction, str]] = frozenset()
    """Actions of all listed checkboxes whose common checkbox is ticked."""

    def select_for_branch(self, branch: str, *, is_accepted: bool) -> frozenset[RequestedAction]:
        """Return the actions for a branch.

        `is_accepted` is True if a user accepted the open pull request of the branch.

        The checkbox for all branches does not rebuild an accepted pull request, because that would discard the
        approval.
        """
        single = {ask for ask, each in self.single if each == branch}
        bulk = {
            ask for ask, each in self.bulk if each == branch and not (is_accepted and ask is RequestedAction.REBASE)
        }
        return frozenset(single | bulk)


def parse_dashboard(body: str) -> DashboardActions:
    """Return the actions that users requested with the checkboxes of a dashboard.

    A ticked checkbox without a branch stands for the checkboxes with the same action that the text lists. A proposal
    that is not listed did not exist when the user decided, so the action does not apply to it.
    """
    boxes = list(_find_checkboxes(body))
    bulk_asks = {ask for is_ticked, ask, branch in boxes if is_ticked and not branch} & _BULK_ACTIONS
    return DashboardActions(
        frozenset((ask, branch) for is_ticked, ask, branch in boxes if is_ticked and branch),
        frozenset((ask, branch) for _, ask, branch in boxes if branch and ask in bulk_asks),
    )
