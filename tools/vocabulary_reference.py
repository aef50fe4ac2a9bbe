"""Writes docs/vocabulary.md from the closed lists in the model: `python -m tools.vocabulary_reference`."""

from __future__ import annotations

from collections.abc import Iterator

from bot.model.evidence import Unscanned
from bot.model.vocabulary import REASONS, UNSUPPORTED_REASONS, Breach, Fault, ProposalOutcome, Reason, Stage, Status
from tools.checkout import ROOT

PAGE = ROOT / "docs" / "vocabulary.md"

_STATUSES = {
    Status.UP_TO_DATE: "The file holds what the tag points to.",
    Status.UPDATE: "There is a newer digest, and it is proposed (or written, by `scan --write`).",
    Status.HELD: "There is a newer digest, and it is not plainly better.",
    Status.REFUSED: "There is a newer digest, and a rule refuses it.",
    Status.GONE: "The digest in the file is no longer there; what its line points to now is proposed at once.",
    Status.SUPERSEDED: "The file holds all that its line will ever offer, and that is no longer good.",
    Status.SKIPPED: "It is left alone, by your policy, by what the file says, or because it is not ours to move.",
    Status.UNRESOLVED: "The registry could not say.",
    Status.NOT_CHECKED: "Nobody was asked.",
}

_OUTCOMES = {
    ProposalOutcome.OPENED: "There was none, now there is.",
    ProposalOutcome.REFRESHED: "Same branch, same request; a new commit, a new text, or what was missing beside them.",
    ProposalOutcome.UNCHANGED: "It is open and current; nothing was done.",
    ProposalOutcome.CLOSED: "It is not wanted any more: closed with the reason, its branch deleted.",
    ProposalOutcome.LEFT_ALONE: "A person committed to it or accepted it, or something could not be looked at.",
    ProposalOutcome.DECLINED: "A person closed exactly this before, or all that comes after it.",
    ProposalOutcome.DEFERRED: "It is opened in a later run: a limit or a schedule says so.",
    ProposalOutcome.REFUSED: "A gate refused every image of it, and there is no request: nothing was written.",
    ProposalOutcome.SWEPT: "A branch of ours without a request was not wanted, and was deleted.",
    ProposalOutcome.FAILED: "It broke; `failed` says how.",
    ProposalOutcome.WOULD_OPEN: "`opened` at the level `propose`.",
    ProposalOutcome.WOULD_REFRESH: "`refreshed` at the level `propose`.",
    ProposalOutcome.WOULD_CLOSE: "`closed` or `swept` at a higher level.",
}

_STAGES = {
    Stage.SURVEY: "A repository, tree or file could not be read.",
    Stage.RESOLVE: "A registry could not be asked.",
    Stage.ASSESS: "An image could not be scanned.",
    Stage.EDIT: "A file could not be written.",
    Stage.PROPOSE: "A forge could not be read or written.",
}


def page() -> str:
    """Return the whole page."""
    return "\n".join([*_lines(), ""])


def _lines() -> Iterator[str]:
    yield from ("# Vocabulary", "", "The words of the reports. They grow by release, and are never renamed.", "")
    yield from ("## What is true of a place where an image is written", "")
    for status in Status:
        yield from (f"### `{status}`", "", _STATUSES[status], "")
        yield from _reasons(REASONS[status])
    yield from ("## What is not ours to touch", "", "Texts that hold no readable reference (`unsupported`).", "")
    yield from _reasons(UNSUPPORTED_REASONS)
    yield from ("## What `check` finds", "")
    yield from _table("finding", {fault.value: fault.sentence for fault in Fault})
    yield from ("Which rule is broken (`policy`):", "")
    yield from _table("reason", {breach.value: breach.sentence for breach in Breach})
    yield from ("## What became of a proposal", "")
    yield from _table("outcome", {outcome.value: _OUTCOMES[outcome] for outcome in ProposalOutcome})
    yield from ("## Why there are no numbers", "", "Each of these is unknown; none of them is zero.", "")
    yield from _table("state", {state.value: f"{state.sentence.capitalize()}." for state in Unscanned})
    yield from ("## Where something broke", "")
    yield from _table("stage", {stage.value: _STAGES[stage] for stage in Stage})


def _reasons(reasons: tuple[Reason, ...]) -> Iterator[str]:
    if reasons:
        yield from _table("reason", {reason.value: reason.sentence for reason in reasons})


def _table(title: str, rows: dict[str, str]) -> Iterator[str]:
    yield from (f"| {title} | means |", "|---|---|", *(f"| `{word}` | {means} |" for word, means in rows.items()), "")


if __name__ == "__main__":
    PAGE.write_text(page().rstrip() + "\n", encoding="utf-8")
