"""The JSON documents of `scan` and `run`: `schema: 1`, keys that scripts hold on to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from bot.model.report import SCHEMA, Failed, ProposalReport, RepositoryReport, RunReport, Verdict
from bot.model.source import Occurrence, Slot, Unsupported

JsonValue = str | int | bool | None | Sequence["JsonValue"] | Mapping[str, "JsonValue"]


def scan_document(report: RunReport) -> str:
    """Return what `scan --format json` prints."""
    (tree,) = report.repositories
    return json_text(
        {
            "schema": SCHEMA,
            "root": tree.name,
            "occurrences": [_occurrence(verdict) for verdict in tree.verdicts],
            "unsupported": [_unsupported(each) for each in tree.unsupported],
            "failed": [_failed(each) for each in report.failed],
        }
    )


def run_document(report: RunReport) -> str:
    """Return what `run --format json` prints."""
    return json_text(
        {
            "schema": SCHEMA,
            "level": report.level.word,
            "repositories": [_repository(each) for each in report.repositories],
            "failed": [_failed(each) for each in report.failed],
        }
    )


def json_text(document: JsonValue) -> str:
    """Return a document in ASCII: nothing in it can act on a terminal, and a path that is no text keeps its bytes.

    An entry of a table takes one line, which people can search, and which is much faster to write than indented values.
    """
    return _laid_out(document, "")


def _laid_out(value: JsonValue, indent: str) -> str:
    inner = indent + "  "
    if isinstance(value, dict) and (not indent or any(_is_table(each) for each in value.values())):
        lines = [f"{inner}{json.dumps(key)}: {_laid_out(each, inner)}" for key, each in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and _is_table(value):
        return "[\n" + ",\n".join(inner + _laid_out(each, inner) for each in value) + f"\n{indent}]"
    return json.dumps(value)


def _is_table(value: JsonValue) -> bool:
    return isinstance(value, list) and any(isinstance(each, dict) for each in value)


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


def _failed(failed: Failed) -> JsonValue:
    return {"subject": failed.subject, "stage": failed.stage.value, "error": failed.error}
