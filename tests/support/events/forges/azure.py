"""Deliveries of Azure DevOps."""

from __future__ import annotations

import base64
from typing import Any

from support.events.forges.sent import (
    NEW_COMMIT,
    NO_COMMIT,
    OLD_COMMIT,
    SendingForge,
    SentDelivery,
    number,
    pushed,
    repository_changed,
    request_changed,
)

from bot.model.delivery import RepositoryChanged

NAME = "Acme Shop/web"
SECRET = "secret-of-the-subscription"
SUBSCRIPTION = "00000000-0000-0000-0000-00000000000a"
_REPOSITORY = {
    "id": "00000000-0000-0000-0000-000000000007",
    "name": "web",
    "project": {"id": "00000000-0000-0000-0000-000000000008", "name": "Acme Shop", "state": "wellFormed"},
    "defaultBranch": "refs/heads/main",
}


def _send(name: str, event: str, resource: dict[str, Any], *events: RepositoryChanged) -> SentDelivery:
    document = {
        "subscriptionId": SUBSCRIPTION,
        "notificationId": number(name),
        "id": "00000000-0000-0000-0000-000000000009",
        "eventType": event,
        "publisherId": "tfs",
        "message": {"text": "Ada did something."},
        "resource": resource,
        "resourceVersion": "1.0",
        "createdDate": "2026-11-28T08:00:00.0000000Z",
    }
    return SentDelivery(name, document, {}, events)


def _push(name: str, refs: dict[str, str], *events: RepositoryChanged) -> SentDelivery:
    updates = [{"name": ref, "oldObjectId": OLD_COMMIT, "newObjectId": commit} for ref, commit in refs.items()]
    return _send(name, "git.push", {"refUpdates": updates, "repository": _REPOSITORY, "pushId": 14}, *events)


def _request(
    name: str, status: str, *events: RepositoryChanged, event: str = "git.pullrequest.updated", **more: object
) -> SentDelivery:
    resource = {
        "repository": _REPOSITORY,
        "pullRequestId": 4,
        "status": status,
        "title": "Update python",
        "description": "Updates python.",
        "sourceRefName": "refs/heads/basebump/python-3.12-06e5bb43",
        "targetRefName": "refs/heads/main",
        "reviewers": [{"vote": 10, "displayName": "Ada"}],
    }
    return _send(name, event, resource | more, *events)


FORGE = SendingForge(
    kind="azure",
    source="https://learn.microsoft.com/azure/devops/service-hooks/events",
    repository=NAME,
    proofs={
        "password": lambda _: {"authorization": f"Basic {base64.b64encode(f'hook:{SECRET}'.encode()).decode()}"},
        "header": lambda _: {"authorization": f"Bearer {SECRET}"},
    },
    secrets={"password": SECRET, "header": SECRET},
    deliveries=(
        _push("push", {"refs/heads/main": NEW_COMMIT}, pushed(NAME)),
        _push("push to a branch of basebump", {"refs/heads/basebump/x": NEW_COMMIT}, pushed(NAME, "basebump/x")),
        _push("deleted branch", {"refs/heads/old": NO_COMMIT}),
        _push("tag", {"refs/tags/v1": NEW_COMMIT}),
        _push(
            "several branches",
            {"refs/heads/main": NEW_COMMIT, "refs/heads/release/1": NEW_COMMIT, "refs/heads/old": NO_COMMIT},
            pushed(NAME),
            pushed(NAME, "release/1"),
        ),
        _request("merged", "completed", request_changed(NAME)),
        _request("closed by a user", "abandoned", request_changed(NAME)),
        _request("reviewed", "active", request_changed(NAME)),
        _request("request from a fork", "completed", forkSource={"name": "refs/heads/x"}),
        _request("opened", "active", event="git.pullrequest.created"),
        _request("merge attempted", "active", event="git.pullrequest.merged"),
        *(
            _send(f"repository {each}", f"git.repo.{each}", {"repository": _REPOSITORY}, repository_changed(NAME))
            for each in ("created", "renamed", "statuschanged")
        ),
        _send("repository deleted", "git.repo.deleted", {"repositoryName": "web", "project": _REPOSITORY["project"]}),
        _send("work item", "workitem.created", {"id": 5}),
    ),
)
