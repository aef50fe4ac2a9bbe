"""Real git repositories made small, and people who commit to them.

Everything is plumbing: a commit is made from a mapping of paths, needs no worktree, and takes some ten milliseconds.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

REGULAR, EXECUTABLE, LINK, SUBMODULE = "100644", "100755", "120000", "160000"
"""The modes that git knows."""


@dataclass(frozen=True, slots=True)
class File:
    """One entry of a tree; the content of a link is where it points, that of a submodule its commit."""

    content: bytes
    mode: str = REGULAR


Content = File | bytes | str | None
"""What a path shall hold: text and bytes are regular files, None is nothing."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who writes a commit."""

    name: str
    email: str


ADA = Person("Ada", "ada@example.org")
"""Who does what people do, unless a test names somebody else."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit, as `git log` tells it."""

    oid: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str


_READING = frozenset({"cat-file", "ls-tree"})
_OID = re.compile(r"[0-9a-f]{40}")


class Git:
    """One repository on this machine."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        """Of a checked-out repository the worktree, of a bare one itself."""
        self._read: dict[tuple[str, ...], bytes] = {}
        self._there: set[str] = set()

    @classmethod
    def create(cls, directory: Path, files: Mapping[str, Content] | None = None, *, bare: bool = True) -> Git:
        """Make a repository whose HEAD is `main`; with `files` there is a first commit, else `main` is unborn.

        A checked-out repository has its worktree filled.
        """
        if bare and files is not None:
            directory.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(_template(tuple(files.items())), directory)
            return cls(directory)
        return cls._make(directory, files, bare=bare)

    @classmethod
    def _make(cls, directory: Path, files: Mapping[str, Content] | None, *, bare: bool) -> Git:
        directory.mkdir(parents=True)
        git = cls(directory)
        git.run("init", "--quiet", "--template=", "--initial-branch=main", *(["--bare"] if bare else []))
        if files is not None:
            git.commit("main", files, "Start")
            if not bare:
                git.run("reset", "--quiet", "--hard")
        return git

    def run(
        self, *arguments: str, stdin: bytes = b"", who: Person = ADA, environment: Mapping[str, str] | None = None
    ) -> bytes:
        """Run git in the repository as `who`, and return what it prints; a failure fails the test with its words."""
        if arguments in self._read:
            return self._read[arguments]
        done = self._run(arguments, stdin, who, environment)
        assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr.decode()}"
        if arguments[0] in _READING and _OID.fullmatch(arguments[-1]):  # what an object holds never changes
            self._read[arguments] = done.stdout
        return done.stdout

    def exists(self, name: str) -> bool:
        """Say whether there is such an object; one that is called by its own name and is there stays."""
        if name in self._there:
            return True
        is_there = self._says("cat-file", "-e", name)
        if is_there and _OID.match(name):
            self._there.add(name)
        return is_there

    def has(self, commit: str, ancestor: str) -> bool:
        """Say whether `commit` holds all of `ancestor`."""
        return self._says("merge-base", "--is-ancestor", ancestor, commit)

    def is_related(self, one: str, other: str) -> bool:
        """Say whether two commits have a common ancestor."""
        return self._says("merge-base", one, other)

    def conflicts(self, one: str, other: str) -> bool:
        """Say whether git could not merge two commits by itself."""
        return not self._says("merge-tree", "--write-tree", one, other)

    def take(self, other: Git, commit: str, ref: str) -> None:
        """Let `ref` point to a commit, which comes along where it is another repository's."""
        if other.directory == self.directory:
            self.run("update-ref", ref, commit)
        else:
            self.run("fetch", "--quiet", str(other.directory), f"+{commit}:{ref}")

    def _says(self, *arguments: str) -> bool:
        return self._run(arguments).returncode == 0

    def _run(
        self,
        arguments: Iterable[str],
        stdin: bytes = b"",
        who: Person = ADA,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["git", *arguments],
            cwd=self.directory,
            env={key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
            | {
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_AUTHOR_NAME": who.name,
                "GIT_AUTHOR_EMAIL": who.email,
                "GIT_COMMITTER_NAME": who.name,
                "GIT_COMMITTER_EMAIL": who.email,
            }
            | dict(environment or {}),
            input=stdin,
            capture_output=True,
            check=False,
        )

    def head(self, branch: str) -> str | None:
        """Return the commit of a branch, None where there is no such branch."""
        return self.branches().get(branch)

    def commit(
        self,
        branch: str,
        files: Mapping[str, Content],
        message: str = "A person's work",
        *,
        who: Person = ADA,
        start: str = "main",
    ) -> str:
        """Commit on top of a branch, which is made at `start` where it does not exist; return the commit."""
        parent = self.head(branch) or self.head(start)
        commit = self.make_commit([parent] if parent else [], files, message, who=who)
        self.run("update-ref", f"refs/heads/{branch}", commit)
        return commit

    def amend(self, branch: str, files: Mapping[str, Content], *, who: Person = ADA) -> str:
        """Do what `git commit --amend` does: the message and the author stay, the committer is `who`."""
        (old, *_) = self.log(branch)
        commit = self.make_commit(old.parents, files, old.message, who=who, author=old.author, over=old.oid)
        self.run("update-ref", f"refs/heads/{branch}", commit)
        return commit

    def merge(self, branch: str, into: str, *, who: Person = ADA) -> str:
        """Merge without a fast-forward; return the merge commit."""
        ours, theirs = self.need(into), self.need(branch)
        tree = self.run("merge-tree", "--write-tree", ours, theirs).decode().split("\n")[0]
        message = f"Merge branch '{branch}'\n".encode()
        merged = self.run("commit-tree", tree, "-p", ours, "-p", theirs, stdin=message, who=who).decode().strip()
        self.run("update-ref", f"refs/heads/{into}", merged)
        return merged

    def make_commit(
        self,
        parents: Iterable[str],
        files: Mapping[str, Content],
        message: str,
        *,
        who: Person = ADA,
        author: Person | None = None,
        over: str | None = None,
    ) -> str:
        """Make a commit that no ref names yet: the tree of `over` (else of the first parent) with `files` in it."""
        parents = list(parents)
        base = over or next(iter(parents), None)
        with tempfile.TemporaryDirectory() as scratch:
            index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            self.run("read-tree", *([base] if base else ["--empty"]), environment=index)
            entries = "".join(self._index_entry(path, content) for path, content in files.items())
            self.run("update-index", "-z", "--index-info", stdin=entries.encode(), environment=index)
            tree = self.run("write-tree", environment=index).decode().strip()
        writer = author or who
        return (
            self.run(
                "commit-tree",
                tree,
                *(word for parent in parents for word in ("-p", parent)),
                stdin=message.encode(),
                who=who,
                environment={"GIT_AUTHOR_NAME": writer.name, "GIT_AUTHOR_EMAIL": writer.email},
            )
            .decode()
            .strip()
        )

    def need(self, revision: str) -> str:
        """Return the commit that `revision` names; the test fails where there is none."""
        return self.run("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").decode().strip()

    def delete(self, branch: str) -> None:
        self.run("update-ref", "-d", f"refs/heads/{branch}")

    def refs(self, under: str = "refs/") -> dict[str, str]:
        """Return every ref below `under` and the object that it names, sorted.

        They are read as git keeps them (gitrepository-layout(5)): a fake asks for them with every request that it
        answers, and starting git for each of these took half of the time of the tests of runs.
        """
        packed = self._folder / "packed-refs"
        lines = packed.read_text().splitlines() if packed.exists() else []
        found = dict(reversed(line.split(" ")) for line in lines if line[:1] not in {"#", "^"})
        loose = [path for path in (self._folder / "refs").rglob("*") if path.is_file() and path.suffix != ".lock"]
        for path in loose:
            with contextlib.suppress(FileNotFoundError):  # deleted since it was listed
                found[path.relative_to(self._folder).as_posix()] = path.read_text().strip()
        return {ref: oid for ref, oid in sorted(found.items()) if ref.startswith(under)}

    @property
    def _folder(self) -> Path:
        """Where git keeps its own: in a folder of a checked-out repository."""
        inside = self.directory / ".git"
        return inside if inside.is_dir() else self.directory

    def branches(self) -> dict[str, str]:
        """Return every branch and its commit."""
        return {ref.removeprefix("refs/heads/"): oid for ref, oid in self.refs("refs/heads/").items()}

    def files(self, revision: str) -> dict[str, File]:
        """Return every entry of a revision's tree, links and submodules too."""
        listed = self.run("ls-tree", "-r", "-z", "--full-tree", revision).decode(errors="surrogateescape")
        files = {}
        for entry in listed.split("\0")[:-1]:
            attributes, _, path = entry.partition("\t")
            mode, kind, oid = attributes.split(" ")
            files[path] = File(oid.encode() if kind == "commit" else self.run("cat-file", "blob", oid), mode)
        return files

    def log(self, revision: str, *, without: str | None = None) -> list[Commit]:
        """Return the commits of `revision`, newest first, without those that `without` has too."""
        form = "%H%x00%P%x00%an%x00%ae%x00%cn%x00%ce%x00%B%x00"
        excluded = [f"^{without}"] if without else []
        listed = self.run("log", f"--format={form}", revision, *excluded).decode()
        commits = []
        fields = iter(listed.split("\0")[:-1])
        for oid, parents, author, author_mail, committer, committer_mail, message in zip(*[fields] * 7, strict=True):
            commits.append(
                Commit(
                    oid.strip(),
                    tuple(parents.split()),
                    Person(author, author_mail),
                    Person(committer, committer_mail),
                    message,
                )
            )
        return commits

    def _index_entry(self, path: str, content: Content) -> str:
        if content is None:
            return f"0 {'0' * 40}\t{path}\0"
        file = (
            content if isinstance(content, File) else File(content if isinstance(content, bytes) else content.encode())
        )
        oid = file.content.decode() if file.mode == SUBMODULE else self._blob(file.content)
        return f"{file.mode} {oid}\t{path}\0"

    def _blob(self, content: bytes) -> str:
        """Write a loose object as git does (gitrepository-layout(5)), without starting git for every file."""
        whole = b"blob %d\0" % len(content) + content
        is_sha256 = "sha256" in (self._folder / "config").read_text("utf-8")
        oid = hashlib.new("sha256" if is_sha256 else "sha1", whole, usedforsecurity=False).hexdigest()
        path = self._folder / "objects" / oid[:2] / oid[2:]
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            scratch = path.with_name(f"{oid[2:]}.{threading.get_ident()}")
            scratch.write_bytes(zlib.compress(whole, 1))
            scratch.replace(path)
        return oid


_TEMPORARY = tempfile.gettempdir()
"""The folder for templates: a test may choose another one for what it runs."""


@functools.cache
def _template(files: tuple[tuple[str, Content], ...]) -> Path:
    """Return a bare repository with a first commit of these files: to copy one is ten times faster than to make one."""
    folder = tempfile.mkdtemp(prefix="basebump-tests-", dir=_TEMPORARY)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Git._make(Path(folder) / "template.git", dict(files), bare=True).directory
