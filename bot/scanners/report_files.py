"""Reads findings from report files that another program, such as a CI pipeline, wrote before the run.

A report is about an image if it names a digest of the image, or if its file is named after such a digest (`sha256-<64
digits>.json`). basebump relies only on what the reports prove.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

from bot.core.choice.platforms import is_same_platform
from bot.model.contents import InstalledPackage
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem, report_unknown
from bot.model.errors import RegistryError
from bot.model.evidence import NotScanned, Scan, ScannerIdentity, ScanOutcome, ScanSubject, UnscannedReason
from bot.model.image_name import Digest
from bot.scanners._reports import ReportImage, UnreadableReportError, parse_reports
from bot.scanners._reports._report_image import find_digests

MAX_FILES = 10_000
"""The largest number of files in a folder with its subfolders. This is enough for one report about each image of a
large fleet, for some days."""
MAX_REPORT_BYTES = 64 * 1024 * 1024
"""The largest report, in bytes. The report about a full desktop image, with all packages listed, has ten megabytes."""
NO_REPORT_PREFIX = "no report is about this image, but "
SUFFIXES = frozenset({".json", ".sarif"})

ImageDigestResolver = Callable[[ScanSubject], frozenset[Digest]]
"""Returns all digests by which tools name the image of a subject. Raises RegistryError if a request fails."""


@dataclass(frozen=True, slots=True)
class _IndexedReport:
    """A report about one image without its findings, and the position of the report in its file.

    A file may contain reports about several images. The findings are left out to save memory. When the image is
    scanned, basebump reads them again from the file.
    """

    image: ReportImage
    """The content without findings. The findings in a whole folder would fill the memory, and few of them are
    needed."""
    digests: frozenset[Digest]
    scanner: ScannerIdentity
    dated_at: datetime
    """The build time of the database. If the report does not state it, this is the time of the report, or the
    modification time of the file."""
    path: Path
    index: int
    """The index of the report in its file."""
    display_path: str
    """The path of the file in messages."""


class ReportScanner:
    """Takes findings from report files. Implements `bot.ports.Scanner`.

    All files are read before the first scan. `platform` is assumed for images whose reports do not state a platform.

    Two scans are comparable only if both were made with the same database. Some reports do not state their database.
    With `is_one_run`, the operator states that all reports in a folder are from a single run of the scanner. All
    reports in the folder that do not state their database are then treated as made with one database.
    """

    def __init__(
        self,
        path: Path,
        resolve_digests: ImageDigestResolver,
        *,
        now: Callable[[], datetime],
        platform: str,
        max_age: timedelta,
        is_one_run: bool = False,
    ) -> None:
        self._path, self._resolve_digests, self._now = path, resolve_digests, now
        self._platform, self._max_age, self._is_one_run = platform, max_age, is_one_run
        self._lock = Lock()
        self._index: tuple[tuple[_IndexedReport, ...], NotScanned | None] | None = None

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level read them
        """Read all report files, and yield the number of reports and the unreadable files as results."""
        subject, action = str(self._path), "read its reports"
        reports, read_failure = self._load_index()
        if read_failure is not None:
            yield report_problem(subject, action, read_failure.detail.removeprefix(NO_REPORT_PREFIX))
        if reports:
            newest = max(each.dated_at for each in reports)
            yield report_ok(subject, action, f"{len(reports)} found, the newest from {newest:%Y-%m-%d %H:%M} UTC")
        elif read_failure is None:
            yield report_unknown(
                subject,
                action,
                "no reports found; hint: let a pipeline write scan reports to this path before each run",
            )

    def get_identity(self) -> None:
        """Return None, because each report names the scanner that made it."""

    def prefetch(self, subjects: Collection[ScanSubject]) -> None:
        """Do nothing, because all reports are read before the first scan."""

    def match_packages(self, release: str, packages: Collection[InstalledPackage]) -> None:
        """Return None, because the reports are about images."""

    def scan(self, subject: ScanSubject) -> ScanOutcome:
        """Return the findings of the newest report about the image of `subject`, or the reason why there are none."""
        reports, read_failure = self._load_index()
        candidates = [each for each in reports if subject.digest in each.digests]
        if reports and not any(self._is_for_platform(each, subject.platform) for each in candidates):
            try:
                image_digests = self._resolve_digests(subject)
            except RegistryError as error:
                return NotScanned(UnscannedReason.FAILED, str(error))
            candidates = [each for each in reports if each.digests & image_digests]
        for_platform = [each for each in candidates if self._is_for_platform(each, subject.platform)]
        if not candidates:
            return read_failure or NotScanned(UnscannedReason.NO_REPORT)
        if not for_platform:
            platforms = sorted({each.image.platform or self._platform for each in candidates})
            return NotScanned(
                UnscannedReason.PLATFORM_MISSING,
                f"the reports about this image are for other platforms: {', '.join(platforms)}",
            )
        newest = max(for_platform, key=lambda each: (each.dated_at, each.scanner.name, each.display_path))
        return self._evaluate_report(newest, reports)

    def _is_for_platform(self, report: _IndexedReport, platform: str) -> bool:
        return is_same_platform(report.image.platform or self._platform, platform)

    def _evaluate_report(self, report: _IndexedReport, all_reports: Sequence[_IndexedReport]) -> ScanOutcome:
        """Return the findings of a report, or the reason why the findings are not reliable.

        `all_reports` are the reports about all images. If `report` has no findings, another report may prove that the
        scanner's database covers the release of the image's distribution.
        """
        image = report.image
        if self._now() - report.dated_at > self._max_age:
            return NotScanned(
                UnscannedReason.DATABASE_STALE,
                f"{report.display_path} is out of date: it was created on {report.dated_at:%Y-%m-%d}",
            )
        if image.not_scanned:
            return image.not_scanned
        if not image.has_release_data and not _is_release_known(report, all_reports):
            why = f"nothing in the reports of {image.tool} shows that its database covers {image.release}"
            return NotScanned(UnscannedReason.OS_UNSUPPORTED, why)
        try:
            image_with_findings = parse_reports(_read_content(report.path))[report.index]
        except (OSError, UnreadableReportError, IndexError) as error:
            return NotScanned(UnscannedReason.FAILED, f"{report.display_path} changed while it was read: {error}")
        return Scan(
            report.scanner,
            image.system,
            image_with_findings.findings,
            image.image_created,
            image.version_label,
            image.packages,
            suppressed=image_with_findings.suppressed,
        )

    def _load_index(self) -> tuple[tuple[_IndexedReport, ...], NotScanned | None]:
        """Return all reports without their findings, and an error if some files could not be read.

        The error is about the first of these files, and states how many more there are. The error is None if all files
        were read. Only the first call reads the files.
        """
        with self._lock:
            if self._index is None:
                self._index = self._read_reports()
            return self._index

    def _read_reports(self) -> tuple[tuple[_IndexedReport, ...], NotScanned | None]:
        reports: list[_IndexedReport] = []
        errors: list[str] = []
        try:
            for path in self._list_files(errors):
                try:
                    reports += self._read_file(path)
                except OSError as error:
                    errors.append(f"{self._format_path(path)} could not be read: {error.strerror}")
                except UnreadableReportError as error:
                    errors.append(f"{self._format_path(path)} cannot be used: {error}")
        except OSError as error:
            errors.append(f"{error.filename or self._path} could not be read: {error.strerror}")
        more = f" (and {len(errors) - 1} more like it)" if len(errors) > 1 else ""
        read_failure = NotScanned(UnscannedReason.FAILED, f"{NO_REPORT_PREFIX}{errors[0]}{more}") if errors else None
        return tuple(reports), read_failure

    def _list_files(self, errors: list[str]) -> Iterator[Path]:
        """Yield the paths of the report files, sorted.

        If there are more than MAX_FILES, append an error to `errors` and stop. Raises OSError if a folder cannot be
        read.
        """
        if not self._path.is_dir():
            yield self._path
            return
        candidates = (path for path in self._path.rglob("*") if path.suffix in SUFFIXES and path.is_file())
        for number, path in enumerate(sorted(candidates)):
            if number == MAX_FILES:
                errors.append(f"{self._path} has more than {MAX_FILES} reports")
                return
            yield path

    def _read_file(self, path: Path) -> list[_IndexedReport]:
        modified_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        reports = parse_reports(_read_content(path))
        by_name = find_digests([path.name]) if len(reports) == 1 else frozenset()
        return [
            _IndexedReport(
                image=replace(image, findings=(), suppressed=()),
                digests=image.digests | by_name,
                scanner=ScannerIdentity(
                    image.tool, image.tool_version, image.database_built, self._get_run(path, image)
                ),
                dated_at=image.database_built or image.report_time or modified_at,
                path=path,
                index=number,
                display_path=self._format_path(path),
            )
            for number, image in enumerate(reports)
        ]

    def _get_run(self, path: Path, image: ReportImage) -> str | None:
        return self._format_path(path.parent) if self._is_one_run and image.database_built is None else None

    def _format_path(self, path: Path) -> str:
        return str(Path(self._path.name, path.relative_to(self._path))) if path != self._path else path.name


def _read_content(path: Path) -> bytes:
    """Return the content of a report file.

    Raises OSError if the file cannot be read, and UnreadableReportError if it is too large.
    """
    with path.open("rb") as file:
        content = file.read(MAX_REPORT_BYTES + 1)
    if len(content) > MAX_REPORT_BYTES:
        raise UnreadableReportError(f"the report has more than {MAX_REPORT_BYTES} bytes")
    return content


def _is_release_known(report: _IndexedReport, all_reports: Sequence[_IndexedReport]) -> bool:
    """Return True if one of `all_reports` proves that the scanner's database has data for the distribution release.

    Such a report is about an image of the same release, has `has_release_data`, and was made with the same database as
    `report`.
    """
    return any(
        each.image.has_release_data and each.image.release == report.image.release and each.scanner == report.scanner
        for each in all_reports
        if report.scanner.database or report.scanner.run
    )
