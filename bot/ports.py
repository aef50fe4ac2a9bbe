"""Every seam to the world, on one page: what the pipeline asks for, and what may go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # signatures name these, and nothing here makes one: a start pays only for what it uses
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
    """Anything that a config names and a run will need."""

    def examine(self, aim: Aim) -> Iterable[Check]:
        """Try what a run that aims at this will need of it, and change nothing.

        Raises BasebumpError where nothing more can be tried.
        """
        ...


class FileFormat(Protocol):
    """Reads one kind of file. Pure: it neither opens files nor writes them."""

    @property
    def name(self) -> str: ...

    @property
    def has_line_end_comments(self) -> bool:
        """Whether a comment may follow something on its line."""
        ...

    def selects(self, paths: Collection[FilePath]) -> Iterable[FilePath]:
        """Return those of `paths` that this format reads."""
        ...

    def extract(self, file: SourceFile) -> Iterator[Found]:
        """Yield every place of `file`, in its order, and what it says of places elsewhere.

        Never raises, whatever the bytes.
        """
        ...


class Tree(Protocol):
    """One commit of a repository, or a folder: what is read in a run."""

    @property
    def complete(self) -> bool:
        """Whether `entries` gave all files (forges truncate large trees)."""
        ...

    @property
    def unlisted(self) -> Sequence[tuple[FilePath, TreeError]]:
        """Folders that `entries` could not look into, and why; known once its last entry was taken."""
        ...

    def entries(self) -> Iterable[Entry]:
        """Return the regular files; no links, no submodules. Raises TreeError."""
        ...

    def read(self, entries: Sequence[Entry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry, in their order, or why it could not be read."""
        ...


class Since(Protocol):
    """Knows what changed in a tree since one of its revisions."""

    @property
    def revision(self) -> str:
        """The revision, as it was named."""
        ...

    def changed(self, paths: Collection[FilePath]) -> Mapping[FilePath, tuple[range, ...]]:
        """Return the lines of each file that changed, from 1; files without any may be left out. Raises TreeError."""
        ...


class RulesReader(Protocol):
    """Reads the file in which a repository says itself what it wants."""

    def __call__(self, content: bytes, source: str) -> tuple[Rule, ...]:
        """Return its rules; messages call it `source`. Raises ConfigError."""
        ...


class Fleet(Examined, Protocol):
    """The repositories that one configured forge offers."""

    def repositories(self, only: frozenset[str]) -> Iterator[GitRepository | Failed]:
        """Yield what the config selects, or of that only the names in `only` when it is not empty."""
        ...

    def tree(self, repository: GitRepository) -> Tree:
        """Return the tree of the base branch's commit. Raises TreeError."""
        ...

    def forge(self, repository: GitRepository) -> Forge:
        """Return the verbs for one repository."""
        ...

    def dashboard(self, repository: GitRepository) -> Dashboard:
        """Return the verbs for its one issue."""
        ...


class Forge(Protocol):
    """Verbs without judgement, for one repository; `core.lifecycle` judges. Every verb raises ForgeError."""

    @property
    def limits(self) -> ForgeLimits: ...

    def seen(self, prefix: str, wanted: frozenset[str]) -> tuple[Seen, ...]:
        """Return our branches and open requests under `prefix`, and the ended requests of the `wanted` branches.

        Newest request first. Requests from forks are not ours and never returned.
        """
        ...

    def push(self, branch: str, changes: Sequence[Change], message: str, over: str | None) -> str:
        """Make one commit on the base's commit and point `branch` to it; return the commit.

        `over` is the commit that the branch must point to, None where it must not exist: otherwise ForgeError.
        File modes stay; a path that is no regular file in the base is refused. GuardedError where the token may not
        change what is `guarded`: then nothing was made.
        """
        ...

    def open(self, proposal: Proposal) -> Opened:
        """Make the request for a branch that exists; one that is already open is amended instead.

        The status of its commit is set first, and the mark in the body keeps it.
        """
        ...

    def amend(self, seen: Seen, title: str, body: str, extras: Extras = ...) -> tuple[str, ...]:
        """Change title and body of an open request where they are others, and set `extras` on it.

        The labels behind `seen.asks` come off. What could not be set is returned in sentences; where it must no longer
        merge by itself, that is ForgeError. What people took off stays off, even where `seen.ever` does not tell of it.
        A status comes before the words, as when it is opened.
        """
        ...

    def close(self, seen: Seen) -> None:
        """Close an open request, unmerged; where the forge keeps both as refs, its branch goes with it."""
        ...

    def tell(self, seen: Seen, text: str) -> None:
        """Comment on an open request."""
        ...

    def drop(self, seen: Seen) -> None:
        """Delete the branch if it still points to `seen.head`; one that is gone is done."""
        ...


class Dashboard(Protocol):
    """The one issue of a repository, made and kept by us. Every verb raises ForgeError."""

    def read(self) -> Board | None:
        """Return it, open or closed; None where there never was one."""
        ...

    def write(self, board: Board | None, title: str, body: str) -> None:
        """Make it, or change it and open it again."""
        ...

    def close(self, board: Board, body: str) -> None:
        """Change what it says, and close it."""
        ...


class Registry(Protocol):
    """Questions about images; mirrors, credentials and retries are its own affair. Every one raises RegistryError."""

    def head(self, line: Line, known: Claim | None = None) -> Claim:
        """Return what the registry says that the tag points to; `known` where it says that this answer still holds."""
        ...

    def origin(self, line: Line) -> Line:
        """Return the line that `head` asks for: where the file names a pull-through cache, its upstream's."""
        ...

    def get(self, line: Line, unless: Digest | None = None) -> Manifest | None:
        """Fetch and hash what the tag points to; None where that is still `unless`."""
        ...

    def tags(self, repository: str) -> tuple[str, ...]:
        """Return every tag of a canonical repository."""
        ...

    def fetch(self, line: Line, digest: Digest) -> Manifest:
        """Fetch `digest` from the line's repository; its bytes have been hashed."""
        ...

    def describe(self, line: Line, manifest: Manifest) -> ImageFacts:
        """Return what the image says of itself."""
        ...

    def contents(self, line: Line, digest: Digest, platform: str) -> ImageContents | None:
        """Return what is in the image that `digest` is or has for a platform; None where it has none for it."""
        ...


class RegistryFacts(Protocol):
    """What registries know beyond the images themselves; asked only where it is needed. Both raise RegistryError."""

    def recorded(self, line: Line, digest: Digest) -> Recorded | None:
        """Return what the registry recorded of `digest`; None where it has nothing that we can ask for."""
        ...

    def end_of_life(self, line: Line, digest: Digest) -> date | None:
        """Return the day on which its publisher says that support of `digest` ends; a hint, often wrong."""
        ...


class Artifacts(Protocol):
    """What is attached to images of canonical repositories: signatures, attestations. Each raises RegistryError."""

    def tagged(self, repository: str, tag: str) -> Artifact | None:
        """Return the artifact that a tag points to, hashed; None where there is no such tag."""
        ...

    def referrers(self, repository: str, digest: Digest) -> tuple[Referrer, ...]:
        """Return what says that it is about `digest`, by the referrers API or the tag that stands in for it."""
        ...

    def artifact(self, repository: str, digest: Digest) -> Artifact:
        """Return the artifact behind a digest, hashed."""
        ...

    def blob(self, repository: str, blob: Blob, limit: int = ...) -> bytes:
        """Return the bytes of a piece of an artifact, hashed; `limit` of them are read at most."""
        ...


class Builder(Examined, Protocol):
    """A registry that builds images itself, again whenever a base image is updated."""

    @property
    def registry(self) -> str:
        """Its host, as in canonical references."""
        ...

    def tasks(self) -> tuple[BuildTask, ...]:
        """Return what it builds again; asked once in a run. Raises RegistryError."""
        ...


class Scanner(Examined, Protocol):
    """Finds the known vulnerabilities of one image; what goes wrong is a NotScanned, never an exception."""

    def identity(self) -> ScannerIdentity | None:
        """Return who will scan in this run, and with what knowledge; None where nobody does, or reports say it."""
        ...

    def expect(self, subjects: Collection[Subject]) -> None:
        """Hear what will be asked for, before any of it is: who asks a service can then ask for all of it at once.

        Nothing depends on it but time.
        """
        ...

    def scan(self, subject: Subject) -> ScanOutcome: ...


class Advisories(Examined, Protocol):
    """What others publish of vulnerabilities; what goes wrong is a value, never an exception."""

    def about(self, ids: Collection[str]) -> Listed:
        """Return what public lists say of vulnerabilities; they are read once in a run."""
        ...

    def statements(self) -> Vex:
        """Return what accepted authors say of vulnerabilities in images; the same, whoever asks in a run."""
        ...

    def names(self, subject: Subject) -> frozenset[Digest]:
        """Return the digests by which they may call an image, its own among them."""
        ...


class Verifier(Protocol):
    """Finds out who signed an image; what goes wrong is an outcome, never an exception."""

    def verify(self, repository: str, digest: Digest, trust: Trust) -> SignatureOutcome | None:
        """Return who of `trust` signed `digest` of a canonical repository, or why that cannot be said.

        None where `trust` lists nobody whose signatures this one reads.
        """


class ScannerOf(Protocol):
    """Knows who scans what."""

    def __call__(self, line: Line) -> Scanner:
        """Return who scans the images of a line, always the same."""
        ...


class Memory(Protocol):
    """What earlier runs saw. Losing it makes ages begin again, and costs time; nothing else.

    Every one raises StateError.
    """

    def sightings(self, lines: Collection[Line]) -> Mapping[Line, tuple[Sighting, ...]]:
        """Return what was seen of each line, oldest first; lines that were never seen are left out."""
        ...

    def claims(self, lines: Collection[Line]) -> Mapping[Line, Claim]:
        """Return the last answer for each line; lines that were never seen are left out."""
        ...

    def saw(self, claims: Mapping[Line, Claim], at: datetime) -> None:
        """Write down what tags pointed to `at` a time; once in a run."""
        ...

    def manifests(self, digests: Collection[Digest]) -> Mapping[Digest, Kept]:
        """Return those that are kept: what was fetched and hashed never changes."""
        ...

    def keep(self, fetched: Iterable[Kept]) -> None:
        """Keep what was fetched and hashed."""
        ...

    def evidence(self, scanner: ScannerIdentity, subjects: Collection[Subject]) -> Mapping[Subject, Scan]:
        """Return the scans of these images that this scanner made with this very database."""
        ...

    def keep_evidence(self, scans: Mapping[Subject, Scan]) -> None:
        """Keep scans."""
        ...


class Ends(Protocol):
    """What earlier runs found of lines that are over: looking costs requests, so that a run looks at few.

    Both raise StateError.
    """

    def known(self, lines: Collection[Line]) -> Mapping[Line, LineEnd]:
        """Return what was found of each line; lines of which nothing was found are left out."""
        ...

    def looked(self, found: Mapping[Line, LineEnd | None], at: datetime) -> None:
        """Write down what looks `at` a time found; where that is no end, what was found before is forgotten."""
        ...


class Clock(Protocol):
    """The time, so that tests can choose it."""

    def now(self) -> datetime:
        """Return an aware time in UTC."""
        ...


class Progress(Protocol):
    """Watches a run; silent unless somebody looks."""

    def phase(self, title: str, total: int) -> None: ...

    def step(self) -> None: ...

    def done(self) -> None: ...
