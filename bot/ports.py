"""The Protocols between the pipeline and the outside world: files, registries, scanners, forges and the state."""

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
        """Test everything that a run with this target needs of the component, without changing anything.

        Raises:
            BasebumpError: If a step fails so that no further step can be tested.
        """
        ...


class FileFormat(Protocol):
    """Reads one kind of file; pure functions that neither open nor write files."""

    @property
    def name(self) -> str: ...

    @property
    def has_line_end_comments(self) -> bool:
        """True if this kind of file allows a comment at the end of a line with content."""
        ...

    def select_paths(self, paths: Collection[FilePath]) -> Iterable[FilePath]:
        """Return the paths of the files that this format reads."""
        ...

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        """Yield the image references of a file in file order, and the facts that it states about other files.

        Never raises, whatever the bytes are.
        """
        ...


class FileTree(Protocol):
    """One commit of a repository, or one folder, that a run reads."""

    @property
    def is_complete(self) -> bool:
        """True if `list_entries` yields all files; forges truncate large trees."""
        ...

    @property
    def unlisted_folders(self) -> Sequence[tuple[FilePath, TreeError]]:
        """Folders that could not be listed, with the error; complete once `list_entries` is exhausted."""
        ...

    def list_entries(self) -> Iterable[TreeEntry]:
        """Return the regular files, without symbolic links and submodules.

        Raises:
            TreeError: If the tree cannot be listed.
        """
        ...

    def read(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry in the given order, or the error if a file cannot be read."""
        ...


class RevisionDiff(Protocol):
    """The difference between a tree and one of its earlier revisions."""

    @property
    def revision(self) -> str:
        """The revision as the user named it."""
        ...

    def list_changed_lines(self, paths: Collection[FilePath]) -> Mapping[FilePath, tuple[range, ...]]:
        """Return the ranges of changed line numbers (from 1) of each file; files without changes may be missing.

        Raises:
            TreeError: If the difference cannot be computed.
        """
        ...


class RulesReader(Protocol):
    """Parses the config file that a repository contains itself."""

    def __call__(self, content: bytes, source: str) -> tuple[PolicyRule, ...]:
        """Return the rules of the file.

        Args:
            content: The bytes of the file.
            source: The name of the file for error messages.

        Raises:
            ConfigError: If the file is not valid.
        """
        ...


class Fleet(Diagnosable, Protocol):
    """The repositories that one configured forge offers, and access to them."""

    def list_repositories(self, names: frozenset[str]) -> Iterator[GitRepository | RunFailure]:
        """Yield the repositories that the config selects, only those in `names` unless `names` is empty."""
        ...

    def open_tree(self, repository: GitRepository) -> FileTree:
        """Return the tree of the commit that the base branch points to.

        Raises:
            TreeError: If the tree cannot be read.
        """
        ...

    def get_forge(self, repository: GitRepository) -> Forge:
        """Return the operations on the branches and requests of a repository."""
        ...

    def get_dashboard(self, repository: GitRepository) -> Dashboard:
        """Return the operations on the dashboard issue of a repository."""
        ...


class Forge(Protocol):
    """Operations on the branches and requests of one repository.

    They contain no decisions; those are made in `bot.core.proposal.lifecycle`. Every method raises ForgeError if the
    forge refuses the operation or cannot be reached.
    """

    @property
    def limits(self) -> ForgeLimits: ...

    def list_requests(self, prefix: str, desired_branches: frozenset[str]) -> tuple[RemoteRequest, ...]:
        """Return the branches and open requests under `prefix`, and the ended requests of `desired_branches`.

        The newest request comes first. Requests from forks do not belong to basebump and are never returned.
        """
        ...

    def push(self, branch: str, changes: Sequence[FileChange], message: str, expected_head: str | None) -> str:
        """Create one commit on top of the base branch's commit, point `branch` to it and return its id.

        File modes are preserved. A path that is not a regular file in the base is refused. The branch must currently
        point to the commit `expected_head`; it must not exist if `expected_head` is None.

        Raises:
            ForgeError: If the branch does not point to `expected_head`.
            ProtectedFileError: If the token may not change a file in the protected folder; then nothing was created.
        """
        ...

    def open(self, proposal: Proposal) -> OpenedRequest:
        """Open the request for an existing branch; if a request is already open, update that request instead.

        The commit status is set before the request is written, because the mark in the body records it.
        """
        ...

    def update_request(
        self, request: RemoteRequest, title: str, body: str, attributes: RequestAttributes = ...
    ) -> tuple[str, ...]:
        """Update title and body of an open request if they differ, set its attributes, and return what is refused.

        Labels in `request.user_requests` are removed. Attributes that users removed stay removed, even if
        `request.ever_set` does not contain them. As in `open`, the commit status is set before the text is written.

        Returns:
            A sentence for each attribute that the forge refused.

        Raises:
            ForgeError: If the request could not be updated, or automerge had to be turned off and could not be.
        """
        ...

    def close(self, request: RemoteRequest) -> None:
        """Close an open request without merging it; if the forge stores requests as refs, also delete its branch."""
        ...

    def add_comment(self, request: RemoteRequest, text: str) -> None:
        """Add a comment to an open request."""
        ...

    def delete_branch(self, request: RemoteRequest) -> None:
        """Delete the branch if it still points to `request.head`; do nothing if the branch does not exist."""
        ...


class Dashboard(Protocol):
    """Operations on the dashboard issue of a repository; every method raises ForgeError."""

    def read(self) -> DashboardIssue | None:
        """Return the dashboard issue, whether it is open or closed; None if it was never created."""
        ...

    def write(self, issue: DashboardIssue | None, title: str, body: str) -> None:
        """Create the dashboard issue, or update and reopen the existing one."""
        ...

    def close(self, issue: DashboardIssue, body: str) -> None:
        """Update the body of the dashboard issue and close the issue."""
        ...


class Registry(Protocol):
    """Read access to images in registries; every method raises RegistryError.

    Implementations handle mirrors, credentials and retries.
    """

    def fetch_descriptor(self, tag_ref: TagRef, known_descriptor: TagDescriptor | None = None) -> TagDescriptor:
        """Return the descriptor that the tag points to; `known_descriptor` if the registry says it is still valid."""
        ...

    def get_origin(self, tag_ref: TagRef) -> TagRef:
        """Return the tag whose digest is fetched: for a pull-through cache, the tag in the upstream registry."""
        ...

    def fetch_tag(self, tag_ref: TagRef, known_digest: Digest | None = None) -> Manifest | None:
        """Fetch and hash the manifest that the tag points to; None if the tag still points to `known_digest`."""
        ...

    def list_tags(self, repository: str) -> tuple[str, ...]:
        """Return all tags of a canonical repository."""
        ...

    def fetch_manifest(self, tag_ref: TagRef, digest: Digest) -> Manifest:
        """Fetch `digest` from the repository of the tag, and verify that its bytes have this digest."""
        ...

    def describe_image(self, tag_ref: TagRef, manifest: Manifest) -> ImageFacts:
        """Return the facts that an image states in its labels, annotations and config."""
        ...

    def fetch_contents(self, tag_ref: TagRef, digest: Digest, platform: str) -> ImageContents | None:
        """Return the contents of the image for a platform; None if `digest` has no image for it."""
        ...


class RegistryFacts(Protocol):
    """Data that registries store about images; requested only if needed. Every method raises RegistryError."""

    def fetch_record(self, tag_ref: TagRef, digest: Digest) -> RegistryRecord | None:
        """Return the registry's record of `digest`; None if the registry offers no record."""
        ...

    def fetch_end_of_life(self, tag_ref: TagRef, digest: Digest) -> date | None:
        """Return the day on which the publisher says that support of `digest` ends; a hint that is often wrong."""
        ...


class ArtifactStore(Protocol):
    """Artifacts attached to images of canonical repositories, such as signatures; every method raises RegistryError."""

    def fetch_tagged(self, repository: str, tag: str) -> Artifact | None:
        """Return the artifact that a tag points to, with verified bytes; None if the tag does not exist."""
        ...

    def list_referrers(self, repository: str, digest: Digest) -> tuple[Referrer, ...]:
        """Return the artifacts that refer to `digest`.

        They are listed by the referrers API or, if the registry does not have it, by the referrers tag.
        """
        ...

    def fetch_artifact(self, repository: str, digest: Digest) -> Artifact:
        """Return the artifact with a digest, with verified bytes."""
        ...

    def fetch_blob(self, repository: str, blob: Blob, limit: int = ...) -> bytes:
        """Return the bytes of a blob of an artifact, verified against its digest; at most `limit` bytes are read."""
        ...


class ImageBuilder(Diagnosable, Protocol):
    """A registry that builds images itself, and rebuilds them when a base image is updated."""

    @property
    def registry(self) -> str:
        """The host as in canonical references."""
        ...

    def list_tasks(self) -> tuple[BuildTask, ...]:
        """Return the tasks that rebuild images; called once per run.

        Raises:
            RegistryError: If the tasks cannot be listed.
        """
        ...


class Scanner(Diagnosable, Protocol):
    """Finds the known vulnerabilities of an image; a failure is returned as NotScanned and never raised."""

    def get_identity(self) -> ScannerIdentity | None:
        """Return name, version and database of the scanner; None if nothing scans, or if only reports can state it."""
        ...

    def prefetch(self, subjects: Collection[ScanSubject]) -> None:
        """Announce the images that will be scanned, so that a scanner can query a service for all of them at once.

        The results of `scan` do not depend on this call; only the time that it takes does.
        """
        ...

    def scan(self, subject: ScanSubject) -> ScanOutcome: ...


class AdvisorySource(Diagnosable, Protocol):
    """Published data about vulnerabilities; a failure is returned as a value and never raised."""

    def query_lists(self, ids: Collection[str]) -> AdvisoryResult:
        """Return the data of public lists about vulnerabilities; the lists are read once per run."""
        ...

    def load_statements(self) -> VexStatements:
        """Return the VEX statements of accepted authors; every call in a run returns the same value."""
        ...

    def list_digests(self, subject: ScanSubject) -> frozenset[Digest]:
        """Return the digests by which VEX statements may name an image, including the digest of the image itself."""
        ...


class SignatureVerifier(Protocol):
    """Verifies who signed an image; a failure is returned as an outcome and never raised."""

    def verify(self, repository: str, digest: Digest, trust: TrustEntry) -> SignatureOutcome | None:
        """Return the signer from `trust` who signed `digest` of a repository, or why no signer could be verified.

        None if `trust` lists no signer whose signatures this verifier can read.
        """


class ScannerSelector(Protocol):
    """Selects the scanner for an image."""

    def __call__(self, tag_ref: TagRef) -> Scanner:
        """Return the scanner for the images of a tag; always the same object for the same tag."""
        ...


class StateStore(Protocol):
    """The state that runs persist. If it is lost, ages start again and runs take longer; nothing else depends on it.

    Every method raises StateError.
    """

    def load_observations(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, tuple[TagObservation, ...]]:
        """Return the observations of each tag, oldest first; tags without observations are missing."""
        ...

    def load_descriptors(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, TagDescriptor]:
        """Return the last descriptor of each tag; tags that were never looked up are missing."""
        ...

    def record_tags(self, descriptors: Mapping[TagRef, TagDescriptor], at: datetime) -> None:
        """Store the digests that tags pointed to at a time; called once per run."""
        ...

    def load_manifests(self, digests: Collection[Digest]) -> Mapping[Digest, CachedManifest]:
        """Return the stored manifests; a manifest never changes, because its bytes were verified against its digest."""
        ...

    def save_manifests(self, manifests: Iterable[CachedManifest]) -> None:
        """Store manifests that were fetched and verified."""
        ...

    def load_scans(self, scanner: ScannerIdentity, subjects: Collection[ScanSubject]) -> Mapping[ScanSubject, Scan]:
        """Return the stored scans of these images that this scanner made with exactly this database."""
        ...

    def save_scans(self, scans: Mapping[ScanSubject, Scan]) -> None:
        """Store scans."""
        ...


class SupersededStore(Protocol):
    """Superseded tags that earlier runs found; a run checks only some tags, because each check costs requests.

    Both methods raise StateError.
    """

    def load(self, tag_refs: Collection[TagRef]) -> Mapping[TagRef, SupersededTag]:
        """Return the superseded tags among `tag_refs`; tags for which nothing is stored are missing."""
        ...

    def record(self, superseded_tags: Mapping[TagRef, SupersededTag | None], at: datetime) -> None:
        """Store the results of checks made at a time; None deletes the stored entry of a tag."""
        ...


class Clock(Protocol):
    """The current time, as a value that tests can choose."""

    def now(self) -> datetime:
        """Return the current time in UTC, with its time zone."""
        ...


class ProgressReporter(Protocol):
    """Receives the progress of a run, to show it if someone watches."""

    def start_phase(self, title: str, total: int) -> None: ...

    def advance(self) -> None: ...

    def finish_phase(self) -> None: ...
