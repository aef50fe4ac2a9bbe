"""Triage: select the base branches that a run must read, with the help of the inventory in the state.

A repository is left out if all of its base branches are settled, and nothing changed on which they depend. Triage costs
no additional requests if the forge lists the activity of many repositories at once. The tags of images are looked up
once, for all repositories together. `bot.core.inventory.triage` decides, and this module collects the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from bot.core.inventory.triage import find_tag_reason, find_visit_reason
from bot.core.inventory.value_hashes import hash_tag_list, hash_values
from bot.model.decision import Transition
from bot.model.errors import ForgeError, RegistryError
from bot.model.evidence import Evidence
from bot.model.forge import ActivityScope, GitRepository
from bot.model.image import TagDescriptor
from bot.model.image_name import ImageName, TagRef
from bot.model.inventory import BranchConditions, BranchKey, SettledBranch, StoredBranch, VisitReason
from bot.model.phases import ProgressStep
from bot.model.report import RepositoryReport
from bot.model.stuck_update import StuckUpdate
from bot.model.vocabulary import FailureStage
from bot.pipeline.choice.tag_listings import TagListCollection
from bot.pipeline.evidence.evidence_versions import EvidenceVersions
from bot.pipeline.failures import RegistryFailures
from bot.pipeline.run_context import KnownLookups, RunContext, RunOptions
from bot.pipeline.survey.build_tasks import BuildTasks
from bot.pipeline.survey.stuck_updates import load_stuck_updates
from bot.pipeline.worker_pool import FORGE_POOL
from bot.ports import Fleet

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class ListedBaseBranch:
    """A base branch in the list of a fleet, with its data in the state."""

    fleet: Fleet
    repository: GitRepository
    key: BranchKey | None = None
    """None if there is no base branch, or if no state is configured."""
    conditions: BranchConditions | None = None
    """The present conditions; None if the key is None."""
    stored: StoredBranch | None = None
    """None if no earlier run read the branch."""
    stuck: tuple[StuckUpdate, ...] = ()
    """The merged updates that the dashboard shows, because these updates make no progress."""
    reason: VisitReason | None = VisitReason.UNSETTLED
    """The reason to read the branch; None if it need not be read."""

    @property
    def settled(self) -> SettledBranch | None:
        """The data of the branch at the time when it was settled; None if it is not settled."""
        return self.stored.settled if self.stored is not None else None

    @property
    def group(self) -> tuple[int, str]:
        """The key of the repository. All base branches of a repository are read, or none of them."""
        return id(self.fleet), self.repository.name


@dataclass(frozen=True, slots=True)
class TriageResult:
    """The base branches that the run must read, and the reports of those that need not be read."""

    to_read: tuple[ListedBaseBranch, ...]
    unchanged_keys: tuple[BranchKey, ...] = ()
    """The base branches that need not be read."""
    reports: tuple[RepositoryReport, ...] = ()
    """The reports of the last visits of the base branches that need not be read, in the order of the list."""
    evidence: Mapping[Transition, Evidence] = field(default_factory=dict)
    """The evidence for the transitions in `reports`."""
    known_lookups: KnownLookups = field(default_factory=KnownLookups)


def build_activity_scope(context: RunContext, options: RunOptions) -> ActivityScope | None:
    """Return the data that the list of repositories must contain besides the heads; None if no state is configured."""
    if not context.state.has_state:
        return None
    return ActivityScope(options.branch_prefix, options.has_dashboards)


def select_branches(
    listed: Iterable[tuple[Fleet, GitRepository]], context: RunContext, options: RunOptions, build_tasks: BuildTasks
) -> TriageResult:
    """Return the base branches that the run must read, and the stored reports of the others.

    Without a state, all base branches are read. If the state cannot be read, a failure is noted, and all base
    branches are read, too. Repositories that the user named are always read.
    """
    branches = [ListedBaseBranch(fleet, repository) for fleet, repository in listed]
    if not context.state.has_state:
        return TriageResult(tuple(branches))
    triage, scope = _Triage(context, options, build_tasks), options.scope
    with context.failures.note_state_error(FailureStage.SURVEY):
        branches = triage.add_stored(branches)
        if scope.names:
            return TriageResult(tuple(branches))
        if scope.image is not None:
            return TriageResult(tuple(triage.leave_out_nonusers(branches, scope.image)))
        branches = _share_reasons(triage.find_first_reasons(branches))
        known_lookups = triage.look_up_tags([each.settled for each in branches if each.reason is None and each.settled])
        branches = _share_reasons(_find_tag_reasons(branches, known_lookups))
        return replace(triage.load_reports(branches), known_lookups=known_lookups)
    return TriageResult(tuple(branches))


class _Triage:
    """The services of one triage. The methods raise StateError if the state cannot be used."""

    def __init__(self, context: RunContext, options: RunOptions, build_tasks: BuildTasks) -> None:
        self._context, self._options, self._store = context, options, context.state.inventory
        self._activity_scope = ActivityScope(options.branch_prefix, options.has_dashboards)
        self._evidence_versions = EvidenceVersions(context)
        self._tasks_hash = hash_values((build_tasks.tasks, build_tasks.failed_registries))

    def add_stored(self, branches: Iterable[ListedBaseBranch]) -> list[ListedBaseBranch]:
        """Return the branches with their present conditions and with their data in the state.

        If the list of repositories has no activity, it is read for each repository.
        """
        progress = self._context.progress
        described = FORGE_POOL.run_phase(
            ProgressStep.COMPARE_REPOSITORIES, self._describe, self._add_stuck(branches), progress
        )
        stored = self._store.load_branches({each.key for each in described if each.key is not None})
        return [replace(each, stored=stored.get(each.key)) if each.key is not None else each for each in described]

    def _add_stuck(self, branches: Iterable[ListedBaseBranch]) -> list[ListedBaseBranch]:
        keyed = [(branch, BranchKey.of(branch.repository)) for branch in branches]
        stuck = load_stuck_updates({key for _, key in keyed if key is not None}, self._context, self._options)
        return [replace(branch, stuck=stuck.get(key, ())) if key is not None else branch for branch, key in keyed]

    def _describe(self, branch: ListedBaseBranch) -> ListedBaseBranch:
        repository, key = branch.repository, BranchKey.of(branch.repository)
        if key is None or repository.commit is None:
            return branch
        stuck = (branch.stuck,) if branch.stuck else ()
        facts = (self._context.rules_hash, self._tasks_hash, *stuck)
        conditions = BranchConditions(
            head=repository.commit,
            tree=repository.tree,
            activity=repository.activity or self._read_activity(branch),
            is_public=repository.is_public,
            reader=self._context.reader_hash,
            rules=hash_values((*facts, repository.is_selected_by_owner, repository.is_default_base)),
        )
        return replace(branch, key=key, conditions=conditions)

    def _read_activity(self, branch: ListedBaseBranch) -> str | None:
        try:
            return branch.fleet.read_activity(branch.repository, self._activity_scope)
        except ForgeError:  # the run then reads the branch, and reports the error
            return None

    def leave_out_nonusers(self, branches: Sequence[ListedBaseBranch], image: ImageName) -> list[ListedBaseBranch]:
        """Return the branches of the repositories that use an image, or that might use it."""
        users = self._store.list_users(image)
        groups = {each.group for each in branches if each.key in users or not _is_known(each)}
        return [each for each in branches if each.group in groups]

    def find_first_reasons(self, branches: Iterable[ListedBaseBranch]) -> list[ListedBaseBranch]:
        """Return the branches with the reasons to read them that can be found without looking up tags."""
        return [replace(each, reason=self._find_first_reason(each)) for each in branches]

    def _find_first_reason(self, branch: ListedBaseBranch) -> VisitReason | None:
        if branch.key is None or branch.conditions is None:
            return VisitReason.UNSETTLED
        conditions, settled = branch.conditions, branch.settled
        reason = find_visit_reason(
            branch.key,
            branch.stored,
            replace(conditions, evidence=settled.conditions.evidence if settled is not None else ""),
            self._context.now,
        )
        if reason is not None or settled is None or not settled.conditions.evidence:
            return reason
        evidence = self._evidence_versions.hash_versions(settled.tags)
        return find_visit_reason(branch.key, branch.stored, replace(conditions, evidence=evidence), self._context.now)

    def look_up_tags(self, settled_branches: Iterable[SettledBranch]) -> KnownLookups:
        """Return the present digests and lists of the tags on which settled branches depend.

        Tags and lists that cannot be read are missing. Their branches are then read, which reports the error.
        """
        context, settled = self._context, tuple(settled_branches)
        tag_refs = sorted({tag_ref for each in settled for tag_ref in each.tags})
        names = sorted({name for each in settled for name in each.tag_lists})
        before = context.state.lookups.load_descriptors(tag_refs)
        registry, failures = context.registry, RegistryFailures()

        def look_up(tag_ref: TagRef) -> TagDescriptor | None:
            return _ask(failures, context, tag_ref, lambda: registry.fetch_descriptor(tag_ref, before.get(tag_ref)))

        def list_tags(name: str) -> tuple[str, ...] | None:
            return _ask(failures, context, TagRef(name, ""), lambda: registry.list_tags(name))

        descriptors = context.registry_pool.run_phase(ProgressStep.LOOK_UP_TAGS, look_up, tag_refs, context.progress)
        collection = TagListCollection()
        for name, tags in zip(names, context.registry_pool.map(list_tags, names), strict=True):
            if tags is not None:
                collection.add_tags(name, tags)
        known = {tag_ref: each for tag_ref, each in zip(tag_refs, descriptors, strict=True) if each is not None}
        self._record_unmoved(known, before)
        return KnownLookups(known, collection.tags_by_repository)

    def _record_unmoved(
        self, descriptors: Mapping[TagRef, TagDescriptor], before: Mapping[TagRef, TagDescriptor]
    ) -> None:
        """Store that tags still point to the same digests.

        Tags that moved are stored later, because their earlier observations decide about the updates.
        """
        unmoved = {
            tag_ref: each
            for tag_ref, each in descriptors.items()
            if tag_ref in before and before[tag_ref].digest == each.digest
        }
        self._context.state.lookups.record_tags(unmoved, self._context.now)

    def load_reports(self, branches: Sequence[ListedBaseBranch]) -> TriageResult:
        """Return the result of the triage. Branches without a stored report are read."""
        reports = self._store.load_reports({each.key for each in branches if each.reason is None and each.key})
        transitions = {
            verdict.transition
            for report in reports.values()
            for verdict in report.verdicts
            if verdict.transition is not None
        }
        evidence = self._store.load_evidence(transitions)

        def is_complete(branch: ListedBaseBranch) -> bool:
            report = reports.get(branch.key) if branch.key is not None else None
            return report is not None and all(
                verdict.transition is None or verdict.transition in evidence for verdict in report.verdicts
            )

        branches = _share_reasons(
            each if each.reason is not None or is_complete(each) else replace(each, reason=VisitReason.UNSETTLED)
            for each in branches
        )
        unchanged = [each for each in branches if each.reason is None and each.key is not None]
        return TriageResult(
            to_read=tuple(each for each in branches if each.reason is not None),
            unchanged_keys=tuple(each.key for each in unchanged if each.key is not None),
            reports=tuple(
                _name_report(reports[each.key], each.repository, each.stored)
                for each in unchanged
                if each.key is not None and each.stored is not None
            ),
            evidence=evidence,
        )


def _name_report(report: RepositoryReport, repository: GitRepository, stored: StoredBranch) -> RepositoryReport:
    """Return a stored report with the repository's names from the forge, and not from the database."""
    return replace(
        report,
        forge=repository.forge,
        name=repository.name,
        base_branch=repository.base_branch,
        configured_name=repository.configured_name,
        files_url=repository.files_url,
        read_at=stored.read_at,
    )


def _ask(
    failures: RegistryFailures, context: RunContext, tag_ref: TagRef, request: Callable[[], _Answer]
) -> _Answer | None:
    """Return the response of a registry; None if this request failed, or an earlier request got no response."""
    try:
        failures.raise_if_unreachable(context.registry.get_origin(tag_ref).host)
        return request()
    except RegistryError as error:
        failures.record_error(error.host, error)
        return None


def _is_known(branch: ListedBaseBranch) -> bool:
    """Return True if the state contains all image references in the present files of the branch."""
    stored, conditions = branch.stored, branch.conditions
    return (
        stored is not None
        and conditions is not None
        and not stored.has_unread_files
        and (stored.head, stored.reader) == (conditions.head, conditions.reader)
    )


def _find_tag_reasons(branches: Iterable[ListedBaseBranch], known_lookups: KnownLookups) -> Iterable[ListedBaseBranch]:
    """Yield the branches, with the reasons to read them that the tags of images give."""
    digests = {tag_ref: descriptor.digest for tag_ref, descriptor in known_lookups.descriptors.items()}
    tag_lists = {name: hash_tag_list(tags) for name, tags in known_lookups.tag_lists.items()}
    for branch in branches:
        if branch.reason is None and branch.settled is not None:
            yield replace(branch, reason=find_tag_reason(branch.settled, digests, tag_lists))
        else:
            yield branch


def _share_reasons(branches: Iterable[ListedBaseBranch]) -> list[ListedBaseBranch]:
    """Return the branches with further reasons: if one branch of a repository is read, the others are read, too.

    The base branches share the limits on open pull requests, and the dashboard issue describes all of them.
    """
    branches = list(branches)
    groups = {each.group for each in branches if each.reason is not None}
    return [
        replace(each, reason=VisitReason.SAME_REPOSITORY) if each.reason is None and each.group in groups else each
        for each in branches
    ]
