"""Deliveries of Gitea and Forgejo."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from support.events.forges.sent import (
    NEW_COMMIT,
    OLD_COMMIT,
    PLAIN_TEXT,
    TICKED_TEXT,
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
_REPOSITORY = {"id": 7, "name": "web", "full_name": NAME, "private": True, "default_branch": "main"}
_SENDER = {"id": 3, "login": "ada"}
_BY_USER = request_changed(NAME, is_by_user=True)


def sign(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _send(name: str, kind: str, document: dict[str, Any], *events: RepositoryChanged, event: str = "") -> SentDelivery:
    """`kind` is the kind of event that a user selects; several kinds can share an event."""
    delivery_id = f"f6266f16-1bf3-46a5-9ea4-{number(name):012}"
    headers = {
        f"x-{server}-{part}": value
        for server in ("gitea", "gogs", "github")
        for part, value in {"delivery": delivery_id, "event": event or kind, "event-type": kind}.items()
    }
    return SentDelivery(name, {"repository": _REPOSITORY, "sender": _SENDER, **document}, headers, events)


def _push(name: str, ref: str, after: str, *events: RepositoryChanged) -> SentDelivery:
    commits = [{"id": NEW_COMMIT, "added": [], "modified": ["Dockerfile"], "removed": []}]
    document = {"ref": ref, "before": OLD_COMMIT, "after": after, "commits": commits, "total_commits": 1}
    return _send(name, "push", document, *events)


def _request(
    name: str,
    action: str,
    text: str,
    *events: RepositoryChanged,
    kind: str = "pull_request",
    event: str = "pull_request",
    source: str = NAME,
    labels: tuple[str, ...] = (),
    **more: object,
) -> SentDelivery:
    request = {
        "number": 4,
        "state": "open",
        "title": "Update python",
        "body": text,
        "merged": False,
        "labels": [{"id": number, "name": label} for number, label in enumerate(labels)],
        "head": {"ref": "basebump/python-3.12-06e5bb43", "repo_id": 7, "repo": {**_REPOSITORY, "full_name": source}},
        "base": {"ref": "main", "repo_id": 7, "repo": _REPOSITORY},
    }
    document = {"action": action, "number": 4, "pull_request": request, "review": None, **more}
    return _send(name, kind, document, *events, event=event)


def _review(name: str, result: str, *events: RepositoryChanged) -> SentDelivery:
    kind = f"pull_request_review_{result}"
    review = {"type": kind, "content": ""}
    words = {"kind": kind, "event": f"pull_request_{result}", "review": review}
    return _request(name, "reviewed", PLAIN_TEXT, *events, **words)  # type: ignore[arg-type]


def _label(name: str, *labels: str, events: tuple[RepositoryChanged, ...] = ()) -> SentDelivery:
    return _request(name, "label_updated", PLAIN_TEXT, *events, kind="pull_request_label", labels=labels)


def _issue(name: str, action: str, text: str, label: str, *events: RepositoryChanged) -> SentDelivery:
    issue = {"number": 5, "state": "open", "title": "Images", "body": text, "labels": [{"id": 1, "name": label}]}
    document = {"action": action, "number": 5, "issue": issue, "changes": {"body": {"from": ""}}}
    return _send(name, "issues", document, *events)


FORGE = SendingForge(
    kind="gitea",
    source="https://docs.gitea.com/usage/webhooks, modules/structs/hook.go and services/webhook/notifier.go in "
    "https://github.com/go-gitea/gitea",
    repository=NAME,
    proofs={
        "gitea": lambda body: {"x-gitea-signature": sign(body)},
        "forgejo": lambda body: {"x-forgejo-signature": sign(body)},
        "github": lambda body: {"x-hub-signature-256": f"sha256={sign(body)}"},
    },
    secrets={"gitea": SECRET, "forgejo": SECRET, "github": SECRET},
    deliveries=(
        *build_pushes(_push, NAME),
        _push("tag", "refs/tags/v1", NEW_COMMIT),
        *build_requests(_request, NAME, opened="opened", closed="closed", reopened="reopened"),
        _request("closed request from a fork", "closed", PLAIN_TEXT, source="mallory/web"),
        _request("ticked", "edited", TICKED_TEXT, _BY_USER, changes={"body": {"from": PLAIN_TEXT}}),
        _request("edited by basebump", "edited", PLAIN_TEXT, changes={"body": {"from": TICKED_TEXT}}),
        _label("labelled", "dependencies", "basebump-again", events=(_BY_USER,)),
        _label("label removed", "dependencies"),
        _request("labels removed", "label_cleared", PLAIN_TEXT, kind="pull_request_label"),
        _request("new commits", "synchronized", PLAIN_TEXT, kind="pull_request_sync"),
        _review("approved", "approved", _BY_USER),
        _review("changes requested", "rejected", _BY_USER),
        _review("review with comments", "comment"),
        *build_issues(_issue, NAME, opened="opened", edited="edited"),
        _send("repository created", "repository", {"action": "created"}, repository_changed(NAME)),
        _send("repository deleted", "repository", {"action": "deleted"}),
        _send("branch created", "create", {"ref": "x", "ref_type": "branch", "sha": NEW_COMMIT}),
    ),
)
