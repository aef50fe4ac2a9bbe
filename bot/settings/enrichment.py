"""Where what others publish of vulnerabilities is to be had, as people write it in the config file."""

from __future__ import annotations

from bot.settings import fields
from bot.settings.section import Section


class Enrichment(Section):
    """What others publish of vulnerabilities: files relative to this one, or URLs. Nothing is asked unless named."""

    kev: fields.Place | None = None
    """CISA's catalogue of what is known to be exploited, in JSON. Absent: nobody is asked what is exploited."""
    epss: fields.Place | None = None
    """FIRST's bulk file of how likely things are to be exploited, in CSV, as it is or packed. Absent: not shown."""
