"""Webhooks of Gitea and Forgejo. A repository, an organization or the whole server can send them.

https://docs.gitea.com/usage/webhooks, https://forgejo.org/docs/latest/user/webhooks/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

from bot.events.fields import JsonObject, hash_delivery
from bot.events.forge_changes import Changes, RequestAction, parse_document
from bot.events.proof import is_signature
from bot.events.pull_events import read_issue, read_push, read_repository_change, read_request
from bot.model.delivery import EventRequest, ParsedDelivery

_SIGNATURES = ("x-forgejo-signature", "x-gitea-signature")
"""Headers with the signature without its algorithm, which is HMAC-SHA256."""
_REQUEST_ACTIONS = MappingProxyType(
    {
        "closed": RequestAction.END,
        "reopened": RequestAction.REOPEN,
        "edited": RequestAction.EDIT,
        "label_updated": RequestAction.LABEL,
    }
)
_REVIEW_ACTIONS = MappingProxyType({"reviewed": RequestAction.REVIEW})
_REPOSITORY_ACTIONS = frozenset({"created"})
"""The changes of repositories that the servers report. Neither server reports that a repository was renamed,
transferred or archived."""


class GiteaSender:
    """Both servers sign the body of a delivery with the webhook's secret, and send the signature in several headers."""

    def is_proved(self, request: EventRequest, secret: str, now: datetime) -> bool:  # noqa: ARG002 - these requests contain no time
        plain = next((request.headers[each] for each in _SIGNATURES if each in request.headers), None)
        signature = request.headers.get("x-hub-signature-256") if plain is None else f"sha256={plain}"
        return is_signature(signature, secret, request.body)

    def parse_delivery(self, request: EventRequest, registry: str | None) -> ParsedDelivery:  # noqa: ARG002 - a forge
        headers = request.headers
        read_changes = READERS.get(headers.get("x-forgejo-event", headers.get("x-gitea-event", "")))
        events = read_changes(parse_document(request)) if read_changes else ()
        return ParsedDelivery(hash_delivery(request.body), events)


def _read_request(document: JsonObject) -> Changes:
    """Return the change of a pull request.

    After a change of labels, the delivery contains all labels of the pull request. A label that requests an action
    stays only until basebump has done the action.
    """
    return read_request(document, _REQUEST_ACTIONS)


def _read_review(document: JsonObject) -> Changes:
    return read_request(document, _REVIEW_ACTIONS)


def _read_repository(document: JsonObject) -> Changes:
    return read_repository_change(document, _REPOSITORY_ACTIONS)


READERS: Mapping[str, Callable[[JsonObject], Changes]] = MappingProxyType(
    {
        "push": read_push,
        "pull_request": _read_request,
        "pull_request_approved": _read_review,
        "pull_request_rejected": _read_review,
        "issues": read_issue,
        "repository": _read_repository,
    }
)
"""The functions that read the deliveries of each event. All events that are not listed are ignored."""

SENDER = GiteaSender()
