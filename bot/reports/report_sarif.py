"""Renders `scan` and `run` as SARIF: image references that have an update, or for which an update was rejected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.core.transition import shorten_digest
from bot.model.report import RepositoryReport, RunFailure, RunReport, Verdict
from bot.model.vocabulary import REASONS_BY_STATUS, OccurrenceStatus, Reason
from bot.reports._effect import describe_effect
from bot.reports._sarif import (
    SarifObject,
    SarifRule,
    render_fingerprints,
    render_location,
    render_message,
    render_run,
    render_sarif,
)
from bot.reports.json_document import build_evidence_index
from bot.reports.json_text import JsonValue

if TYPE_CHECKING:  # imported at run time only if there is evidence
    from bot.reports._evidence import EvidenceIndex

LEVELS: dict[OccurrenceStatus, str] = {
    OccurrenceStatus.GONE: "error",
    OccurrenceStatus.REFUSED: "warning",
    OccurrenceStatus.UPDATE: "warning",
    OccurrenceStatus.SUPERSEDED: "warning",
    OccurrenceStatus.HELD: "note",
}
"""The statuses that are reported as results, with their levels. The other statuses need no action."""

_NO_REPOSITORY = RepositoryReport("", "", None)
"""Stands in for the repositories if no repository was read."""
_UPDATE_TITLE = "There is a newer image than the image in the file, or the file does not pin the image by digest."
_HELP_TEXTS: dict[OccurrenceStatus, str] = {
    OccurrenceStatus.GONE: "Write the new digest: the image in the file can no longer be pulled.",
    OccurrenceStatus.REFUSED: "The image stays as it is. The message gives the reason; a rule of the policy decides.",
    OccurrenceStatus.UPDATE: "`basebump run` proposes the update, `basebump scan --write` writes it.",
    OccurrenceStatus.SUPERSEDED: "Use another tag: the message names the successor if it is known.",
    OccurrenceStatus.HELD: "The image stays as it is until the reason ends, or until a rule accepts it with `accept`.",
}


def render_report_sarif(report: RunReport) -> str:
    """Return the output of `--format sarif`: one SARIF run for each repository, and at least one run."""
    evidence_index = build_evidence_index(report)
    trees = report.repositories or (_NO_REPOSITORY,)
    return render_sarif(
        [
            _render_run(tree, report, evidence_index, failed)
            for tree, failed in _group_failures_by_repository(trees, report.failed)
        ]
    )


def _group_failures_by_repository(
    trees: Sequence[RepositoryReport], failed: Iterable[RunFailure]
) -> Iterator[tuple[RepositoryReport, Sequence[RunFailure]]]:
    """Yield each repository with its failures.

    If a failure does not belong to a repository, for example a failure of a registry, it is yielded with the first one.
    """
    names = {tree.name for tree in trees}
    others = [each for each in failed if each.subject not in names]
    for index, tree in enumerate(trees):
        yield tree, [*(each for each in failed if each.subject == tree.name), *(() if index else others)]


def _render_run(
    tree: RepositoryReport, report: RunReport, evidence_index: EvidenceIndex | None, failed: Sequence[RunFailure]
) -> SarifObject:
    verdicts = [verdict for verdict in tree.verdicts if verdict.status in LEVELS]
    details: dict[str, JsonValue] = {
        "automationDetails": {"id": "/".join(filter(None, ("basebump", tree.forge, tree.name, tree.base_branch))) + "/"}
    }
    return render_run(
        _list_rules(verdicts),
        None
        if tree.note or tree is _NO_REPOSITORY
        else [_render_result(verdict, tree, report, evidence_index) for verdict in verdicts],
        failed,
        filter(None, (tree.note,)),
        **(details if tree.forge else {}),
    )


def _list_rules(verdicts: Iterable[Verdict]) -> Iterator[SarifRule]:
    used = {(verdict.status, verdict.reason) for verdict in verdicts}
    for status, level in LEVELS.items():
        for reason in REASONS_BY_STATUS[status] or (None,):
            if (status, reason) in used:
                yield SarifRule(
                    id=_format_rule_id(status, reason),
                    title=reason.sentence if reason is not None else _UPDATE_TITLE,
                    explanation=_HELP_TEXTS[status],
                    level=level,
                )


def _format_rule_id(status: OccurrenceStatus, reason: Reason | None) -> str:
    return f"{status}/{reason}" if reason is not None else status.value


def _render_result(
    verdict: Verdict, tree: RepositoryReport, report: RunReport, evidence_index: EvidenceIndex | None
) -> SarifObject:
    occurrence = verdict.occurrence
    rule = _format_rule_id(verdict.status, verdict.reason)
    return {
        "ruleId": rule,
        "level": LEVELS[verdict.status],
        "message": render_message(_describe_verdict(verdict, report)),
        "locations": [render_location(occurrence.path, occurrence.line_number)],
        "partialFingerprints": render_fingerprints(tree.name, occurrence.path, occurrence.locator, rule),
        "properties": {
            "reference": str(occurrence.reference),
            "canonical": occurrence.reference.repository,
            "digest": occurrence.reference.digest,
            "new_digest": verdict.new_digest,
            "evidence": evidence_index.render_for_verdict(verdict) if evidence_index is not None else None,
        },
    }


def _describe_verdict(verdict: Verdict, report: RunReport) -> str:
    """Return the message about an image reference: its update or the reason against it, and the update's effect."""
    reference, transition = verdict.occurrence.reference, verdict.transition
    name = str(replace(reference, digest=None))
    tag = f"{transition.new_tag} " if transition is not None and transition.new_tag else ""
    new_image = f"{tag}{shorten_digest(verdict.new_digest)}" if verdict.new_digest is not None else ""
    if verdict.reason is not None:
        parts = [f"{name}: {verdict.reason.sentence}", verdict.detail]
        parts += [f"Its successor is {verdict.successor}."] if verdict.successor else []
        parts += [f"The newer image is {new_image}."] if new_image else []
    elif reference.digest is not None:
        parts = [f"{name} can be updated from {shorten_digest(reference.digest)} to {new_image}."]
    else:
        parts = [f"{name} is not pinned; it would get {new_image}."]
    changes = describe_effect(report.evidence.get(transition)) if transition is not None else ""
    parts += [f"{changes[0].upper()}{changes[1:]}."] if changes else []
    return " ".join(filter(None, parts))
