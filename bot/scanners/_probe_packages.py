"""Packages that show whether a scanner's database covers a release of a distribution.

basebump uses them if the scanner found nothing in an image. Every release of a distribution had vulnerabilities in
these packages. If a database lists no vulnerabilities for them in a release, the database does not cover this release.
The lack of findings then proves nothing.
"""

from __future__ import annotations

COMMON_SOURCES = ("openssl", "glibc", "busybox", "zlib", "curl", "linux")
"""Source packages. Every distribution has at least one of them, and publishes vulnerabilities of that package."""
OLDEST_VERSION = "0"
"""A version older than every fix. This version is vulnerable in every release that the database covers."""
