"""What a report says of one image, whoever wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.model.contents import Package
from bot.model.evidence import Finding, NotScanned, SetAside
from bot.model.reference import Digest, parse_sha256

_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})(?![0-9a-f])")


@dataclass(frozen=True, slots=True)
class Said:
    """One image in one report. No findings mean nothing as long as the rest has not been looked at."""

    tool: str
    version: str
    """Of the tool; empty where the report does not say."""
    findings: tuple[Finding, ...]
    set_aside: tuple[SetAside, ...] = ()
    """What its maker suppressed, as far as the report says it."""
    digests: frozenset[Digest] = frozenset()
    """All names of the image: of its index, its manifest, its config."""
    platform: str = ""
    """`os/architecture[/variant]`; empty where the report does not say."""
    system: str = ""
    """What the tool took it for: `debian 12.11`; empty where it did not recognise anything."""
    release: str = ""
    """That part of `system` by which a vulnerability database is looked into: `debian 12`."""
    shows_release: bool = False
    """Whether the report itself shows that the tool's database knows that release."""
    flaw: NotScanned | None = None
    """Why the findings of the report say nothing of the image."""
    database: datetime | None = None
    """When the tool's database was built; None where the report does not say."""
    made: datetime | None = None
    """When the report was made; None where it does not say."""
    created: datetime | None = None
    """When the image was built."""
    label: str | None = None
    """The version that a label of the image states."""
    packages: tuple[Package, ...] | None = None
    """What is in it; None where the report does not list that."""


def digests_in(texts: Iterable[str]) -> frozenset[Digest]:
    """Return every sha256 digest that stands in the texts, as in references and as in the names of files."""
    found = (parse_sha256(f"sha256:{match[1]}") for text in texts for match in _DIGEST.finditer(text))
    return frozenset(digest for digest in found if digest)
