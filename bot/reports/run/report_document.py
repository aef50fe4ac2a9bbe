"""Renders `scan` and `run` as JSON documents with `schema: 1`. Scripts depend on their keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bot.model.report import SCHEMA, ProposalReport, RepositoryReport, RunFailure, RunReport, Verdict
from bot.model.source import EditSlot, Reference, UnreadText, UnsupportedText
from bot.reports.parts.json_text import JsonValue, format_time, render_json

if TYPE_CHECKING:  # imported at run time only if there is evidence
    from bot.reports.parts.evidence_document import EvidenceIndex


def render_scan_document(report: RunReport, *, lists_exposure: bool = False) -> str:
    """Return the output of `scan --format json`. `lists_exposure` has the same meaning as in `EvidenceIndex`."""
    (tree,) = report.repositories
    evidence_index = build_evidence_index(report, lists_exposure=lists_exposure)
    return render_json(
        {
            "schema": SCHEMA,
            "root": tree.name,
            "references": [render_reference(verdict, evidence_index) for verdict in tree.verdicts],
            "unsupported": [render_unsupported(each) for each in tree.unsupported],
            "unread_texts": [render_unread_text(each) for each in report.unread_texts],
            "failed": [render_failure(each) for each in report.failed],
        }
    )


def render_run_document(report: RunReport) -> str:
    """Return the output of `run --format json`."""
    evidence_index = build_evidence_index(report)
    return render_json(
        {
            "schema": SCHEMA,
            "level": report.level.word,
            "started": format_time(report.started),
            "ended": format_time(report.ended),
            "repositories": [_render_repository(each, evidence_index) for each in report.repositories],
            "failed": [render_failure(each) for each in report.failed],
        }
    )


def build_evidence_index(
    report: RunReport, *, shows_names: bool = True, lists_exposure: bool = False
) -> EvidenceIndex | None:
    """Return an index of the report's evidence and exposures; None if the report has neither.

    The module of the index is imported only if it is needed. The parameters have the same meanings as in
    `EvidenceIndex`.
    """
    if not report.evidence and not report.exposures:
        return None
    from bot.reports.parts.evidence_document import EvidenceIndex

    return EvidenceIndex(report.evidence, report.exposures, shows_names=shows_names, lists_exposure=lists_exposure)


def _render_repository(repository: RepositoryReport, evidence_index: EvidenceIndex | None) -> JsonValue:
    return {
        "forge": repository.forge,
        "name": repository.name,
        "base_branch": repository.base_branch,
        "note": repository.note or None,
        "references": [render_reference(verdict, evidence_index) for verdict in repository.verdicts],
        "unsupported": [render_unsupported(each) for each in repository.unsupported],
        "proposals": [render_proposal(each, evidence_index) for each in repository.proposals],
        "files_url": repository.files_url,
        "read_at": format_time(repository.read_at),
    }


def render_reference(verdict: Verdict, evidence_index: EvidenceIndex | None) -> dict[str, JsonValue]:
    """Return an image reference with the decision about it as JSON."""
    reference = verdict.reference
    image = reference.image
    return {
        "path": reference.path,
        "line": reference.line_number,
        "format": reference.format,
        "locator": reference.locator,
        "written": reference.written,
        "reference": str(image),
        "canonical": image.repository,
        "role": reference.role.value,
        "tag": image.tag,
        "digest": image.digest,
        "pinned": image.digest is not None,
        "platform": reference.platform,
        "digest_at": _render_digest_span(reference),
        "status": verdict.status.value,
        "reason": verdict.reason.value if verdict.reason is not None else None,
        "new_digest": verdict.new_digest,
        **_render_optional_keys(verdict),
        **_render_notes(reference.notes),
        **_render_owners(reference.owners),
        **_render_evidence_key(evidence_index.render_for_verdict(verdict) if evidence_index is not None else None),
        **_render_exposure_key(evidence_index.render_exposure(verdict) if evidence_index is not None else None),
    }


def _render_optional_keys(verdict: Verdict) -> Mapping[str, JsonValue]:
    """Return the keys that only some image references have.

    These are `detail` (the reason as a sentence), `new_tag` (the tag that is written with the new digest) and
    `successor` (the successor of a superseded tag).
    """
    new_tag = verdict.transition.new_tag if verdict.transition is not None else None
    optional_values = {"detail": verdict.detail, "new_tag": new_tag, "successor": verdict.successor}
    return {key: value for key, value in optional_values.items() if value}


def _render_notes(notes: Sequence[str]) -> Mapping[str, JsonValue]:
    """Return a mapping with the key `notes`; an empty mapping if there are no notes, so that the key is left out."""
    return {"notes": list(notes)} if notes else {}


def _render_owners(owners: Sequence[str]) -> Mapping[str, JsonValue]:
    """Return a mapping with the key `owners`; an empty mapping if there are no owners, so that the key is left out."""
    return {"owners": list(owners)} if owners else {}


def _render_evidence_key(value: JsonValue) -> Mapping[str, JsonValue]:
    """Return a mapping with the key `evidence`; an empty mapping if `value` is None, so that the key is left out."""
    return {"evidence": value} if value is not None else {}


def _render_exposure_key(value: JsonValue) -> Mapping[str, JsonValue]:
    """Return a mapping with the key `exposure`; an empty mapping if `value` is None, so that the key is left out."""
    return {"exposure": value} if value is not None else {}


def _render_digest_span(reference: Reference) -> JsonValue:
    """Return the start and end of the bytes that an edit of the digest replaces, as byte offsets.

    These are the bytes of the digest (`sha256:…`), or the bytes of a `null` in its place. If there is neither, start
    and end are both the offset at which a digest would be inserted. Return null if the reference cannot be edited.
    """
    if not isinstance(reference.digest_slot, EditSlot):
        return None
    span = reference.digest_slot.span
    return {"start": span.start, "end": span.end}


def render_unsupported(unsupported: UnsupportedText) -> dict[str, JsonValue]:
    """Return a text that is not a valid image reference, or a file that cannot be parsed, as JSON."""
    return {
        "path": unsupported.path,
        "line": unsupported.line_number,
        "text": unsupported.text,
        "reason": unsupported.reason.value,
        **_render_notes(unsupported.notes),
    }


def render_unread_text(text: UnreadText) -> dict[str, JsonValue]:
    """Return a text that looks like an image reference, but that no format reads, as JSON."""
    return {"path": text.path, "line": text.line_number, "text": text.text}


def render_proposal(proposal: ProposalReport, evidence_index: EvidenceIndex | None) -> dict[str, JsonValue]:
    """Return a proposal with its images as JSON."""
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
                **_render_evidence_key(evidence_index.render_for_image(image) if evidence_index is not None else None),
            }
            for image in proposal.images
        ],
        "files": list(proposal.files),
        **_render_due_date(proposal),
    }


def _render_due_date(proposal: ProposalReport) -> Mapping[str, JsonValue]:
    due, accepted_risk = proposal.due, proposal.accepted_risk
    return {
        "due_at": format_time(due.at) if due is not None else None,
        "due_for": due.fixes.value if due is not None else None,
        "due_until": due.until.value if due is not None else None,
        "due_unknown": proposal.is_due_unknown,
        "overdue": due is not None and due.is_overdue,
        "accepted_risk": accepted_risk.value if accepted_risk is not None else None,
    }


def render_failure(failure: RunFailure) -> dict[str, JsonValue]:
    """Return a failure of basebump as JSON."""
    return {"subject": failure.subject, "stage": failure.stage.value, "error": failure.error}
