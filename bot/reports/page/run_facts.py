"""Reads from the JSON output of `run` and `scan` the values that the HTML report shows.

Every value is validated, because the file is not trusted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.model.errors import BasebumpError
from bot.model.report import SCHEMA


class DocumentError(BasebumpError):
    """Raised if a text is not a JSON document of `run` or `scan`."""


@dataclass(frozen=True, slots=True)
class ImageScan:
    """The scan of the old or new image of an update."""

    counts: Mapping[str, int] | None
    """The number of distinct vulnerabilities by severity; None if the image was not scanned."""
    created: datetime | None


@dataclass(frozen=True, slots=True)
class ExploitedCounts:
    """The numbers of distinct vulnerabilities of the old and the new image that are known to be exploited."""

    old: int
    new: int


@dataclass(frozen=True, slots=True)
class UpdateFacts:
    """The scans of both images of an update."""

    old: ImageScan | None
    """None if the image reference had no digest."""
    new: ImageScan
    exploited: ExploitedCounts | None = None
    """None if basebump did not look up which vulnerabilities are known to be exploited."""


@dataclass(frozen=True, slots=True)
class ReferenceFacts:
    """An image reference with the decision about it."""

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
    update: UpdateFacts | None
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProposedImageFacts:
    """An image of a proposal."""

    canonical: str
    tag: str
    new_digest: str


@dataclass(frozen=True, slots=True)
class ProposalFacts:
    """A proposal with its outcome."""

    branch: str
    outcome: str
    url: str | None
    title: str
    note: str | None
    images: tuple[ProposedImageFacts, ...] = ()
    files: tuple[str, ...] = ()
    due_at: datetime | None = None
    due_for: str | None = None
    """The reason for the due date, such as `critical`; None if there is no due date."""
    is_due_unknown: bool = False
    """True if there is no due date only because scan results are missing."""
    is_overdue: bool = False
    accepted_risk: str | None = None
    """The fixes of a declined proposal that would have a due date if it were open."""


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """A repository, or a scanned folder. `forge` is empty for a folder."""

    forge: str
    name: str
    base_branch: str | None
    note: str | None
    references: tuple[ReferenceFacts, ...]
    unsupported_count: int
    """The number of texts that do not name an image."""
    proposals: tuple[ProposalFacts, ...]
    files_url: str | None = None
    """The URL on the forge's site to which the path of a file is appended; None if the URL is not known."""


@dataclass(frozen=True, slots=True)
class FailureFacts:
    """A failure of basebump."""

    subject: str
    stage: str
    error: str


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The facts about one run, or about several runs that each handled a part of a fleet (`--shard`)."""

    levels: tuple[str, ...]
    """The levels of the runs; empty for a scan, which has no level."""
    started: datetime | None
    ended: datetime | None
    repositories: tuple[RepositoryFacts, ...]
    failures: tuple[FailureFacts, ...]


def read_document(text: str) -> RunFacts:
    """Parse the output of `run` or `scan` with `--format json`. Raises DocumentError for any other text."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"the document is not JSON: {error}") from None
    root_part = _DocumentPart(document, "the document")
    if root_part.get_value("schema") != SCHEMA:
        raise DocumentError(f"the document is not the JSON output of `run` or `scan` with `schema: {SCHEMA}`")
    failed = tuple(
        FailureFacts(*(each.get_text(key) for key in ("subject", "stage", "error")))
        for each in root_part.get_parts("failed")
    )
    if root_part.has_key("root"):
        folder = RepositoryFacts(
            "",
            root_part.get_text("root"),
            None,
            None,
            _read_references(root_part),
            len(root_part.get_parts("unsupported")),
            (),
        )
        return RunFacts((), None, None, (folder,), failed)
    return RunFacts(
        (root_part.get_text("level"),),
        root_part.get_time("started"),
        root_part.get_time("ended"),
        tuple(map(_read_repository, root_part.get_parts("repositories"))),
        failed,
    )


def merge_runs(runs: Iterable[RunFacts]) -> RunFacts:
    """Merge runs that each handled a part of a fleet. If several runs have the same repository, the last run counts."""
    all_runs = tuple(runs)
    repositories = {(each.forge, each.name, each.base_branch): each for run in all_runs for each in run.repositories}
    return RunFacts(
        tuple(dict.fromkeys(level for run in all_runs for level in run.levels)),
        min((run.started for run in all_runs if run.started is not None), default=None),
        max((run.ended for run in all_runs if run.ended is not None), default=None),
        tuple(repositories.values()),
        tuple(dict.fromkeys(failure for run in all_runs for failure in run.failures)),
    )


def _read_repository(part: _DocumentPart) -> RepositoryFacts:
    return RepositoryFacts(
        part.get_text("forge"),
        part.get_text("name"),
        part.get_optional_text("base_branch"),
        part.get_optional_text("note"),
        _read_references(part),
        len(part.get_parts("unsupported")),
        tuple(
            ProposalFacts(
                each.get_text("branch"),
                each.get_text("outcome"),
                each.get_optional_text("url"),
                each.get_text("title"),
                each.get_optional_text("note"),
                tuple(
                    ProposedImageFacts(image.get_text("canonical"), image.get_text("tag"), image.get_text("new"))
                    for image in each.get_parts("images")
                ),
                each.get_texts("files"),
                each.get_time("due_at"),
                each.get_optional_text("due_for"),
                each.get_flag("due_unknown"),
                each.get_flag("overdue"),
                each.get_optional_text("accepted_risk"),
            )
            for each in part.get_parts("proposals")
        ),
        part.get_optional_text("files_url"),
    )


def _read_references(part: _DocumentPart) -> tuple[ReferenceFacts, ...]:
    return tuple(
        ReferenceFacts(
            each.get_text("path"),
            each.get_number("line"),
            each.get_text("canonical"),
            each.get_optional_text("tag"),
            each.get_optional_text("digest"),
            each.get_text("status"),
            each.get_optional_text("reason"),
            each.get_optional_text("detail"),
            each.get_optional_text("new_digest"),
            each.get_optional_text("new_tag"),
            _read_update(each.get_optional_part("evidence")),
            each.get_texts("owners"),
        )
        for each in part.get_parts("references")
    )


def _read_update(evidence: _DocumentPart | None) -> UpdateFacts | None:
    if evidence is None:
        return None
    old, new = evidence.get_optional_part("old"), evidence.get_optional_part("new")
    return UpdateFacts(
        _read_scan(old) if old is not None else None,
        _read_scan(new) if new is not None else ImageScan(None, None),
        _read_exploited(evidence.get_optional_part("known_exploited")),
    )


def _read_exploited(part: _DocumentPart | None) -> ExploitedCounts | None:
    if part is None:
        return None
    counts = part.get_numbers()
    remaining = counts.get("remaining", 0)
    return ExploitedCounts(counts.get("fixed", 0) + remaining, counts.get("introduced", 0) + remaining)


def _read_scan(part: _DocumentPart) -> ImageScan:
    counts = part.get_optional_part("counts")
    return ImageScan(counts.get_numbers() if counts is not None else None, part.get_time("created"))


class _DocumentPart:
    """A JSON object in a document. Error messages contain its position.

    The `get_…` methods raise DocumentError if a value does not have the expected type. If a value is missing or null,
    methods whose return type includes None return None; other methods raise DocumentError.
    """

    def __init__(self, value: object, position: str) -> None:
        if not isinstance(value, dict):
            raise DocumentError(f"{position} is not an object")
        self._value, self._position = value, position

    def has_key(self, key: str) -> bool:
        return key in self._value

    def get_value(self, key: str) -> object:
        return self._value.get(key)

    def get_optional_text(self, key: str) -> str | None:
        found = self.get_value(key)
        if found is not None and not isinstance(found, str):
            raise DocumentError(f"`{key}` of {self._position} is not a string")
        return found

    def get_text(self, key: str) -> str:
        found = self.get_optional_text(key)
        if found is None:
            raise DocumentError(f"{self._position} has no `{key}`")
        return found

    def get_texts(self, key: str) -> tuple[str, ...]:
        """Return the strings in a list. The result is empty if the value is missing or null."""
        found = self.get_value(key)
        if found is not None and not (isinstance(found, list) and all(isinstance(each, str) for each in found)):
            raise DocumentError(f"`{key}` of {self._position} is not a list of strings")
        return tuple(found or ())

    def get_number(self, key: str) -> int:
        return _check_number(self.get_value(key), f"`{key}` of {self._position}")

    def get_numbers(self) -> Mapping[str, int]:
        return {str(key): _check_number(each, f"`{key}` of {self._position}") for key, each in self._value.items()}

    def get_flag(self, key: str) -> bool:
        """Return a boolean. The result is False if the value is missing or null."""
        found = self.get_value(key)
        if found is not None and not isinstance(found, bool):
            raise DocumentError(f"`{key}` of {self._position} is not true or false")
        return found is True

    def get_time(self, key: str) -> datetime | None:
        found = self.get_optional_text(key)
        if found is None:
            return None
        try:
            moment = datetime.fromisoformat(found)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise DocumentError(f"`{key}` of {self._position} is not a time") from None

    def get_optional_part(self, key: str) -> _DocumentPart | None:
        found = self.get_value(key)
        return _DocumentPart(found, f"`{key}` of {self._position}") if found is not None else None

    def get_parts(self, key: str) -> tuple[_DocumentPart, ...]:
        found = self.get_value(key)
        if not isinstance(found, list):
            raise DocumentError(f"`{key}` of {self._position} is not a list")
        return tuple(_DocumentPart(each, f"`{key}[{index}]` of {self._position}") for index, each in enumerate(found))


def _check_number(value: object, description: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise DocumentError(f"{description} is not an integer of 0 or more")
    return value
