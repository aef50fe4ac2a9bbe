"""Deliveries of GitLab."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from support.events.forges.sent import (
    NEW_COMMIT,
    NO_COMMIT,
    OLD_COMMIT,
    PLAIN_TEXT,
    TICKED_TEXT,
    SendingForge,
    SentDelivery,
    build_issues,
    build_pushes,
    build_requests,
    number,
    pushed,
    repository_changed,
    request_changed,
)

from bot.model.delivery import RepositoryChanged

NAME = "acme/shop/web"
SECRET = "secret-of-the-webhook"
SIGNING_TOKEN = "whsec_" + base64.b64encode(b"thirty-two bytes of a test token").decode()
SENT_AT = 1795910400
"""The time in signed deliveries, in seconds since 1970."""
_PROJECT = {"id": 7, "name": "Web", "path_with_namespace": NAME, "default_branch": "main", "visibility_level": 0}
_CLOSED, _BY_USER = request_changed(NAME), request_changed(NAME, is_by_user=True)


def sign(body: bytes, token: str = SIGNING_TOKEN, sent_at: str = str(SENT_AT)) -> dict[str, str]:
    """Return the headers of a signed delivery, as Standard Webhooks describes them."""
    key = base64.b64decode(token.removeprefix("whsec_"))
    signature = hmac.new(key, b"id-1." + sent_at.encode() + b"." + body, hashlib.sha256).digest()
    encoded = base64.b64encode(signature).decode()
    return {"webhook-id": "id-1", "webhook-timestamp": sent_at, "webhook-signature": f"v1,{encoded}"}


def _send(name: str, hook: str, document: dict[str, Any], *events: RepositoryChanged) -> SentDelivery:
    headers = {
        "user-agent": "GitLab/18.9.0",
        "x-gitlab-event": hook,
        "idempotency-key": f"{number(name):x}",
        "x-gitlab-event-uuid": "13792a34-cac6-4fda-95a8-c58e00a3954e",
        "x-gitlab-webhook-uuid": "a2b7b6f7-1a0e-4a3b-9c34-000000000001",
        "x-gitlab-instance": "https://gitlab.example.com",
    }
    return SentDelivery(name, document, headers, events)


def _push(name: str, ref: str, after: str, *events: RepositoryChanged) -> SentDelivery:
    document = {"object_kind": "push", "event_name": "push", "before": OLD_COMMIT, "after": after, "ref": ref}
    return _send(name, "Push Hook", {**document, "project": _PROJECT, "commits": [], "total_commits_count": 1}, *events)


def _request(
    name: str,
    action: str | None,
    text: str | None,
    *events: RepositoryChanged,
    source: int = 7,
    changes: dict[str, Any] | None = None,
    hook: str = "Merge Request Hook",
) -> SentDelivery:
    request = {
        "iid": 4,
        "title": "Update python",
        "description": text,
        "state": "opened",
        "action": action,
        "source_branch": "basebump/python-3.12-06e5bb43",
        "target_branch": "main",
        "source_project_id": source,
        "target_project_id": 7,
    }
    document = {"object_kind": "merge_request", "project": _PROJECT, "object_attributes": request, "labels": []}
    return _send(name, hook, {**document, "changes": changes or {}}, *events)


def _labels(before: list[str], after: list[str]) -> dict[str, Any]:
    lists = {"previous": before, "current": after}
    return {"labels": {key: [{"id": 1, "title": each} for each in titles] for key, titles in lists.items()}}


def _edit(before: str, after: str) -> dict[str, Any]:
    return {"description": {"previous": before, "current": after}, "updated_at": {"previous": None, "current": None}}


def _issue(name: str, action: str, text: str, label: str, *events: RepositoryChanged) -> SentDelivery:
    issue = {"iid": 5, "type": "Issue", "title": "Images", "description": text, "action": action}
    document = {"object_kind": "issue", "project": _PROJECT, "object_attributes": issue}
    labels = [{"id": 1, "title": label}]
    return _send(name, "Issue Hook", {**document, "labels": labels, "changes": _edit("", text)}, *events)


def _project(event: str, *events: RepositoryChanged, hook: str = "System Hook") -> SentDelivery:
    document = {"event_name": event, "name": "Web", "path_with_namespace": NAME, "project_visibility": "private"}
    return _send(f"{event} {hook}", hook, {**document, "project_id": 7}, *events)


def _update(name: str, refs: dict[str, str], *events: RepositoryChanged) -> SentDelivery:
    changes = [{"before": OLD_COMMIT, "after": after, "ref": ref} for ref, after in refs.items()]
    document = {"event_name": "repository_update", "project_id": 7, "project": _PROJECT, "changes": changes}
    return _send(name, "System Hook", {**document, "refs": [*refs]}, *events)


FORGE = SendingForge(
    kind="gitlab",
    source="https://docs.gitlab.com/user/project/integrations/webhook_events/, "
    "https://docs.gitlab.com/administration/system_hooks/, and for signing tokens "
    "https://gitlab.com/gitlab-org/gitlab/-/merge_requests/230944",
    repository=NAME,
    proofs={"token": lambda _: {"x-gitlab-token": SECRET}, "signature": sign},
    secrets={"token": SECRET, "signature": SIGNING_TOKEN},
    deliveries=(
        *build_pushes(_push, NAME),
        _send("tag", "Tag Push Hook", {"object_kind": "tag_push", "ref": "refs/tags/v1", "project": _PROJECT}),
        _update(
            "several branches",
            {"refs/heads/main": NEW_COMMIT, "refs/heads/next": NEW_COMMIT, "refs/heads/old": NO_COMMIT},
            pushed(NAME),
            pushed(NAME, "next"),
        ),
        _update("tags", {"refs/tags/v1": NEW_COMMIT}),
        *build_requests(_request, NAME, opened="open", closed="close", reopened="reopen"),
        _request("merged", "merge", PLAIN_TEXT, _CLOSED),
        _request("merged, system hook", "merge", PLAIN_TEXT, _CLOSED, hook="System Hook"),
        _request("closed request without text", "close", None),
        _request("closed request from a fork", "close", PLAIN_TEXT, source=8),
        _request("ticked", "update", TICKED_TEXT, _BY_USER, changes=_edit(PLAIN_TEXT, TICKED_TEXT)),
        _request("edited by basebump", "update", PLAIN_TEXT, changes=_edit(TICKED_TEXT, PLAIN_TEXT)),
        _request("title edited", "update", TICKED_TEXT, changes={"title": {"previous": "A", "current": "B"}}),
        _request("labelled", "update", PLAIN_TEXT, _BY_USER, changes=_labels(["a"], ["a", "basebump-again"])),
        _request("label replaced", "update", PLAIN_TEXT, changes=_labels(["basebump-again"], ["b"])),
        _request("labelled before", "update", PLAIN_TEXT, changes=_labels(["basebump-again"], ["basebump-again", "b"])),
        _request(
            "labelled and edited",
            "update",
            PLAIN_TEXT,
            _BY_USER,
            changes={**_labels([], ["basebump-rebase"]), **_edit("", PLAIN_TEXT)},
        ),
        _request("new commits", "update", PLAIN_TEXT),
        _request("without action", None, PLAIN_TEXT),
        _request("approved", "approved", PLAIN_TEXT, _BY_USER),
        _request("approval taken back", "unapproval", PLAIN_TEXT, _BY_USER),
        *build_issues(_issue, NAME, opened="open", edited="update"),
        _project("project_create", repository_changed(NAME), hook="Project Hook"),
        *(_project(f"project_{each}", repository_changed(NAME)) for each in ("create", "rename", "transfer", "update")),
        _project("project_destroy"),
        _send("comment", "Note Hook", {"object_kind": "note", "project": _PROJECT}),
        _send("user created", "System Hook", {"event_name": "user_create", "username": "ada"}),
    ),
)
