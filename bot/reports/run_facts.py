"""What a page of several runs needs of their JSON documents, read strictly: a document may come from anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.model.errors import BasebumpError
from bot.model.report import SCHEMA


class DocumentError(BasebumpError):
    """A text is no document of `run` or `scan`."""


@dataclass(frozen=True, slots=True)
class ImageScan:
    """What is known of one image of a move."""

    counts: Mapping[str, int] | None
    """Distinct vulnerabilities by the word of their severity; None where it was not scanned."""
    created: datetime | None


@dataclass(frozen=True, slots=True)
class MoveFacts:
    """What moving changes."""

    old: ImageScan | None
    """None where the place held no digest."""
    new: ImageScan


@dataclass(frozen=True, slots=True)
class PlaceFacts:
    """One place where an image is written."""

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
    """What became of one proposal."""

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
    """How many texts there are that name no image."""
    proposals: tuple[ProposalFacts, ...]


@dataclass(frozen=True, slots=True)
class FailureFacts:
    """One thing that could not be done."""

    subject: str
    stage: str
    error: str


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run, or several that shared a fleet."""

    levels: tuple[str, ...]
    """Empty of a scan."""
    started: datetime | None
    ended: datetime | None
    repositories: tuple[RepositoryFacts, ...]
    failed: tuple[FailureFacts, ...]


def read_document(text: str) -> RunFacts:
    """Read what `run` or `scan` gives for `--format json`. Raises DocumentError."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"it is no JSON: {error}") from None
    whole = _Part(document, "the document")
    if whole.value("schema") != SCHEMA:
        raise DocumentError(f"it is no document of `run` or `scan` with `schema: {SCHEMA}`")
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
    """Put together the runs that shared a fleet; of a repository that is in several the last one counts."""
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
    """An object of a document, and where it stands there."""

    def __init__(self, value: object, at: str) -> None:
        if not isinstance(value, dict):
            raise DocumentError(f"{at} is no object")
        self._value, self._at = value, at

    def has(self, key: str) -> bool:
        return key in self._value

    def value(self, key: str) -> object:
        return self._value.get(key)

    def maybe_text(self, key: str) -> str | None:
        found = self.value(key)
        if found is not None and not isinstance(found, str):
            raise DocumentError(f"`{key}` of {self._at} is no text")
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
            raise DocumentError(f"`{key}` of {self._at} is no time") from None

    def maybe(self, key: str) -> _Part | None:
        found = self.value(key)
        return _Part(found, f"`{key}` of {self._at}") if found is not None else None

    def of(self, key: str) -> tuple[_Part, ...]:
        found = self.value(key)
        if not isinstance(found, list):
            raise DocumentError(f"`{key}` of {self._at} is no list")
        return tuple(_Part(each, f"`{key}[{index}]` of {self._at}") for index, each in enumerate(found))


def _number(found: object, what: str) -> int:
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise DocumentError(f"{what} is no number")
    return found
