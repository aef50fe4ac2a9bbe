"""Webhooks of Gitea and Forgejo (https://docs.gitea.com/usage/webhooks)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from support.forges.gitea.shapes import GiteaJson
from support.forges.gitea.state import GiteaRepository, GiteaWorld
from support.forges.webhooks import ServerWebhooks, WebhookCause, WebhookTarget

_NO_COMMIT = "0" * 40
_ACTIONS = {"synchronize": "synchronized", "labeled": "label_updated", "unlabeled": "label_updated"}
_REVIEWS = {"APPROVED": "approved", "REQUEST_CHANGES": "rejected", "COMMENT": "comment"}


class GiteaWebhooks(ServerWebhooks):
    """The hooks of the whole server. It reports no changes of repositories themselves."""

    def __init__(self, kind: str, site: str, world: GiteaWorld) -> None:
        """`kind` is the name of the server in the descriptions, and `site` is the address of its pages."""
        super().__init__()
        self._kind, self._world = kind, world
        self._shapes = GiteaJson(kind, site, world.users)

    def list_repositories(self) -> Sequence[GiteaRepository]:
        return list(self._world.repositories)

    def create_headers(self, hook: WebhookTarget, event: str, delivery: str, body: bytes) -> dict[str, str]:
        signature = hook.sign(body)
        prefixes = ("X-Forgejo", "X-Gitea") if self._kind == "forgejo" else ("X-Gitea",)
        words = {"Delivery": delivery, "Event": event, "Event-Type": event, "Signature": signature}
        own = {f"{prefix}-{name}": value for prefix in prefixes for name, value in words.items()}
        return own | {"X-Hub-Signature-256": f"sha256={signature}"}

    def describe(self, repository: GiteaRepository, change: WebhookCause) -> tuple[str, dict[str, Any]]:
        common = {
            "repository": self._shapes.repository(repository, None),
            "sender": self._shapes.user(self._world.ada),
        }
        if change.kind == "pushed":
            commits = {"before": change.before or _NO_COMMIT, "after": change.after or _NO_COMMIT}
            return "push", common | {"ref": f"refs/heads/{change.name}", **commits, "commits": []}
        if change.subject is None:
            return change.kind, common
        document = common | {"action": _ACTIONS.get(change.kind, change.kind), "number": change.subject.number}
        if change.kind.startswith("issue-"):
            issue = self._shapes.issue(repository, change.subject)
            return "issues", document | {"action": change.kind.removeprefix("issue-"), "issue": issue}
        document |= {"pull_request": self._shapes.pull(repository, change.subject, is_mergeable=False)}
        if change.kind != "reviewed":
            return "pull_request", document
        result = _REVIEWS[change.after.state]
        review = {"type": f"pull_request_review_{result}", "content": ""}
        return f"pull_request_{result}", document | {"action": "reviewed", "review": review}
