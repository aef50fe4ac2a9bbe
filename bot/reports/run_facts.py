"""Reads the parts of JSON documents that the fleet page shows; strictly, since a document may come from anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.model.errors import BasebumpError
from bot.model.report import SCHEMA


class DocumentError(BasebumpError):
    """A text that is not a document of `run` or `scan`."""


@dataclass(frozen=True, slots=True)
class ImageScan:
    """The scan of one image of an update."""

    counts: Mapping[str, int] | None
    """Distinct vulnerabilities by severity; None if the image was not scanned."""
    created: datetime | None


@dataclass(frozen=True, slots=True)
class MoveFacts:
    """The scans of both images of an update."""

    old: ImageScan | None
    """None if the image reference had no digest."""
    new: ImageScan


@dataclass(frozen=True, slots=True)
class PlaceFacts:
    """One image reference."""

    path: str
    line_number: int
    canonical: str
    tag: str | None
    digest: str | None
    status: str
    reason: str | None
    detail: str | None
    new_digest: str | None
    new_tag: str | None
    move: MoveFacts | None


@dataclass(frozen=True, slots=True)
class ProposalFacts:
    """One proposal with its outcome."""

    branch: str
    outcome: str
    url: str | None
    title: str
    note: str | None


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """One repository, or one scanned folder."""

    forge: str
    name: str
    base_branch: str | None
    note: str | None
    places: tuple[PlaceFacts, ...]
    unsupported: int
    """Number of texts that do not name an image."""
    proposals: tuple[ProposalFacts, ...]


@dataclass(frozen=True, slots=True)
class FailureFacts:
    """One failure."""

    subject: str
    stage: str
    error: str


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run, or several runs that shared a fleet."""

    levels: tuple[str, ...]
    """Empty for the document of a scan."""
    started: datetime | None
    ended: datetime | None
    repositories: tuple[RepositoryFacts, ...]
    failed: tuple[FailureFacts, ...]


def read_document(text: str) -> RunFacts:
    """Parse the output of `run` or `scan` with `--format json`. Raises DocumentError."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"the document is not JSON: {error}") from None
    whole = _Part(document, "the document")
    if whole.value("schema") != SCHEMA:
        raise DocumentError(f"the document is not one of `run` or `scan` with `schema: {SCHEMA}`")
    failed = tuple(
        FailureFacts(*(each.text(key) for key in ("subject", "stage", "error"))) for each in whole.of("failed")
    )
    if whole.has("root"):
        folder = RepositoryFacts("", whole.text("root"), None, None, _places(whole), len(whole.of("unsupported")), ())
        return RunFacts((), None, None, (folder,), failed)
    return RunFacts(
        (whole.text("level"),),
        whole.moment("started"),
        whole.moment("ended"),
        tuple(map(_repository, whole.of("repositories"))),
        failed,
    )


def merged(runs: Iterable[RunFacts]) -> RunFacts:
    """Merge runs that shared a fleet; the last run counts for a repository that is in several."""
    every = tuple(runs)
    found = {(each.forge, each.name, each.base_branch): each for run in every for each in run.repositories}
    return RunFacts(
        tuple(dict.fromkeys(level for run in every for level in run.levels)),
        min((run.started for run in every if run.started is not None), default=None),
        max((run.ended for run in every if run.ended is not None), default=None),
        tuple(found.values()),
        tuple(dict.fromkeys(failure for run in every for failure in run.failed)),
    )


def _repository(part: _Part) -> RepositoryFacts:
    return RepositoryFacts(
        part.text("forge"),
        part.text("name"),
        part.maybe_text("base_branch"),
        part.maybe_text("note"),
        _places(part),
        len(part.of("unsupported")),
        tuple(
            ProposalFacts(
                each.text("branch"),
                each.text("outcome"),
                each.maybe_text("url"),
                each.text("title"),
                each.maybe_text("note"),
            )
            for each in part.of("proposals")
        ),
    )


def _places(part: _Part) -> tuple[PlaceFacts, ...]:
    return tuple(
        PlaceFacts(
            each.text("path"),
            each.number("line"),
            each.text("canonical"),
            each.maybe_text("tag"),
            each.maybe_text("digest"),
            each.text("status"),
            each.maybe_text("reason"),
            each.maybe_text("detail"),
            each.maybe_text("new_digest"),
            each.maybe_text("new_tag"),
            _move(each.maybe("evidence")),
        )
        for each in part.of("occurrences")
    )


def _move(evidence: _Part | None) -> MoveFacts | None:
    if evidence is None:
        return None
    old, new = evidence.maybe("old"), evidence.maybe("new")
    return MoveFacts(_scan(old) if old is not None else None, _scan(new) if new is not None else ImageScan(None, None))


def _scan(part: _Part) -> ImageScan:
    counts = part.maybe("counts")
    return ImageScan(counts.numbers() if counts is not None else None, part.moment("created"))


class _Part:
    """An object of a document, with its position for error messages."""

    def __init__(self, value: object, at: str) -> None:
        if not isinstance(value, dict):
            raise DocumentError(f"{at} is not an object")
        self._value, self._at = value, at

    def has(self, key: str) -> bool:
        return key in self._value

    def value(self, key: str) -> object:
        return self._value.get(key)

    def maybe_text(self, key: str) -> str | None:
        found = self.value(key)
        if found is not None and not isinstance(found, str):
            raise DocumentError(f"`{key}` of {self._at} is not a string")
        return found

    def text(self, key: str) -> str:
        found = self.maybe_text(key)
        if found is None:
            raise DocumentError(f"{self._at} has no `{key}`")
        return found

    def number(self, key: str) -> int:
        return _number(self.value(key), f"`{key}` of {self._at}")

    def numbers(self) -> Mapping[str, int]:
        return {str(key): _number(each, f"`{key}` of {self._at}") for key, each in self._value.items()}

    def moment(self, key: str) -> datetime | None:
        found = self.maybe_text(key)
        if found is None:
            return None
        try:
            moment = datetime.fromisoformat(found)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise DocumentError(f"`{key}` of {self._at} is not a time") from None

    def maybe(self, key: str) -> _Part | None:
        found = self.value(key)
        return _Part(found, f"`{key}` of {self._at}") if found is not None else None

    def of(self, key: str) -> tuple[_Part, ...]:
        found = self.value(key)
        if not isinstance(found, list):
            raise DocumentError(f"`{key}` of {self._at} is not a list")
        return tuple(_Part(each, f"`{key}[{index}]` of {self._at}") for index, each in enumerate(found))


def _number(found: object, what: str) -> int:
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise DocumentError(f"{what} is not a number")
    return found
