"""Service hooks of Azure DevOps.

https://learn.microsoft.com/azure/devops/service-hooks/events

Azure DevOps does not report changes of a pull request's description and labels, and does not report which change led to
an event. Therefore basebump assumes that no user is waiting, and an event does not show whether basebump opened the
pull request. The subscriptions select the events instead, as docs/events.md describes.

This module ignores two events: `git.pullrequest.created`, which basebump causes, and `git.pullrequest.merged`, which
reports an attempted merge after every push to a pull request.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

from bot.events.fields import JsonObject, choose_delivery_id, read_object, read_objects
from bot.events.forge_changes import Changes, find_pushes, parse_document, read_name, report_repository
from bot.events.proof import BearerSender, is_same_secret
from bot.model.delivery import EventRequest, ParsedDelivery, RepositoryChanged
from bot.model.work import WorkReason


class AzureSender(BearerSender):
    """Azure DevOps sends the password of the subscription, or the custom header `Authorization: Bearer SECRET`."""

    def is_proved(self, request: EventRequest, secret: str, now: datetime) -> bool:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return super().is_proved(request, secret, now)
        try:
            credentials = base64.b64decode(encoded, validate=True).decode()
        except ValueError:
            return False
        return is_same_secret(credentials.partition(":")[2], secret)

    def parse_delivery(self, request: EventRequest, registry: str | None) -> ParsedDelivery:  # noqa: ARG002 - a forge
        document = parse_document(request)
        kind = document.get("eventType")
        read_changes = READERS.get(kind) if isinstance(kind, str) else None
        events = read_changes(read_object(document.get("resource"), "resource")) if read_changes else ()
        return ParsedDelivery(_choose_id(document, request.body), events)


def _choose_id(document: JsonObject, body: bytes) -> str:
    """Return the identifier of a delivery: the subscription, and the number of the notification.

    Each subscription numbers its notifications independently.
    """
    subscription, notification = document.get("subscriptionId"), document.get("notificationId")
    has_both = isinstance(subscription, str) and isinstance(notification, int)
    return choose_delivery_id(f"{subscription}/{notification}" if has_both else None, body)


def _read_repository(resource: JsonObject) -> str:
    """Return the name of a repository in the form that the config uses: `PROJECT/REPOSITORY`."""
    repository = read_object(resource.get("repository"), "resource.repository")
    project = read_object(repository.get("project"), "resource.repository.project")
    names = (project.get("name"), "project.name"), (repository.get("name"), "repository.name")
    return "/".join(read_name(value, field) for value, field in names)


def _read_push(resource: JsonObject) -> Changes:
    updates = read_objects(resource.get("refUpdates"), "resource.refUpdates")
    return find_pushes(_read_repository(resource), [(each.get("name"), each.get("newObjectId")) for each in updates])


def _read_request(resource: JsonObject) -> Changes:
    """Return the change of a pull request that was completed, abandoned, reactivated or reviewed.

    Pull requests from forks are ignored, because strangers can open them.
    """
    if resource.get("forkSource") is not None:
        return ()
    return (RepositoryChanged(_read_repository(resource), WorkReason.REQUEST_CHANGED),)


def _read_repository_change(resource: JsonObject) -> Changes:
    return report_repository(_read_repository(resource))


READERS: Mapping[str, Callable[[JsonObject], Changes]] = MappingProxyType(
    {
        "git.push": _read_push,
        "git.pullrequest.updated": _read_request,
        "git.repo.created": _read_repository_change,
        "git.repo.renamed": _read_repository_change,
        "git.repo.statuschanged": _read_repository_change,
    }
)
"""The functions that read the deliveries of each event. All events that are not listed are ignored."""

SENDER = AzureSender()
