"""Webhooks of GitHub. A repository, an organization or a GitHub App can send them.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

from bot.events.fields import JsonObject, hash_delivery, read_object, read_objects, read_text
from bot.events.forge_changes import Changes, RequestAction, parse_document, read_name, report_repository
from bot.events.proof import is_signature
from bot.events.pull_events import read_issue, read_push, read_repository_change, read_request
from bot.model.delivery import EventRequest, ParsedDelivery

MAX_ADDED_REPOSITORIES = 100
"""The largest number of added repositories that are reported. Any number of added repositories leads to a single
sweep."""
_REQUEST_ACTIONS = MappingProxyType(
    {
        "closed": RequestAction.END,
        "reopened": RequestAction.REOPEN,
        "edited": RequestAction.EDIT,
        "labeled": RequestAction.LABEL,
    }
)
_REVIEW_ACTIONS = MappingProxyType({"submitted": RequestAction.REVIEW, "dismissed": RequestAction.REVIEW})
_REVIEWERS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
"""The relations to a repository that give a user's review effect. In a public repository, everybody can review."""
_REPOSITORY_ACTIONS = frozenset(
    {"created", "renamed", "transferred", "archived", "unarchived", "publicized", "privatized"}
)
_SELECTING_FIELDS = frozenset({"default_branch", "topics"})
"""The fields of a repository that determine which branches basebump reads."""


class GitHubSender:
    """GitHub signs the body of each delivery with the secret of the webhook."""

    def is_proved(self, request: EventRequest, secret: str, now: datetime) -> bool:  # noqa: ARG002 - these requests contain no time
        return is_signature(request.headers.get("x-hub-signature-256"), secret, request.body)

    def parse_delivery(self, request: EventRequest, registry: str | None) -> ParsedDelivery:  # noqa: ARG002 - a forge
        read_changes = READERS.get(request.headers.get("x-github-event", ""))
        changes = read_changes(parse_document(request)) if read_changes else ()
        return ParsedDelivery(hash_delivery(request.body), changes)


def _read_request(document: JsonObject) -> Changes:
    return read_request(document, _REQUEST_ACTIONS)


def _read_review(document: JsonObject) -> Changes:
    """Return the change of a pull request that a user reviewed.

    Reviews that only comment are ignored, like comments.
    """
    review = read_object(document.get("review"), "review")
    is_comment = read_text(review.get("state"), "review.state").lower() == "commented"
    is_relevant = not is_comment and read_text(review.get("author_association"), "author_association") in _REVIEWERS
    return read_request(document, _REVIEW_ACTIONS) if is_relevant else ()


def _read_repository(document: JsonObject) -> Changes:
    changes = read_object(document.get("changes") or {}, "changes")
    is_selection = not changes.keys().isdisjoint(_SELECTING_FIELDS)
    return read_repository_change(document, _REPOSITORY_ACTIONS | ({"edited"} if is_selection else set()))


def _read_installation(document: JsonObject) -> Changes:
    """Return the repositories of an account that installed the App."""
    is_new = read_text(document.get("action"), "action") == "created"
    return _report_repositories(document.get("repositories") or [], "repositories") if is_new else ()


def _read_added_repositories(document: JsonObject) -> Changes:
    """Return the repositories that were added to an installation of the App."""
    is_addition = read_text(document.get("action"), "action") == "added"
    field = "repositories_added"
    return _report_repositories(document.get(field), field) if is_addition else ()


def _report_repositories(value: object, field: str) -> Changes:
    listed = value[:MAX_ADDED_REPOSITORIES] if isinstance(value, list) else value
    names = [read_name(each.get("full_name"), f"{field}[].full_name") for each in read_objects(listed, field)]
    return tuple(change for name in dict.fromkeys(names) for change in report_repository(name))


READERS: Mapping[str, Callable[[JsonObject], Changes]] = MappingProxyType(
    {
        "push": read_push,
        "pull_request": _read_request,
        "pull_request_review": _read_review,
        "issues": read_issue,
        "repository": _read_repository,
        "installation": _read_installation,
        "installation_repositories": _read_added_repositories,
    }
)
"""The functions that read the deliveries of each event. All events that are not listed are ignored."""

SENDER = GitHubSender()
