"""Webhooks of GitLab. A project, a group or the whole server (system hook) can send them.

https://docs.gitlab.com/user/project/integrations/webhook_events/, https://docs.gitlab.com/administration/system_hooks/
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType

from bot.events.fields import JsonObject, choose_delivery_id, read_object, read_objects, read_text
from bot.events.forge_changes import (
    Changes,
    RequestAction,
    find_dashboard_change,
    find_pushes,
    find_request_change,
    parse_document,
    read_long_text,
    read_name,
    report_repository,
)
from bot.events.proof import is_recent, is_same_secret
from bot.model.delivery import EventRequest, ParsedDelivery

SIGNING_TOKEN_PREFIX = "whsec_"  # noqa: S105 - the form of a secret, and no secret
MAX_SIGNATURES = 10
"""The largest number of signatures in a header. GitLab sends one signature for each signing token, and a hook has one
such token."""

_REQUEST_ACTIONS = MappingProxyType(
    {
        "close": RequestAction.END,
        "merge": RequestAction.END,
        "reopen": RequestAction.REOPEN,
        "approved": RequestAction.REVIEW,
        "unapproved": RequestAction.REVIEW,
        "approval": RequestAction.REVIEW,
        "unapproval": RequestAction.REVIEW,
    }
)
"""The actions except `update`. The meaning of `update` depends on the fields that were changed."""


class GitLabSender:
    """GitLab sends the secret token of the webhook, or signs each delivery with the webhook's signing token."""

    def is_proved(self, request: EventRequest, secret: str, now: datetime) -> bool:
        if "webhook-signature" in request.headers and secret.startswith(SIGNING_TOKEN_PREFIX):
            return _is_signed(request, secret, now)
        return is_same_secret(request.headers.get("x-gitlab-token"), secret)

    def parse_delivery(self, request: EventRequest, registry: str | None) -> ParsedDelivery:  # noqa: ARG002 - a forge
        document = parse_document(request)
        kind = document.get("object_kind") or document.get("event_name")
        read_changes = READERS.get(kind) if isinstance(kind, str) else None
        return ParsedDelivery(_choose_id(request), read_changes(document) if read_changes else ())


def _is_signed(request: EventRequest, secret: str, now: datetime) -> bool:
    """Return True if a delivery has a valid signature by Standard Webhooks, and was sent a short time ago."""
    delivery_id, time = (request.headers.get(name, "") for name in ("webhook-id", "webhook-timestamp"))
    try:
        key = base64.b64decode(secret.removeprefix(SIGNING_TOKEN_PREFIX), validate=True)
    except ValueError:
        return False
    digest = hmac.new(key, f"{delivery_id}.{time}.".encode() + request.body, hashlib.sha256).digest()
    expected = f"v1,{base64.b64encode(digest).decode()}"
    given = request.headers["webhook-signature"].split(" ")[:MAX_SIGNATURES]
    return any(is_same_secret(each, expected) for each in given) and is_recent(time, now)


def _choose_id(request: EventRequest) -> str:
    """Return the identifier of a delivery: the signed one, or the one in another header.

    Older versions send only the identifier of the action that led to the delivery. One action can lead to several
    deliveries.
    """
    if "webhook-signature" in request.headers:
        return choose_delivery_id(request.headers.get("webhook-id"), request.body)
    if "idempotency-key" in request.headers:
        return choose_delivery_id(request.headers["idempotency-key"], request.body)
    return choose_delivery_id(None, request.headers.get("x-gitlab-event-uuid", "").encode() + request.body)


def _read_project(document: JsonObject) -> str:
    return read_name(read_object(document.get("project"), "project").get("path_with_namespace"), "path_with_namespace")


def _read_push(document: JsonObject) -> Changes:
    return find_pushes(_read_project(document), [(document.get("ref"), document.get("after"))])


def _read_update(document: JsonObject) -> Changes:
    """Return the pushes in a system hook's delivery, which contains all branches and tags of a push."""
    updates = read_objects(document.get("changes"), "changes")
    return find_pushes(_read_project(document), [(each.get("ref"), each.get("after")) for each in updates])


def _read_request(document: JsonObject) -> Changes:
    project, request = _read_project(document), read_object(document.get("object_attributes"), "object_attributes")
    if request.get("source_project_id") != request.get("target_project_id"):
        return ()
    text = read_long_text(request.get("description"), "object_attributes.description")
    action = read_text(request.get("action") or "", "object_attributes.action")
    if action in _REQUEST_ACTIONS:
        return find_request_change(project, _REQUEST_ACTIONS[action], text)
    if action != "update":
        return ()
    changes = read_object(document.get("changes") or {}, "changes")
    labels = _read_added_labels(changes["labels"]) if "labels" in changes else frozenset()
    edits = find_request_change(project, RequestAction.EDIT, text) if "description" in changes else ()
    return edits or find_request_change(project, RequestAction.LABEL, text, labels)


def _read_added_labels(value: object) -> frozenset[str]:
    change = read_object(value, "changes.labels")
    before, after = (_read_labels(change.get(name)) for name in ("previous", "current"))
    return frozenset(after).difference(before)


def _read_labels(value: object) -> Iterable[str]:
    return [read_text(each.get("title"), "label.title") for each in read_objects(value, "labels")]


def _read_issue(document: JsonObject) -> Changes:
    project, issue = _read_project(document), read_object(document.get("object_attributes"), "object_attributes")
    changes = read_object(document.get("changes") or {}, "changes")
    if issue.get("action") != "update" or "description" not in changes:
        return ()
    text = read_long_text(issue.get("description"), "object_attributes.description")
    return find_dashboard_change(project, text, _read_labels(document.get("labels") or []))


def _read_project_change(document: JsonObject) -> Changes:
    return report_repository(read_name(document.get("path_with_namespace"), "path_with_namespace"))


READERS: Mapping[str, Callable[[JsonObject], Changes]] = MappingProxyType(
    {
        "push": _read_push,
        "repository_update": _read_update,
        "merge_request": _read_request,
        "issue": _read_issue,
        "project_create": _read_project_change,
        "project_rename": _read_project_change,
        "project_transfer": _read_project_change,
        "project_update": _read_project_change,
    }
)
"""The functions that read the deliveries of each event. All events that are not listed are ignored."""

SENDER = GitLabSender()
