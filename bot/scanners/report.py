"""Reads findings from the report files that a pipeline wrote, and trusts them no further than they prove.

A report is about an image if it names a digest of the image, or if its file is named after one
(`sha256-<64 digits>.json`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

from bot.core.choice.platforms import is_same_platform
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem, report_unknown
from bot.model.errors import RegistryError
from bot.model.evidence import NotScanned, Scan, ScannerIdentity, ScanOutcome, ScanSubject, UnscannedReason
from bot.model.reference import Digest
from bot.scanners._reports import Said, UnreadableReportError, parse_reports
from bot.scanners._reports._said import digests_in

MAX_FILES = 10_000
"""Files in one folder and the folders inside it: one report for each image of a large fleet, for some days."""
MAX_REPORT = 64 * 1024 * 1024
"""Bytes; the report of a full desktop image with all packages listed has ten megabytes."""
NO_REPORT_BUT = "no report is about it, but "
SUFFIXES = frozenset({".json", ".sarif"})

Names = Callable[[ScanSubject], frozenset[Digest]]
"""Returns all digests by which the image of a subject is known; raises RegistryError."""


@dataclass(frozen=True, slots=True)
class _Found:
    """One image in one report file, without its findings."""

    said: Said
    """The content without findings: those of a whole folder would fill the memory, and few of them are needed."""
    digests: frozenset[Digest]
    scanner: ScannerIdentity
    at: datetime
    """Build time of the database, else the time of the report, else the modification time of the file."""
    path: Path
    number: int
    """Index of the report in its file."""
    place: str
    """Path of the file in messages."""


class ReportScanner:
    """Implements `bot.ports.Scanner`; reads all reports once, when the first image is scanned.

    `platform` is the platform of images whose reports do not name one. `is_one_run` states that all reports of a folder
    were made with one database, if they do not name it; without `is_one_run`, these reports are not compared.
    """

    def __init__(
        self,
        path: Path,
        names: Names,
        *,
        now: Callable[[], datetime],
        platform: str,
        max_age: timedelta,
        one_run: bool = False,
    ) -> None:
        self._path, self._names, self._now = path, names, now
        self._platform, self._max_age, self._one_run = platform, max_age, one_run
        self._lock = Lock()
        self._found: tuple[tuple[_Found, ...], NotScanned | None] | None = None

    def examine(self, aim: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level read them
        """Read all reports, as a run does for its first image."""
        subject, tried = str(self._path), "read its reports"
        found, trouble = self._read()
        if trouble is not None:
            yield report_problem(subject, tried, trouble.detail.removeprefix(NO_REPORT_BUT))
        if found:
            newest = max(each.at for each in found)
            yield report_ok(subject, tried, f"there are {len(found)}, the newest of {newest:%Y-%m-%d %H:%M} UTC")
        elif trouble is None:
            yield report_unknown(subject, tried, "there are none; hint: see that a pipeline writes them before a run")

    def get_identity(self) -> None:
        """Return None, since each report names the scanner that made it."""

    def prefetch(self, subjects: Collection[ScanSubject]) -> None:
        """Do nothing, since all reports are read with the first of them."""

    def scan(self, subject: ScanSubject) -> ScanOutcome:
        """Return the findings of the newest report about `subject`."""
        found, trouble = self._read()
        about = [each for each in found if subject.digest in each.digests]
        if found and not any(self._is_for(each, subject.platform) for each in about):
            try:
                names = self._names(subject)
            except RegistryError as error:
                return NotScanned(UnscannedReason.FAILED, str(error))
            about = [each for each in found if each.digests & names]
        fitting = [each for each in about if self._is_for(each, subject.platform)]
        if not about:
            return trouble or NotScanned(UnscannedReason.NO_REPORT)
        if not fitting:
            platforms = sorted({each.said.platform or self._platform for each in about})
            return NotScanned(UnscannedReason.PLATFORM_MISSING, f"its reports are about {', '.join(platforms)}")
        newest = max(fitting, key=lambda each: (each.at, each.scanner.name, each.place))
        return self._judged(newest, found)

    def _is_for(self, found: _Found, platform: str) -> bool:
        return is_same_platform(found.said.platform or self._platform, platform)

    def _judged(self, found: _Found, all_found: Sequence[_Found]) -> ScanOutcome:
        """Return the findings of a report as a scan, or the reason why they are not reliable."""
        said = found.said
        if self._now() - found.at > self._max_age:
            return NotScanned(UnscannedReason.DATABASE_STALE, f"{found.place} is from {found.at:%Y-%m-%d}")
        if said.flaw:
            return said.flaw
        if not said.shows_release and not _is_known(found, all_found):
            why = f"nothing in the reports of {said.tool} shows that its database knows {said.release}"
            return NotScanned(UnscannedReason.OS_UNSUPPORTED, why)
        try:
            whole = parse_reports(_content(found.path))[found.number]
        except (OSError, UnreadableReportError, IndexError) as error:
            return NotScanned(UnscannedReason.FAILED, f"{found.place} changed while it was read: {error}")
        return Scan(
            found.scanner,
            said.system,
            whole.findings,
            said.created,
            said.label,
            said.packages,
            set_aside=whole.set_aside,
        )

    def _read(self) -> tuple[tuple[_Found, ...], NotScanned | None]:
        """Return all reports, and the first problem if some cannot be read; the files are read once."""
        with self._lock:
            if self._found is None:
                self._found = self._read_all()
            return self._found

    def _read_all(self) -> tuple[tuple[_Found, ...], NotScanned | None]:
        found: list[_Found] = []
        troubles: list[str] = []
        try:
            for path in self._files(troubles):
                try:
                    found += self._read_one(path)
                except OSError as error:
                    troubles.append(f"{self._place(path)} could not be read: {error.strerror}")
                except UnreadableReportError as error:
                    troubles.append(f"{self._place(path)} cannot be used: {error}")
        except OSError as error:
            troubles.append(f"{error.filename or self._path} could not be read: {error.strerror}")
        more = f" (and {len(troubles) - 1} more like it)" if len(troubles) > 1 else ""
        trouble = NotScanned(UnscannedReason.FAILED, f"{NO_REPORT_BUT}{troubles[0]}{more}") if troubles else None
        return tuple(found), trouble

    def _files(self, troubles: list[str]) -> Iterator[Path]:
        """Yield the report files, sorted by path; adds an entry to `errors` if there are too many. Raises OSError."""
        if not self._path.is_dir():
            yield self._path
            return
        candidates = (path for path in self._path.rglob("*") if path.suffix in SUFFIXES and path.is_file())
        for number, path in enumerate(sorted(candidates)):
            if number == MAX_FILES:
                troubles.append(f"{self._path} has more than {MAX_FILES} reports")
                return
            yield path

    def _read_one(self, path: Path) -> list[_Found]:
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        reports = parse_reports(_content(path))
        by_name = digests_in([path.name]) if len(reports) == 1 else frozenset()
        return [
            _Found(
                said=replace(said, findings=(), set_aside=()),
                digests=said.digests | by_name,
                scanner=ScannerIdentity(said.tool, said.version, said.database, self._run_of(path, said)),
                at=said.database or said.made or written,
                path=path,
                number=number,
                place=self._place(path),
            )
            for number, said in enumerate(reports)
        ]

    def _run_of(self, path: Path, said: Said) -> str | None:
        return self._place(path.parent) if self._one_run and said.database is None else None

    def _place(self, path: Path) -> str:
        return str(Path(self._path.name, path.relative_to(self._path))) if path != self._path else path.name


def _content(path: Path) -> bytes:
    """Return the content of a report file. Raises OSError, UnreadableReportError."""
    with path.open("rb") as file:
        content = file.read(MAX_REPORT + 1)
    if len(content) > MAX_REPORT:
        raise UnreadableReportError(f"the report has more than {MAX_REPORT} bytes")
    return content


def _is_known(found: _Found, all_found: Sequence[_Found]) -> bool:
    """Return True if another report with the same database has findings in the same release."""
    return any(
        each.said.shows_release and each.said.release == found.said.release and each.scanner == found.scanner
        for each in all_found
        if found.scanner.database or found.scanner.run
    )
