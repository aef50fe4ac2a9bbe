"""The Protocols between the pipeline and the outside world: files, registries, scanners, forges and the state.

An adapter implements a Protocol. The pipeline knows only the Protocols, so that tests can replace every adapter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # only signatures need these imports, so they do not slow down the start
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from bot.model.advisory import AdvisoryResult
    from bot.model.artifact import Artifact, Blob, Referrer
    from bot.model.build_task import BuildTask
    from bot.model.contents import ImageContents
    from bot.model.dashboard import DashboardIssue
    from bot.model.diagnosis import Check, DiagnosisTarget
    from bot.model.errors import TreeError
    from bot.model.evidence import Scan, ScannerIdentity, ScanOutcome, ScanSubject
    from bot.model.extracted_item import ExtractedItem
    from bot.model.forge import ForgeLimits, GitRepository, OpenedRequest, TreeEntry
    from bot.model.history import SupersededTag, TagObservation
    from bot.model.image import CachedManifest, ImageFacts, Manifest, RegistryRecord, TagDescriptor
    from bot.model.policy import PolicyRule
    from bot.model.proposal import Proposal, RemoteRequest
    from bot.model.reference import Digest, TagRef
    from bot.model.report import RunFailure
    from bot.model.request_attributes import RequestAttributes
    from bot.model.signature import SignatureOutcome
    from bot.model.source import FileChange, FilePath, SourceFile
    from bot.model.trust import TrustEntry
    from bot.model.vex import VexStatements


class Diagnosable(Protocol):
    """A component that the config names and that `basebump doctor` can test."""

    def examine(self, target: DiagnosisTarget) -> Iterable[Check]:
        """Test everything that a run with this target needs of the component, and return the result of each test.

        Nothing is changed. Raises BasebumpError if a test fails in a way that makes all further tests impossible.
        """


class FileFormat(Protocol):
    """Reads one kind of file. Its methods are pure functions that neither open nor write files."""

    @property
    def name(self) -> str:
        """The name of the format in the config and in reports."""

    @property
    def has_line_end_comments(self) -> bool:
        """True if this kind of file allows a comment at the end of a line with content."""

    def select_paths(self, paths: Collection[FilePath]) -> Iterable[FilePath]:
        """Return the paths of the files that this format reads; empty if it reads none of them."""

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        """Yield the image references of a file in file order, and the facts that the file states about other files.

        Never raises, whatever the content of the file is.
        """


class FileTree(Protocol):
    """One commit of a repository, or one folder, that a run reads."""

    @property
    def is_complete(self) -> bool:
        """False if the forge truncated the list of files, as forges do for large trees."""

    @property
    def unlisted_folders(self) -> Sequence[tuple[FilePath, TreeError]]:
        """Folders that could not be listed, each with the error. Complete only after `list_entries` is exhausted."""

    def list_entries(self) -> Iterable[TreeEntry]:
        """Return the regular files. Symbolic links and submodules are left out. Raises TreeError."""

    def read(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry in the given order. If a file cannot be read, yield the error instead."""


class RevisionDiff(Protocol):
    """The difference between a tree and one of its earlier revisions."""

    @property
    def revision(self) -> str:
        """The revision as the user named it."""

    def list_changed_lines(self, paths: Collection[FilePath]) -> Mapping[FilePath, tuple[range, ...]]:
        """Return the ranges of changed lines in each file, numbered from 1. Files without changes may be missing.

        Raises TreeError if the difference cannot be computed.
        """


class RulesReader(Protocol):
    """Parses a repository's own config file."""

    def __call__(self, content: bytes, source: str) -> tuple[PolicyRule, ...]:
        """Return the rules in `content`. Raises ConfigError, which names the file as `source`, if it is not valid."""


class Fleet(Diagnosable, Protocol):
    """The repositories that one configured forge offers, and access to these repositories."""

    def list_repositories(self, names: frozenset[str]) -> Iterator[GitRepository | RunFailure]:
        """Yield the repositories that the config selects; if `names` is not empty, only the repositories in `names`.

        A repository is yielded once for each of its base branches. A repository that cannot be read is yielded as a
        failure.
        """

    def open_tree(self, repository: GitRepository) -> FileTree:
        """Return the tree of the commit that the base branch points to. Raises TreeError if it cannot be read."""

    def get_forge(self, repository: GitRepository) -> Forge:
        """Return the operations on the branches and requests of a repository."""

    def get_dashboard(self, repository: GitRepository) -> Dashboard:
        """Return the operations on the dashboard issue of a repository."""


class Forge(Protocol):
    """Operations on the branches and requests of one repository.

    The operations contain no decisions, which are made in `bot.core.proposal.lifecycle`. Every method raises ForgeError
    if the forge refuses the operation or cannot be reached.
    """

    @property
    def limits(self) -> ForgeLimits: ...

    def list_requests(self, prefix: str, desired_branches: frozenset[str]) -> tuple[RemoteRequest, ...]:
        """Return the branches and open requests under `prefix`, and the ended requests of `desired_branches`.

        The newest request comes first. Requests from forks do not belong to basebump and are never returned.
        """

    def push(self, branch: str, changes: Sequence[FileChange], message: str, expected_head: str | None) -> str:
        """Create one commit on top of the base branch's commit, point `branch` to it, and return the commit's id.

        File modes are preserved. Raises ForgeError if `branch` does not point to the commit `expected_head`, if
        `expected_head` is None and the branch exists, or if a path is not a regular file in the base branch. Raises
        ProtectedFileError, and creates nothing, if the token may not change a file in the protected folder.
        """

    def open(self, proposal: Proposal) -> OpenedRequest:
        """Open the request for an existing branch. If a request is already open, update that request instead.

        The commit status is set before the request is written, because the mark in the body records the status.
        """

    def update_request(
        self, request: RemoteRequest, title: str, body: str, attributes: RequestAttributes = ...
    ) -> tuple[str, ...]:
        """Update an open request, and return a sentence for each attribute that the forge refused.

        Title and body are written if they differ. Labels in `request.user_requests` are removed. Attributes that users
        removed stay removed, even if `request.ever_set` does not contain them. As in `open`, the commit status is set
        before the text is written. Raises ForgeError also if automerge must be turned off and cannot be.
        """

    def close(self, request: RemoteRequest) -> None:
        """Close an open request without merging it. A forge that stores requests as refs also deletes the branch."""

    def add_comment(self, request: RemoteRequest, text: str) -> None:
        """Add a comment to an open request."""

    def delete_branch(self, request: RemoteRequest) -> None:
        """Delete the branch if it still points to `request.head`. Do nothing if the branch does not exist."""


class Dashboard(Protocol):
    """Operations on the dashboard issue of a repository; every method raises ForgeError."""

    def read(self) -> DashboardIssue | None:
        """Return the dashboard issue, whether it is open or closed. Return None if it was never created."""

    def write(self, issue: DashboardIssue | None, title: str, body: str) -> None:
        """Update and reopen the dashboard issue. Create it if `issue` is None."""

    def close(self, issue: DashboardIssue, body: str) -> None:
        """Update the body of the dashboard issue, and close the issue."""


class Registry(Protocol):
    """Read access to images in registries; every method raises RegistryError.

    Implementations handle mirrors, credentials and retries.
    """

    def fetch_descriptor(self, tag_ref: TagRef, known_descriptor: TagDescriptor | None = None) -> TagDescriptor:
        """Return the descriptor that a tag points to.

        Return `known_descriptor` if the registry answers that it is still valid.
        """

    def get_origin(self, tag_ref: TagRef) -> TagRef:
        """Return the tag whose digest is fetched: for a pull-through cache, the tag in the upstream registry."""

    def fetch_tag(self, tag_ref: TagRef, known_digest: Digest | None = None) -> Manifest | None:
        """Fetch and hash the manifest that a tag points to. Return None if the tag still points to `known_digest`."""

    def list_tags(self, repository: str) -> tuple[str, ...]:
        """Return all tags of a repository, which is given by its canonical name."""

    def fetch_manifest(self, tag_ref: TagRef, digest: Digest) -> Manifest:
        """Fetch the manifest `digest` from the repository of a tag, and verify that its bytes have this digest."""

    def describe_image(self, tag_ref: TagRef, manifest: Manifest) -> ImageFacts:
        """Return the facts that an image states in its labels, annotations and config."""

    def fetch_contents(self, tag_ref: TagRef, digest: Digest, platform: str) -> ImageContents | None:
        """Return the contents of an image for a platform. Return None if `digest` has no image for the platform."""


class RegistryFacts(Protocol):
    """Data that registries store about images, requested only if a run needs it; every method raises RegistryError."""

    def fetch_record(self, tag_ref: TagRef, digest: Digest) -> RegistryRecord | None:
        """Return the registry's record of an image. Return None if the registry does not offer records."""

    def fetch_end_of_life(self, tag_ref: TagRef, digest: Digest) -> date | None:
        """Return the day on which support of an image ends according to its publisher; None if it states no day.

        The day is only a hint, because it is often wrong.
        """


class ArtifactStore(Protocol):
    """Artifacts that are attached to images, such as signatures; every method raises RegistryError.

    Repositories are given by their canonical names.
    """

    def fetch_tagged(self, repository: str, tag: str) -> Artifact | None:
        """Return the artifact that a tag points to, after verifying its bytes. Return None if the tag is missing."""

    def list_referrers(self, repository: str, digest: Digest) -> tuple[Referrer, ...]:
        """Return the artifacts that refer to `digest`.

        They are listed by the referrers API, or by the referrers tag if the registry does not have that API.
        """

    def fetch_artifact(self, repository: str, digest: Digest) -> Artifact:
        """Return the artifact with the digest `digest`, after verifying its bytes."""

    def fetch_blob(self, repository: str, blob: Blob, limit: int = ...) -> bytes:
        """Return the bytes of an artifact's blob, after verifying its digest. At most `limit` bytes are read."""


class ImageBuilder(Diagnosable, Protocol):
    """A registry that builds images itself, and rebuilds them when a base image is updated."""

    @property
    def registry(self) -> str:
        """The registry's host, as it is written in canonical references."""

    def list_tasks(self) -> tuple[BuildTask, ...]:
        """Return the tasks that rebuild images. A run calls this once. Raises RegistryError."""


class Scanner(Diagnosable, Protocol):
    """Finds the known vulnerabilities of an image. A failure is returned as NotScanned, and is never raised."""

    def get_identity(self) -> ScannerIdentity | None:
        """Return the name, version and database of the scanner.

        Return None if nothing scans, or if only the report about each image can state the scanner.
        """

    def prefetch(self, subjects: Collection[ScanSubject]) -> None:
        """Announce the images that will be scanned, so that a scanner can query a service for all of them at once.

        The call only makes `scan` faster. It does not change the results of `scan`.
        """

    def scan(self, subject: ScanSubject) -> ScanOutcome:
        """Scan an image on one platform."""


class AdvisorySource(Diagnosable, Protocol):
    """Published data about vulnerabilities. A failure is part of the returned value, and is never raised."""

    def query_lists(self, ids: Collection[str]) -> AdvisoryResult:
        """Return the entries of public lists for vulnerability ids. The lists are read once per run."""

    def load_statements(self) -> VexStatements:
        """Return the VEX statements of accepted authors. Every call in a run returns the same value."""

    def list_digests(self, subject: ScanSubject) -> frozenset[Digest]:
        """Return the digests by which VEX statements may name an image, including the digest of the image itself."""


class SignatureVerifier(Protocol):
    """Verifies who signed an image. A failure is returned as an outcome, and is never raised."""

    def verify(self, repository: str, digest: Digest, trust: TrustEntry) -> SignatureOutcome | None:
        """Return the signer in `trust` who signed the image, or the reason that no such signer could be verified.

        Return None if `trust` lists no signer whose signatures this verifier can read.
        """


class ScannerSelector(Protocol):
    """Selects the scanner for an image."""

    def __call__(self, tag_ref: TagRef) -> Scanner:
        """Return the scanner for the images of a tag. The same tag always gets the same object."""


class StateStore(Protocol):
    """Data that runs store for later runs; every method raises StateError.

    If the data is lost, minimum ages start again and runs take longer. Nothing else depends on the data.
    """

    def load_observations(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, tuple[TagObservation, ...]]:
        """Return the observations of each tag, oldest first. Tags without observations are missing."""

    def load_descriptors(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, TagDescriptor]:
        """Return the last descriptor of each tag. Tags that were never looked up are missing."""

    def record_tags(self, descriptors: Mapping[TagRef, TagDescriptor], at: datetime) -> None:
        """Store the digests that tags pointed to at the time `at`. A run calls this once for each lookup phase."""

    def load_manifests(self, digests: Collection[Digest]) -> Mapping[Digest, CachedManifest]:
        """Return the stored manifests. They never change, because their bytes were verified against their digests."""

    def save_manifests(self, manifests: Iterable[CachedManifest]) -> None:
        """Store manifests that were fetched and verified."""

    def load_scans(self, scanner: ScannerIdentity, subjects: Collection[ScanSubject]) -> Mapping[ScanSubject, Scan]:
        """Return the stored scans of these images that this scanner made with exactly this database."""

    def save_scans(self, scans: Mapping[ScanSubject, Scan]) -> None:
        """Store scans, each with the scanner and the database that it states."""


class SupersededStore(Protocol):
    """Superseded tags that earlier runs found; both methods raise StateError.

    A run checks only some tags, because each check costs requests. For the other tags it uses the stored results.
    """

    def load(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, SupersededTag]:
        """Return the superseded tags among `tag_refs`. Tags for which nothing is stored are missing."""

    def record(self, superseded_tags: Mapping[TagRef, SupersededTag | None], at: datetime) -> None:
        """Store the results of checks at the time `at`. If the result of a tag is None, delete its stored entry."""


class Clock(Protocol):
    """The current time, as a value that tests can choose."""

    def now(self) -> datetime:
        """Return the current time in UTC, with its time zone."""


class ProgressReporter(Protocol):
    """Receives the progress of a run, to show it if a user watches."""

    def start_phase(self, title: str, total: int) -> None:
        """Start a phase of `total` steps."""

    def advance(self) -> None:
        """Report that one step has ended. Several threads may call this at the same time."""

    def finish_phase(self) -> None:
        """End the phase."""
