"""Reports on updates that gates refuse: the proposal that was not opened, and the reasons."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from bot.core.proposal.group import Bundle, bundle_of, group, images_of
from bot.core.proposal.words import headline
from bot.model.decision import Decision, RefusedUpdate
from bot.model.report import ProposalReport
from bot.model.vocabulary import ProposalOutcome


def refusals(
    decisions: Iterable[Decision], base: str | None, prefix: str, told: Collection[str]
) -> Iterator[ProposalReport]:
    """Yield a report for each refused proposal whose branch has no other report.

    `reported_branches` are the branches with another report. If gates refuse only some updates of a branch, the others
    are proposed, so that the branch is among them.
    """
    refused = [decision for decision in decisions if isinstance(decision, RefusedUpdate)]
    for bundle, updates in group((each.update for each in refused), base, all_at_once=False).items():
        branch = bundle.branch(prefix)
        if branch not in told:
            yield ProposalReport(
                branch=branch,
                outcome=ProposalOutcome.REFUSED,
                title=headline(bundle, updates),
                images=images_of(updates),
                files=tuple(sorted({update.occurrence.path for update in updates})),
                note=" ".join(_sentences(refused, bundle, base)),
            )


def _sentences(refused: Iterable[RefusedUpdate], bundle: Bundle, base: str | None) -> tuple[str, ...]:
    """Return why, each reason once, in the order of the places."""
    about = (each for each in refused if bundle_of(each.update.tracked_image, base) == bundle)
    return tuple(dict.fromkeys(each.reason.sentence for each in about))
