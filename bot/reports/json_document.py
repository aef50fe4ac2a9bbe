"""Renders `scan` and `run` as JSON documents with `schema: 1`, whose keys scripts depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bot.model.report import SCHEMA, ProposalReport, RepositoryReport, RunFailure, RunReport, Verdict
from bot.model.source import EditSlot, Occurrence, UnsupportedText
from bot.reports._json import JsonValue, json_text, moment_value

if TYPE_CHECKING:  # imported at run time only if there is evidence
    from bot.reports._evidence import Known


def scan_document(report: RunReport) -> str:
    """Return the output of `scan --format json`."""
    (tree,) = report.repositories
    known = known_of(report)
    return json_text(
        {
            "schema": SCHEMA,
            "root": tree.name,
            "occurrences": [place_value(verdict, known) for verdict in tree.verdicts],
            "unsupported": [unsupported_value(each) for each in tree.unsupported],
            "failed": [failed_value(each) for each in report.failed],
        }
    )


def run_document(report: RunReport) -> str:
    """Return the output of `run --format json`."""
    known = known_of(report)
    return json_text(
        {
            "schema": SCHEMA,
            "level": report.level.word,
            "started": moment_value(report.started),
            "ended": moment_value(report.ended),
            "repositories": [_repository(each, known) for each in report.repositories],
            "failed": [failed_value(each) for each in report.failed],
        }
    )


def known_of(report: RunReport) -> Known | None:
    """Return the index of the evidence; None without evidence, so that its module is not imported."""
    if not report.evidence:
        return None
    from bot.reports._evidence import Known

    return Known(report.evidence)


def _repository(repository: RepositoryReport, known: Known | None) -> JsonValue:
    return {
        "forge": repository.forge,
        "name": repository.name,
        "base_branch": repository.base_branch,
        "note": repository.note or None,
        "occurrences": [place_value(verdict, known) for verdict in repository.verdicts],
        "unsupported": [unsupported_value(each) for each in repository.unsupported],
        "proposals": [proposal_value(each, known) for each in repository.proposals],
    }


def place_value(verdict: Verdict, known: Known | None) -> dict[str, JsonValue]:
    """Return one image reference with its decision."""
    place = verdict.occurrence
    reference = place.reference
    return {
        "path": place.path,
        "line": place.line_number,
        "format": place.format,
        "locator": place.locator,
        "written": place.written,
        "reference": str(reference),
        "canonical": reference.repository,
        "role": place.role.value,
        "tag": reference.tag,
        "digest": reference.digest,
        "pinned": reference.digest is not None,
        "platform": place.platform,
        "digest_at": _span(place),
        "status": verdict.status.value,
        "reason": verdict.reason.value if verdict.reason is not None else None,
        "new_digest": verdict.new_digest,
        **_more(verdict),
        **_notes(place.notes),
        **_evidence(known.of_place(verdict) if known is not None else None),
    }


def _more(verdict: Verdict) -> Mapping[str, JsonValue]:
    """Return the keys that only some image references have.

    They are the reason as a sentence, the tag that is written with a digest, and the successor of a superseded tag.
    """
    new_tag = verdict.transition.new_tag if verdict.transition is not None else None
    more = {"detail": verdict.detail, "new_tag": new_tag, "successor": verdict.successor}
    return {key: value for key, value in more.items() if value}


def _notes(notes: Sequence[str]) -> Mapping[str, JsonValue]:
    """Return the key `notes` with further facts in sentences, if there are any."""
    return {"notes": list(notes)} if notes else {}


def _evidence(value: JsonValue) -> Mapping[str, JsonValue]:
    """Return the key `evidence` with the effect of an update in numbers, if there is any."""
    return {"evidence": value} if value is not None else {}


def _span(place: Occurrence) -> JsonValue:
    """Return the byte span of `sha256:…`, or where it would be inserted; null if the reference is not editable."""
    if not isinstance(place.digest_slot, EditSlot):
        return None
    span = place.digest_slot.span
    is_there = place.reference.digest is not None  # otherwise the slot may span a `null`
    return {"start": span.start, "end": span.end if is_there else span.start}


def unsupported_value(unsupported: UnsupportedText) -> dict[str, JsonValue]:
    """Return one text that does not name an image."""
    return {
        "path": unsupported.path,
        "line": unsupported.line_number,
        "text": unsupported.text,
        "reason": unsupported.reason.value,
        **_notes(unsupported.notes),
    }


def proposal_value(proposal: ProposalReport, known: Known | None) -> dict[str, JsonValue]:
    """Return one proposal."""
    return {
        "branch": proposal.branch,
        "outcome": proposal.outcome.value,
        "url": proposal.url,
        "title": proposal.title,
        "note": proposal.note or None,
        "images": [
            {
                "reference": image.reference,
                "canonical": image.canonical,
                "tag": image.tag,
                "old": image.old,
                "new": image.new,
                **_evidence(known.of_image(image) if known is not None else None),
            }
            for image in proposal.images
        ],
        "files": list(proposal.files),
    }


def failed_value(failed: RunFailure) -> dict[str, JsonValue]:
    """Return one failure."""
    return {"subject": failed.subject, "stage": failed.stage.value, "error": failed.error}
