"""Writes docs/vocabulary.md from the closed lists in `bot.model`: `python -m tools.vocabulary_reference`."""

from __future__ import annotations

from collections.abc import Iterator

from bot.model.evidence import UnscannedReason
from bot.model.vocabulary import (
    REASONS_BY_STATUS,
    UNSUPPORTED_REASONS,
    FailureStage,
    OccurrenceStatus,
    ProposalOutcome,
    Reason,
    ViolatedRule,
    ViolationKind,
)
from tools.checkout import ROOT

PAGE = ROOT / "docs" / "vocabulary.md"

_STATUSES = {
    OccurrenceStatus.UP_TO_DATE: "The file contains the digest that the tag points to.",
    OccurrenceStatus.UPDATE: "A newer digest is available, and is proposed (or written to the file by `scan --write`).",
    OccurrenceStatus.HELD: "A newer digest is available, but it is not clearly better.",
    OccurrenceStatus.REFUSED: "A newer digest is available, but a rule refuses it.",
    OccurrenceStatus.GONE: "The registry lost the digest in the file; the tag's current digest is proposed at once.",
    OccurrenceStatus.SUPERSEDED: "The tag receives no further updates, and its last digest is outdated.",
    OccurrenceStatus.SKIPPED: "It is left unchanged, because of your policy, the file itself, or a built-in rule.",
    OccurrenceStatus.UNRESOLVED: "The tag could not be looked up in the registry.",
    OccurrenceStatus.NOT_CHECKED: "No lookup was made.",
}

_OUTCOMES = {
    ProposalOutcome.OPENED: "A new request was opened.",
    ProposalOutcome.REFRESHED: "The open request was updated: its commit, its text, or attributes such as labels.",
    ProposalOutcome.UNCHANGED: "The request is open and current; nothing was done.",
    ProposalOutcome.CLOSED: "The update is no longer needed: the request was closed and its branch deleted.",
    ProposalOutcome.LEFT_ALONE: "A user committed to it or accepted it, or some data could not be read.",
    ProposalOutcome.DECLINED: "A user closed a request for it, or one whose closing declines all later updates.",
    ProposalOutcome.DEFERRED: "A limit or a schedule postpones opening it to a later run.",
    ProposalOutcome.REFUSED: "The gates refused all of its images, and there is no request: nothing was written.",
    ProposalOutcome.SWEPT: "A branch of basebump without a request was no longer needed, and was deleted.",
    ProposalOutcome.FAILED: "An error occurred, which `failed` describes.",
    ProposalOutcome.WOULD_OPEN: "It would be `opened` at the level `propose`.",
    ProposalOutcome.WOULD_REFRESH: "It would be `refreshed` at the level `propose`.",
    ProposalOutcome.WOULD_CLOSE: "It would be `closed` or `swept` at a higher level.",
}

_STAGES = {
    FailureStage.SURVEY: "A repository, tree or file could not be read.",
    FailureStage.RESOLVE: "A registry could not be queried.",
    FailureStage.ASSESS: "An image could not be scanned.",
    FailureStage.EDIT: "A file could not be written.",
    FailureStage.PROPOSE: "A forge could not be read or written.",
}


def page() -> str:
    """Return the whole page."""
    return "\n".join([*_lines(), ""])


def _lines() -> Iterator[str]:
    yield from ("# Vocabulary", "", "The terms that reports use. Releases add terms, and never rename them.", "")
    yield from ("## Status of an image reference", "")
    for status in OccurrenceStatus:
        yield from (f"### `{status}`", "", _STATUSES[status], "")
        yield from _reasons(REASONS_BY_STATUS[status])
    yield from ("## Unsupported texts", "", "Texts that are not readable image references (`unsupported`).", "")
    yield from _reasons(UNSUPPORTED_REASONS)
    yield from ("## Violations that `check` finds", "")
    yield from _table("finding", {fault.value: fault.sentence for fault in ViolationKind})
    yield from ("The rule that is violated (`policy`):", "")
    yield from _table("reason", {breach.value: breach.sentence for breach in ViolatedRule})
    yield from ("## Outcome of a proposal", "")
    yield from _table("outcome", {outcome.value: _OUTCOMES[outcome] for outcome in ProposalOutcome})
    yield from ("## Scan states without findings", "", "In these states vulnerabilities are unknown, not zero.", "")
    yield from _table(
        "state", {state.value: f"{state.sentence[0].upper()}{state.sentence[1:]}." for state in UnscannedReason}
    )
    yield from ("## Stage of a failure", "")
    yield from _table("stage", {stage.value: _STAGES[stage] for stage in FailureStage})


def _reasons(reasons: tuple[Reason, ...]) -> Iterator[str]:
    if reasons:
        yield from _table("reason", {reason.value: reason.sentence for reason in reasons})


def _table(title: str, rows: dict[str, str]) -> Iterator[str]:
    yield from (f"| {title} | means |", "|---|---|", *(f"| `{word}` | {means} |" for word, means in rows.items()), "")


if __name__ == "__main__":
    PAGE.write_text(page().rstrip() + "\n", encoding="utf-8")
