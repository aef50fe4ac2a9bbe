"""Renders `scan` and `run` as SARIF: image references that need an action, or that an update was decided against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.core.transition import short
from bot.model.report import RepositoryReport, RunFailure, RunReport, Verdict
from bot.model.vocabulary import REASONS_BY_STATUS, OccurrenceStatus, Reason
from bot.reports._effect import effect
from bot.reports._json import JsonValue
from bot.reports._sarif import Rule, SarifObject, fingerprint, location, message, run_value, sarif_text
from bot.reports.json_document import known_of

if TYPE_CHECKING:  # imported at run time only if there is evidence
    from bot.reports._evidence import Known

LEVELS: dict[OccurrenceStatus, str] = {
    OccurrenceStatus.GONE: "error",
    OccurrenceStatus.REFUSED: "warning",
    OccurrenceStatus.UPDATE: "warning",
    OccurrenceStatus.SUPERSEDED: "warning",
    OccurrenceStatus.HELD: "note",
}
"""Statuses that are reported as results, with their levels; the other statuses need no action."""

_NOTHING = RepositoryReport("", "", None)
"""Stands in for the repositories if none was read."""
_UPDATE = "There is a newer image than the image in the file, or the file does not pin the image by digest."
_WHAT_TO_DO: dict[OccurrenceStatus, str] = {
    OccurrenceStatus.GONE: "Write the new digest: the image in the file can no longer be pulled.",
    OccurrenceStatus.REFUSED: "The image stays as it is. The message gives the reason; a rule of the policy decides.",
    OccurrenceStatus.UPDATE: "`basebump run` proposes the update, `basebump scan --write` writes it.",
    OccurrenceStatus.SUPERSEDED: "Use another tag: the message names the successor if it is known.",
    OccurrenceStatus.HELD: "The image stays as it is until the reason ends, or until a rule accepts it with `accept`.",
}


def report_sarif(report: RunReport) -> str:
    """Return the output of `--format sarif`: one run for each repository, and at least one."""
    known = known_of(report)
    trees = report.repositories or (_NOTHING,)
    return sarif_text([_run(tree, report, known, failed) for tree, failed in _shared_out(trees, report.failed)])


def _shared_out(
    trees: Sequence[RepositoryReport], failed: Iterable[RunFailure]
) -> Iterator[tuple[RepositoryReport, Sequence[RunFailure]]]:
    """Yield each repository with its failures; the first repository also gets the failures that name none."""
    names = {tree.name for tree in trees}
    others = [each for each in failed if each.subject not in names]
    for index, tree in enumerate(trees):
        yield tree, [*(each for each in failed if each.subject == tree.name), *(() if index else others)]


def _run(tree: RepositoryReport, report: RunReport, known: Known | None, failed: Sequence[RunFailure]) -> SarifObject:
    found = [verdict for verdict in tree.verdicts if verdict.status in LEVELS]
    details: dict[str, JsonValue] = {
        "automationDetails": {"id": "/".join(filter(None, ("basebump", tree.forge, tree.name, tree.base_branch))) + "/"}
    }
    return run_value(
        _rules(found),
        None if tree.note or tree is _NOTHING else [_result(verdict, tree, report, known) for verdict in found],
        failed,
        filter(None, (tree.note,)),
        **(details if tree.forge else {}),
    )


def _rules(found: Iterable[Verdict]) -> Iterator[Rule]:
    used = {(verdict.status, verdict.reason) for verdict in found}
    for status, level in LEVELS.items():
        for reason in REASONS_BY_STATUS[status] or (None,):
            if (status, reason) in used:
                yield Rule(
                    id=_rule(status, reason),
                    title=reason.sentence if reason is not None else _UPDATE,
                    explanation=_WHAT_TO_DO[status],
                    level=level,
                )


def _rule(status: OccurrenceStatus, reason: Reason | None) -> str:
    return f"{status}/{reason}" if reason is not None else status.value


def _result(verdict: Verdict, tree: RepositoryReport, report: RunReport, known: Known | None) -> SarifObject:
    place = verdict.occurrence
    rule = _rule(verdict.status, verdict.reason)
    return {
        "ruleId": rule,
        "level": LEVELS[verdict.status],
        "message": message(_said(verdict, report)),
        "locations": [location(place.path, place.line_number)],
        "partialFingerprints": fingerprint(tree.name, place.path, place.locator, rule),
        "properties": {
            "reference": str(place.reference),
            "canonical": place.reference.repository,
            "digest": place.reference.digest,
            "new_digest": verdict.new_digest,
            "evidence": known.of_place(verdict) if known is not None else None,
        },
    }


def _said(verdict: Verdict, report: RunReport) -> str:
    """Return the message about one reference: the update, the reason for or against it, and its effect."""
    reference, move = verdict.occurrence.reference, verdict.transition
    name = str(replace(reference, digest=None))
    tag = f"{move.new_tag} " if move is not None and move.new_tag else ""
    goal = f"{tag}{short(verdict.new_digest)}" if verdict.new_digest is not None else ""
    if verdict.reason is not None:
        parts = [f"{name}: {verdict.reason.sentence}", verdict.detail]
        parts += [f"Its successor is {verdict.successor}."] if verdict.successor else []
        parts += [f"The newer image is {goal}."] if goal else []
    elif reference.digest is not None:
        parts = [f"{name} can be updated from {short(reference.digest)} to {goal}."]
    else:
        parts = [f"{name} is not pinned; it would get {goal}."]
    changes = effect(report.evidence.get(move)) if move is not None else ""
    parts += [f"{changes[0].upper()}{changes[1:]}."] if changes else []
    return " ".join(filter(None, parts))
