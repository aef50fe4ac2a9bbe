"""Deliveries: HTTP requests by which registries and forges report events to the service.

An event is only a hint. It names a tag or a repository, which basebump then looks up itself. Nothing else in an event
influences a proposal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.model.image_name import Digest, TagRef
from bot.model.work import WorkReason


class SenderKind(StrEnum):
    """The kinds of senders of events, each with its own form of events."""

    ACR = "acr"
    """Webhooks of Azure Container Registry."""
    EVENT_GRID = "event-grid"
    """Events of Azure Container Registry through Azure Event Grid."""
    DISTRIBUTION = "distribution"
    """Notifications of the registry of the CNCF project Distribution, which GitLab's registry is based on."""
    HARBOR = "harbor"
    GHCR = "ghcr"
    """GitHub's container registry."""
    SIGNED = "signed"
    """basebump's own form, for all other senders."""
    GITHUB = "github"
    GITLAB = "gitlab"
    AZURE = "azure"
    """Service hooks of Azure DevOps."""
    GITEA = "gitea"
    """Gitea and Forgejo."""

    @property
    def is_forge(self) -> bool:
        """True if the sender is a forge, and not a registry or a pipeline."""
        return self in {SenderKind.GITHUB, SenderKind.GITLAB, SenderKind.AZURE, SenderKind.GITEA}


@dataclass(frozen=True, slots=True)
class EventRequest:
    """An HTTP request that a sender made to the service."""

    method: str
    headers: Mapping[str, str]
    """Header names are in lower case."""
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class TagPushed:
    """A registry reports that an image was pushed to a tag."""

    tag_ref: TagRef
    digest: Digest | None = None
    """The digest of the pushed image; None if the sender does not report it. It is only used to notice that a
    registry does not serve the new image yet."""


@dataclass(frozen=True, slots=True)
class RepositoryChanged:
    """A forge reports that a repository, or a pull request or an issue in it, changed."""

    repository: str
    """The full name, such as `owner/name`."""
    reason: WorkReason
    branch: str | None = None
    """The branch that was pushed to; None if the event is not about a push, or about a push to many branches."""
    is_by_user: bool = False
    """True if a user is probably waiting for basebump, because of a checkbox, a label or a review."""


Event = TagPushed | RepositoryChanged


@dataclass(frozen=True, slots=True)
class HandshakeReply:
    """The response by which a receiver confirms a subscription. It is sent instead of an empty response."""

    headers: Mapping[str, str] = field(default_factory=dict)
    document: Mapping[str, str] | None = None
    """The JSON object in the body; None for an empty body."""


@dataclass(frozen=True, slots=True)
class ParsedDelivery:
    """The contents of a proved delivery."""

    id: str
    """The sender's identifier of the delivery, or a hash of the body. A repeated delivery has the same identifier."""
    events: tuple[Event, ...] = ()
    """Empty if the delivery contains nothing that basebump acts on."""
    handshake: HandshakeReply | None = None


class UnreadableDeliveryError(Exception):
    """Raised if a proved delivery does not have the form that its sender documents. The message names the problem."""


class DeliveryOutcome(StrEnum):
    """The outcome of a delivery."""

    ACCEPTED = "accepted"
    """The delivery led to work."""
    NOT_USED = "not-used"
    """No repository uses the images in the delivery, or the config selects none of its repositories."""
    IGNORED = "ignored"
    """The delivery contains nothing that basebump acts on, such as the deletion of an image."""
    UNREADABLE = "unreadable"
    """The delivery was proved, but does not have the documented form."""
    REFUSED = "refused"
    """The delivery was not proved. All refused deliveries of a sender within an hour share one record."""


REPEATED = "repeated"
"""The word for a delivery that arrived before, in the log and in metrics. It has no record of its own."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The record of a delivery."""

    sender: str
    """The name of the sender in the config."""
    id: str
    received_at: datetime
    outcome: DeliveryOutcome
    trace: str
    """The identifier that log entries about the delivery and its work share."""
    subjects: tuple[str, ...] = ()
    """The tags or repositories that the delivery names."""
    repeats: int = 0
    """How often the same delivery arrived again."""
