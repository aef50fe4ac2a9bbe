"""Git in one repository that somebody else configured: it runs no hook and no watcher, and speaks to no network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot import process
from bot.core.git_ownership import explain_refusal
from bot.model.errors import ProcessError

TIMEOUT = 120.0
"""Seconds; the slowest question (a merge of two trees of a hundred thousand files) takes some seconds."""

_BATCH_FIELDS = 3
"""Of the line before each blob: object, type, size; one that is missing has fewer."""

_GIT = (
    "git",
    *("-c", "core.hooksPath=/dev/null"),  # no reference-transaction hook
    *("-c", "core.fsmonitor=false"),  # no file system watcher
    *("-c", "core.splitIndex=false"),  # our index stays in one temporary file
    *("-c", "i18n.commitEncoding=UTF-8"),
    *("-c", "safe.bareRepository=all"),  # bare ones are what we are here for; who owns them is still checked
)
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",  # a replaced commit is not what the branch points to
    "GIT_ALLOW_PROTOCOL": "",  # a partial clone fetches nothing behind our back
    "GIT_ATTR_NOSYSTEM": "1",
    "LC_ALL": "C",  # we read git's complaints
    "TZ": "UTC",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who makes our commits, as git keeps it: without angle brackets, and without punctuation around it."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Move:
    """Make one ref point to `new` if it points to `old`; None is no ref, and equal ones only check."""

    ref: str
    old: str | None
    new: str | None

    @property
    def command(self) -> str:
        """The same for `git update-ref --stdin -z` (https://git-scm.com/docs/git-update-ref)."""
        if self.old is None:
            return f"option no-deref\0create {self.ref}\0{self.new}\0" if self.new else ""
        if self.new is None:
            return f"option no-deref\0delete {self.ref}\0{self.old}\0"
        if self.new == self.old:
            return f"option no-deref\0verify {self.ref}\0{self.old}\0"
        return f"option no-deref\0update {self.ref}\0{self.new}\0{self.old}\0"


@dataclass(frozen=True, slots=True)
class Git:
    """One repository in a folder, bare or checked out; every method raises ProcessError with what to do next."""

    directory: Path
    identity: Identity
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Environment variables of every command."""
    timeout: float = TIMEOUT
    """Seconds."""

    def ask(
        self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> process.Completed:
        """Run git, whatever its status means."""
        return process.run(
            [*_GIT, *arguments],
            cwd=self.directory,
            environment=_ENVIRONMENT | self._ours() | dict(self.settings) | dict(environment or {}),
            stdin=stdin,
            timeout=self.timeout,
        )

    def read(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> bytes:
        """Run git and return what it prints."""
        done = self.ask(*arguments, stdin=stdin, environment=environment)
        if done.status:
            raise ProcessError(_explain(done.errors, self.directory))
        return done.output

    def line(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> str:
        """Run git and return the one line that it prints."""
        return decode(self.read(*arguments, stdin=stdin, environment=environment)).rstrip("\n")

    def write_blob(self, content: bytes) -> str:
        """Store a blob as it is, since filters look at paths and it has none; return its name."""
        return self.line("hash-object", "-w", "--stdin", stdin=content)

    def read_blob(self, oid: str) -> bytes:
        """Return a blob as it is, past every filter of the repository."""
        return self.read("cat-file", "blob", oid)

    def read_blobs(self, oids: Iterable[str]) -> list[bytes]:
        """Return many blobs in their order, by one process (https://git-scm.com/docs/git-cat-file#_batch_output).

        Raises ProcessError when one of them is missing.
        """
        output = self.read("cat-file", "--batch", stdin="".join(f"{oid}\n" for oid in oids).encode("ascii"))
        blobs: list[bytes] = []
        start = 0
        while start < len(output):
            content = output.index(b"\n", start) + 1
            head = output[start : content - 1].split(b" ")
            if len(head) != _BATCH_FIELDS:
                raise ProcessError(f"git has no object {decode(head[0])}")
            start = content + int(head[2]) + 1
            blobs.append(output[content : start - 1])
        return blobs

    def records(self, fields: Sequence[str], pattern: str, *options: str) -> list[list[str]]:
        """Return the fields of every ref that matches `pattern` (https://git-scm.com/docs/git-for-each-ref)."""
        form = "".join(f"%({field})%00" for field in fields)
        parts = decode(self.read("for-each-ref", f"--format={form}", *options, "--", pattern)).split("\0")[:-1]
        rows = [parts[start : start + len(fields)] for start in range(0, len(parts), len(fields))]
        return [[first.removeprefix("\n"), *rest] for first, *rest in rows]

    def move(self, moves: Iterable[Move], why: str) -> None:
        """Make all moves or none; a symbolic ref is never followed to another. `why` is for the reflog."""
        commands = "".join(move.command for move in moves)
        self.read("update-ref", "-m", why, "--stdin", "-z", stdin=encode(f"start\0{commands}commit\0"))

    def _ours(self) -> dict[str, str]:
        return {
            "GIT_CEILING_DIRECTORIES": str(self.directory.parent),  # never a repository around this one
            "GIT_AUTHOR_NAME": self.identity.name,
            "GIT_AUTHOR_EMAIL": self.identity.email,
            "GIT_COMMITTER_NAME": self.identity.name,
            "GIT_COMMITTER_EMAIL": self.identity.email,
        }


def decode(output: bytes) -> str:
    """Return text of git's; what is not UTF-8 survives a round trip."""
    return output.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Return the bytes that `decode` made `text` of. Raises ProcessError."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ProcessError("a text holds characters that no encoding has") from error


def _explain(errors: str, directory: Path) -> str:
    """Say what git's complaint means and what to do about it."""
    if (refusal := explain_refusal(errors)) is not None:
        return refusal
    if "not a git repository" in errors:
        return f"{directory} is no git repository, or a broken one; look at it with `git -C {directory} status`"
    if "transport" in errors and "not allowed" in errors:
        return f"{directory} is a partial clone; run `git -C {directory} fetch --refetch --no-filter` to have all of it"
    if ".lock" in errors and "File exists" in errors:
        return f"another git process is writing to {directory}, or died there; remove the lock if none runs: {errors}"
    if "exists; cannot create" in errors:  # git keeps branches as files, and one of a name leaves no room for a folder
        return f"a branch is where the names of proposals begin; rename it, or change `branch_prefix`: {errors}"
    if "but expected" in errors or "reference already exists" in errors or "unable to resolve reference" in errors:
        return f"somebody moved it since basebump looked; run basebump again: {errors}"
    if "ermission denied" in errors or "insufficient permission" in errors or "ead-only file system" in errors:
        return f"{directory} cannot be written; let the user that runs basebump write to it: {errors}"
    return errors or "git failed without a word"
