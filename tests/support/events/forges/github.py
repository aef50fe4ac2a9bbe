"""Deliveries of GitHub."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from typing import Any

from support.events.forges.sent import (
    NEW_COMMIT,
    NO_COMMIT,
    OLD_COMMIT,
    PLAIN_TEXT,
    TICKED_TEXT,
    WITHDRAWN_TEXT,
    SendingForge,
    SentDelivery,
    build_issues,
    build_pushes,
    build_requests,
    number,
    repository_changed,
    request_changed,
)

from bot.model.delivery import RepositoryChanged

NAME = "acme/web"
SECRET = "secret-of-the-webhook"
_REPOSITORY = {"id": 7, "node_id": "R_7", "name": "web", "full_name": NAME, "private": True, "default_branch": "main"}
_SENDER = {"login": "ada", "id": 3, "type": "User"}
_CLOSED, _BY_USER = request_changed(NAME), request_changed(NAME, is_by_user=True)


def prove(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"x-hub-signature-256": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"}


def _send(name: str, event: str, document: dict[str, Any], *events: RepositoryChanged) -> SentDelivery:
    headers = {
        "user-agent": "GitHub-Hookshot/0000000",
        "x-github-event": event,
        "x-github-delivery": f"72d3162e-cc78-11e3-81ab-{number(name):012}",
        "x-github-hook-id": "292430182",
    }
    return SentDelivery(name, {"repository": _REPOSITORY, "sender": _SENDER, **document}, headers, events)


def _push(name: str, ref: str, after: str, *events: RepositoryChanged) -> SentDelivery:
    document = {
        "ref": ref,
        "before": OLD_COMMIT,
        "after": after,
        "created": False,
        "deleted": after == NO_COMMIT,
        "forced": False,
        "commits": [{"id": NEW_COMMIT, "added": [], "modified": ["Dockerfile"], "removed": []}],
    }
    return _send(name, "push", document, *events)


def _request(
    name: str,
    action: str,
    text: str | None,
    *events: RepositoryChanged,
    source: str | None = NAME,
    event: str = "pull_request",
    **more: object,
) -> SentDelivery:
    request = {
        "number": 4,
        "state": "open",
        "title": "Update python",
        "body": text,
        "merged": False,
        "labels": [],
        "head": {"ref": "basebump/python-3.12-06e5bb43", "repo": source and {**_REPOSITORY, "full_name": source}},
        "base": {"ref": "main", "repo": _REPOSITORY},
    }
    return _send(name, event, {"action": action, "number": 4, "pull_request": request, **more}, *events)


def _review(name: str, action: str, state: str, relation: str, *events: RepositoryChanged) -> SentDelivery:
    review = {"id": 9, "state": state, "author_association": relation, "body": None}
    return _request(name, action, PLAIN_TEXT, *events, event="pull_request_review", review=review)


def _issue(name: str, action: str, text: str, label: str, *events: RepositoryChanged) -> SentDelivery:
    issue = {"number": 5, "state": "open", "title": "Images", "body": text, "labels": [{"id": 1, "name": label}]}
    return _send(name, "issues", {"action": action, "issue": issue, "changes": {"body": {"from": ""}}}, *events)


def _repository(action: str, *events: RepositoryChanged, field: str = "") -> SentDelivery:
    """Return the delivery about a repository whose `field` was edited."""
    changes = {"changes": {field: {"from": None}}} if field else {}
    return _send(f"repository {action} {field}".strip(), "repository", {"action": action, **changes}, *events)


def _installation(event: str, action: str, field: str, *names: str) -> SentDelivery:
    repositories = [{"id": 8, "name": name.partition("/")[2], "full_name": name, "private": True} for name in names]
    document = {"action": action, "installation": {"id": 2}, "repositories_removed": [], field: repositories}
    events = [] if action in ("removed", "deleted") else [repository_changed(name) for name in names]
    return replace(_send(f"{event} {action}", event, {}, *events), document=document)


FORGE = SendingForge(
    kind="github",
    source="https://docs.github.com/en/webhooks/webhook-events-and-payloads",
    repository=NAME,
    proofs={"signature": prove},
    secrets={"signature": SECRET},
    deliveries=(
        *build_pushes(_push, NAME),
        _push("tag", "refs/tags/v1", NEW_COMMIT),
        *build_requests(_request, NAME, opened="opened", closed="closed", reopened="reopened"),
        _request("closed request without text", "closed", None),
        _request("closed request from a fork", "closed", PLAIN_TEXT, source="mallory/web"),
        _request("closed request from a deleted fork", "closed", PLAIN_TEXT, source=None),
        _request("reopened after it was withdrawn", "reopened", WITHDRAWN_TEXT, _CLOSED),
        _request("ticked", "edited", TICKED_TEXT, _BY_USER, changes={"body": {"from": PLAIN_TEXT}}),
        _request("edited by basebump", "edited", PLAIN_TEXT, changes={"body": {"from": TICKED_TEXT}}),
        _request("ticked in a fork", "edited", TICKED_TEXT, source="mallory/web"),
        _request("labelled", "labeled", PLAIN_TEXT, _BY_USER, label={"id": 1, "name": "basebump-rebase"}),
        _request("labelled with another", "labeled", PLAIN_TEXT, label={"id": 2, "name": "dependencies"}),
        _request("unlabelled", "unlabeled", PLAIN_TEXT, label={"id": 1, "name": "basebump-again"}),
        _request("new commits", "synchronize", PLAIN_TEXT, before=OLD_COMMIT, after=NEW_COMMIT),
        _review("approved", "submitted", "approved", "MEMBER", _BY_USER),
        _review("review dismissed", "dismissed", "dismissed", "OWNER", _BY_USER),
        _review("review with comments", "submitted", "commented", "MEMBER"),
        _review("approved by a stranger", "submitted", "approved", "NONE"),
        *build_issues(_issue, NAME, opened="opened", edited="edited"),
        *(
            _repository(action, repository_changed(NAME))
            for action in (
                "created",
                "renamed",
                "transferred",
                "archived",
                "unarchived",
                "publicized",
                "privatized",
            )
        ),
        _repository("edited", repository_changed(NAME), field="default_branch"),
        _repository("edited", field="description"),
        _repository("deleted"),
        _installation("installation_repositories", "added", "repositories_added", "acme/api", "acme/docs"),
        _installation("installation_repositories", "removed", "repositories_removed", "acme/api"),
        _installation("installation", "created", "repositories", "acme/api"),
        _installation("installation", "deleted", "repositories", "acme/api"),
        _send("ping", "ping", {"zen": "Design for failure.", "hook_id": 292430182}),
        _send("star", "star", {"action": "created", "starred_at": "2026-07-01T09:00:00Z"}),
    ),
)
