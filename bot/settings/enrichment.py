"""Where what others publish of vulnerabilities is to be had, as people write it in the config file."""

from __future__ import annotations

from bot.settings import fields
from bot.settings.section import Section, SomeOf


class Vex(Section):
    """OpenVEX documents, and whose words count in them."""

    path: fields.Text | None = None
    """A document, or a folder whose `.json` files are documents; relative to this file. Absent: there is a `url`."""
    url: fields.Download | None = None
    """The https URL of a document. Absent: there is a `path`."""
    authors: SomeOf[fields.Glob]
    """Globs over the `author` that a document names; one must match all of it."""


class Enrichment(Section):
    """What others publish of vulnerabilities: files relative to this one, or URLs. Nothing is asked unless named."""

    kev: fields.Place | None = None
    """CISA's catalogue of what is known to be exploited, in JSON. Absent: nobody is asked what is exploited."""
    epss: fields.Place | None = None
    """FIRST's bulk file of how likely things are to be exploited, in CSV, as it is or packed. Absent: not shown."""
    vex: tuple[Vex, ...] = ()
    """Documents in which authors say which vulnerabilities do not affect an image. Absent: all findings count."""
