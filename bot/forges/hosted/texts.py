"""The parts of a pull request's text, for servers that store each part separately.

The body is the description. The appendix is a comment. The mark is a property of the pull request. The reader of a text
leaves out the appendix, because nothing depends on the appendix. Another property contains the labels and reviewers
that basebump set, because such servers have no history of these attributes.

Everyone who can read a repository can write properties. Therefore a mark is only a hint, as everywhere in basebump.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from bot.core.proposal.request_text import RequestText, split_text
from bot.forges.hosted.refusal import RefusedError
from bot.forges.hosted.request_reader import ListedRequest
from bot.model.request_attributes import NO_ATTRIBUTES, CommitStatus, RequestAttributes


@dataclass(frozen=True, slots=True)
class StoredData:
    """The data that basebump stored in the properties of a pull request."""

    mark: str = ""
    """Empty if there is no mark."""
    ever_set: RequestAttributes = NO_ATTRIBUTES
    """The labels and reviewers that basebump set at any time."""


@dataclass(frozen=True, slots=True)
class AppendixComment:
    """The comment of the token's account that contains the appendix."""

    path: str
    """The path of the comment in the API, below that of the pull request."""
    content: str


class TextApi(Protocol):
    """The API calls for the comments, the stored data and the statuses of pull requests of one repository.

    Methods raise RefusedError if an API call fails.
    """

    def write_stored(self, number: int, old: StoredData, new: StoredData) -> None:
        """Replace the properties that changed, and check that the server stored them as they were sent."""
        ...

    def find_appendix(self, number: int) -> AppendixComment | None:
        """Return the comment that contains the appendix; None if there is no such comment."""
        ...

    def write_appendix(self, number: int, appendix: str, comment: AppendixComment | None) -> None:
        """Replace the content of `comment`; create a comment if it is None."""
        ...

    def set_status(self, number: int, status: CommitStatus) -> None:
        """Set basebump's status of a pull request."""
        ...


@dataclass(frozen=True, slots=True)
class TextWriter:
    """Writes the appendix, the mark, the stored attributes and the status of pull requests.

    Methods raise RefusedError if an API call fails.
    """

    api: TextApi

    def write_rest(
        self,
        number: int,
        text: str | None,
        stored: StoredData,
        added: RequestAttributes,
        status: CommitStatus | None,
    ) -> tuple[str, ...]:
        """Write the appendix, the mark and the stored attributes of a pull request whose body was already written.

        The mark is written last. If a run is interrupted before this, the mark is missing or old, so that the next run
        writes the text again. The status is set before the mark is written, because the mark states that the status was
        set. If the status cannot be set, return a note.

        Args:
            number: The number of the pull request.
            text: The new text; None if it does not change.
            stored: The current data in the properties.
            added: The labels and reviewers that this run added.
            status: The status of the pull request; None to set no status.
        """
        notes: tuple[str, ...] = ()
        mark = stored.mark
        if text is not None:
            parts = split_text(text)
            mark = parts.mark
            if parts.appendix:
                self._write_appendix(number, parts.appendix)
        if mark != stored.mark and status is not None:
            try:
                self.api.set_status(number, status)
            except RefusedError as refusal:
                notes = (f"The status of the pull request could not be set: {refusal}.",)
        self.api.write_stored(number, stored, StoredData(mark, _merge(stored.ever_set, added)))
        return notes

    def _write_appendix(self, number: int, appendix: str) -> None:
        """Write the comment that contains the appendix.

        Do nothing if the comment already contains the same appendix.
        """
        comment = self.api.find_appendix(number)
        if comment is None or _normalise(comment.content) != appendix:
            self.api.write_appendix(number, appendix, comment)


def complete_request(request: ListedRequest, description: str, stored: StoredData) -> ListedRequest:
    """Return a pull request with its text, but without the appendix, and with all attributes that basebump ever set.

    `description` is its whole description. `request` has the current attributes.
    """
    text = RequestText(_normalise(description), mark=stored.mark).join()
    return replace(request, body=text, attributes=_merge(request.attributes, stored.ever_set))


def _merge(old: RequestAttributes, added: RequestAttributes) -> RequestAttributes:
    """Return the attributes `old` with the labels and reviewers of `added`."""
    new = added.subtract(old)
    return replace(old, labels=(*old.labels, *new.labels), reviewers=(*old.reviewers, *new.reviewers))


def _normalise(text: str) -> str:
    """Return a text with LF line ends, as basebump writes it; browsers send CR LF."""
    return text.replace("\r\n", "\n").strip()
