"""The JSON documents of `scan` and `run`: `schema: 1`, keys that scripts hold on to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.model.report import SCHEMA, Failed, ProposalReport, RepositoryReport, RunReport, Verdict
from bot.model.source import Occurrence, Slot, Unsupported
from bot.reports._json import JsonValue, json_text


def scan_document(report: RunReport) -> str:
    """Return what `scan --format json` prints."""
    (tree,) = report.repositories
    return json_text(
        {
            "schema": SCHEMA,
            "root": tree.name,
            "occurrences": [_occurrence(verdict) for verdict in tree.verdicts],
            "unsupported": [_unsupported(each) for each in tree.unsupported],
            "failed": [failed_value(each) for each in report.failed],
        }
    )


def run_document(report: RunReport) -> str:
    """Return what `run --format json` prints."""
    return json_text(
        {
            "schema": SCHEMA,
            "level": report.level.word,
            "repositories": [_repository(each) for each in report.repositories],
            "failed": [failed_value(each) for each in report.failed],
        }
    )


def _repository(repository: RepositoryReport) -> JsonValue:
    return {
        "forge": repository.forge,
        "name": repository.name,
        "base_branch": repository.base_branch,
        "occurrences": [_occurrence(verdict) for verdict in repository.verdicts],
        "unsupported": [_unsupported(each) for each in repository.unsupported],
        "proposals": [_proposal(each) for each in repository.proposals],
    }


def _occurrence(verdict: Verdict) -> JsonValue:
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
    }


def _more(verdict: Verdict) -> Mapping[str, JsonValue]:
    """Return the keys that only some places have.

    Their reason in a sentence, the tag that is written with a digest, and the one after an end.
    """
    new_tag = verdict.transition.tag if verdict.transition is not None else None
    more = {"detail": verdict.detail, "new_tag": new_tag, "successor": verdict.successor}
    return {key: value for key, value in more.items() if value}


def _notes(notes: Sequence[str]) -> Mapping[str, JsonValue]:
    """Return the key `notes` where there are any: what else bears on a place, in sentences."""
    return {"notes": list(notes)} if notes else {}


def _span(place: Occurrence) -> JsonValue:
    """Return where `sha256:…` stands or would go, in bytes; null where nothing may be written."""
    if not isinstance(place.digest, Slot):
        return None
    span = place.digest.span
    is_there = place.reference.digest is not None  # else it may go where a `null` stands
    return {"start": span.start, "end": span.end if is_there else span.start}


def _unsupported(unsupported: Unsupported) -> JsonValue:
    return {
        "path": unsupported.path,
        "line": unsupported.line_number,
        "text": unsupported.text,
        "reason": unsupported.reason.value,
        **_notes(unsupported.notes),
    }


def _proposal(proposal: ProposalReport) -> JsonValue:
    return {
        "branch": proposal.branch,
        "outcome": proposal.outcome.value,
        "url": proposal.url,
        "title": proposal.title,
        "images": [
            {
                "reference": image.reference,
                "canonical": image.canonical,
                "tag": image.tag,
                "old": image.old,
                "new": image.new,
            }
            for image in proposal.images
        ],
        "files": list(proposal.files),
    }


def failed_value(failed: Failed) -> JsonValue:
    """Return one thing that could not be done."""
    return {"subject": failed.subject, "stage": failed.stage.value, "error": failed.error}
