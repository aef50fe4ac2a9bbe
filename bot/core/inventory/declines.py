"""Find the pull request because of which an update is not proposed again."""

from __future__ import annotations

from collections.abc import Iterable

from bot.model.inventory import StoredRequest
from bot.model.proposal import DeclineScope
from bot.model.report import Verdict
from bot.model.usage import DeclinedRequest, RequestLink


def find_decline(verdict: Verdict, requests: Iterable[StoredRequest]) -> DeclinedRequest | None:
    """Return the pull request of the base branch that declines the update of an image reference; None if none does."""
    if verdict.status.is_updatable:
        for each in requests:
            if each.declines is not None and _declines_update(each, each.declines, verdict):
                return DeclinedRequest(RequestLink(each.number, each.url, each.opened_at), each.ended_at, each.declines)
    return None


def _declines_update(request: StoredRequest, scope: DeclineScope, verdict: Verdict) -> bool:
    names = [target.partition("@")[::2] for target in request.targets]
    digests = [digest for name, digest in names if name.rpartition(":")[0] == verdict.reference.image.repository]
    if scope is DeclineScope.DIGEST:
        return verdict.new_digest in digests
    return scope is DeclineScope.REPOSITORY or bool(digests)
