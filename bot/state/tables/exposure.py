"""The tables of exposure: the packages of images, and the findings of packages over time.

Findings depend on a package and the release of its distribution, and not on the image. Each distinct package therefore
has its findings once. If the findings of an image cannot be attributed to its packages, the image has a scope of its
own, whose packages are only those that its findings name.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, UniqueConstraint

from bot.state.tables import StorableText, UtcDateTime, define_table

ALL_IMAGES = 0
"""The image of scopes whose packages belong to all images of a release."""
NO_RELEASE = ""
"""The release of packages that cannot be matched without their image."""

KNOWN_IMAGES = define_table(
    "known_images",
    Column("id", Integer, primary_key=True),
    Column("digest", Integer, nullable=False),
    Column("platform", StorableText, nullable=False),
    Column("scanner", StorableText, nullable=False),
    Column("is_private", Boolean, nullable=False),
    Column("scanner_version", StorableText, nullable=False),
    Column("database_built", UtcDateTime),  # NULL if it is unknown, or if findings changed since
    Column("os", StorableText, nullable=False),
    Column("release", StorableText),  # NULL if the packages cannot be matched without the image
    Column("created", UtcDateTime),
    Column("version", StorableText),
    Column("lists_packages", Boolean, nullable=False),
    Column("matched_at", UtcDateTime),  # NULL if no scan succeeded
    Column("reason", StorableText),  # an `UnscannedReason`; NULL if the last scan or match succeeded
    Column("detail", StorableText, nullable=False),
    Column("unscanned_at", UtcDateTime),  # the last time that a scan did not succeed
    UniqueConstraint("digest", "platform", "scanner", "is_private"),
)
"""The images that runs tried to scan, each with its last scan or match. `digest` is a number of the table `digests`."""

PACKAGE_SCOPES = define_table(
    "package_scopes",
    Column("id", Integer, primary_key=True),
    Column("scanner", StorableText, nullable=False),
    Column("is_private", Boolean, nullable=False),
    Column("release", StorableText, nullable=False),
    Column("image", Integer, nullable=False),
    Column("database_built", UtcDateTime),  # the newest database by which findings were written
    UniqueConstraint("scanner", "is_private", "release", "image"),
)
"""The images in which equal packages have equal findings."""

PACKAGES = define_table(
    "packages",
    Column("id", Integer, primary_key=True),
    Column("scope", Integer, nullable=False),
    Column("type", StorableText, nullable=False),
    Column("name", StorableText, nullable=False),
    Column("version", StorableText, nullable=False),
    Column("source", StorableText, nullable=False),
    Column("source_version", StorableText, nullable=False),
    Column("architecture", StorableText, nullable=False),
    Column("module", StorableText, nullable=False),
    UniqueConstraint("scope", "name", "version", "type", "source", "source_version", "architecture", "module"),
)

IMAGE_PACKAGES = define_table(
    "image_packages",
    Column("package", Integer, primary_key=True, autoincrement=False),
    Column("image", Integer, primary_key=True, autoincrement=False),
    Index("image_packages_by_image", "image"),
    has_rowid=False,
)

VULNERABILITIES = define_table(
    "vulnerabilities",
    Column("id", Integer, primary_key=True),
    Column("name", StorableText, nullable=False),
    Column("title", StorableText, nullable=False),
    UniqueConstraint("name", "title"),
)

FINDINGS = define_table(
    "findings",
    Column("vulnerability", Integer, primary_key=True, autoincrement=False),
    Column("package", Integer, primary_key=True, autoincrement=False),
    Column("first_seen", UtcDateTime, primary_key=True),
    Column("fixed_in", StorableText),
    Column("severity", Integer, nullable=False),
    Column("fix_published_at", UtcDateTime),
    Column("fix_seen", UtcDateTime),
    Column("fix_origin", StorableText),  # how `fix_seen` is to be read: a `FixDateOrigin`
    Column("ended_at", UtcDateTime),  # NULL if the last match found it
    Index("findings_by_package", "package"),
    has_rowid=False,
)
"""The unbroken times in which the databases listed a vulnerability of a package."""

EXPOSURE_SUMMARIES = define_table(
    "exposure_summaries",
    Column("day", UtcDateTime, primary_key=True),
    Column("document", StorableText, nullable=False),
)
"""The exposure of the fleet on each day, as a JSON document."""

PUBLISHER_FIXES = define_table(
    "publisher_fixes",
    Column("repository", StorableText, primary_key=True),
    Column("tag", StorableText, primary_key=True),
    Column("vulnerability", StorableText, primary_key=True),
    Column("is_private", Boolean, primary_key=True),
    Column("distribution", StorableText, nullable=False),  # empty for packages that do not belong to one
    Column("fixed_at", UtcDateTime, nullable=False),
    Column("available_at", UtcDateTime, nullable=False),
    Index("publisher_fixes_by_time", "available_at"),
    has_rowid=False,
)
"""The fixes that publishers of images took over, each with the time of the first digest of the tag with it."""

SUPPRESSED_FINDINGS = define_table(
    "suppressed_findings",
    Column("image", Integer, primary_key=True, autoincrement=False),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("vulnerability", Integer, nullable=False),
    Column("package", Integer, nullable=False),
    Column("fixed_in", StorableText),
    Column("severity", Integer, nullable=False),
    Column("fix_published_at", UtcDateTime),
    Column("reason", StorableText, nullable=False),
    Column("author", StorableText, nullable=False),
    has_rowid=False,
)
"""The findings that the scanner of an image suppressed itself. VEX statements are applied when scans are read."""
