"""Renders every decision of a run as a JSON line for tables and queries. Each line can be understood by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bot.model.report import SCHEMA, RepositoryReport, RunReport
from bot.reports.parts.json_text import JsonValue, dump_json
from bot.reports.run.report_document import (
    build_evidence_index,
    render_failure,
    render_proposal,
    render_reference,
    render_unsupported,
)

if TYPE_CHECKING:  # imported at run time only if there is evidence
    from bot.reports.parts.evidence_document import EvidenceIndex

_LEADING_KEYS = (
    "path",
    "line",
    "reference",
    "status",
    "reason",
    "detail",
    "new_digest",
    "new_tag",
    "successor",
    "evidence",
)
"""The keys that come first in the line of an image reference, because they are the most important ones.

A line has all of these keys. The JSON document leaves out some of them if they have no value.
"""


def render_decisions(report: RunReport) -> str:
    """Return the output of `--format jsonl`: a line for each repository, image reference, proposal and failure."""
    return "\n".join(dump_json(each) for each in _list_entries(report))


def _list_entries(report: RunReport) -> Iterator[JsonValue]:
    evidence_index = build_evidence_index(report)
    for repository in report.repositories:
        yield from _list_repository_entries(repository, evidence_index)
    for failed in report.failed:
        yield {"schema": SCHEMA, "kind": "failure", **render_failure(failed)}


def _list_repository_entries(repository: RepositoryReport, evidence_index: EvidenceIndex | None) -> Iterator[JsonValue]:
    def build_entry(kind: str, **value: JsonValue) -> JsonValue:
        at = {"forge": repository.forge, "repository": repository.name, "base_branch": repository.base_branch}
        return {"schema": SCHEMA, "kind": kind, **at, **value}

    yield build_entry("repository", note=repository.note or None)
    for verdict in repository.verdicts:
        yield build_entry(
            "reference", **{**dict.fromkeys(_LEADING_KEYS), "notes": [], **render_reference(verdict, evidence_index)}
        )
    for unsupported in repository.unsupported:
        yield build_entry("text", **{"notes": [], **render_unsupported(unsupported)})
    for proposal in repository.proposals:
        yield build_entry("proposal", **render_proposal(proposal, evidence_index))
