"""Decide by content whether a branch on a forge contains only basebump's own edits.

If the state contains the last commit of a branch, the branch is basebump's. The content of every other branch is
compared with the files of the commit on which the branch is based. If the files of the branch are those of a desired
proposal, the object ids of git show that, and no file is read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.branch_ports import BranchContents, BranchJudge
from bot.core.proposal.branch_ownership import (
    ImageVersion,
    PlannedValues,
    WrittenImage,
    find_written_images,
    judge_images,
    parse_targets,
)
from bot.core.proposal.update_groups import list_written_values
from bot.core.references.git_blobs import hash_blob
from bot.model.branch_ownership import (
    FOREIGN_BRANCH,
    BranchClaim,
    BranchPush,
    BranchVerdict,
    FileDifference,
    TreeObject,
)
from bot.model.errors import OversizedFileError, TreeError
from bot.model.forge import TreeEntry
from bot.model.image import Resolution, ResolvedTag
from bot.model.image_name import TagRef
from bot.model.proposal import Target
from bot.model.source import FileChange, FilePath, Reference, SourceFile
from bot.pipeline.proposal.plan_proposals import PlannedProposal
from bot.pipeline.references.extract import ExtractResult, relate_references, select_formats
from bot.pipeline.references.file_reading import MAX_FILE_BYTES, FileReading, read_with_formats
from bot.ports import FileFormat


class RecordingJudge:
    """Passes branches to another judge, and records which of them were judged; implements `BranchJudge`."""

    def __init__(self, judge: BranchJudge) -> None:
        self._judge = judge
        self._judged_heads: set[str] = set()

    @property
    def judged_heads(self) -> frozenset[str]:
        """The last commits of the branches that were judged so far."""
        return frozenset(self._judged_heads)

    def judge(self, claim: BranchClaim, open_contents: Callable[[], BranchContents | None]) -> BranchVerdict:
        """Return the verdict of the wrapped judge, and record the judged commit."""
        self._judged_heads.add(claim.head)
        return self._judge.judge(claim, open_contents)


MAX_COMPARED_FILES = 1_000
"""The largest number of files of one branch whose contents are compared. Only proposals for the manifests of a whole
fleet edit more files."""
MAX_COMPARED_BYTES = 64 * 1024 * 1024
"""The largest size in bytes of the files of one branch whose contents are compared. It has room for eight files of the
largest size that basebump reads."""
MAX_JUDGED_FILES = 5_000
"""The largest number of files of all branches of one repository whose contents are compared in one run. Whoever can
push can create any number of branches that claim to be basebump's."""
MAX_JUDGED_BYTES = 256 * 1024 * 1024
"""The largest size in bytes of the files of all branches of one repository that are read in one run. Each file above
256 KiB takes one request, so these files take at most a fifth of the 5,000 requests that GitHub permits in an hour."""


@dataclass(slots=True)
class ComparisonBudget:
    """The files of all branches of one repository that were compared in this run."""

    files: int = 0
    read_bytes: int = 0

    def take_files(self, count: int) -> bool:
        """Add `count` files and return True.

        If the branch or all branches together have too many files, add nothing and return False.
        """
        if count > min(MAX_COMPARED_FILES, MAX_JUDGED_FILES - self.files):
            return False
        self.files += count
        return True

    def take_bytes(self, size: int) -> bool:
        """Add the size of a file that was read. Return False if all files together are too large."""
        self.read_bytes += size
        return self.read_bytes <= MAX_JUDGED_BYTES


@dataclass(frozen=True, slots=True)
class DesiredContent:
    """The content that a branch has if it contains exactly a proposal."""

    planned_values: PlannedValues
    targets: tuple[Target, ...]
    changes: tuple[FileChange, ...]


@dataclass(frozen=True, slots=True)
class ContentJudge:
    """Compares the content of branches with basebump's edits; implements `bot.branch_ports.BranchJudge`."""

    extract_result: ExtractResult
    formats: Sequence[FileFormat]
    list_desired: Callable[[str], Sequence[DesiredContent]]
    """Returns the content of the desired proposal of a branch, and of its variant without protected files, if any.
    Returns nothing if no update is to be proposed on the branch."""
    known_versions: frozenset[ImageVersion]
    """The images that this run found in registries, or that the state knows."""
    pushes: Mapping[str, BranchPush]
    """The last commit that basebump pushed to each branch, as the state remembers it."""
    budget: ComparisonBudget = field(default_factory=ComparisonBudget)

    def judge(self, claim: BranchClaim, open_contents: Callable[[], BranchContents | None]) -> BranchVerdict:
        """Return the verdict on a branch whose commit claims to be basebump's.

        Raises TreeError or ForgeError if the content of the branch cannot be read.
        """
        push = self.pushes.get(claim.branch)
        if push is not None and push.commit == claim.head:
            return BranchVerdict(push.intent)
        contents = open_contents()
        differences = contents.list_differences() if contents is not None else None
        if contents is None or differences is None or not all(each.is_content_edit for each in differences):
            return FOREIGN_BRANCH
        variants = self.list_desired(claim.branch)
        for variant in variants:
            if self._has_files_of(variant, differences):
                return BranchVerdict(variant.planned_values.intent)
        images = self._find_images(contents, differences)
        if images is None:
            return FOREIGN_BRANCH
        known_versions = self.known_versions.union(*(parse_targets(each.targets) for each in variants))
        planned = [each.planned_values for each in variants]
        return judge_images(claim, images, planned, known_versions, push.intent if push is not None else None)

    def _has_files_of(self, desired: DesiredContent, differences: Collection[FileDifference]) -> bool:
        """Return True if a branch changes exactly the files of a proposal, with the same contents before and after."""
        changes = {change.path: change.content for change in desired.changes}
        return len(differences) == len(changes) and all(
            each.path in changes
            and self._is_current(each)
            and each.new is not None
            and each.new.oid == hash_blob(changes[each.path], sample_oid=each.new.oid)
            for each in differences
        )

    def _is_current(self, difference: FileDifference) -> bool:
        """Return True if a file is the same in the base of the branch and in the current base branch."""
        readings = self.extract_result.get_readings(difference.path)
        oid = difference.old.oid if difference.old is not None else ""
        return bool(readings) and hash_blob(readings[0].file.content, sample_oid=oid) == oid

    def _find_images(
        self, contents: BranchContents, differences: Sequence[FileDifference]
    ) -> tuple[WrittenImage, ...] | None:
        """Return the images that a branch writes; None if the branch also changes anything else, or too much."""
        sizes = [each.size or 0 for difference in differences for each in (difference.old, difference.new) if each]
        if sum(sizes) > MAX_COMPARED_BYTES or not self.budget.take_files(len(differences)):
            return None
        others = [each for each in differences if not self._is_current(each)]
        old_files = self._read_files(others, contents.read_old, lambda each: each.old)
        new_files = self._read_files(differences, contents.read_new, lambda each: each.new)
        if old_files is None or new_files is None:
            return None
        references = self._group_references(new_files.keys(), self._read_references(old_files))
        images: list[WrittenImage] = []
        for path, new_content in new_files.items():
            content = old_files[path] if path in old_files else self._get_content(path)
            found = find_written_images(content, new_content, references[path])
            if found is None:
                return None
            images += found
        return tuple(images)

    def _read_files(
        self,
        differences: Sequence[FileDifference],
        read: Callable[[Sequence[TreeEntry]], Iterator[bytes | TreeError]],
        get_object: Callable[[FileDifference], TreeObject | None],
    ) -> dict[FilePath, bytes] | None:
        """Return the content of each file by path; None if files are too large. Raises TreeError if reading fails.

        Not all forges report the sizes of files, so that reading stops at the first file that is too large.
        """
        entries = [
            TreeEntry(each.path, tree_object.size, tree_object.oid)
            for each in differences
            if (tree_object := get_object(each)) is not None
        ]
        files: dict[FilePath, bytes] = {}
        unused_bytes = MAX_COMPARED_BYTES
        for entry, content in zip(entries, read(entries), strict=True):
            if isinstance(content, OversizedFileError):
                return None
            if isinstance(content, TreeError):
                raise content
            unused_bytes -= len(content)
            if unused_bytes < 0 or len(content) > MAX_FILE_BYTES or not self.budget.take_bytes(len(content)):
                return None
            files[entry.path] = content
        return files

    def _read_references(self, files: Mapping[FilePath, bytes]) -> Mapping[FilePath, Sequence[FileReading]]:
        """Return the readings of the given files, which are files of the base of the branch.

        Each file is read by the formats that select its path, and by those that read it in the base branch, because
        other files may name it.
        """
        if not files:
            return {}
        paths = {*files, *(reading.file.path for reading in self.extract_result.readings)}
        formats_by_path = select_formats(paths, self.formats)
        readings = {}
        for path, content in files.items():
            selecting = formats_by_path.get(path, ())
            others = [each.file_format for each in self.extract_result.get_readings(path)]
            formats = [*selecting, *(each for each in others if each not in selecting)]
            readings[path] = read_with_formats(SourceFile(path, content), formats)
        return readings

    def _group_references(
        self, paths: Collection[FilePath], old_readings: Mapping[FilePath, Sequence[FileReading]]
    ) -> Mapping[FilePath, Sequence[Reference]]:
        """Return the image references of the files at `paths`, as they are in the base of the branch.

        Each reference is in the result as its own file states it, and as other files affect it. After basebump's edit,
        other files can have locked a reference, or made it editable.

        Args:
            paths: The paths of the files.
            old_readings: The readings of those files that differ in the base of the branch and in the base branch.
        """
        result = self.extract_result
        readings = [each for each in result.readings if each.file.path not in old_readings]
        readings += [each for old in old_readings.values() for each in old]
        related = result.extracted
        if old_readings and any(each.facts for each in readings):
            readings.sort(key=lambda each: each.file.path)
            related = relate_references(readings, repository=result.repository)
        grouped: dict[FilePath, list[Reference]] = {path: [] for path in paths}
        for reference in (*(each for reading in readings for each in reading.extracted), *related):
            if reference.path in grouped and isinstance(reference, Reference):
                grouped[reference.path].append(reference)
        return grouped

    def _get_content(self, path: FilePath) -> bytes:
        return self.extract_result.get_readings(path)[0].file.content


def collect_known_versions(
    resolutions: Mapping[TagRef, Resolution], planned_proposals: Iterable[PlannedProposal]
) -> frozenset[ImageVersion]:
    """Return the images that this run found, that are in the state, or that proposals write.

    These are the images to which tags point now, the images to which the tags pointed earlier according to the state,
    and the images in the desired proposals.
    """
    versions = {version for each in planned_proposals for version in parse_targets(each.proposal.targets)}
    for tag_ref, resolution in resolutions.items():
        if isinstance(resolution, ResolvedTag):
            digests = {resolution.digest, *(each.digest for each in resolution.observations)}
            versions |= {(tag_ref.repository, tag_ref.tag, digest) for digest in digests}
    return frozenset(versions)


def list_desired_contents(planned: PlannedProposal | None) -> list[DesiredContent]:
    """Return the content of a proposal, and of its variant without protected files, if any; empty if it is None."""
    if planned is None:
        return []
    variants = [planned]
    reduced = planned.proposal.without_protected
    if reduced is not None:
        updates = tuple(each for each in planned.updates if each.reference.path not in reduced.protected_files)
        variants.append(PlannedProposal(reduced, updates))
    return [
        DesiredContent(
            PlannedValues(each.proposal.intent, frozenset(list_written_values(each.updates))),
            each.proposal.targets,
            each.proposal.changes,
        )
        for each in variants
    ]
