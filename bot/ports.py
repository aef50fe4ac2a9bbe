"""The Protocols between the pipeline and the outside world: files, registries, scanners, forges and the state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # only signatures need these imports, so they do not slow down the start
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from bot.model.advisory import Listed
    from bot.model.artifact import Artifact, Blob, Referrer
    from bot.model.contents import ImageContents
    from bot.model.dashboard import Board
    from bot.model.diagnosis import Aim, Check
    from bot.model.errors import TreeError
    from bot.model.evidence import Scan, ScannerIdentity, ScanOutcome, Subject
    from bot.model.extras import Extras
    from bot.model.forge import Entry, ForgeLimits, GitRepository, Opened
    from bot.model.found import Found
    from bot.model.history import LineEnd, Sighting
    from bot.model.image import Claim, ImageFacts, Kept, Manifest, Recorded
    from bot.model.proposal import Proposal, Seen
    from bot.model.reference import Digest, Line
    from bot.model.report import Failed
    from bot.model.rules import Rule
    from bot.model.signature import SignatureOutcome
    from bot.model.source import Change, FilePath, SourceFile
    from bot.model.task import BuildTask
    from bot.model.trust import Trust
    from bot.model.vex import Vex


class Examined(Protocol):
    """A component that the config names and that `basebump doctor` can test."""

    def examine(self, aim: Aim) -> Iterable[Check]:
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

    def selects(self, paths: Collection[FilePath]) -> Iterable[FilePath]:
        """Return the paths of the files that this format reads."""
        ...

    def extract(self, file: SourceFile) -> Iterator[Found]:
        """Yield the image references of a file in file order, and the facts that it states about other files.

        Never raises, whatever the bytes are.
        """
        ...


class Tree(Protocol):
    """One commit of a repository, or one folder, that a run reads."""

    @property
    def complete(self) -> bool:
        """True if `list_entries` yields all files; forges truncate large trees."""
        ...

    @property
    def unlisted(self) -> Sequence[tuple[FilePath, TreeError]]:
        """Folders that could not be listed, with the error; complete once `list_entries` is exhausted."""
        ...

    def entries(self) -> Iterable[Entry]:
        """Return the regular files, without symbolic links and submodules.

        Raises:
            TreeError: If the tree cannot be listed.
        """
        ...

    def read(self, entries: Sequence[Entry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry in the given order, or the error if a file cannot be read."""
        ...


class Since(Protocol):
    """The difference between a tree and one of its earlier revisions."""

    @property
    def revision(self) -> str:
        """The revision as the user named it."""
        ...

    def changed(self, paths: Collection[FilePath]) -> Mapping[FilePath, tuple[range, ...]]:
        """Return the ranges of changed line numbers (from 1) of each file; files without changes may be missing.

        Raises:
            TreeError: If the difference cannot be computed.
        """
        ...


class RulesReader(Protocol):
    """Parses the config file that a repository contains itself."""

    def __call__(self, content: bytes, source: str) -> tuple[Rule, ...]:
        """Return the rules of the file.

        Args:
            content: The bytes of the file.
            source: The name of the file for error messages.

        Raises:
            ConfigError: If the file is not valid.
        """
        ...


class Fleet(Examined, Protocol):
    """The repositories that one configured forge offers, and access to them."""

    def repositories(self, only: frozenset[str]) -> Iterator[GitRepository | Failed]:
        """Yield the repositories that the config selects, only those in `names` unless `names` is empty."""
        ...

    def tree(self, repository: GitRepository) -> Tree:
        """Return the tree of the commit that the base branch points to.

        Raises:
            TreeError: If the tree cannot be read.
        """
        ...

    def forge(self, repository: GitRepository) -> Forge:
        """Return the operations on the branches and requests of a repository."""
        ...

    def dashboard(self, repository: GitRepository) -> Dashboard:
        """Return the operations on the dashboard issue of a repository."""
        ...


class Forge(Protocol):
    """Operations on the branches and requests of one repository.

    They contain no decisions; those are made in `bot.core.proposal.lifecycle`. Every method raises ForgeError if the
    forge refuses the operation or cannot be reached.
    """

    @property
    def limits(self) -> ForgeLimits: ...

    def seen(self, prefix: str, wanted: frozenset[str]) -> tuple[Seen, ...]:
        """Return the branches and open requests under `prefix`, and the ended requests of `desired_branches`.

        The newest request comes first. Requests from forks do not belong to basebump and are never returned.
        """
        ...

    def push(self, branch: str, changes: Sequence[Change], message: str, over: str | None) -> str:
        """Create one commit on top of the base branch's commit, point `branch` to it and return its id.

        File modes are preserved. A path that is not a regular file in the base is refused. The branch must currently
        point to the commit `expected_head`; it must not exist if `expected_head` is None.

        Raises:
            ForgeError: If the branch does not point to `expected_head`.
            ProtectedFileError: If the token may not change a file in the protected folder; then nothing was created.
        """
        ...

    def open(self, proposal: Proposal) -> Opened:
        """Open the request for an existing branch; if a request is already open, update that request instead.

        The commit status is set before the request is written, because the mark in the body records it.
        """
        ...

    def amend(self, seen: Seen, title: str, body: str, extras: Extras = ...) -> tuple[str, ...]:
        """Update title and body of an open request if they differ, set its attributes, and return what is refused.

        Labels in `request.user_requests` are removed. Attributes that users removed stay removed, even if
        `request.ever_set` does not contain them. As in `open`, the commit status is set before the text is written.

        Returns:
            A sentence for each attribute that the forge refused.

        Raises:
            ForgeError: If the request could not be updated, or automerge had to be turned off and could not be.
        """
        ...

    def close(self, seen: Seen) -> None:
        """Close an open request without merging it; if the forge stores requests as refs, also delete its branch."""
        ...

    def tell(self, seen: Seen, text: str) -> None:
        """Add a comment to an open request."""
        ...

    def drop(self, seen: Seen) -> None:
        """Delete the branch if it still points to `request.head`; do nothing if the branch does not exist."""
        ...


class Dashboard(Protocol):
    """Operations on the dashboard issue of a repository; every method raises ForgeError."""

    def read(self) -> Board | None:
        """Return the dashboard issue, whether it is open or closed; None if it was never created."""
        ...

    def write(self, board: Board | None, title: str, body: str) -> None:
        """Create the dashboard issue, or update and reopen the existing one."""
        ...

    def close(self, board: Board, body: str) -> None:
        """Update the body of the dashboard issue and close the issue."""
        ...


class Registry(Protocol):
    """Read access to images in registries; every method raises RegistryError.

    Implementations handle mirrors, credentials and retries.
    """

    def head(self, line: Line, known: Claim | None = None) -> Claim:
        """Return the descriptor that the tag points to; `known_descriptor` if the registry says it is still valid."""
        ...

    def origin(self, line: Line) -> Line:
        """Return the tag whose digest is fetched: for a pull-through cache, the tag in the upstream registry."""
        ...

    def get(self, line: Line, unless: Digest | None = None) -> Manifest | None:
        """Fetch and hash the manifest that the tag points to; None if the tag still points to `known_digest`."""
        ...

    def tags(self, repository: str) -> tuple[str, ...]:
        """Return all tags of a canonical repository."""
        ...

    def fetch(self, line: Line, digest: Digest) -> Manifest:
        """Fetch `digest` from the repository of the tag, and verify that its bytes have this digest."""
        ...

    def describe(self, line: Line, manifest: Manifest) -> ImageFacts:
        """Return the facts that an image states in its labels, annotations and config."""
        ...

    def contents(self, line: Line, digest: Digest, platform: str) -> ImageContents | None:
        """Return the contents of the image for a platform; None if `digest` has no image for it."""
        ...


class RegistryFacts(Protocol):
    """Data that registries store about images; requested only if needed. Every method raises RegistryError."""

    def recorded(self, line: Line, digest: Digest) -> Recorded | None:
        """Return the registry's record of `digest`; None if the registry offers no record."""
        ...

    def end_of_life(self, line: Line, digest: Digest) -> date | None:
        """Return the day on which the publisher says that support of `digest` ends; a hint that is often wrong."""
        ...


class Artifacts(Protocol):
    """Artifacts attached to images of canonical repositories, such as signatures; every method raises RegistryError."""

    def tagged(self, repository: str, tag: str) -> Artifact | None:
        """Return the artifact that a tag points to, with verified bytes; None if the tag does not exist."""
        ...

    def referrers(self, repository: str, digest: Digest) -> tuple[Referrer, ...]:
        """Return the artifacts that refer to `digest`.

        They are listed by the referrers API or, if the registry does not have it, by the referrers tag.
        """
        ...

    def artifact(self, repository: str, digest: Digest) -> Artifact:
        """Return the artifact with a digest, with verified bytes."""
        ...

    def blob(self, repository: str, blob: Blob, limit: int = ...) -> bytes:
        """Return the bytes of a blob of an artifact, verified against its digest; at most `limit` bytes are read."""
        ...


class Builder(Examined, Protocol):
    """A registry that builds images itself, and rebuilds them when a base image is updated."""

    @property
    def registry(self) -> str:
        """The host as in canonical references."""
        ...

    def tasks(self) -> tuple[BuildTask, ...]:
        """Return the tasks that rebuild images; called once per run.

        Raises:
            RegistryError: If the tasks cannot be listed.
        """
        ...


class Scanner(Examined, Protocol):
    """Finds the known vulnerabilities of an image; a failure is returned as NotScanned and never raised."""

    def identity(self) -> ScannerIdentity | None:
        """Return name, version and database of the scanner; None if nothing scans, or if only reports can state it."""
        ...

    def expect(self, subjects: Collection[Subject]) -> None:
        """Announce the images that will be scanned, so that a scanner can query a service for all of them at once.

        The results of `scan` do not depend on this call; only the time that it takes does.
        """
        ...

    def scan(self, subject: Subject) -> ScanOutcome: ...


class Advisories(Examined, Protocol):
    """Published data about vulnerabilities; a failure is returned as a value and never raised."""

    def about(self, ids: Collection[str]) -> Listed:
        """Return the data of public lists about vulnerabilities; the lists are read once per run."""
        ...

    def statements(self) -> Vex:
        """Return the VEX statements of accepted authors; every call in a run returns the same value."""
        ...

    def names(self, subject: Subject) -> frozenset[Digest]:
        """Return the digests by which VEX statements may name an image, including the digest of the image itself."""
        ...


class Verifier(Protocol):
    """Verifies who signed an image; a failure is returned as an outcome and never raised."""

    def verify(self, repository: str, digest: Digest, trust: Trust) -> SignatureOutcome | None:
        """Return the signer from `trust` who signed `digest` of a repository, or why no signer could be verified.

        None if `trust` lists no signer whose signatures this verifier can read.
        """


class ScannerOf(Protocol):
    """Selects the scanner for an image."""

    def __call__(self, line: Line) -> Scanner:
        """Return the scanner for the images of a tag; always the same object for the same tag."""
        ...


class Memory(Protocol):
    """The state that runs persist. If it is lost, ages start again and runs take longer; nothing else depends on it.

    Every method raises StateError.
    """

    def sightings(self, lines: Collection[Line]) -> Mapping[Line, tuple[Sighting, ...]]:
        """Return the observations of each tag, oldest first; tags without observations are missing."""
        ...

    def claims(self, lines: Collection[Line]) -> Mapping[Line, Claim]:
        """Return the last descriptor of each tag; tags that were never looked up are missing."""
        ...

    def saw(self, claims: Mapping[Line, Claim], at: datetime) -> None:
        """Store the digests that tags pointed to at a time; called once per run."""
        ...

    def manifests(self, digests: Collection[Digest]) -> Mapping[Digest, Kept]:
        """Return the stored manifests; a manifest never changes, because its bytes were verified against its digest."""
        ...

    def keep(self, fetched: Iterable[Kept]) -> None:
        """Store manifests that were fetched and verified."""
        ...

    def evidence(self, scanner: ScannerIdentity, subjects: Collection[Subject]) -> Mapping[Subject, Scan]:
        """Return the stored scans of these images that this scanner made with exactly this database."""
        ...

    def keep_evidence(self, scans: Mapping[Subject, Scan]) -> None:
        """Store scans."""
        ...


class Ends(Protocol):
    """Superseded tags that earlier runs found; a run checks only some tags, because each check costs requests.

    Both methods raise StateError.
    """

    def known(self, lines: Collection[Line]) -> Mapping[Line, LineEnd]:
        """Return the superseded tags among `tag_refs`; tags for which nothing is stored are missing."""
        ...

    def looked(self, found: Mapping[Line, LineEnd | None], at: datetime) -> None:
        """Store the results of checks made at a time; None deletes the stored entry of a tag."""
        ...


class Clock(Protocol):
    """The current time, as a value that tests can choose."""

    def now(self) -> datetime:
        """Return the current time in UTC, with its time zone."""
        ...


class Progress(Protocol):
    """Receives the progress of a run, to show it if someone watches."""

    def phase(self, title: str, total: int) -> None: ...

    def step(self) -> None: ...

    def done(self) -> None: ...
