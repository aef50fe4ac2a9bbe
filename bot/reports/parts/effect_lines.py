"""Describes in a few words which vulnerabilities an update fixes and introduces."""

from __future__ import annotations

from collections.abc import Iterator

from bot.core.evidence.compare import count_distinct
from bot.core.evidence.effect import describe_unknown_effects, summarise_effect
from bot.model.decision import Transition
from bot.model.evidence import Evidence, NotScanned, UnscannedReason
from bot.model.report import ProposalReport, RunReport
from bot.model.vocabulary import ReferenceStatus


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
    """Return a sentence about the effect of all updates of a run, and about images without an update.

    An example is `Fixes 252 (16 critical, 2 exploited), adds none, in 19 of 20 updates; 1 of 20 not scanned; 4 images
    have a newer digest that is held or refused.` A vulnerability that several updates fix counts once. Return an empty
    string if no update could be compared with the image in the file.
    """
    transitions = _list_updates(report)
    evidence = [report.evidence[each] for each in transitions if each in report.evidence]
    effect = summarise_effect(evidence)
    if effect is None:
        return ""
    count, risky_count = len(transitions), len(list_risky_proposals(report))
    of_all = f"{effect.compared_count} of " if effect.compared_count < count else ""
    words = [f"{str(effect).capitalize()}, in {of_all}{_count_updates(count)}", *describe_unknown_effects(evidence)]
    if pin_count := sum(each.delta is None and each.old is None for each in evidence):
        words.append(f"{pin_count} {'pins an image that has' if pin_count == 1 else 'pin images that have'} no digest")
    if risky_count:
        words.append(
            f"{risky_count} {'proposal adds' if risky_count == 1 else 'proposals add'} a critical or exploited "
            "vulnerability"
        )
    return f"{'; '.join([*words, *_describe_held_images(report)])}."


def summarise_gains(report: RunReport) -> str:
    """Return the sentence that ends text outputs: the effect of all updates, or their number if it is not known.

    Return an empty string if no registry was queried.
    """
    if effect := summarise_run_effect(report):
        return effect
    verdicts = [verdict for tree in report.repositories for verdict in tree.verdicts]
    count, held = len(_list_updates(report)), list(_describe_held_images(report))
    if count:
        unknown = "what it fixes is not known" if count == 1 else "what they fix is not known"
        return f"{'; '.join([f'{_count_updates(count)}: {unknown}', *held])}."
    if held or any(each.status is ReferenceStatus.UP_TO_DATE for each in verdicts):
        return f"{'; '.join(['No updates', *held])}."
    return ""


def _list_updates(report: RunReport) -> set[Transition]:
    """Return each update once, however many image references it changes."""
    return {
        each.transition
        for tree in report.repositories
        for each in tree.verdicts
        if each.status.is_updatable and each.transition is not None
    }


def _count_updates(count: int) -> str:
    return f"{count} update{'' if count == 1 else 's'}"


def _describe_held_images(report: RunReport) -> Iterator[str]:
    """Yield a phrase that counts the images whose newer digest is held or refused, unless this number is zero."""
    held = [verdict for tree in report.repositories for verdict in tree.verdicts if verdict.status.is_held]
    count = len({(each.reference.image.repository, each.reference.image.tag) for each in held})
    if count:
        statuses = " or ".join(sorted({each.status for each in held}))
        yield f"{count} {'image has' if count == 1 else 'images have'} a newer digest that is {statuses}"


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
