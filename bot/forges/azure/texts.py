"""The parts of the text of a pull request, each of which has a place of its own on Azure DevOps.

The body is the description. The appendix is the only comment of a thread that is closed from the start. The marker is a
property of the pull request. When a text is read, the appendix is left out, because nothing depends on it.

Everyone who can read a repository can write properties. Therefore a marker is only a hint, as everywhere in basebump.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from bot.core.proposal.request_text import RequestText, split_text
from bot.forges.azure.connection import JSON_PATCH, AzureClient, AzureRemote
from bot.forges.azure.errors import PROPOSE_ACCESS
from bot.forges.hosted.refusal import RefusedError
from bot.forges.hosted.request_reader import MAX_COMMENTS

MARKER_PROPERTY = "basebump.mark"
"""The property of a pull request that contains the marker."""
APPENDIX_PROPERTY = "basebump.appendix"
"""The property of the thread that contains the appendix."""
CLOSED_THREAD = 4
"""The status of a thread that needs no answer, so that the policy Comment requirements does not block the merge."""
_TEXT_COMMENT = 1


@dataclass(frozen=True, slots=True)
class AzureTexts:
    """The texts of the pull requests of one repository. Methods raise RefusedError."""

    remote: AzureRemote

    def read(self, number: int, description: str) -> str:
        """Return the text of a pull request, without its appendix. `description` is its whole description."""
        return RequestText(_normalise(description), marker=self.read_marker(number)).join()

    def read_marker(self, number: int) -> str:
        """Return the marker of a pull request; empty if it has none."""

        def fetch(client: AzureClient) -> str:
            return _get_marker(client.get(f"{self._get_path(number)}/properties"))

        return self.remote.read(f"read the properties of pull request !{number}", fetch)

    def write_rest(self, number: int, text: str, set_status: Callable[[], None] | None) -> None:
        """Write the appendix and the marker of a text whose body was already written.

        The marker is written last. If a run is interrupted before, the marker is missing or still the old one, so that
        the next run writes the text again. `set_status` is called before the marker is written, because the marker
        states that the status was set. If the marker is already there, nothing but the appendix is written.
        """
        parts = split_text(text)
        if parts.appendix:
            self._write_appendix(number, parts.appendix)
        if parts.marker == self.read_marker(number):
            return
        if set_status is not None:
            set_status()
        self._write_marker(number, parts.marker)

    def write_comment(self, number: int, text: str, properties: Mapping[str, object] | None = None) -> None:
        """Write a comment in a thread of its own, which is closed from the start."""
        body = {
            "comments": [{"parentCommentId": 0, "content": text, "commentType": _TEXT_COMMENT}],
            "status": CLOSED_THREAD,
            "properties": dict(properties or {}),
        }
        self._send("POST", f"comment on pull request !{number}", f"{self._get_path(number)}/threads", body)

    def _write_appendix(self, number: int, appendix: str) -> None:
        """Write the comment that contains the appendix, or replace its content if it is another one."""
        account = self.remote.connection.get_account().id

        def find(client: AzureClient) -> tuple[int, int, str] | None:
            threads = islice(client.list_values(f"{self._get_path(number)}/threads"), MAX_COMMENTS)
            for thread in threads:
                is_marked = APPENDIX_PROPERTY in (thread.get("properties") or {}) and not thread.get("isDeleted")
                for first in thread["comments"][:1] if is_marked else ():
                    if first["author"]["id"] == account:
                        return int(thread["id"]), int(first["id"]), str(first.get("content") or "")
            return None

        found = self.remote.read(f"read the comments on pull request !{number}", find)
        if found is None:
            property_value = {"$type": "System.String", "$value": "1"}
            self.write_comment(number, appendix, {APPENDIX_PROPERTY: property_value})
            return
        thread, comment, content = found
        if _normalise(content) != appendix:
            path = f"{self._get_path(number)}/threads/{thread}/comments/{comment}"
            self._send("PATCH", f"edit a comment on pull request !{number}", path, {"content": appendix})

    def _write_marker(self, number: int, marker: str) -> None:
        """Store a marker, and check that Azure DevOps stored it as it was sent. An empty marker removes the old one."""
        patch = {"op": "add", "path": f"/{MARKER_PROPERTY}", "value": marker}
        if not marker:
            patch = {"op": "remove", "path": f"/{MARKER_PROPERTY}"}
        action = f"edit the properties of pull request !{number}"
        answer = self._send("PATCH", action, f"{self._get_path(number)}/properties", [patch], content_type=JSON_PATCH)
        if _get_marker(answer) != marker:
            raise RefusedError(
                f"{self.remote.name}: Azure DevOps stored a property of pull request !{number} differently from what "
                "was sent; hint: propose fewer images at once",
                status=None,
            )

    def _send(self, method: str, action: str, path: str, body: object, **options: str) -> Any:
        return self.remote.write(action, lambda client: client.send(method, path, body, **options), PROPOSE_ACCESS)

    def _get_path(self, number: int) -> str:
        return f"{self.remote.path}/pullRequests/{number}"


def _get_marker(answer: Mapping[str, Any]) -> str:
    stored = answer["value"].get(MARKER_PROPERTY)
    return str(stored["$value"]) if stored is not None else ""


def _normalise(text: str) -> str:
    """Return a text with LF line ends, as basebump writes it; browsers send CR LF."""
    return text.replace("\r\n", "\n").strip()
