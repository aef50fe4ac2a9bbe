"""Webhooks of forges on loopback: they detect changes of a repository and send them to the hooks.

A server with hooks sends deliveries after each request to its API. After a user did something by a method of a stand,
the test calls `deliver` of the server's webhooks, which sends what changed since then.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException  # noqa: TID251 - a test server sends requests to a test
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 10
"""How long GitHub waits for the response to a delivery."""


@dataclass(frozen=True)
class WebhookTarget:
    """A URL to which deliveries are sent, and the secret that signs them."""

    url: str
    secret: str

    def sign(self, body: bytes) -> str:
        return hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class WebhookCause:
    """Something that changed in a repository."""

    kind: str
    """pushed, opened, closed, reopened, edited, labeled, unlabeled, synchronize, reviewed, issue-opened, issue-edited
    or the action on the repository itself."""
    subject: Any = None
    """The pull request or the issue."""
    before: Any = None
    after: Any = None
    """The text, the label, the review or the commit; before and after the change."""
    name: str = ""
    """The branch that was pushed to."""


@dataclass(frozen=True)
class _RepositorySnapshot:
    """The parts of a repository whose changes cause deliveries."""

    name: str
    archived: bool
    private: bool
    branches: Mapping[str, str]
    requests: Mapping[int, tuple[str, str, tuple[str, ...], str, int]]
    """The state, the text, the labels, the last commit and the number of reviews of each pull request."""
    issues: Mapping[int, str]
    """The text of each issue."""


def _take_snapshot(repository: Any) -> _RepositorySnapshot:
    pulls = {each.number: each for each in repository.pulls}
    return _RepositorySnapshot(
        repository.name,
        repository.archived,
        repository.private,
        dict(repository.branches),
        {
            number: (each.state, each.body or "", tuple(each.labels), each.head, len(each.reviews))
            for number, each in pulls.items()
        },
        {each.number: each.body or "" for each in repository.issues if each.number not in pulls},
    )


def _find_changes(old: _RepositorySnapshot, new: _RepositorySnapshot, repository: Any) -> Iterator[WebhookCause]:
    if old.name != new.name:
        yield WebhookCause("renamed")
    if old.archived != new.archived:
        yield WebhookCause("archived" if new.archived else "unarchived")
    if old.private != new.private:
        yield WebhookCause("privatized" if new.private else "publicized")
    for branch in sorted(old.branches.keys() | new.branches.keys()):
        before, after = old.branches.get(branch), new.branches.get(branch)
        if before != after:
            yield WebhookCause("pushed", None, before, after, branch)
    for pull in repository.pulls:
        yield from _find_request_changes(pull, old.requests.get(pull.number), new.requests[pull.number])
    for issue in repository.issues:
        before, after = old.issues.get(issue.number), new.issues.get(issue.number)
        if before != after:
            yield WebhookCause("issue-opened" if before is None else "issue-edited", issue, before, after)


def _find_request_changes(pull: Any, old: tuple[Any, ...] | None, new: tuple[Any, ...]) -> Iterator[WebhookCause]:
    if old is None:
        yield WebhookCause("opened", pull)
        return
    (state, text, labels, head, reviews), (new_state, new_text, new_labels, new_head, _) = old, new
    if text != new_text:
        yield WebhookCause("edited", pull, text, new_text)
    yield from (WebhookCause("labeled", pull, None, each) for each in new_labels if each not in labels)
    yield from (WebhookCause("unlabeled", pull, each, None) for each in labels if each not in new_labels)
    yield from (WebhookCause("reviewed", pull, None, each) for each in pull.reviews[reviews:])
    if head != new_head and new_state == "open":
        yield WebhookCause("synchronize", pull, head, new_head)
    if state != new_state:
        yield WebhookCause("reopened" if new_state == "open" else "closed", pull)


@dataclass(frozen=True)
class SentWebhook:
    """A delivery, and the status of the response; 0 if there was none."""

    event: str
    document: Mapping[str, Any]
    status: int


@dataclass
class ServerWebhooks(ABC):
    """The hooks of a server. Deliveries are sent one after the other, beside everything else, and never repeated."""

    hooks: list[WebhookTarget] = field(default_factory=list)
    sent: list[SentWebhook] = field(default_factory=list)
    _snapshots: dict[int, _RepositorySnapshot] = field(default_factory=dict)
    _queue: queue.Queue[tuple[WebhookTarget, str, Mapping[str, Any]] | None] = field(default_factory=queue.Queue)
    _thread: threading.Thread | None = None

    @abstractmethod
    def list_repositories(self) -> Sequence[Any]:
        """Return the repositories of the server."""

    @abstractmethod
    def describe(self, repository: Any, change: WebhookCause) -> tuple[str, dict[str, Any]]:
        """Return the event and the document of a delivery."""

    @abstractmethod
    def create_headers(self, hook: WebhookTarget, event: str, delivery: str, body: bytes) -> dict[str, str]:
        """Return the headers of a delivery."""

    def add_hook(self, url: str, secret: str) -> None:
        """Send everything that changes from now on to a URL."""
        self.hooks.append(WebhookTarget(url, secret))
        for repository in self.list_repositories():
            repository.settle()
            self._snapshots[repository.id] = _take_snapshot(repository)
        if self._thread is None:
            self._thread = threading.Thread(target=self._send_all, daemon=True)
            self._thread.start()

    def deliver(self) -> None:
        """Send the changes since the last call, without waiting for responses."""
        for repository in self.list_repositories() if self.hooks else ():
            repository.settle()
            new = _take_snapshot(repository)
            old = self._snapshots.get(repository.id, new)
            self._snapshots[repository.id] = new
            for change in _find_changes(old, new, repository):
                event, document = self.describe(repository, change)
                for hook in self.hooks:
                    self._queue.put((hook, event, document))

    def wait(self) -> None:
        """Wait until the response to each delivery arrived."""
        self._queue.join()

    def stop(self) -> None:
        """Send the queued deliveries, and end."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def _send_all(self) -> None:
        while (work := self._queue.get()) is not None:
            hook, event, document = work
            self.sent.append(SentWebhook(event, document, self._send(hook, event, json.dumps(document).encode())))
            self._queue.task_done()
        self._queue.task_done()

    def _send(self, hook: WebhookTarget, event: str, body: bytes) -> int:
        headers = self.create_headers(hook, event, str(uuid.uuid4()), body) | {"Content-Type": "application/json"}
        url = urlsplit(hook.url)
        connection = HTTPConnection(url.netloc, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", url.path, body, headers)
            return connection.getresponse().status
        except (OSError, HTTPException):
            return 0
        finally:
            connection.close()
