"""The Protocol for reading the pull requests of one repository on a server, with its values and limits."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from bot.core.proposal.marks import parse_mark
from bot.model.proposal import BodyMark, RequestState
from bot.model.request_attributes import NO_ATTRIBUTES, RequestAttributes

MAX_ENDED = 100
"""The largest number of ended pull requests of one branch that are read, newest first. This number fits on one page.
The digests that users declined in older pull requests are not relevant any more."""
MAX_COMMENTS = 500
"""The largest number of comments of one pull request among which basebump searches for its own. basebump comments in
the first run after a user's first commit, so that its comment is among the first ones."""
MAX_BEFORE_DELETION = timedelta(seconds=1)
"""The time between closing a pull request and deleting its branch. If the time is longer, a user did both."""
MAX_AFTER_DELETION = timedelta(minutes=1)
"""The longest time between the deletion of a branch and the moment at which the server closes its pull request."""


@dataclass(frozen=True, slots=True)
class MergeState:
    """The server's information on whether a pull request can be merged."""

    is_known: bool
    """False if the server has not computed the state yet."""
    has_conflicts: bool
    is_outdated: bool
    """True if the server reports that the branch must be updated before it can be merged."""


@dataclass(frozen=True, slots=True)
class ReviewState:
    """The approvals of one open pull request, and the attributes (such as labels) that were ever set on it."""

    is_accepted: bool
    """True if a user whose review counts approved the pull request, or if the pull request is in the merge queue."""
    ever_set: RequestAttributes | None
    """All attributes that anybody ever set, including the attributes that were removed later. If the server reports
    only the current attributes, the value contains only these. None if the server reports no attributes."""


@dataclass(frozen=True, slots=True)
class ListedRequest:
    """A pull request in a list that the server returned."""

    number: int
    branch: str
    target_branch: str
    """The branch into which the pull request will be merged. Users can change this branch."""
    state: RequestState
    url: str
    title: str
    """The title without the prefix that marks a draft."""
    body: str
    mark: BodyMark = field(init=False)
    """The data in the mark of the body."""
    opened_at: datetime
    closed_at: datetime | None
    attributes: RequestAttributes = NO_ATTRIBUTES
    """The current attributes, as far as the list contains them. It always contains the labels."""
    has_automerge: bool = False
    """True if auto-merge is enabled."""
    automerge_by: str | None = None
    """The login of the account that enabled auto-merge; None if the server does not report it."""
    opened_by: str | None = None
    """The login of the account that opened the pull request; None if the server does not report it."""
    closed_by: str | None = None
    """The login of the account that closed the pull request; None if the list does not contain it."""
    opened_by_bot: str | None = None
    """The login of the bot that opened the pull request; None if a user opened it, or if the server does not report the
    account."""
    is_merging: bool = False
    """True if the server is merging the pull request now."""
    is_approved: bool = False
    """True if the list shows that a user approved the pull request."""
    updated_at: datetime | None = None
    """The time of the last change of any kind, including comments; None if the server does not report it."""

    def __post_init__(self) -> None:
        """Parse the mark of the body."""
        object.__setattr__(self, "mark", parse_mark(self.body))

    @property
    def may_be_declined(self) -> bool:
        """True if a user may have declined the proposal by closing the pull request.

        The result is True if the pull request is closed, and its mark does not record that basebump withdrew the
        proposal. The caller must still request from the server which account closed the pull request.
        """
        return self.closed_at is not None and self.state is RequestState.CLOSED and not self.mark.is_withdrawn


class RequestReader(Protocol):
    """Reads the pull requests of one repository on a server. Methods raise RefusedError if an API call fails."""

    def list_open(self, branches: Collection[str]) -> Sequence[ListedRequest]:
        """Return the open pull requests of these branches. Pull requests from forks are left out."""
        ...

    def list_of_branch(self, branch: str) -> Sequence[ListedRequest]:
        """Return the newest ended pull requests of a branch.

        On GitLab, the result also contains merge requests that GitLab is merging now, which `list_open` omits.
        """
        ...

    def find_open(self, branch: str, target_branch: str) -> ListedRequest | None:
        """Return the newest open pull request to merge a branch into a target branch; None if there is none."""
        ...

    def is_own_automerge(self, request: ListedRequest) -> bool:
        """Return True if the token's account enabled auto-merge for the pull request.

        This is called only if auto-merge is enabled.
        """
        ...

    def is_own_request(self, request: ListedRequest) -> bool:
        """Return True if the token's account opened the pull request."""
        ...

    def has_own_comment(self, number: int) -> bool:
        """Return True if basebump has already commented that the branch contains commits of users."""
        ...

    def read_merge_state(self, number: int) -> MergeState:
        """Return whether an open pull request has conflicts or must be updated.

        If the server is still computing this, `is_known` of the result is False.
        """
        ...

    def is_current_branch_required(self, branch: str) -> bool:
        """Return True if a pull request into `branch` must be up to date before it can be merged."""
        ...

    def read_review_states(
        self, requests: Sequence[ListedRequest], own_numbers: frozenset[int]
    ) -> Mapping[int, ReviewState]:
        """Return the approvals of each pull request, and the attributes (such as labels) it ever had, by its number.

        `own_numbers` are the numbers of the pull requests whose branch contains only basebump's change. If another pull
        request is in `requests`, its approvals need not be read, because basebump leaves it unchanged.
        """
        ...

    def find_closed_without_user(self, requests: Sequence[ListedRequest]) -> frozenset[int]:
        """Return the numbers of the closed pull requests that no user closed.

        The server closed them because their branch was deleted, or basebump closed them itself. Such a pull request
        does not count as declined.
        """
        ...


def parse_request_time(text: str) -> datetime:
    """Return a time in a response.

    Raises ValueError if the text has no time zone, because such times cannot be compared.
    """
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return time


def is_closed_by_deletion(closed_at: datetime, deletions: Iterable[datetime]) -> bool:
    """Return True if a pull request was closed because its branch was deleted.

    `deletions` are the times at which the branch was deleted. The result is True if the pull request was closed at most
    `MAX_AFTER_DELETION` after one of these times, or at most `MAX_BEFORE_DELETION` before it.
    """
    return any(-MAX_BEFORE_DELETION <= closed_at - when <= MAX_AFTER_DELETION for when in deletions)
