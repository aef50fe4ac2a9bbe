"""Reports on proposals that are not opened because all their updates were refused, for example for scan results."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from bot.core.proposal.titles import build_short_title
from bot.core.proposal.update_groups import UpdateGroup, build_update_groups, get_update_group, list_proposed_images
from bot.model.decision import Decision, RefusedUpdate
from bot.model.report import ProposalReport
from bot.model.vocabulary import ProposalOutcome


def report_refusals(
    decisions: Iterable[Decision], base: str | None, prefix: str, reported_branches: Collection[str]
) -> Iterator[ProposalReport]:
    """Yield a report for each branch that gets no proposal because all its updates were refused.

    If only some updates of a branch were refused, the branch gets a proposal with the remaining updates. Such branches
    are in `reported_branches` and are skipped here.

    Args:
        decisions: The decisions for all image references. All except refused updates are ignored.
        base: The base branch; None for the default branch.
        prefix: The text with which the names of basebump's branches begin, such as `basebump/`.
        reported_branches: The branches that already have a report.
    """
    refused = [decision for decision in decisions if isinstance(decision, RefusedUpdate)]
    for update_group, updates in build_update_groups(
        (each.update for each in refused), base, all_at_once=False
    ).items():
        branch = update_group.get_branch(prefix)
        if branch not in reported_branches:
            yield ProposalReport(
                branch=branch,
                outcome=ProposalOutcome.REFUSED,
                title=build_short_title(update_group, updates),
                images=list_proposed_images(updates),
                files=tuple(sorted({update.reference.path for update in updates})),
                note=" ".join(_list_reasons(refused, update_group, base)),
            )


def _list_reasons(refused: Iterable[RefusedUpdate], update_group: UpdateGroup, base: str | None) -> tuple[str, ...]:
    """Return the reasons for which updates of `update_group` were refused, without duplicates."""
    about = (each for each in refused if get_update_group(each.update.tracked_image, base) == update_group)
    return tuple(dict.fromkeys(each.reason.sentence for each in about))
