"""What shows that somebody knows a release in which nothing was found: packages that had holes in every release."""

from __future__ import annotations

COMMON_SOURCES = ("openssl", "glibc", "busybox", "zlib", "curl", "linux")
"""One of which every distribution has, with vulnerabilities that somebody listed."""
FIRST_VERSION = "0"
"""Older than every fix, so that a release which is known has vulnerabilities in it."""
