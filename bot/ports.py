"""The Protocols between the pipeline and the outside world: files, registries, scanners, forges and the state.

An adapter implements a Protocol. The pipeline uses only the Protocols, so that tests can replace every adapter. A pull
request in this module can also be a merge request of GitLab.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # only signatures need these imports, so they do not slow down the start
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from bot.branch_ports import BranchJudge
    from bot.core.evidence.finding_keys import FindingKey
    from bot.model.advisory import AdvisoryResult
    from bot.model.build_task import BuildTask, TaskRun
    from bot.model.ci import CiOutcome, FailedCheck
    from bot.model.contents import InstalledPackage
    from bot.model.dashboard import DashboardIssue
    from bot.model.diagnosis import Check, DiagnosisTarget
    from bot.model.errors import TreeError
    from bot.model.evidence import (
        Finding,
        FixDate,
        NotScanned,
        Scan,
        ScannerIdentity,
        ScanOutcome,
        ScanSubject,
        StoredPackages,
    )
    from bot.model.exposed_images import ImageInUse
    from bot.model.extracted_item import ExtractedItem
    from bot.model.forge import ActivityScope, ForgeLimits, GitRepository, OpenedRequest, TreeEntry
    from bot.model.history import SupersededTag, TagObservation
    from bot.model.image import CachedManifest, TagDescriptor
    from bot.model.image_name import Digest, TagRef
    from bot.model.path_index import PathIndex
    from bot.model.policy import PolicyRule
    from bot.model.proposal import Proposal, RemoteRequest
    from bot.model.report import RunFailure
    from bot.model.request_attributes import RequestAttributes
    from bot.model.signature import SignatureOutcome
    from bot.model.source import FileChange, FilePath, SourceFile
    from bot.model.source_changes import SourceComparison, SourceLookup
    from bot.model.trust import TrustEntry
    from bot.model.vex import VexStatements
    from bot.model.workload import ClusterOutcome


class Diagnosable(Protocol):
    """A component that the config names and that `basebump doctor` can test."""

    def examine(self, target: DiagnosisTarget) -> Iterable[Check]:
        """Test whether the component meets the requirements of a run, such as permissions on a forge.

        `target` is the kind of run. Return the result of each test. The tests change nothing. Raises BasebumpError if
        an error makes further tests impossible.
        """


class FileFormat(Protocol):
    """Reads one kind of file. The methods are pure functions; no content of a file makes them raise an exception."""

    @property
    def name(self) -> str:
        """The name of the format in the config and in reports."""

    @property
    def has_line_end_comments(self) -> bool:
        """True if this kind of file allows a comment at the end of a line with content."""

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        """Return the paths of the files that this format reads, without repetitions.

        `paths` are all paths of a tree.
        """

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        """Yield the image references of a file in file order, and the facts that affect references in other files."""


class FileTree(Protocol):
    """The files that a run reads: the files of one commit of a repository, or of one folder."""

    @property
    def is_complete(self) -> bool:
        """False if the forge returned only a part of the list of files, as forges do for large trees."""

    @property
    def unlisted_folders(self) -> Sequence[tuple[FilePath, TreeError]]:
        """The folders that could not be listed, with the errors; complete only after `list_entries` is exhausted."""

    @property
    def links(self) -> Mapping[FilePath, str]:
        """The text of each symbolic link, such as `../Dockerfile`; complete only after `list_entries` is exhausted.

        Empty if the tree does not list links, as those of forges.
        """

    @property
    def is_on_disk(self) -> bool:
        """True if another process can read the files from a pickled copy of the tree, which contains no secret."""

    @property
    def history(self) -> FileHistory | None:
        """The earlier contents of the files; None if the tree has no history."""

    def list_entries(self) -> Iterable[TreeEntry]:
        """Return the regular files of the tree, without symbolic links and submodules.

        Raises TreeError if the tree cannot be listed.
        """

    def read(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry in the given order. If a file cannot be read, yield the error instead."""


class FileHistory(Protocol):
    """The earlier contents of the files of a tree."""

    def read_earlier(self, path: FilePath, max_commits: int) -> Iterator[bytes]:
        """Yield the contents that a file had before the last commit that changed it, newest first.

        At most `max_commits` earlier commits are read, one after the other, and only as far as the caller needs them. A
        commit in which the file is missing is left out. A file that was renamed has no history under its earlier name.
        Raises TreeError if the history cannot be read.
        """


class EarlierRevision(Protocol):
    """An earlier revision of a tree."""

    @property
    def name(self) -> str:
        """The revision, as the user named it."""

    @property
    def tree(self) -> FileTree:
        """The files of the revision, with the same paths as in the tree."""

    def has_changed(self, path: FilePath) -> bool:
        """Return True if the revision has no file of this path, or one with other bytes.

        Raises TreeError if the files of the revision cannot be listed.
        """


class RulesReader(Protocol):
    """Parses the config file that a repository itself contains."""

    def __call__(self, content: bytes, source: str) -> tuple[PolicyRule, ...]:
        """Return the policy rules in `content`.

        Raises ConfigError, with the file name `source`, if the content is not valid.
        """


class Fleet(Diagnosable, Protocol):
    """The repositories on one forge that the config selects, and access to these repositories."""

    def list_repositories(
        self, names: frozenset[str], activity_scope: ActivityScope | None = None
    ) -> Iterator[GitRepository | RunFailure]:
        """Yield the repositories that the config selects. If `names` is not empty, yield only repositories in `names`.

        A repository is yielded once for each of its base branches. If a repository cannot be read, a failure is yielded
        instead. If `activity_scope` is not None, and the forge can list the activity of many repositories with one
        request, the repositories have their trees and activities.
        """

    def read_activity(self, repository: GitRepository, activity_scope: ActivityScope) -> str | None:
        """Return the hash of the activity in one repository, if the list of repositories does not contain it.

        Return None if the activity cannot be determined. Raises ForgeError if the forge reports an error.
        """

    def read_ci_outcomes(self, repository: GitRepository, commits: Mapping[str, int | None]) -> Mapping[str, CiOutcome]:
        """Return the outcome of CI on commits of a repository, without basebump's own status.

        The method raises no exceptions. `commits` are the commits. A commit that is the last commit of a pull request
        comes with the number of this pull request; any other commit with None. Commits are missing in the result if the
        forge has no CI, or if their checks could not be read.
        """

    def find_failed_check(self, repository: GitRepository, commit: str) -> FailedCheck | None:
        """Return a failed check of a commit; None if no check failed, or if the checks cannot be read."""

    def open_tree(self, repository: GitRepository) -> FileTree:
        """Return the tree of the commit that the base branch points to. Raises TreeError if it cannot be read."""

    def get_forge(self, repository: GitRepository) -> Forge:
        """Return the operations on the branches and on the pull or merge requests of a repository."""

    def get_dashboard(self, repository: GitRepository) -> Dashboard | None:
        """Return the operations on the dashboard issue of a repository; None if the forge has no issues."""


class Forge(Protocol):
    """Operations on the branches and on the pull or merge requests of one repository.

    An implementation only executes the operations. `bot.core.proposal.lifecycle` decides which operations are needed.
    Every method raises ForgeError if the forge refuses the operation or cannot be reached.
    """

    @property
    def limits(self) -> ForgeLimits: ...

    def list_requests(
        self, prefix: str, desired_branches: frozenset[str], judge: BranchJudge | None = None
    ) -> tuple[RemoteRequest, ...]:
        """Return the branches that begin with `prefix`, each with its open pull request if there is one.

        Also return the closed and merged pull requests of the branches in `desired_branches`. The newest pull request
        comes first. Pull requests from forks are never returned, because basebump did not open them. If the commit of a
        branch claims to be basebump's, `judge` decides whether the branch has an intent. If `judge` is None, the intent
        is the one that the commit claims.
        """

    def push(self, branch: str, changes: Sequence[FileChange], message: str, expected_head: str | None) -> str:
        """Create one commit on top of the base branch, point `branch` to it, and return the commit's id.

        File modes are preserved.

        Args:
            branch: The branch, which is created if it does not exist.
            changes: The new contents of the files.
            message: The commit message.
            expected_head: The commit that `branch` must point to before the push; None if `branch` must not exist.

        Raises:
            ForgeError: If `branch` is not in the expected state, or a path is not a regular file in the base branch.
            ProtectedFileError: If the token is not allowed to change a file in a folder that the forge protects, such
                as `.github/workflows`. In this case, neither a commit nor a branch is created.
        """

    def open(self, proposal: Proposal) -> OpenedRequest:
        """Open the pull request for an existing branch. If a pull request is already open, update that request instead.

        The commit status is set before the text of the pull request is written. A hidden mark in the text records that
        the status was set. If a run is interrupted between the two steps, the mark is missing, and the next run sets
        the status again.
        """

    def update_request(
        self, request: RemoteRequest, title: str, body: str, attributes: RequestAttributes = ...
    ) -> tuple[str, ...]:
        """Update an open pull request. Return a sentence for each attribute, such as a label, that the forge refused.

        - The title and the body are written only if they differ from the current ones.
        - Labels by which users requested an action (`request.requested_actions`) are removed.
        - An attribute that a user removed from the pull request is not set again. If `request.ever_set` is incomplete,
          the history of the pull request is fetched to find such attributes.
        - The commit status is set before the text is written, like in `open`.

        If automerge must be turned off but the forge refuses to do so, ForgeError is raised, too.
        """

    def close(self, request: RemoteRequest) -> None:
        """Close an open pull request without merging it.

        The local forge (requests are git refs) also deletes the branch.
        """

    def add_comment(self, request: RemoteRequest, text: str) -> None:
        """Add a comment to an open pull request."""

    def delete_branch(self, request: RemoteRequest) -> None:
        """Delete a pull request's branch if the branch still points to `request.head`, so that no commits are lost."""


class Dashboard(Protocol):
    """Operations on the dashboard issue of a repository.

    Every method raises ForgeError if the forge reports an error.
    """

    def read(self) -> DashboardIssue | None:
        """Return the dashboard issue, whether it is open or closed. Return None if it was never created."""

    def write(self, issue: DashboardIssue | None, title: str, body: str) -> None:
        """Update the dashboard issue, and reopen it if it is closed. Create the issue if `issue` is None."""

    def close(self, issue: DashboardIssue, body: str) -> None:
        """Update the body of the dashboard issue, and close the issue."""


class ImageBuilder(Diagnosable, Protocol):
    """A registry that can build images itself, and builds them again when a base image is updated."""

    @property
    def registry(self) -> str:
        """The registry's host, as it is written in canonical references."""

    def list_tasks(self) -> tuple[BuildTask, ...]:
        """Return the build tasks that run when a base image is updated. A run calls this once.

        Raises RegistryError if the tasks cannot be listed.
        """

    def list_runs(self) -> tuple[TaskRun, ...]:
        """Return the last successful runs of tasks, newest first, from one page of the list.

        Raises RegistryError if the runs cannot be listed.
        """


class ClusterReader(Diagnosable, Protocol):
    """Lists the images that run in one Kubernetes cluster. A failure is returned as an outcome, and is never raised."""

    @property
    def name(self) -> str:
        """The name of the cluster in the config."""

    def read_images(self) -> ClusterOutcome:
        """Return the images that the containers of all pods run now."""


class Scanner(Diagnosable, Protocol):
    """Finds the known vulnerabilities of an image. A scan that fails returns NotScanned, and raises no exception."""

    def get_identity(self) -> ScannerIdentity | None:
        """Return the name and version of the scanner and of its database, by which stored scans are found.

        If no scanner is usable, or if the database may differ per image, return None. No stored scans are then reused.
        """

    def prefetch(self, subjects: Collection[ScanSubject]) -> None:
        """Make later scans of these images faster, without a change of their results, for example by a single query."""

    def match_packages(
        self, release: str, packages: Collection[InstalledPackage]
    ) -> Mapping[InstalledPackage, tuple[Finding, ...]] | NotScanned | None:
        """Return the findings of each package of one release by the database of `get_identity`, without an image.

        Every package is a key of the result, which equals that of scans of images with these packages. Return None if
        this scanner cannot match packages of this release.
        """

    def scan(self, subject: ScanSubject) -> ScanOutcome:
        """Scan an image on one platform."""


class AdvisorySource(Diagnosable, Protocol):
    """Published data about vulnerabilities. Errors are part of the returned values, and are never raised."""

    def query_lists(self, ids: Collection[str]) -> AdvisoryResult:
        """Return the entries of public lists, such as KEV and EPSS, for vulnerability ids. Each list is read once."""

    def load_statements(self) -> VexStatements:
        """Return the VEX statements by authors that the config accepts. The documents are read once per run."""

    def list_digests(self, subject: ScanSubject) -> frozenset[Digest]:
        """Return all digests by which a VEX statement can identify the image, including the digest in `subject`."""


class SourceHistory(Protocol):
    """The forges that host the sources of images. Errors are part of the returned values, and are never raised."""

    def fetch_changes(self, comparison: SourceComparison, version: str | None) -> SourceLookup:
        """Return the number of commits between two commits, and the release notes of a version if it is not None.

        The source and the version come from labels of images, so they are untrusted.
        """


class SignatureVerifier(Protocol):
    """Verifies the signer of an image. A failure is returned as an outcome, and is never raised."""

    def verify(self, repository: str, digest: Digest, trust: TrustEntry) -> SignatureOutcome | None:
        """Return the signer in `trust` who signed the image, or the reason that no signer in `trust` could be verified.

        Return None if this verifier does not support the kinds of signers in `trust`.
        """


class ScannerSelector(Protocol):
    """Selects the scanner for an image."""

    def __call__(self, tag_ref: TagRef) -> Scanner:
        """Return the scanner for the images of a tag. Every call for the same tag returns the same scanner object."""


class LookupStore(Protocol):
    """The results of lookups, stored for later runs. Every method raises StateError.

    If the data is lost, every digest counts as new, so that a rule with a minimum age delays its update again. The next
    run also takes longer. There is no other effect.
    """

    def load_observations(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, tuple[TagObservation, ...]]:
        """Return the periods in which each tag pointed to a digest, oldest first, except tags without a lookup."""

    def load_descriptors(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, TagDescriptor]:
        """Return the descriptor from the last lookup of each tag. Tags that no earlier run looked up are left out."""

    def record_tags(self, descriptors: Mapping[TagRef, TagDescriptor], at: datetime) -> None:
        """Store the digests that tags pointed to at the time `at`. A run calls this once for each lookup phase."""

    def load_manifests(self, digests: Collection[Digest]) -> Mapping[Digest, CachedManifest]:
        """Return the stored manifests with these digests. Digests without a stored manifest are left out.

        A stored manifest never becomes outdated, because its bytes were verified against the digest.
        """

    def save_manifests(self, manifests: Iterable[CachedManifest]) -> None:
        """Store manifests that were fetched and verified."""


class ScanStore(Protocol):
    """The packages and findings of scanned images, stored for later runs. Every method raises StateError.

    Private findings are stored apart, and `is_private` selects them. If the data is lost, every image is scanned again,
    and the history of findings starts again.
    """

    def load_scans(
        self, scanner: ScannerIdentity, subjects: Collection[ScanSubject], *, is_private: bool
    ) -> Mapping[ScanSubject, Scan]:
        """Return the scans of images that were scanned or matched by this version of the scanner with this database.

        They are rebuilt from packages and findings. Images that were last matched with another database are left out.
        """

    def load_packages(
        self, scanner_name: str, subjects: Collection[ScanSubject], *, is_private: bool
    ) -> Mapping[ScanSubject, StoredPackages]:
        """Return the packages of images that can be matched with another database without a scan."""

    def load_fix_dates(
        self, scanner_name: str, subjects: Collection[ScanSubject], *, is_private: bool
    ) -> Mapping[ScanSubject, Mapping[FindingKey, FixDate]]:
        """Return the dates of the fixes of current findings. Images without such findings are left out."""

    def list_images_in_use(self) -> Sequence[ImageInUse]:
        """Return the images that base branches and containers use, sorted by digest, with their scans.

        If containers state the digest of one platform, but the index of the image is also in use, only the index is
        returned.
        """

    def list_newest_images(self) -> Sequence[ImageInUse]:
        """Return the newest digest of each tag in base branches, sorted by digest, with its scans.

        This is the digest to which the tag pointed at its last lookup.
        """

    def save_scans(self, scans: Mapping[ScanSubject, Scan], *, is_private: bool) -> None:
        """Store the packages and findings of scans."""

    def save_unscanned(
        self, scanner_name: str, outcomes: Mapping[ScanSubject, NotScanned], *, is_private: bool
    ) -> None:
        """Store the reasons of failed scans. The packages and findings of earlier scans are kept."""

    def save_matches(
        self,
        scanner: ScannerIdentity,
        release: str,
        matches: Mapping[InstalledPackage, Sequence[Finding]],
        subjects: Collection[ScanSubject],
        *,
        is_private: bool,
    ) -> None:
        """Store the findings of packages of one release. The images `subjects` now count as matched.

        `matches` must contain all packages of these images.
        """


class SupersededStore(Protocol):
    """Stored results about superseded tags, which receive no further updates.

    Both methods raise StateError if the state cannot be used. Each check costs requests. A run therefore checks only
    some tags, and uses the stored results for the other tags.
    """

    def load(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, SupersededTag]:
        """Return the superseded tags among `tag_refs`. A tag is left out if no run found that it is superseded."""

    def record(self, superseded_tags: Mapping[TagRef, SupersededTag | None], at: datetime) -> None:
        """Store the results of checks that were made at the time `at`.

        The result None means that the tag is not superseded. Its stored entry, if there is one, is deleted.
        """


class Clock(Protocol):
    """The source of the current time. Tests replace it to choose the time."""

    def now(self) -> datetime:
        """Return the current time in UTC, with its time zone."""


class ProgressReporter(Protocol):
    """Receives the progress of a run, for example to show it in a terminal."""

    def start_phase(self, title: str, total: int) -> None:
        """Start a phase of `total` steps."""

    def advance(self) -> None:
        """Report that one step has ended. Several threads may call this at the same time."""

    def finish_phase(self) -> None:
        """End the phase."""
