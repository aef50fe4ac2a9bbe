"""Packages by which a scanner's database is tested for a release in which it found nothing.

Each of these packages had vulnerabilities in every release of a distribution. If a database has none for them, it does
not know the release.
"""

from __future__ import annotations

COMMON_SOURCES = ("openssl", "glibc", "busybox", "zlib", "curl", "linux")
"""Source packages; every distribution has at least one of them, with vulnerabilities that its publisher lists."""
OLDEST_VERSION = "0"
"""A version older than every fix, so that it is vulnerable in each release that the database knows."""
