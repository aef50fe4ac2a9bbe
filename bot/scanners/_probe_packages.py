"""Packages for testing whether a scanner's database covers a distribution's release in which the scanner found nothing.

Every release of a distribution had vulnerabilities in these packages. If a database lists no vulnerabilities for them
in a release, the database does not cover this release. Then finding nothing proves nothing.
"""

from __future__ import annotations

COMMON_SOURCES = ("openssl", "glibc", "busybox", "zlib", "curl", "linux")
"""Source packages. Every distribution has at least one of them, with vulnerabilities that its publisher lists."""
OLDEST_VERSION = "0"
"""A version older than every fix. It is vulnerable in every release that the database covers."""
