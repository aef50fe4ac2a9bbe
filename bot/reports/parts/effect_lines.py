"""Describes in a few words which vulnerabilities an update fixes and introduces."""

from __future__ import annotations

from bot.core.evidence.compare import count_distinct
from bot.core.evidence.effect import summarise_effect
from bot.model.evidence import Evidence, NotScanned, UnscannedReason
from bot.model.report import ProposalReport, RunReport


def describe_effect(evidence: Evidence | None) -> str:
    """Return a phrase about the effect of an update, such as `fixes 3 (1 critical), adds none, 5 remain`.

    If the effect is not known, the phrase is one of these:
    - `not scanned: REASON`, if the new image was not scanned.
    - `old image not scanned: REASON`.
    - `has 8 known vulnerabilities`, if the new image was scanned but there is no old image with a comparable scan.

    Return an empty string if there is no evidence, or if no scanner is available. Reports mention a missing scanner
    once for the whole run.
    """
    if evidence is None or evidence.new == NotScanned(UnscannedReason.NO_SCANNER):
        return ""
    if isinstance(evidence.new, NotScanned):
        return f"not scanned: {evidence.new.reason.sentence}"
    if evidence.delta is None:
        if isinstance(evidence.old, NotScanned):
            return f"old image not scanned: {evidence.old.reason.sentence}"
        count = count_distinct(evidence.new.findings)
        return f"has {count} known vulnerabilit{'y' if count == 1 else 'ies'}"
    remaining = count_distinct(evidence.delta.remaining)
    return f"{summarise_effect([evidence])}, {remaining} {'remains' if remaining == 1 else 'remain'}"


def summarise_run_effect(report: RunReport) -> str:
    """Return a sentence about the effect of all updates of a run, and about proposals that add severe vulnerabilities.

    An example is `Fixes 252 (16 critical, 2 exploited), adds 2 (1 critical); 1 proposal adds a critical or exploited
    vulnerability.` Return an empty string if no update could be compared with the image in the file.
    """
    transitions = {
        each.transition
        for tree in report.repositories
        for each in tree.verdicts
        if each.status.is_updatable and each.transition is not None
    }
    effect = summarise_effect(report.evidence[each] for each in transitions if each in report.evidence)
    if effect is None:
        return ""
    count = len(list_risky_proposals(report))
    warning = f"; {count} {'proposal adds' if count == 1 else 'proposals add'} a critical or exploited vulnerability"
    return f"{str(effect).capitalize()}{warning if count else ''}."


def list_risky_proposals(report: RunReport) -> list[ProposalReport]:
    """Return the proposals with an image that adds a critical or known exploited vulnerability."""
    risky_images = {
        (transition.tag_ref.repository, transition.old, transition.new)
        for transition, evidence in report.evidence.items()
        if (effect := summarise_effect([evidence])) is not None and (effect.added.critical or effect.added.exploited)
    }
    proposals = (proposal for tree in report.repositories for proposal in tree.proposals)
    return [
        proposal
        for proposal in proposals
        if any((each.canonical, each.old, each.new) in risky_images for each in proposal.images)
    ]
