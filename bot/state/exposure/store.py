"""The store of scans, in a database: each package and each finding once, and not a document for each image."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from bot.core.evidence.finding_keys import FindingKey
from bot.model.contents import InstalledPackage
from bot.model.evidence import Finding, FixDate, NotScanned, Scan, ScannerIdentity, ScanSubject, StoredPackages
from bot.model.exposed_images import ImageInUse
from bot.state.database import Database
from bot.state.exposure.images_in_use import list_images_in_use, list_newest_images
from bot.state.exposure.scan_loader import load_fix_dates, load_scans, load_stored_packages
from bot.state.exposure.scan_writer import ScanWriter


class DatabaseScanStore:
    """Implements `bot.ports.ScanStore`. Several threads and processes can use the same database."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    def load_scans(
        self, scanner: ScannerIdentity, subjects: Collection[ScanSubject], *, is_private: bool
    ) -> Mapping[ScanSubject, Scan]:
        with self._database.open_for_reading() as connection:
            return load_scans(connection, scanner, subjects, is_private=is_private)

    def load_packages(
        self, scanner_name: str, subjects: Collection[ScanSubject], *, is_private: bool
    ) -> Mapping[ScanSubject, StoredPackages]:
        with self._database.open_for_reading() as connection:
            return load_stored_packages(connection, scanner_name, subjects, is_private=is_private)

    def load_fix_dates(
        self, scanner_name: str, subjects: Collection[ScanSubject], *, is_private: bool
    ) -> Mapping[ScanSubject, Mapping[FindingKey, FixDate]]:
        with self._database.open_for_reading() as connection:
            return load_fix_dates(connection, scanner_name, subjects, is_private=is_private)

    def list_images_in_use(self) -> Sequence[ImageInUse]:
        with self._database.open_for_reading() as connection:
            return list_images_in_use(connection)

    def list_newest_images(self) -> Sequence[ImageInUse]:
        with self._database.open_for_reading() as connection:
            return list_newest_images(connection)

    def save_scans(self, scans: Mapping[ScanSubject, Scan], *, is_private: bool) -> None:
        if not scans:
            return
        with self._database.open_for_writing() as connection:
            ScanWriter(connection, self._now(), is_private=is_private).write_scans(scans)

    def save_unscanned(
        self, scanner_name: str, outcomes: Mapping[ScanSubject, NotScanned], *, is_private: bool
    ) -> None:
        if not outcomes:
            return
        with self._database.open_for_writing() as connection:
            ScanWriter(connection, self._now(), is_private=is_private).write_unscanned(scanner_name, outcomes)

    def save_matches(
        self,
        scanner: ScannerIdentity,
        release: str,
        matches: Mapping[InstalledPackage, Sequence[Finding]],
        subjects: Collection[ScanSubject],
        *,
        is_private: bool,
    ) -> None:
        with self._database.open_for_writing() as connection:
            writer = ScanWriter(connection, self._now(), is_private=is_private)
            writer.write_matches(scanner, release, matches, subjects)
