"""GitHub's webhooks (https://docs.github.com/en/webhooks/webhook-events-and-payloads)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from support.forges.github.shapes import GitHubJson
from support.forges.github.state import GitHubRepository
from support.forges.github.world import GitHubWorld
from support.forges.webhooks import ServerWebhooks, WebhookCause, WebhookTarget

_NO_COMMIT = "0" * 40


class GitHubWebhooks(ServerWebhooks):
    """The hooks of an organization, which report the events of all its repositories."""

    def __init__(self, root: str, world: GitHubWorld) -> None:
        """`root` is the address of the API."""
        super().__init__()
        self._world = world
        self._shapes = GitHubJson(root, world)

    def list_repositories(self) -> Sequence[GitHubRepository]:
        return list(self._world.repositories.values())

    def create_headers(self, hook: WebhookTarget, event: str, delivery: str, body: bytes) -> dict[str, str]:
        return {
            "User-Agent": "GitHub-Hookshot/0000000",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": delivery,
            "X-Hub-Signature-256": f"sha256={hook.sign(body)}",
        }

    def describe(self, repository: GitHubRepository, change: WebhookCause) -> tuple[str, dict[str, Any]]:
        common = {
            "repository": self._shapes.repository(repository, "full-repository"),
            "sender": self._shapes.account(self._world.accounts["ada"]),
        }
        match change.kind:
            case "pushed":
                return "push", common | _describe_push(change)
            case "issue-opened" | "issue-edited":
                action, issue = change.kind.removeprefix("issue-"), self._shapes.issue(repository, change.subject)
                return "issues", common | {"action": action, "issue": issue} | _describe_edit(change)
            case "renamed" | "archived" | "unarchived" | "privatized" | "publicized":
                return "repository", common | {"action": change.kind}
        document = common | {
            "action": change.kind,
            "number": change.subject.number,
            "pull_request": self._shapes.pull(repository, change.subject, "pull-request"),
        }
        match change.kind:
            case "reviewed":
                shown = self._shapes.review(repository, change.subject, change.after)
                review = shown | {"state": change.after.state.lower()}
                return "pull_request_review", document | {"action": "submitted", "review": review}
            case "labeled" | "unlabeled":
                document |= {"label": self._shapes.label(repository, change.after or change.before)}
            case "edited":
                document |= _describe_edit(change)
        return "pull_request", document


def _describe_push(change: WebhookCause) -> dict[str, Any]:
    return {
        "ref": f"refs/heads/{change.name}",
        "before": change.before or _NO_COMMIT,
        "after": change.after or _NO_COMMIT,
        "created": change.before is None,
        "deleted": change.after is None,
        "forced": False,
        "commits": [],
    }


def _describe_edit(change: WebhookCause) -> dict[str, Any]:
    return {"changes": {"body": {"from": change.before}}}
