"""Write docs/vocabulary.md from the closed lists in `bot.model`: `python -m tools.vocabulary_reference`."""

from __future__ import annotations

from collections.abc import Iterator

from bot.model.evidence import UnscannedReason
from bot.model.vocabulary import (
    REASONS_BY_STATUS,
    UNSUPPORTED_REASONS,
    FailureStage,
    ProposalOutcome,
    Reason,
    ReferenceStatus,
    ViolatedRule,
    ViolationKind,
)
from tools.checkout import ROOT

PAGE = ROOT / "docs" / "vocabulary.md"

_STATUSES = {
    ReferenceStatus.UP_TO_DATE: "The file contains the digest that the tag points to.",
    ReferenceStatus.UPDATE: (
        "A newer digest is available. basebump proposes it, or `scan --write` writes it to the file."
    ),
    ReferenceStatus.HELD: "A newer digest is available, but it is not clearly better than the digest in the file.",
    ReferenceStatus.REFUSED: "A newer digest is available, but a rule refuses it.",
    ReferenceStatus.GONE: (
        "The registry lost the digest in the file. basebump proposes the tag's current digest at once."
    ),
    ReferenceStatus.BLOCKED: (
        "The operator blocked the digest that the reference uses. It is replaced by the newest digest that is not "
        "blocked, even if that is older."
    ),
    ReferenceStatus.SUPERSEDED: "The tag receives no further updates, and the last digest of the tag is outdated.",
    ReferenceStatus.SKIPPED: "Your policy, the file, or a built-in rule prevents an update of the reference.",
    ReferenceStatus.UNRESOLVED: "basebump could not look up the tag in the registry.",
    ReferenceStatus.NOT_CHECKED: "basebump did not look up the tag.",
}

_OUTCOMES = {
    ProposalOutcome.OPENED: "basebump opened a new pull request.",
    ProposalOutcome.REFRESHED: (
        "basebump updated the open pull request: its commit, its text, or attributes such as labels."
    ),
    ProposalOutcome.UNCHANGED: "The open pull request is current, so basebump did nothing.",
    ProposalOutcome.CLOSED: (
        "The update is no longer needed. basebump closed its pull request, if there was one, and deleted its branch."
    ),
    ProposalOutcome.LEFT_ALONE: (
        "A user committed to the branch or accepted the proposal, or some data could not be read."
    ),
    ProposalOutcome.DECLINED: (
        "A user closed a pull request for this update, or a pull request whose closing declines later updates."
    ),
    ProposalOutcome.DEFERRED: "Because of a limit or a schedule, basebump opens the proposal in a later run.",
    ProposalOutcome.REFUSED: "The gates refused all images of the proposal, so basebump opened no pull request.",
    ProposalOutcome.FAILED: "An error occurred. The entry in `failed` describes the error.",
    ProposalOutcome.WOULD_OPEN: "At the level `propose`, the outcome would be `opened`.",
    ProposalOutcome.WOULD_REFRESH: "At the level `propose`, the outcome would be `refreshed`.",
    ProposalOutcome.WOULD_CLOSE: "At a higher level, the outcome would be `closed`.",
    ProposalOutcome.NOT_RUNNING: (
        "The pull request was merged earlier, and its update does not run yet, or it is unknown whether it runs. Only "
        "with `due: {until: running}`."
    ),
}

_STAGES = {
    FailureStage.SURVEY: "basebump could not read a repository, a tree or a file.",
    FailureStage.CLUSTERS: "basebump could not read which images run in a cluster.",
    FailureStage.RESOLVE: "basebump could not query a registry.",
    FailureStage.ASSESS: "basebump could not scan an image.",
    FailureStage.EDIT: "basebump could not write a file.",
    FailureStage.PROPOSE: "basebump could not read from a forge or write to it.",
}


def render_page() -> str:
    """Return the whole page."""
    return "\n".join([*_render_lines(), ""])


def _render_lines() -> Iterator[str]:
    yield from (
        "# Vocabulary",
        "",
        "This page lists the terms that reports use. Releases can add terms, but never rename them.",
        "",
    )
    yield from ("## Status of an image reference", "")
    for status in ReferenceStatus:
        yield from (f"### `{status}`", "", _STATUSES[status], "")
        yield from _render_reasons(REASONS_BY_STATUS[status])
    yield from (
        "## Unsupported values",
        "",
        "For one of these reasons, a value or a file could not be read as an image reference (`unsupported`).",
        "",
    )
    yield from _render_reasons(UNSUPPORTED_REASONS)
    yield from ("## Violations that `check` finds", "")
    yield from _render_table("finding", {kind.value: kind.sentence for kind in ViolationKind})
    yield from ("A finding of the type `policy` has one of the following reasons:", "")
    yield from _render_table("reason", {rule.value: rule.sentence for rule in ViolatedRule})
    yield from ("## Outcome of a proposal", "")
    yield from _render_table("outcome", {outcome.value: _OUTCOMES[outcome] for outcome in ProposalOutcome})
    yield from (
        "## Scan states without findings",
        "",
        "In these states, the vulnerabilities of an image are unknown, not zero.",
        "",
    )
    yield from _render_table("state", {state.value: _punctuate(state.sentence) for state in UnscannedReason})
    yield from ("## Stage of a failure", "")
    yield from _render_table("stage", {stage.value: _STAGES[stage] for stage in FailureStage})


def _render_reasons(reasons: tuple[Reason, ...]) -> Iterator[str]:
    if reasons:
        yield from _render_table("reason", {reason.value: reason.sentence for reason in reasons})


def _render_table(title: str, meanings: dict[str, str]) -> Iterator[str]:
    yield from (
        f"| {title} | means |",
        "|---|---|",
        *(f"| `{term}` | {means} |" for term, means in meanings.items()),
        "",
    )


def _punctuate(sentence: str) -> str:
    return f"{sentence[0].upper()}{sentence[1:]}."


if __name__ == "__main__":
    PAGE.write_text(render_page().rstrip() + "\n", encoding="utf-8")
