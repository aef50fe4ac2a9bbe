"""Look up what changed in the sources of images, if the config allows it.

The result is shown in proposals, and no decision depends on it. The fingerprint of a proposal does not contain the
result, so basebump never rewrites an open pull request only because of a new result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.evidence.image_changes import build_source_comparison, get_new_version
from bot.model.decision import Transition
from bot.model.evidence import Evidence
from bot.model.image_name import Digest
from bot.model.phases import ProgressStep
from bot.model.source_changes import SourceChanges, SourceComparison, SourceLookup
from bot.pipeline.run_context import RunContext
from bot.ports import SourceHistory


@dataclass(frozen=True, slots=True)
class _LookupTask:
    """One lookup, which several updates can share."""

    comparison: SourceComparison
    version: str | None
    """The version whose release notes are wanted; None if the update does not change the version."""

    @property
    def key(self) -> str:
        """The key under which a result is stored."""
        return f"{self.comparison.url} {self.version or ''}"


def add_source_changes(evidence: Mapping[Transition, Evidence], context: RunContext) -> Mapping[Transition, Evidence]:
    """Add the source changes between two images to the contents of both images.

    Each pair of commits is looked up once. Results are stored with the manifest of the new image, so later runs send no
    request for it. If a part of a lookup fails, nothing of this lookup is stored.

    Raises:
        StateError: If the state cannot be read or written.
    """
    history = context.source_history
    tasks = {transition: task for transition, found in evidence.items() if (task := _create_task(found)) is not None}
    if history is None or not tasks:
        return evidence
    manifests = dict(context.state.lookups.load_manifests({transition.new for transition in tasks}))
    lookups: dict[_LookupTask, SourceLookup] = {}
    for transition, task in tasks.items():
        stored = manifests[transition.new].source_changes if transition.new in manifests else {}
        if task.key in stored:
            lookups[task] = stored[task.key]
    fetched = _fetch_changes([task for task in dict.fromkeys(tasks.values()) if task not in lookups], history, context)
    lookups |= fetched
    updated: set[Digest] = set()
    for transition, task in tasks.items():
        found = fetched.get(task)
        if isinstance(found, SourceChanges) and found.release_failure is None and transition.new in manifests:
            manifest = manifests[transition.new]
            known = {**manifest.source_changes, task.key: found}
            manifests[transition.new] = replace(manifest, source_changes=known)
            updated.add(transition.new)
    context.state.lookups.save_manifests(manifests[digest] for digest in sorted(updated))
    return {
        transition: _add_lookup(found, lookups[tasks[transition]]) if transition in tasks else found
        for transition, found in evidence.items()
    }


def _fetch_changes(
    tasks: Sequence[_LookupTask], history: SourceHistory, context: RunContext
) -> Mapping[_LookupTask, SourceLookup]:
    def fetch(task: _LookupTask) -> SourceLookup:
        return history.fetch_changes(task.comparison, task.version)

    found = context.scan_pool.run_phase(ProgressStep.LOOK_UP_SOURCES, fetch, tasks, context.progress)
    return dict(zip(tasks, found, strict=True))


def _create_task(evidence: Evidence) -> _LookupTask | None:
    comparison = build_source_comparison(evidence.contents)
    return _LookupTask(comparison, get_new_version(evidence.contents)) if comparison is not None else None


def _add_lookup(evidence: Evidence, lookup: SourceLookup) -> Evidence:
    contents = evidence.contents
    return replace(evidence, contents=replace(contents, source_changes=lookup)) if contents is not None else evidence
