"""Search the earlier contents of files for digests that can replace blocked ones.

Files are read only if a file uses a blocked digest, and neither the registry nor the state knows an earlier digest of
its tag. A digest counts only for the repository whose files contained it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic

from bot.core.choice.blocklist import depends_on_build_time, find_listed_digest
from bot.model.blocklist import Blocklist
from bot.model.decision import BlockedReference, Decision, ImageUpdate, TrackedImage
from bot.model.errors import TreeError
from bot.model.image import Resolution, ResolvedTag
from bot.model.image_name import Digest, TagRef
from bot.model.phases import ProgressStep
from bot.model.policy import PolicyConfig
from bot.model.report import RunFailure
from bot.model.source import FilePath, Reference, SourceFile
from bot.model.vocabulary import FailureStage
from bot.pipeline.choice.block_facts import BlockFinder
from bot.pipeline.choice.decided_scan import DecidedScan, Scan, Selection
from bot.pipeline.choice.manifest_fetcher import ManifestFetcher
from bot.pipeline.choice.replacement_search import MAX_REPLACEMENTS, MAX_TRIED, ReplacementSearch
from bot.pipeline.references.extract import ExtractResult
from bot.pipeline.references.file_reading import read_with_formats
from bot.pipeline.run_context import RunContext
from bot.pipeline.worker_pool import FORGE_POOL

MAX_COMMITS = 20
"""The maximum number of earlier commits of one file that are read. Most files contain the earlier digests of a tag in
the last few commits that changed them."""
MAX_FILES = 10
"""The maximum number of files of one repository whose history is read."""
MAX_CONTENT_BYTES = 1024 * 1024
"""Larger contents are not searched."""


def search_file_histories(
    decided_scans: Sequence[DecidedScan[Scan]],
    decide: Callable[[TrackedImage], Decision],
    resolutions: Mapping[TagRef, Resolution],
    context: RunContext,
    policy_config: PolicyConfig,
) -> Sequence[DecidedScan[Scan]]:
    """Search the history of files for digests that can replace blocked ones.

    Only files are searched whose blocked digest has no known earlier digest. Each returned tree has the lookups of tags
    that differ from the lookups of other trees.

    Args:
        decided_scans: The trees with their selected references.
        decide: Decides on a reference with the lookups that are known so far.
        resolutions: The lookups of all tags.
        context: The services of the run.
        policy_config: The blocked digests, and the registries that delete untagged digests.
    """
    blocklist = policy_config.blocklist
    if not blocklist.has_entries:
        return decided_scans
    searches = [
        _HistorySearch(each, _list_images_to_search(each.selections, decide, resolutions), blocklist)
        for each in decided_scans
    ]
    pending = [each for each in searches if each.images]
    if not pending:
        return decided_scans
    FORGE_POOL.run_phase(ProgressStep.READ_HISTORIES, _HistorySearch.read, pending, context.progress)
    context.failures.add(failure for each in pending for failure in each.failures)
    extended = _add_replacements(searches, resolutions, context, policy_config)
    return [
        replace(
            search.decided_scan,
            history_lookups={
                tag_ref: replace(extended[wanted], unread_sources=(*extended[wanted].unread_sources, *search.errors))
                for tag_ref, digests in search.digests.items()
                if (wanted := (tag_ref, tuple(digests))) in extended
            },
        )
        for search in searches
    ]


def _list_images_to_search(
    items: Iterable[Selection], decide: Callable[[TrackedImage], Decision], resolutions: Mapping[TagRef, Resolution]
) -> list[TrackedImage]:
    """Return the references to blocked digests that have no replacement, or only replacements of sibling tags."""
    found: list[TrackedImage] = []
    for item in items:
        resolved = resolutions.get(item.tag_ref) if isinstance(item, TrackedImage) else None
        if not isinstance(item, TrackedImage) or not isinstance(resolved, ResolvedTag) or not resolved.blocks:
            continue
        decision = decide(item)
        is_by_sibling = all(each.is_of_sibling for each in resolved.replacements) and (
            isinstance(decision, ImageUpdate) and any(each.goes_back for each in decision.candidates)
        )
        if isinstance(decision, BlockedReference) or is_by_sibling:
            found.append(item)
    return found


@dataclass(slots=True)
class _HistorySearch(Generic[Scan]):
    """The search in the history of the files of one repository."""

    decided_scan: DecidedScan[Scan]
    images: list[TrackedImage]
    """The references to search for."""
    blocklist: Blocklist
    digests: dict[TagRef, list[Digest]] = field(default_factory=lambda: defaultdict(list))
    """The digests of each tag. The digest that the files contained most recently comes first."""
    errors: list[str] = field(default_factory=list)
    failures: list[RunFailure] = field(default_factory=list)

    @property
    def _extract_result(self) -> ExtractResult:
        return self.decided_scan.scan.extract_result

    def read(self) -> None:
        """Read the history of at most MAX_FILES files that contain the references."""
        by_path: dict[FilePath, list[TrackedImage]] = defaultdict(list)
        for image in self.images:
            by_path[image.reference.path].append(image)
            self.digests[image.tag_ref] = []
        file_count = 0
        for path, images in by_path.items():
            if file_count == MAX_FILES or all(self._has_enough(image.tag_ref) for image in images):
                continue
            file_count += 1
            try:
                self._read_file(path, images)
            except TreeError as error:
                name = self._extract_result.repository.name
                self.errors.append(f"the history of {path} could not be read: {error}")
                self.failures.append(
                    RunFailure(f"{name}/{path}" if name else path, FailureStage.RESOLVE, self.errors[-1])
                )

    def _read_file(self, path: FilePath, images: Sequence[TrackedImage]) -> None:
        """Read earlier contents of a file until there are enough digests of each tag."""
        history = self._extract_result.history
        formats = [each.file_format for each in self._extract_result.get_readings(path)]
        if history is None:
            return
        for content in history.read_earlier(path, MAX_COMMITS):
            if len(content) <= MAX_CONTENT_BYTES:
                readings = read_with_formats(SourceFile(path, content), formats)
                references = [each for reading in readings for each in reading.extracted]
                for image in images:
                    self._add_digests(image, (each for each in references if isinstance(each, Reference)))
            if all(self._has_enough(image.tag_ref) for image in images):
                break

    def _add_digests(self, image: TrackedImage, references: Iterable[Reference]) -> None:
        """Add the earlier digests of exactly the image and the tag that the file contains now."""
        current, known = image.reference.image, self.digests[image.tag_ref]
        for each in references:
            reference = each.image
            digest = reference.digest
            if digest is None or (reference.repository, reference.tag) != (current.repository, current.tag):
                continue
            if digest not in known and find_listed_digest(self.blocklist, reference.repository, digest) is None:
                known.append(digest)

    def _has_enough(self, tag_ref: TagRef) -> bool:
        """Return True if no further digests of a tag are needed.

        If an entry blocks by build time, more digests are needed, because the entry could block some of them.
        """
        is_unsure = depends_on_build_time(self.blocklist, tag_ref.repository)
        return len(self.digests[tag_ref]) >= (MAX_TRIED if is_unsure else MAX_REPLACEMENTS)


_DigestsOfTag = tuple[TagRef, tuple[Digest, ...]]


def _add_replacements(
    searches: Sequence[_HistorySearch[Scan]],
    resolutions: Mapping[TagRef, Resolution],
    context: RunContext,
    policy_config: PolicyConfig,
) -> Mapping[_DigestsOfTag, ResolvedTag]:
    """Return the lookup of each tag, with the digests that the searches found as replacements."""
    fetcher = ManifestFetcher(context.registry, context.registry_facts, policy_config.purging_hosts, {})
    block_finder = BlockFinder(policy_config.blocklist, fetcher)
    pinned_digests: dict[TagRef, set[Digest]] = defaultdict(set)
    for item in (image for each in searches for image in each.decided_scan.list_tracked_images()):
        if item.reference.image.digest is not None:
            pinned_digests[item.tag_ref].add(item.reference.image.digest)

    def complete(wanted: _DigestsOfTag) -> ResolvedTag | None:
        tag_ref, digests = wanted
        resolved = resolutions[tag_ref]
        if not isinstance(resolved, ResolvedTag):
            return None
        pinned = frozenset(pinned_digests[tag_ref])
        return ReplacementSearch(context, fetcher, block_finder, resolved, pinned).add_digests(digests)

    distinct = sorted({(tag_ref, tuple(found)) for each in searches for tag_ref, found in each.digests.items()})
    completed = context.registry_pool.map(complete, distinct)
    context.failures.add(fetcher.registry_failures.list_failures())
    with context.failures.note_state_error(FailureStage.RESOLVE):
        context.state.lookups.save_manifests(fetcher.list_fetched())
    return {wanted: resolved for wanted, resolved in zip(distinct, completed, strict=True) if resolved is not None}
