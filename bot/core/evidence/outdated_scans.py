"""Which stored scans are outdated, so that the image is matched or scanned again."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.model.evidence import ScannerIdentity
from bot.model.exposed_images import ImageInUse, StoredScan

REPEAT_AFTER = timedelta(days=1)
"""How long a failed scan is not repeated, and how long a scan counts as current if the version of the scanner's
database is unknown, as with a scanning service."""


def find_scan(image: ImageInUse, platform: str, scanner: ScannerIdentity, *, is_private: bool) -> StoredScan | None:
    """Return the last scan of one platform of an image by a scanner of this name; None if there is none."""
    key = (platform, scanner.name, is_private)
    return next((each for each in image.scans if (each.platform, each.scanner.name, each.is_private) == key), None)


def is_due(scan: StoredScan | None, scanner: ScannerIdentity, now: datetime) -> bool:
    """Return True if an image must be matched or scanned again.

    Args:
        scan: The last scan of the image; None if there is none.
        scanner: The scanner as it is now.
        now: The current time.
    """
    if scan is None:
        return True
    if scan.failed_at is not None and now - scan.failed_at < REPEAT_AFTER:
        return False
    if scan.matched_at is None:
        return True
    if scanner.database is None:
        return now - scan.matched_at >= REPEAT_AFTER
    return (scan.scanner.version, scan.scanner.database) != (scanner.version, scanner.database)
