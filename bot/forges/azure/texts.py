"""The texts of pull requests on Azure DevOps: comments and properties.

The appendix is the only comment of a thread that is closed from the start.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bot.forges.azure.connection import JSON_PATCH, AzureRemote
from bot.forges.hosted.refusal import RefusedError
from bot.forges.hosted.request_reader import MAX_COMMENTS
from bot.forges.hosted.texts import AppendixComment, StoredData
from bot.model.request_attributes import STATUS_CONTEXT, CommitStatus, RequestAttributes, StatusState

MARK_PROPERTY = "basebump.mark"
"""The name of the property of a pull request that contains basebump's mark."""
SET_PROPERTY = "basebump.set"
"""The name of the property of a pull request that contains the attributes that basebump ever set."""
APPENDIX_PROPERTY = "basebump.appendix"
"""The name of the property of the thread that contains the appendix."""
CLOSED_THREAD = 4
"""The status of a thread that needs no reply, so that the policy Comment requirements does not block the merge."""
_TEXT_COMMENT = 1
STATUS_GENRE, STATUS_NAME = STATUS_CONTEXT.split("/")
STATUS_WORDS = MappingProxyType({StatusState.SUCCESS: "succeeded", StatusState.FAILURE: "failed"})


@dataclass(frozen=True, slots=True)
class AzureTexts:
    """The texts of the pull requests of one repository; implements `TextApi`.

    Methods raise RefusedError if an API call fails.
    """

    remote: AzureRemote

    def read_stored(self, number: int) -> StoredData:
        """Return the data that basebump stored in the properties of a pull request."""
        action = f"read the properties of pull request !{number}"
        return _parse_stored(self.remote.read_json(action, f"/pullRequests/{number}/properties"))

    def write_comment(self, number: int, text: str, properties: Mapping[str, object] | None = None) -> None:
        """Write a comment in a thread of its own, which is closed from the start."""
        body = {
            "comments": [{"parentCommentId": 0, "content": text, "commentType": _TEXT_COMMENT}],
            "status": CLOSED_THREAD,
            "properties": dict(properties or {}),
        }
        self.remote.write_request(number, "comment on", "POST", "/threads", body)

    def find_appendix(self, number: int) -> AppendixComment | None:
        """Return the comment that contains the appendix: the first comment of its thread."""
        account = self.remote.connection.get_account()
        for thread in list_threads(self.remote, number)[:MAX_COMMENTS]:
            is_marked = APPENDIX_PROPERTY in (thread.get("properties") or {}) and not thread.get("isDeleted")
            for first in thread["comments"][:1] if is_marked else ():
                if account.has_id(str(first["author"]["id"])):
                    path = f"/threads/{int(thread['id'])}/comments/{int(first['id'])}"
                    return AppendixComment(path, str(first.get("content") or ""))
        return None

    def write_appendix(self, number: int, appendix: str, comment: AppendixComment | None) -> None:
        if comment is None:
            self.write_comment(number, appendix, {APPENDIX_PROPERTY: {"$type": "System.String", "$value": "1"}})
        else:
            self.remote.write_request(number, "edit a comment on", "PATCH", comment.path, {"content": appendix})

    def write_stored(self, number: int, old: StoredData, new: StoredData) -> None:
        """Write the properties that changed, and check that Azure DevOps stored them unchanged.

        If the new mark is empty, the property of the old mark is removed.
        """
        patch: list[Mapping[str, str]] = []
        if new.ever_set != old.ever_set:
            names = {"labels": new.ever_set.labels, "reviewers": new.ever_set.reviewers}
            patch.append({"op": "add", "path": f"/{SET_PROPERTY}", "value": json.dumps(names)})
        if new.mark != old.mark:
            change = {"op": "add", "value": new.mark} if new.mark else {"op": "remove"}
            patch.append({**change, "path": f"/{MARK_PROPERTY}"})
        if not patch:
            return
        answer = self.remote.write_request(number, "edit the properties of", "PATCH", "/properties", patch, JSON_PATCH)
        if _parse_stored(answer) != new:
            raise RefusedError(
                f"{self.remote.name}: Azure DevOps stored a property of pull request !{number} differently from what "
                "was sent; hint: propose fewer images at once",
                status=None,
            )

    def set_status(self, number: int, status: CommitStatus) -> None:
        """Set the status of the pull request itself, because the policy Status check ignores statuses of commits."""
        self.remote.write_request(number, "set the status of", "POST", "/statuses", build_status(status))


def build_status(status: CommitStatus) -> dict[str, object]:
    """Return a status in the form of the API."""
    context = {"genre": STATUS_GENRE, "name": STATUS_NAME}
    return {"state": STATUS_WORDS[status.state], "description": status.description, "context": context}


def list_threads(remote: AzureRemote, number: int) -> Sequence[Mapping[str, Any]]:
    """Return the threads of comments on a pull request. Raises RefusedError if they cannot be read."""
    return remote.list_values(f"read the comments on pull request !{number}", f"/pullRequests/{number}/threads")


def _parse_stored(answer: Mapping[str, Any]) -> StoredData:
    """Return the data in the properties of a pull request.

    Everyone can write properties, so values of another form are ignored.
    """
    stored = ((name, answer["value"].get(name)) for name in (MARK_PROPERTY, SET_PROPERTY))
    values = {name: str(each.get("$value", "")) for name, each in stored if isinstance(each, Mapping)}
    try:
        names = json.loads(values.get(SET_PROPERTY, "{}"))
        labels, reviewers = (tuple(map(str, names.get(key, ()))) for key in ("labels", "reviewers"))
    except (ValueError, TypeError, AttributeError, RecursionError):
        labels, reviewers = (), ()
    return StoredData(values.get(MARK_PROPERTY, ""), RequestAttributes(labels=labels, reviewers=reviewers))
