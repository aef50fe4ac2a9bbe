"""The sections of the config file about what others publish on vulnerabilities."""

from __future__ import annotations

from bot.settings import fields
from bot.settings.section import ConfigSection, NonEmptyList


class VexEntry(ConfigSection):
    """OpenVEX documents, and the authors whose statements count."""

    path: fields.Text | None = None
    """A document, or a folder whose `.json` files are documents; relative to this file. An entry has it or `url`."""
    url: fields.DownloadUrl | None = None
    """The https URL of a document. An entry has it or `path`."""
    authors: NonEmptyList[fields.Glob]
    """Globs over the `author` of a document; at least one must match."""


class EnrichmentSection(ConfigSection):
    """Lists and documents on vulnerabilities: files relative to this one, or https URLs. None is fetched by default."""

    kev: fields.PathOrUrl | None = None
    """CISA's catalogue of exploited vulnerabilities (KEV), in JSON. Default: none, and nothing counts as exploited."""
    epss: fields.PathOrUrl | None = None
    """FIRST's list of EPSS scores, in CSV, plain or packed with gzip. Default: no scores are shown."""
    vex: tuple[VexEntry, ...] = ()
    """Statements of authors on which vulnerabilities do not affect an image. Default: none, and all findings count."""
