"""Proposals that gates refuse: what would be proposed, on which branch, and why it is not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from bot.core.proposal.group import Bundle, bundle_of, group, images_of
from bot.core.proposal.words import headline
from bot.model.decision import Decision, Refused
from bot.model.report import ProposalReport
from bot.model.vocabulary import ProposalOutcome


def refusals(
    decisions: Iterable[Decision], base: str | None, prefix: str, told: Collection[str]
) -> Iterator[ProposalReport]:
    """Yield what is refused and nothing else is told of; `told` are the branches of which something is.

    A branch that only some of its updates were refused on is proposed without them, and is among `told`.
    """
    refused = [decision for decision in decisions if isinstance(decision, Refused)]
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


def _sentences(refused: Iterable[Refused], bundle: Bundle, base: str | None) -> tuple[str, ...]:
    """Return why, each reason once, in the order of the places."""
    about = (each for each in refused if bundle_of(each.update.selected, base) == bundle)
    return tuple(dict.fromkeys(each.reason.sentence for each in about))
