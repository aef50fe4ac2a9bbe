"""The changes on forges to which basebump reacts, in the form that all forges share.

Changes that basebump itself causes are ignored, because each of them would lead to a needless run. The following
changes are ignored:

- Pull requests that are opened or get new commits. Pushes are reported with their branch, so that the receiver can
  ignore all branches that are not base branches, such as basebump's branches.
- Pull requests whose text has no mark of basebump, and pull requests from forks, which strangers can open.
- Closed pull requests that basebump withdrew, and edited texts in which no checkbox is ticked. basebump makes such
  edits itself.
- Labels that are removed. If a label requests an action, basebump removes the label after the action.
- Comments, assignees, requested reviews, drafts, milestones and auto-merge. They take effect in the next run, and no
  user waits for this effect.
- Deleted branches, tags and deleted repositories. The next sweep notices that a repository was deleted.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto
from typing import assert_never

from bot.core.proposal.marks import find_mark, parse_mark
from bot.core.proposal.requested_actions import DashboardActions, parse_checkboxes, parse_dashboard, parse_labels
from bot.events.fields import JsonObject, parse_json, read_object, read_text
from bot.model.dashboard import DASHBOARD_LABEL
from bot.model.delivery import EventRequest, RepositoryChanged, UnreadableDeliveryError
from bot.model.work import WorkReason

MAX_BRANCHES = 20
"""The largest number of branches in a push that are reported one by one. A push to more branches is reported as a push
to all branches, because the receiver looks up each reported branch."""
_BRANCHES = "refs/heads/"

Changes = tuple[RepositoryChanged, ...]


class RequestAction(Enum):
    """The actions of users on a pull request to which basebump reacts."""

    END = auto()
    """The pull request was closed or merged."""
    REOPEN = auto()
    EDIT = auto()
    """The text of the pull request changed."""
    LABEL = auto()
    """Labels were added."""
    REVIEW = auto()
    """A user approved the pull request, requested changes, or withdrew such a review."""


def parse_document(request: EventRequest) -> JsonObject:
    """Return the JSON object in the body of a request."""
    if request.body.startswith(b"payload="):
        raise UnreadableDeliveryError(
            "the body is a form; hint: set the content type of the webhook to `application/json`"
        )
    return read_object(parse_json(request.body), "body")


def read_name(value: object, field: str) -> str:
    """Return the name of a repository, a project or a branch.

    Raises UnreadableDeliveryError if the value is not such a name.
    """
    name = read_text(value, field)
    if not name or not name.isprintable():
        raise UnreadableDeliveryError(f"`{field}` is not a name")
    return name


def read_long_text(value: object, field: str) -> str:
    """Return the text of a pull request or an issue; an empty string if the text is missing.

    Raises UnreadableDeliveryError if the value is not a text.
    """
    if not isinstance(value, str | None):
        raise UnreadableDeliveryError(f"`{field}` is not a text")
    return value or ""


def find_pushes(repository: str, updates: Iterable[tuple[object, object]]) -> Changes:
    """Return the branches that received a push; empty if the push has only tags and deleted branches.

    `updates` are refs with their new commits. The new commit of a deleted branch consists of zeros.
    """
    branches: set[str] = set()
    for ref, commit in updates:
        name = read_name(ref, "ref")
        if name.startswith(_BRANCHES) and read_text(commit, "commit").strip("0"):
            branches.add(name.removeprefix(_BRANCHES))
    if len(branches) > MAX_BRANCHES:
        return (RepositoryChanged(repository, WorkReason.FILES_CHANGED),)
    return tuple(RepositoryChanged(repository, WorkReason.FILES_CHANGED, branch) for branch in sorted(branches))


def find_request_change(repository: str, action: RequestAction, text: str, labels: Iterable[str] = ()) -> Changes:
    """Return the change of a pull request of basebump; empty if basebump need not react to the change.

    Args:
        repository: The repository to which the pull request belongs.
        action: The action of a user.
        text: The text of the pull request.
        labels: The labels that were added.
    """
    if not find_mark(text):
        return ()
    match action:
        case RequestAction.END:
            is_relevant, is_by_user = not parse_mark(text).is_withdrawn, False
        case RequestAction.REOPEN:
            is_relevant, is_by_user = True, False
        case RequestAction.EDIT:
            is_relevant, is_by_user = bool(parse_checkboxes(text)), True
        case RequestAction.LABEL:
            is_relevant, is_by_user = bool(parse_labels(labels)), True
        case RequestAction.REVIEW:
            is_relevant, is_by_user = True, True
        case _:
            assert_never(action)
    changed = RepositoryChanged(repository, WorkReason.REQUEST_CHANGED, is_by_user=is_by_user)
    return (changed,) if is_relevant else ()


def find_dashboard_change(repository: str, text: str, labels: Iterable[str]) -> Changes:
    """Return the change of an edited issue if it is the dashboard and a checkbox is ticked; empty for other issues.

    The label is required, because strangers can open issues in public repositories but cannot label them.
    """
    if DASHBOARD_LABEL not in labels or parse_dashboard(text) == DashboardActions():
        return ()
    return (RepositoryChanged(repository, WorkReason.REQUEST_CHANGED, is_by_user=True),)


def report_repository(repository: str) -> Changes:
    """Return the change of a repository itself, such as a new name."""
    return (RepositoryChanged(repository, WorkReason.REPOSITORY_CHANGED),)
