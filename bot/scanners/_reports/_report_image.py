"""The content of a report about one image, in the same form for every scanner."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.model.contents import InstalledPackage
from bot.model.evidence import Finding, NotScanned, SuppressedFinding
from bot.model.image_name import Digest, parse_sha256

_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})(?![0-9a-f])")


@dataclass(frozen=True, slots=True)
class ReportImage:
    """The content of a report about one image.

    A report without findings does not prove that the image has no vulnerabilities, because the tool may not support the
    operating system. Callers must check `not_scanned` and `has_release_data` before they rely on the findings.
    """

    tool: str
    tool_version: str
    """The version of the tool; empty if the report does not state it."""
    findings: tuple[Finding, ...]
    suppressed: tuple[SuppressedFinding, ...] = ()
    """The findings that the author of the report suppressed, if the report lists them."""
    digests: frozenset[Digest] = frozenset()
    """All digests by which the report names the image: the digests of its index, its manifest and its config."""
    platform: str = ""
    """`os/architecture[/variant]`; empty if the report does not state it."""
    system: str = ""
    """The operating system that the tool detected, such as `debian 12.11`; empty if the tool detected none."""
    release: str = ""
    """The part of `system` that selects the data in a vulnerability database, such as `debian 12`."""
    has_release_data: bool = False
    """True if the report itself proves that the tool's database covers the release."""
    not_scanned: NotScanned | None = None
    """The reason why the findings of the report cannot be used; None if they can be used."""
    database_built: datetime | None = None
    """The build time of the tool's database; None if the report does not state it."""
    report_time: datetime | None = None
    """The time of the report; None if the report does not state it."""
    image_created: datetime | None = None
    """The build time of the image; None if the report does not state it."""
    version_label: str | None = None
    """The version in a label of the image; None if the report does not state it."""
    packages: tuple[InstalledPackage, ...] | None = None
    """The packages of the image; None if the report does not list them."""


def find_digests(texts: Iterable[str]) -> frozenset[Digest]:
    """Return every sha256 digest in `texts`, in the form `sha256:…` of references or `sha256-…` of file names."""
    found = (parse_sha256(f"sha256:{match[1]}") for text in texts for match in _DIGEST.finditer(text))
    return frozenset(digest for digest in found if digest)
