"""Renders every decision of a run as JSON lines for tables and queries; each line is complete by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bot.model.report import SCHEMA, RepositoryReport, RunReport
from bot.reports._json import JsonValue
from bot.reports.json_document import failed_value, known_of, place_value, proposal_value, unsupported_value

if TYPE_CHECKING:  # imported at run time only if there is evidence
    from bot.reports._evidence import Known

_FIRST = ("path", "line", "reference", "status", "reason", "detail", "new_digest", "new_tag", "successor", "evidence")
"""Keys that come first in a line, since readers look for them; the JSON document has some only if they have a value."""


def decision_lines(report: RunReport) -> str:
    """Return the output of `--format jsonl`: a line for each repository, image reference, proposal and failure."""
    return "\n".join(json.dumps(each) for each in _lines(report))


def _lines(report: RunReport) -> Iterator[JsonValue]:
    known = known_of(report)
    for repository in report.repositories:
        yield from _of_repository(repository, known)
    for failed in report.failed:
        yield {"schema": SCHEMA, "kind": "failure", **failed_value(failed)}


def _of_repository(repository: RepositoryReport, known: Known | None) -> Iterator[JsonValue]:
    def line(kind: str, **value: JsonValue) -> JsonValue:
        at = {"forge": repository.forge, "repository": repository.name, "base_branch": repository.base_branch}
        return {"schema": SCHEMA, "kind": kind, **at, **value}

    yield line("repository", note=repository.note or None)
    for verdict in repository.verdicts:
        yield line("place", **{**dict.fromkeys(_FIRST), "notes": [], **place_value(verdict, known)})
    for unsupported in repository.unsupported:
        yield line("text", **{"notes": [], **unsupported_value(unsupported)})
    for proposal in repository.proposals:
        yield line("proposal", **proposal_value(proposal, known))
