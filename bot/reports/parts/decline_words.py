"""Describes how a proposal ended without a merge. All outputs use these words."""

from __future__ import annotations

from collections.abc import Mapping

from bot.core.proposal.requested_actions import AGAIN_LABEL
from bot.model.inventory import StoredRequest
from bot.model.proposal import ClosedBy, DeclineScope, RequestState
from bot.model.usage import DeclinedRequest

_SCOPES: Mapping[DeclineScope, str] = {
    DeclineScope.DIGEST: "this digest",
    DeclineScope.LATER_DIGESTS: "this digest or a later one",
    DeclineScope.REPOSITORY: "any update in this repository",
}
_ENDS: Mapping[ClosedBy, str] = {
    ClosedBy.PERSON: "declined",
    ClosedBy.BASEBUMP: "withdrawn by basebump",
    ClosedBy.BRANCH_DELETION: "closed, because its branch was deleted",
}
_LOCAL = "local"
"""The kind of forge without labels."""


def describe_request_state(request: StoredRequest) -> str:
    """Return the state of a pull request; for one that was closed without a merge, also by whom."""
    if request.state is RequestState.CLOSED and request.closed_by is not None:
        return _ENDS[request.closed_by]
    return request.state.value


def describe_decline(declined: DeclinedRequest) -> str:
    """Return when a person declined an update by closing which pull request."""
    number = f"pull request #{declined.link.number}" if declined.link.number else "the proposal"
    date = f" on {declined.closed_at:%Y-%m-%d}" if declined.closed_at is not None else ""
    return f"declined{date}: {number} was closed without a merge"


def describe_decline_effect(declined: DeclinedRequest, forge: str) -> str:
    """Return a sentence that says what basebump does not propose again, and how a user can ask for it."""
    condition = "" if forge == _LOCAL else f", unless a person sets the label `{AGAIN_LABEL}` on the pull request"
    return f"basebump does not propose {_SCOPES[declined.scope]} again{condition}."
