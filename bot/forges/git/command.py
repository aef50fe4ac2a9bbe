"""Running git in a repository whose configuration is not trusted.

Hooks, file system watchers and network access are turned off, because another user may have configured them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot import process
from bot.core.git_ownership import explain_refusal
from bot.local_git import SAFE_SETTINGS, parse_blobs
from bot.model.errors import ProcessError

TIMEOUT = 120.0
"""Seconds after which a command fails. The slowest command, a merge of two trees with a hundred thousand files, takes a
few seconds."""

_GIT = (
    "git",
    *SAFE_SETTINGS,
    *("-c", "core.splitIndex=false"),  # the index stays in one temporary file
    *("-c", "i18n.commitEncoding=UTF-8"),
    *("-c", "safe.bareRepository=all"),  # bare repositories are supported; git still checks who owns them
)
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",  # read the commit that the branch points to, not its replacement
    "GIT_ALLOW_PROTOCOL": "",  # a partial clone must not fetch missing objects on its own
    "GIT_ATTR_NOSYSTEM": "1",
    "LC_ALL": "C",  # git's error messages are parsed
    "TZ": "UTC",
}


@dataclass(frozen=True, slots=True)
class GitIdentity:
    """Name and email address of the author of basebump's commits.

    git removes angle brackets and surrounding punctuation from both when it creates a commit.
    """

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """A change of one ref from the object id `old` to the object id `new`.

    - If `old` is None, the update creates the ref.
    - If `new` is None, the update deletes the ref.
    - If `old` and `new` are equal, git only checks that the ref has this value.

    If the ref does not have the value `old`, git refuses the update.
    """

    ref: str
    old: str | None
    new: str | None

    @property
    def command(self) -> str:
        """The command for `git update-ref --stdin -z` (https://git-scm.com/docs/git-update-ref)."""
        if self.old is None:
            return f"option no-deref\0create {self.ref}\0{self.new}\0" if self.new else ""
        if self.new is None:
            return f"option no-deref\0delete {self.ref}\0{self.old}\0"
        if self.new == self.old:
            return f"option no-deref\0verify {self.ref}\0{self.old}\0"
        return f"option no-deref\0update {self.ref}\0{self.new}\0{self.old}\0"


@dataclass(frozen=True, slots=True)
class GitRunner:
    """Runs git in one repository, which may be a bare repository.

    Methods raise ProcessError if git fails. The message contains a hint.
    """

    directory: Path
    identity: GitIdentity
    base_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Environment variables for every command."""
    timeout: float = TIMEOUT
    """Seconds for one command."""

    def run(
        self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> process.ProcessResult:
        """Run git, and return its result even if the exit status reports a failure.

        Raises ProcessError if git cannot be started or takes too long.
        """
        return process.run(
            [*_GIT, *arguments],
            cwd=self.directory,
            environment=_ENVIRONMENT
            | self._build_environment()
            | dict(self.base_environment)
            | dict(environment or {}),
            stdin=stdin,
            timeout=self.timeout,
        )

    def read_output(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
        """Run git, and return its output. Raises ProcessError if the exit status reports a failure."""
        completed = self.run(*arguments, stdin=stdin, environment=environment)
        if completed.status:
            raise ProcessError(_explain_failure(completed.error_text, self.directory))
        return completed.output

    def read_line(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> str:
        """Run git, and return its output, which must be a single line, without the newline.

        Raises ProcessError if the exit status reports a failure.
        """
        return decode_output(self.read_output(*arguments, stdin=stdin, environment=environment)).rstrip("\n")

    def write_blob(self, content: bytes) -> str:
        """Store a blob, and return its object id. git applies no filters, because the blob has no path."""
        return self.read_line("hash-object", "-w", "--stdin", stdin=content)

    def read_blob(self, oid: str) -> bytes:
        """Return the stored content of the blob `oid`. The filters of the repository are not applied."""
        return self.read_output("cat-file", "blob", oid)

    def read_blobs(self, oids: Iterable[str]) -> list[bytes]:
        """Return the contents of the blobs `oids` in their order, read by a single git process.

        Raises ProcessError if the repository lacks one of these blobs.
        """
        names = "".join(f"{oid}\n" for oid in oids).encode("ascii")
        return parse_blobs(self.read_output("cat-file", "--batch", stdin=names))

    def read_sizes(self, oids: Iterable[str]) -> list[int]:
        """Return the sizes in bytes of the objects `oids`, in their order.

        Raises ProcessError if the repository lacks one of these objects.
        """
        check = ("cat-file", "--batch-check=%(objectsize)")
        lines = self.read_output(*check, stdin="".join(f"{oid}\n" for oid in oids).encode("ascii")).splitlines()
        missing = next((line for line in lines if not line.isdigit()), None)
        if missing is not None:
            raise ProcessError(f"the git repository does not contain the object '{decode_output(missing.split()[0])}'")
        return [int(line) for line in lines]

    def list_refs(self, fields: Sequence[str], patterns: Sequence[str], *options: str) -> list[list[str]]:
        """Return one row of values for each ref that matches one of `patterns`.

        Args:
            fields: Fields of `git for-each-ref`, such as `objectname`. Each row has one value for each field.
            patterns: Full names of refs, and folders such as `refs/heads/`.
            options: Options of `git for-each-ref`, such as `--merged=COMMIT`.

        https://git-scm.com/docs/git-for-each-ref
        """
        format_string = "".join(f"%({field})%00" for field in fields)
        parts = decode_output(
            self.read_output("for-each-ref", f"--format={format_string}", *options, "--", *patterns)
        ).split("\0")[:-1]
        rows = [parts[start : start + len(fields)] for start in range(0, len(parts), len(fields))]
        return [[first.removeprefix("\n"), *rest] for first, *rest in rows]

    def update_refs(self, updates: Iterable[RefUpdate], reason: str) -> None:
        """Apply all updates in one transaction: if one of them fails, no ref is changed, and ProcessError is raised.

        A symbolic ref is changed itself, and the ref to which it points is not. `reason` is written to the reflog.
        """
        commands = "".join(move.command for move in updates)
        self.read_output("update-ref", "-m", reason, "--stdin", "-z", stdin=encode_text(f"start\0{commands}commit\0"))

    def _build_environment(self) -> dict[str, str]:
        return {
            "GIT_CEILING_DIRECTORIES": str(self.directory.parent),  # never use a repository in a parent folder
            "GIT_AUTHOR_NAME": self.identity.name,
            "GIT_AUTHOR_EMAIL": self.identity.email,
            "GIT_COMMITTER_NAME": self.identity.name,
            "GIT_COMMITTER_EMAIL": self.identity.email,
        }


def decode_output(output: bytes) -> str:
    """Decode git's output as UTF-8; keep other bytes as surrogates.

    `encode_text` turns the surrogates back into the original bytes.
    """
    return output.decode("utf-8", "surrogateescape")


def encode_text(text: str) -> bytes:
    """Encode text as UTF-8. Surrogates that `decode_output` created become the original bytes again.

    Raises ProcessError if the text contains other surrogates.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ProcessError("the input for git contains characters that UTF-8 cannot encode") from error


def _explain_failure(error_text: str, directory: Path) -> str:
    """Return a message with a hint for the text that git wrote to standard error when a command failed."""
    if (refusal := explain_refusal(error_text)) is not None:
        return refusal
    if "not a git repository" in error_text:
        return f"{directory} is not a git repository, or is damaged; hint: run `git -C {directory} status`"
    if "transport" in error_text and "not allowed" in error_text:
        return (
            f"{directory} is a partial clone; hint: run `git -C {directory} fetch --refetch --no-filter` "
            "to fetch all objects"
        )
    if ".lock" in error_text and "File exists" in error_text:
        return (
            f"{directory} is locked: another git process is writing to it, or crashed; "
            f"hint: remove the lock if no git process runs: {error_text}"
        )
    if (
        "exists; cannot create" in error_text
    ):  # git keeps branches as files, so a branch and a folder cannot share a name
        return (
            "a branch has the name of the folder in which proposals are stored; "
            f"hint: rename the branch, or change `branch_prefix`: {error_text}"
        )
    if (
        "but expected" in error_text
        or "reference already exists" in error_text
        or "unable to resolve reference" in error_text
    ):
        return f"a ref changed since basebump read it; hint: rerun basebump: {error_text}"
    if (
        "ermission denied" in error_text
        or "insufficient permission" in error_text
        or "ead-only file system" in error_text
    ):
        return f"{directory} is not writable; hint: give the user that runs basebump write access: {error_text}"
    return error_text or "git failed without an error message"
