"""Renders the output of `resolve` for one image."""

from __future__ import annotations

from bot.core.markdown import make_console_line
from bot.model.image import ImageFacts
from bot.model.image_name import ImageName
from bot.model.report import SCHEMA
from bot.reports.parts.json_text import format_time, render_json


def render_image_document(image: ImageName, facts: ImageFacts) -> str:
    """Return the output of `resolve --format json`."""
    return render_json(
        {
            "schema": SCHEMA,
            "reference": str(image),
            "canonical": image.repository,
            "tag": image.tag,
            "digest": facts.digest,
            "kind": facts.kind.value,
            "platforms": list(facts.platforms),
            "created": format_time(facts.created),
            "source": facts.source,
            "version": facts.version,
            "revision": facts.revision,
            "base": {"name": facts.base.name, "digest": facts.base.digest} if facts.base else None,
        }
    )


def render_image_text(image: ImageName, facts: ImageFacts) -> str:
    """Return the text output of `resolve`; unknown values are left out."""
    rows = [
        ("repository", image.repository),
        ("digest", facts.digest),
        ("pinned", _describe_pin(image, facts)),
        ("kind", facts.kind.value),
        ("platforms", ", ".join(facts.platforms)),
        ("created", f"{facts.created:%Y-%m-%d %H:%M} UTC" if facts.created else None),
        ("version", facts.version),
        ("source", facts.source),
        ("revision", facts.revision),
        ("base", facts.base and " @ ".join(part for part in (facts.base.name, facts.base.digest) if part)),
    ]
    return "\n".join([str(image), *(f"  {label:<11} {make_console_line(text)}" for label, text in rows if text)])


def _describe_pin(image: ImageName, facts: ImageFacts) -> str | None:
    """Return a note that the reference is pinned to another digest than its tag points to.

    Return None if the reference has no digest, or if its digest is the current one.
    """
    if image.digest is None or image.digest == facts.digest:
        return None
    return f"{image.digest}, but the tag points to another digest"
