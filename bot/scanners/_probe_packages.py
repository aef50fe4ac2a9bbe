"""Packages for testing whether a scanner's database covers a release in which the scanner found nothing.

Each of these packages had vulnerabilities in every release of a distribution. If a database lists none for them, it
does not cover the release.
"""

from __future__ import annotations

COMMON_SOURCES = ("openssl", "glibc", "busybox", "zlib", "curl", "linux")
"""Source packages. Every distribution has at least one of them, with vulnerabilities that its publisher lists."""
OLDEST_VERSION = "0"
"""A version older than every fix. It is vulnerable in every release that the database covers."""
