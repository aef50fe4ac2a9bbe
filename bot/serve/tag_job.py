"""Looks up tags that possibly have a new digest, and requests visits of the repositories that need the new images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bot.core.proposal.merged_options import compute_priority
from bot.core.references.select import is_known_registry
from bot.model.errors import RegistryError
from bot.model.image_name import Digest, TagRef
from bot.model.inventory import BranchKey
from bot.model.run_scope import RunScope
from bot.model.vocabulary import RunLevel
from bot.model.work import ClaimedWork, TagWork, VisitWork, WorkPriority, WorkReason, WorkRequest
from bot.pipeline.inventory.own_builds import read_pushed_builds
from bot.pipeline.run import run_fleets
from bot.serve.job import Done, Failed, JobResult, NotYet, describe_repositories
from bot.serve.visit_job import RunBuilder
from bot.state.inventory.event_inventory import DatabaseEventInventory
from bot.wiring import FleetRun

UNLISTED = "the config does not list this registry"
_SHORT_DIGEST = len("sha256:") + 12


class TagJob:
    """Looks up tags, and scans each new image once before the visits of the repositories that use it.

    First, one of these repositories is visited without writes (`RunLevel.REPORT`). This visit scans the image, and
    stores the scan for later visits. The scan also determines the priority of these visits.
    """

    def __init__(self, build_run: RunBuilder, inventory: DatabaseEventInventory) -> None:
        self._build_run, self._inventory = build_run, inventory

    def __call__(self, claimed: Sequence[ClaimedWork]) -> Iterator[JobResult]:
        """Yield the result for each tag. Raises BasebumpError if the config or the state cannot be used."""
        run = self._build_run(RunLevel.REPORT, RunScope())
        before = run.context.state.lookups.load_descriptors([_get_tag_ref(each) for each in claimed])

        def look_up(each: ClaimedWork) -> Digest | RegistryError:
            try:
                return run.context.registry.fetch_descriptor(_get_tag_ref(each)).digest
            except RegistryError as error:
                return error

        def is_listed(each: ClaimedWork) -> bool:
            return is_known_registry(run.options.policy_config, _get_tag_ref(each).host)

        yield from (Done(each, UNLISTED) for each in claimed if not is_listed(each))
        listed = [each for each in claimed if is_listed(each)]
        results = run.context.registry_pool.map(look_up, listed)
        digests = {
            _get_tag_ref(each): found
            for each, found in zip(listed, results, strict=True)
            if not isinstance(found, RegistryError)
        }
        read_pushed_builds(run.context, run.options, digests)  # the next sweep retries failed reads
        for each, found in zip(listed, results, strict=True):
            if not isinstance(found, RegistryError):
                known = before.get(_get_tag_ref(each))
                is_unmoved = known is not None and known.digest == found
                yield self._request_visits(each, found, run, is_unmoved=is_unmoved)
            elif found.is_failure:
                yield Failed(each, str(found))
            else:
                yield Done(each, str(found))

    def _request_visits(self, claimed: ClaimedWork, digest: Digest, run: FleetRun, *, is_unmoved: bool) -> JobResult:
        tag_ref = _get_tag_ref(claimed)
        users = list_visits(self._inventory.list_stale_users(tag_ref, digest))
        if not users and is_unmoved and claimed.reason is WorkReason.IMAGE_PUSHED:
            return NotYet(claimed, f"the registry still serves {digest[:_SHORT_DIGEST]}")
        if not users:
            return Done(claimed, f"no repository needs {digest[:_SHORT_DIGEST]}")
        priority = self._find_priority(tag_ref, users, run) if len(users) > 1 else WorkPriority.CHANGE
        requests = (
            WorkRequest(
                each, max(priority, claimed.priority), claimed.reason, claimed.trace, pushed_at=claimed.pushed_at
            )
            for each in users
        )
        return Done(claimed, f"{describe_repositories(len(users))} {digest[:_SHORT_DIGEST]}", requests=tuple(requests))

    def _find_priority(self, tag_ref: TagRef, users: Sequence[VisitWork], run: FleetRun) -> WorkPriority:
        """Scan the new image for the first repository, and return the priority that its fixes deserve."""
        scope = RunScope(names=frozenset({users[0].repository}))
        report = run_fleets(run.fleets, run.context, replace(run.options, scope=scope))
        benefit = compute_priority(
            evidence for transition, evidence in report.evidence.items() if transition.tag_ref == tag_ref
        )
        if benefit.exploited_fixed:
            return WorkPriority.EXPLOITED
        return WorkPriority.CRITICAL if benefit.critical_fixed else WorkPriority.CHANGE


def list_visits(keys: Iterable[BranchKey]) -> list[VisitWork]:
    """Return one visit for each repository of some base branches."""
    return sorted({VisitWork(each.forge, each.host, each.repository) for each in keys})


def _get_tag_ref(claimed: ClaimedWork) -> TagRef:
    if not isinstance(claimed.key, TagWork):
        raise TypeError(type(claimed.key).__name__)
    return claimed.key.tag_ref
