"""Count the outcomes of CI on pull requests that propose a digest, over all repositories of a fleet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bot.model.ci import CiOutcome, FleetOutcome
from bot.model.fleet_history import BranchRequest
from bot.model.inventory import StoredRequest
from bot.model.proposal import RequestState, Target

MIN_BROKEN_REPOSITORIES = 3
"""The smallest number of repositories in which a digest must break CI before it is not proposed to others. One
repository can break by itself, and two can share a test. Whoever can push to a single repository, and can therefore
forge its statuses, cannot stop the updates of the others."""
MIN_BROKEN_SHARE = 0.5
"""The smallest share of broken repositories among all repositories in which CI ended.

If CI passes in most repositories, it fails in the others for another reason.
"""

MAX_REQUEST_AGE = timedelta(days=90)
"""The maximum age of pull requests that count. The limit bounds the data, and few digests are proposed for longer."""


class _RepositoryOutcome(NamedTuple):
    """The outcome of CI for a target in one repository."""

    ci: CiOutcome
    is_broken: bool
    """True if CI fails with the target, and passed without it."""
    is_merged: bool


_Repository = tuple[str, str, str]
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def count_outcomes(requests: Iterable[BranchRequest], targets: Collection[Target]) -> Mapping[Target, FleetOutcome]:
    """Return the outcomes of CI for each target. Targets without any pull request are left out.

    Every repository counts once for a target, with the newest of its pull requests in which CI ended, whatever the
    number of its base branches and pull requests.
    """
    names = {_get_name(target) for target in targets}
    by_repository: dict[_Repository, list[BranchRequest]] = defaultdict(list)
    for each in requests:
        if any(_get_name(target) in names for target in each.request.targets):
            by_repository[each.key.forge, each.key.host, each.key.repository].append(each)
    counted: dict[Target, list[_RepositoryOutcome]] = defaultdict(list)
    for own in by_repository.values():
        newest_first = sorted(own, key=lambda each: _get_age(each.request), reverse=True)
        for target in {target for each in own for target in each.request.targets}.intersection(targets):
            counted[target].append(_summarise_repository(newest_first, target))
    return {target: _combine(outcomes) for target, outcomes in counted.items()}


def _summarise_repository(newest_first: Sequence[BranchRequest], target: Target) -> _RepositoryOutcome:
    """Return the outcome of CI for a target in one repository, whose pull requests are sorted, newest first."""
    proposing = [each for each in newest_first if target in each.request.targets]
    is_merged = any(each.request.state is RequestState.MERGED for each in proposing)
    finished = next((each for each in proposing if each.request.ci.is_final), None)
    if finished is None:
        return _RepositoryOutcome(CiOutcome.UNKNOWN, is_broken=False, is_merged=is_merged)
    is_broken = finished.request.ci is CiOutcome.FAILED and _has_passed_before(newest_first, finished, target)
    return _RepositoryOutcome(finished.request.ci, is_broken=is_broken, is_merged=is_merged)


def _has_passed_before(newest_first: Sequence[BranchRequest], failed: BranchRequest, target: Target) -> bool:
    """Return True if CI passed without the target: on the base branch, or on the previous digest's pull request."""
    if failed.request.base_ci is CiOutcome.PASSED:
        return True
    name = _get_name(target)
    earlier = (
        each.request.ci
        for each in newest_first[newest_first.index(failed) + 1 :]
        if each.key == failed.key and each.request.ci.is_final and target not in each.request.targets
        if any(_get_name(other) == name for other in each.request.targets)
    )
    return next(earlier, CiOutcome.UNKNOWN) is CiOutcome.PASSED


def _combine(outcomes: Sequence[_RepositoryOutcome]) -> FleetOutcome:
    passed, failed = (sum(one.ci is each for one in outcomes) for each in (CiOutcome.PASSED, CiOutcome.FAILED))
    broken = sum(each.is_broken for each in outcomes)
    return FleetOutcome(
        passed=passed,
        failed=failed,
        merged=sum(each.is_merged for each in outcomes),
        broken=broken,
        is_failing=broken >= MIN_BROKEN_REPOSITORIES and broken >= MIN_BROKEN_SHARE * (passed + failed),
    )


def _get_name(target: Target) -> str:
    """Return the repository and the tag of a target."""
    return target.rpartition("@")[0]


def _get_age(request: StoredRequest) -> tuple[datetime, int]:
    return request.opened_at or _LONG_AGO, request.number
