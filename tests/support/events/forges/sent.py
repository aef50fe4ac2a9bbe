"""The form of a delivery that a forge sends, and the texts that requests and dashboards have."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.core.proposal.marks import mark_withdrawn, render_mark
from bot.model.delivery import EventRequest, RepositoryChanged
from bot.model.proposal import BodyMark
from bot.model.work import WorkReason

MARK = render_mark(BodyMark(("docker.io/library/python:3.12@sha256:" + "a" * 64,), "0" * 16))
PLAIN_TEXT = f"Updates python.\n\n- [ ] <!-- basebump:rebase --> Tick this.\n\n{MARK}\n"
"""The text of a request of basebump."""
TICKED_TEXT = PLAIN_TEXT.replace("[ ]", "[x]")
WITHDRAWN_TEXT = mark_withdrawn(PLAIN_TEXT)
OTHER_TEXT = "Adds a page. basebump is mentioned here.\n"
"""The text of a user's request."""
PLAIN_DASHBOARD = "- [ ] <!-- basebump:open basebump/python-3.12-06e5bb43 --> python\n\n<!-- basebump:dashboard:1 -->\n"
TICKED_DASHBOARD = PLAIN_DASHBOARD.replace("[ ]", "[x]")
OLD_COMMIT, NEW_COMMIT, NO_COMMIT = "1" * 40, "2" * 40, "0" * 40


@dataclass(frozen=True)
class SentDelivery:
    """A delivery of a forge without its proof, and the events in it."""

    name: str
    document: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    """The headers that depend on the event."""
    events: Sequence[RepositoryChanged] = ()

    @property
    def body(self) -> bytes:
        return json.dumps(self.document).encode()

    def to_request(self, proof: Mapping[str, str] | None = None) -> EventRequest:
        """Return the request, with the headers that prove it."""
        return EventRequest(
            "POST", {"content-type": "application/json", **self.headers, **(proof or {})}, {}, self.body
        )


@dataclass(frozen=True)
class SendingForge:
    """A forge, its deliveries, and the ways in which it proves them."""

    kind: str
    source: str
    """The pages from which the deliveries were written."""
    repository: str
    deliveries: Sequence[SentDelivery]
    proofs: Mapping[str, Callable[[bytes], Mapping[str, str]]]
    """For each way of proving a delivery: the headers for a body."""
    secrets: Mapping[str, str]
    """The secret for each of these ways."""


def number(name: str) -> int:
    """Return the same number for the same name, for identifiers of deliveries."""
    return zlib.crc32(name.encode())


def pushed(repository: str, branch: str = "main") -> RepositoryChanged:
    return RepositoryChanged(repository, WorkReason.FILES_CHANGED, branch)


def request_changed(repository: str, *, is_by_user: bool = False) -> RepositoryChanged:
    return RepositoryChanged(repository, WorkReason.REQUEST_CHANGED, is_by_user=is_by_user)


def repository_changed(repository: str) -> RepositoryChanged:
    return RepositoryChanged(repository, WorkReason.REPOSITORY_CHANGED)


def build_pushes(push: Callable[..., SentDelivery], repository: str) -> tuple[SentDelivery, ...]:
    """Return the pushes that every forge with webhooks delivers; `push` builds one of them."""
    return (
        push("push", "refs/heads/main", NEW_COMMIT, pushed(repository)),
        push("push to a branch of basebump", "refs/heads/basebump/x", NEW_COMMIT, pushed(repository, "basebump/x")),
        push("deleted branch", "refs/heads/old", NO_COMMIT),
    )


def build_requests(
    request: Callable[..., SentDelivery], repository: str, *, opened: str, closed: str, reopened: str
) -> tuple[SentDelivery, ...]:
    """Return the deliveries about requests that forges have alike, but for the words that name an action."""
    changed = request_changed(repository)
    return (
        request("opened", opened, PLAIN_TEXT),
        request("closed by a user", closed, PLAIN_TEXT, changed),
        request("closed by basebump", closed, WITHDRAWN_TEXT),
        request("closed request of a user", closed, OTHER_TEXT),
        request("reopened", reopened, PLAIN_TEXT, changed),
    )


def build_issues(
    issue: Callable[..., SentDelivery], repository: str, *, opened: str, edited: str
) -> tuple[SentDelivery, ...]:
    """Return the deliveries about issues that forges have alike, but for the words that name an action."""
    by_user = request_changed(repository, is_by_user=True)
    return (
        issue("dashboard ticked", edited, TICKED_DASHBOARD, "basebump-dashboard", by_user),
        issue("dashboard edited by basebump", edited, PLAIN_DASHBOARD, "basebump-dashboard"),
        issue("other issue edited", edited, TICKED_DASHBOARD, "bug"),
        issue("dashboard opened", opened, TICKED_DASHBOARD, "basebump-dashboard"),
    )
