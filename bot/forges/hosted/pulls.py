"""The part of GitHub's REST API for pull requests, statuses and issues that Gitea and Forgejo also have.

The adapters of these servers add the API calls that differ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

from bot.forges.hosted.attributes import AttributeApi, AttributesWriter
from bot.forges.hosted.branches import build_request_ended_error
from bot.forges.hosted.forge import RequestEdit
from bot.forges.hosted.records import ListedIssue, ListedStatus
from bot.forges.hosted.refusal import RefusedError, ServerErrors
from bot.model.forge import OpenedRequest
from bot.model.proposal import NO_DRAFTS, Proposal
from bot.model.request_attributes import STATUS_CONTEXT, CommitStatus, StatusState


@dataclass(frozen=True, slots=True)
class PullPermissions:
    """The permissions that API calls require, for hints in messages."""

    pulls: str
    """For opening and editing pull requests, and for requesting reviews."""
    discussion: str
    """For labels, assignees and milestones of pull requests, and for comments on them."""
    statuses: str
    issues: str


class PullRemote(Protocol):
    """One repository on a server.

    Paths are below that of the repository. Methods raise RefusedError if an API call fails.
    """

    @property
    def name(self) -> str: ...

    @property
    def permissions(self) -> PullPermissions: ...

    def read_json(self, action: str, path: str) -> Any:
        """Send a GET request, and return the JSON value in the response."""
        ...

    def write_json(self, action: str, method: str, path: str, body: object, permission: str) -> Any:
        """Send a request that changes something, and return the JSON value in the response; None if it has none."""
        ...

    def is_own_user(self, user: Mapping[str, Any] | None) -> bool:
        """Return True if a user in a response is the token's account."""
        ...


Remote_co = TypeVar("Remote_co", bound=PullRemote, covariant=True)


@dataclass(frozen=True, slots=True)
class PullAttributes(Generic[Remote_co]):
    """Reads and changes the attributes of pull requests with API calls that GitHub, Gitea and Forgejo share."""

    remote: Remote_co
    takes_single_names = False

    def get_label_keys(self, labels: Sequence[str]) -> Sequence[str | int]:
        """Return the names or ids by which API calls name existing labels."""
        return list(labels)

    def add_labels(self, number: int, labels: Sequence[str]) -> None:
        body = {"labels": self.get_label_keys(labels)}
        self.write(f"label pull request #{number}", "POST", f"/issues/{number}/labels", body)

    def request_reviews(self, number: int, people: Sequence[str], teams: Sequence[str]) -> None:
        named = (("reviewers", people), ("team_reviewers", teams))
        body = {key: list(names) for key, names in named if names}
        action, permission = f"request reviews of pull request #{number}", self.remote.permissions.pulls
        self.remote.write_json(action, "POST", f"/pulls/{number}/requested_reviewers", body, permission)

    def set_milestone(self, number: int, milestone: int) -> None:
        action = f"set the milestone of pull request #{number}"
        self.write(action, "PATCH", f"/issues/{number}", {"milestone": milestone})

    def write(self, action: str, method: str, path: str, body: object = None) -> Any:
        """Send a request that changes labels or other attributes, and return the JSON value in the response."""
        return self.remote.write_json(action, method, path, body, self.remote.permissions.discussion)


class PullWriter(ABC, Generic[Remote_co]):
    """Changes the pull requests of one repository; implements `RequestWriter`.

    Methods raise RefusedError if an API call fails.
    """

    def __init__(self, remote: Remote_co, attributes: AttributeApi, errors: ServerErrors) -> None:
        self.remote = remote
        self._attributes = AttributesWriter(attributes, errors)

    @abstractmethod
    def is_already_open(self, refusal: RefusedError) -> bool:
        """Return True if the server refused `create` because the branch already has an open pull request."""

    @abstractmethod
    def build_draft_fields(self, title: str, *, is_draft: bool) -> Mapping[str, object]:
        """Return the fields that set the title and the draft mark of a new pull request."""

    def build_title(self, title: str, current: Mapping[str, Any], edit: RequestEdit) -> str:  # noqa: ARG002 - hook
        """Return the new title of a pull request. `current` is the pull request in a response of the server."""
        return title

    def create(self, target_branch: str, proposal: Proposal) -> OpenedRequest:
        """Create a pull request, and set its attributes with further API calls.

        If the server does not mark it as a draft although it should be one, the result contains a note about this.
        """
        body = {
            **self.build_draft_fields(proposal.title, is_draft=proposal.is_draft),
            "base": target_branch,
            "head": proposal.branch,
            "body": proposal.body,
        }
        data = self._write(f"open a pull request for {proposal.branch}", "POST", "/pulls", body)
        draft_notes = (NO_DRAFTS,) if proposal.is_draft and data.get("draft") is False else ()
        notes = self._attributes.set_attributes(int(data["number"]), proposal.attributes).notes
        return OpenedRequest(int(data["number"]), str(data["html_url"]), (*draft_notes, *notes))

    def update(self, number: int, edit: RequestEdit) -> tuple[str, ...]:
        if edit.is_reworded:
            current = self.remote.read_json(f"read pull request #{number}", f"/pulls/{number}")
            if current["state"] != "open":
                raise build_request_ended_error(number, self.remote.name)
            self._edit(number, {"title": self.build_title(edit.title, current, edit), "body": edit.body})
        self._attributes.remove_labels(number, edit.removed_labels)
        return self._attributes.set_attributes(number, edit.attributes).notes

    def close(self, number: int) -> None:
        self._edit(number, {"state": "closed"})

    def add_comment(self, number: int, text: str) -> None:
        action, permission = f"comment on pull request #{number}", self.remote.permissions.discussion
        self.remote.write_json(action, "POST", f"/issues/{number}/comments", {"body": text}, permission)

    def _edit(self, number: int, fields: Mapping[str, str]) -> None:
        self._write(f"edit pull request #{number}", "PATCH", f"/pulls/{number}", dict(fields))

    def _write(self, action: str, method: str, path: str, body: object) -> Any:
        return self.remote.write_json(action, method, path, body, self.remote.permissions.pulls)


@dataclass(frozen=True, slots=True)
class PullStatuses(ABC, Generic[Remote_co]):
    """The commit statuses of one repository; implements `StatusApi`.

    Methods raise RefusedError if an API call fails.
    """

    remote: Remote_co
    state_words = MappingProxyType({each: each.value for each in StatusState})

    @abstractmethod
    def list_statuses(self, commit: str) -> Iterable[tuple[Mapping[str, Any], str]]:
        """Return the statuses of a commit, and the state of each."""

    def list_own_statuses(self, commit: str) -> Iterable[ListedStatus]:
        return [
            ListedStatus(int(status["id"]), state, str(status["description"]))
            for status, state in self.list_statuses(commit)
            if status["context"] == STATUS_CONTEXT and self.remote.is_own_user(status["creator"])
        ]

    def post_status(self, branch: str, commit: str, status: CommitStatus) -> None:  # noqa: ARG002 - it needs no branch
        body = {"state": status.state.value, "description": status.description, "context": STATUS_CONTEXT}
        action, permission = f"set the status of {commit}", self.remote.permissions.statuses
        self.remote.write_json(action, "POST", f"/statuses/{commit}", body, permission)


@dataclass(frozen=True, slots=True)
class PullIssues(ABC, Generic[Remote_co]):
    """The issues of one repository; implements `IssueApi`. Methods raise RefusedError if an API call fails."""

    remote: Remote_co

    @abstractmethod
    def list_issues(self, label: str) -> Sequence[Mapping[str, Any]]:
        """Return the newest open and closed issues with a label, whoever created them."""

    @abstractmethod
    def ensure_label(self, label: str) -> Sequence[str | int]:
        """Return the name or id by which an API call names a label.

        If the server does not create labels itself, create it.
        """

    def list_own_issues(self, label: str) -> Sequence[ListedIssue]:
        return [
            ListedIssue(int(each["number"]), str(each["title"]), each["body"], each["state"] == "open")
            for each in self.list_issues(label)
            if self.remote.is_own_user(each["user"])
            and not each.get("pull_request")
            and any(one["name"] == label for one in each["labels"] or ())  # servers may ignore unknown labels
        ]

    def create_issue(self, title: str, body: str, label: str) -> None:
        labels = self.ensure_label(label)
        self._write("write the dashboard", "POST", "/issues", {"title": title, "body": body, "labels": labels})

    def update_issue(self, number: int, title: str, body: str, *, is_open: bool) -> None:
        fields = {"title": title, "body": body} | ({} if is_open else {"state": "open"})
        self._write("write the dashboard", "PATCH", f"/issues/{number}", fields)

    def close_issue(self, number: int, body: str) -> None:
        self._write("close the dashboard", "PATCH", f"/issues/{number}", {"body": body, "state": "closed"})

    def _write(self, action: str, method: str, path: str, body: object) -> None:
        self.remote.write_json(action, method, path, body, self.remote.permissions.issues)
