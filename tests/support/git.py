"""Real git repositories made small, and people who commit to them.

Everything is plumbing: a commit is made from a mapping of paths, needs no worktree, and takes about a millisecond.
Simple reads and writes of objects and refs start no git; git does all the others.
"""

from __future__ import annotations

import atexit
import functools
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from support.git_answers import OID, answer_command, find_object
from support.git_objects import LooseObjects, RawCommit, TreeEntry
from support.git_refs import delete_ref, read_refs, write_ref

REGULAR, EXECUTABLE, LINK, SUBMODULE = "100644", "100755", "120000", "160000"
"""The modes that git knows."""


@dataclass(frozen=True, slots=True)
class TreeFile:
    """One entry of a tree; the content of a link is where it points, that of a submodule its commit."""

    content: bytes
    mode: str = REGULAR


Content = TreeFile | bytes | str | None
"""What a path shall hold: text and bytes are regular files, None is nothing."""


@dataclass(frozen=True, slots=True)
class CommitAuthor:
    """An author or a committer of a commit."""

    name: str
    email: str


ADA = CommitAuthor("Ada", "ada@example.org")
"""Who does what people do, unless a test names somebody else."""


@dataclass(frozen=True, slots=True)
class LoggedCommit:
    """One commit, as `git log` tells it."""

    oid: str
    parents: tuple[str, ...]
    author: CommitAuthor
    committer: CommitAuthor
    message: str


_READING = frozenset({"cat-file", "diff", "diff-tree", "ls-tree", "rev-list", "show"})
_MERGING = frozenset({"merge-base", "merge-tree"})
"""Commands whose output stays the same if all their operands are names of objects; of the latter also a failure."""
_OPERAND = re.compile(r"-.*|blob|[0-9a-f]{40}(\.\.[0-9a-f]{40})?")


class DiskRepository:
    """One repository on this machine."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        """Of a checked-out repository the worktree, of a bare one itself."""
        self._read: dict[tuple[str, ...], subprocess.CompletedProcess[bytes]] = {}
        self._there: set[str] = set()

    @classmethod
    def create(
        cls, directory: Path, files: Mapping[str, Content] | None = None, *, bare: bool = True
    ) -> DiskRepository:
        """Make a repository whose HEAD is `main`; with `files` there is a first commit, else `main` is unborn.

        A checked-out repository has its worktree filled.
        """
        if bare and files is not None:
            directory.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(_template(tuple(files.items())), directory)
            return cls(directory)
        return cls._make(directory, files, bare=bare)

    @classmethod
    def _make(cls, directory: Path, files: Mapping[str, Content] | None, *, bare: bool) -> DiskRepository:
        directory.mkdir(parents=True)
        cls(directory).run("init", "--quiet", "--template=", "--initial-branch=main", *(["--bare"] if bare else []))
        git = cls(directory)  # only now it can be seen where git keeps its objects
        if files is not None:
            git.commit("main", files, "Start")
            if not bare:
                git.run("reset", "--quiet", "--hard")
        return git

    def run(
        self, *arguments: str, stdin: bytes = b"", who: CommitAuthor = ADA, environment: Mapping[str, str] | None = None
    ) -> bytes:
        """Run git in the repository as `who`, and return its output; an error fails the test."""
        done = self._run(arguments, stdin, who, environment)
        assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr.decode()}"
        return done.stdout

    @functools.cached_property
    def objects(self) -> LooseObjects:
        return LooseObjects(self._folder)

    def exists(self, name: str) -> bool:
        """Return True if an object exists; known object names are remembered."""
        if name in self._there:
            return True
        found = find_object(self.objects, name)
        is_there = self._says("cat-file", "-e", name) if found is None else found
        if is_there and OID.match(name):
            self._there.add(name)
        return is_there

    def has(self, commit: str, ancestor: str) -> bool:
        """Return True if `ancestor` is an ancestor of `commit`."""
        held = self.objects.list_ancestors(commit)
        if held is not None and OID.fullmatch(ancestor):
            return ancestor in held
        return self._says("merge-base", "--is-ancestor", ancestor, commit)

    def is_related(self, one: str, other: str) -> bool:
        """Return True if two commits have a common ancestor."""
        ancestors = [self.objects.list_ancestors(commit) for commit in (one, other)]
        if None not in ancestors:
            return not set.isdisjoint(*ancestors)
        return self._says("merge-base", one, other)

    def conflicts(self, one: str, other: str) -> bool:
        """Return True if git cannot merge two commits automatically."""
        return not self._says("merge-tree", "--write-tree", one, other)

    def take(self, other: DiskRepository, commit: str, ref: str) -> None:
        """Let `ref` point to a commit, which comes along where it is another repository's."""
        if other.directory == self.directory:
            self.point(ref, commit)
        else:
            self.run("fetch", "--quiet", str(other.directory), f"+{commit}:{ref}")

    def _says(self, *arguments: str) -> bool:
        return self._run(arguments).returncode == 0

    def _run(
        self,
        arguments: tuple[str, ...],
        stdin: bytes = b"",
        who: CommitAuthor = ADA,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        if arguments in self._read:
            return self._read[arguments]
        printed = answer_command(self.objects, arguments)
        if printed is not None:
            return subprocess.CompletedProcess(arguments, 0, printed, b"")
        done = self._start(arguments, stdin, who, environment)
        operands = arguments[1 : arguments.index("--") if "--" in arguments else None]
        stays = arguments[0] in _MERGING if done.returncode else arguments[0] in _READING | _MERGING
        if stays and not done.stderr and all(map(_OPERAND.fullmatch, operands)):
            self._read[arguments] = done
        return done

    def _start(
        self, arguments: Iterable[str], stdin: bytes, who: CommitAuthor, environment: Mapping[str, str] | None
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
        """Return the commit of a branch, or None if the branch does not exist."""
        return self.branches().get(branch)

    def commit(
        self,
        branch: str,
        files: Mapping[str, Content],
        message: str = "A person's work",
        *,
        who: CommitAuthor = ADA,
        start: str = "main",
    ) -> str:
        """Commit on top of a branch, which is made at `start` where it does not exist; return the commit."""
        parent = self.head(branch) or self.head(start)
        commit = self.make_commit([parent] if parent else [], files, message, who=who)
        self.point(f"refs/heads/{branch}", commit)
        return commit

    def amend(self, branch: str, files: Mapping[str, Content], *, who: CommitAuthor = ADA) -> str:
        """Amend a commit as `git commit --amend`: message and author stay, the committer is `who`."""
        (old, *_) = self.log(branch)
        commit = self.make_commit(old.parents, files, old.message, who=who, author=old.author, over=old.oid)
        self.point(f"refs/heads/{branch}", commit)
        return commit

    def merge(self, branch: str, into: str, *, who: CommitAuthor = ADA) -> str:
        """Merge without a fast-forward; return the merge commit."""
        ours, theirs = self.need(into), self.need(branch)
        tree = self.run("merge-tree", "--write-tree", ours, theirs).decode().split("\n")[0]
        message = f"Merge branch '{branch}'\n".encode()
        merged = self.write_commit(tree, [ours, theirs], message.decode(), who=who)
        self.point(f"refs/heads/{into}", merged)
        return merged

    def make_commit(
        self,
        parents: Iterable[str],
        files: Mapping[str, Content],
        message: str,
        *,
        who: CommitAuthor = ADA,
        author: CommitAuthor | None = None,
        over: str | None = None,
    ) -> str:
        """Make a commit that no ref names yet: the tree of `over` (else of the first parent) with `files` in it."""
        parents = list(parents)
        base = over or next(iter(parents), None)
        tree = self.write_tree(base, {path: self._entry(content) for path, content in files.items()})
        return self.write_commit(tree, parents, message, who=who, author=author)

    def write_tree(self, base: str | None, changes: Mapping[str, TreeEntry | None]) -> str:
        """Write the tree of a commit or tree `base` with some paths changed, as an index would; None deletes a path."""
        written = self.objects.write_tree(base, changes)
        if written is not None:
            return written
        entries = (f"{entry.mode} {entry.oid}" if entry else f"0 {'0' * 40}" for entry in changes.values())
        lines = "".join(f"{entry}\t{path}\0" for entry, path in zip(entries, changes, strict=True))
        with tempfile.TemporaryDirectory() as scratch:
            index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            self.run("read-tree", *([base] if base else ["--empty"]), environment=index)
            self.run("update-index", "-z", "--index-info", stdin=lines.encode(), environment=index)
            return self.run("write-tree", environment=index).decode().strip()

    def write_commit(
        self,
        tree: str,
        parents: Iterable[str],
        message: str,
        *,
        who: CommitAuthor = ADA,
        author: CommitAuthor | None = None,
    ) -> str:
        """Write a commit that no ref names yet; `who` commits, and is the author unless there is another."""
        writer, parents, now = author or who, tuple(parents), int(time.time())
        people = ((writer.name, writer.email, now), (who.name, who.email, now))
        written = self.objects.write_commit(RawCommit(tree, parents, *people, message))
        if written is not None:
            return written
        words = [word for parent in parents for word in ("-p", parent)]
        environment = {"GIT_AUTHOR_NAME": writer.name, "GIT_AUTHOR_EMAIL": writer.email}
        made = self.run("commit-tree", tree, *words, stdin=message.encode(), who=who, environment=environment)
        return made.decode().strip()

    def point(self, ref: str, oid: str) -> None:
        """Let a ref name an object, as `git update-ref` does."""
        if not write_ref(self.directory, ref, oid):
            self.run("update-ref", ref, oid)

    def need(self, revision: str) -> str:
        """Return the commit that `revision` names; the test fails where there is none."""
        named = self._resolve(revision)
        if self.objects.read_commit(named) is not None:
            return named
        return self.run("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").decode().strip()

    def _resolve(self, revision: str) -> str:
        """Return the commit of a ref or a branch; other revisions are returned unchanged."""
        if OID.fullmatch(revision):
            return revision
        refs = self.refs()
        return refs.get(revision) or refs.get(f"refs/heads/{revision}") or revision

    def delete(self, branch: str) -> None:
        self.delete_ref(f"refs/heads/{branch}")

    def delete_ref(self, ref: str) -> None:
        if not delete_ref(self.directory, ref):
            self.run("update-ref", "-d", ref)

    def refs(self, under: str = "refs/") -> dict[str, str]:
        """Return every ref below `under` and the object that it names, sorted."""
        return {ref: oid for ref, oid in read_refs(self._folder).items() if ref.startswith(under)}

    @property
    def _folder(self) -> Path:
        """Where git keeps its own: in a folder of a checked-out repository."""
        inside = self.directory / ".git"
        return inside if inside.is_dir() else self.directory

    def branches(self) -> dict[str, str]:
        """Return every branch and its commit."""
        return {ref.removeprefix("refs/heads/"): oid for ref, oid in self.refs("refs/heads/").items()}

    def files(self, revision: str) -> dict[str, TreeFile]:
        """Return every entry of a revision's tree, links and submodules too."""
        tree = self.objects.find_tree(self._resolve(revision))
        walked = self.objects.walk_tree(tree) if tree else None
        if walked is not None:
            return {path: self._file(entry) for path, entry in walked if entry.kind != "tree"}
        listed = self.run("ls-tree", "-r", "-z", "--full-tree", revision).decode(errors="surrogateescape")
        files = {}
        for entry in listed.split("\0")[:-1]:
            attributes, _, path = entry.partition("\t")
            mode, _, oid = attributes.split(" ")
            files[path] = self._file(TreeEntry(mode, oid))
        return files

    def find_path(self, revision: str, path: str) -> str | None:
        """Return the object at a path of a commit, a blob or a tree; None if there is nothing."""
        tree = self.objects.find_tree(self._resolve(revision))
        walked = self.objects.walk_tree(tree) if tree else None
        if walked is not None:
            return next((entry.oid for each, entry in walked if each == path.rstrip("/")), None)
        name = f"{revision}:{path}"
        return self.run("rev-parse", name).decode().strip() if self.exists(name) else None

    def _file(self, entry: TreeEntry) -> TreeFile:
        is_submodule = entry.kind == "commit"
        return TreeFile(entry.oid.encode() if is_submodule else self.run("cat-file", "blob", entry.oid), entry.mode)

    def list_file_commits(self, revision: str, path: str) -> list[str]:
        """Return the commits of `revision` that changed a file, newest first."""
        return self.run("--literal-pathspecs", "log", "--format=%H", revision, "--", path).decode().split()

    def log(self, revision: str, *, without: str | None = None) -> list[LoggedCommit]:
        """Return the commits of `revision`, newest first, without those that `without` has too."""
        listed = self.objects.list_line(self._resolve(revision), self._resolve(without) if without else None)
        if listed is not None:
            people = ((CommitAuthor(*each.author[:2]), CommitAuthor(*each.committer[:2])) for _, each in listed)
            return [LoggedCommit(oid, c.parents, *who, c.message) for (oid, c), who in zip(listed, people, strict=True)]
        form = "%H%x00%P%x00%an%x00%ae%x00%cn%x00%ce%x00%B%x00"
        excluded = [f"^{without}"] if without else []
        commits = []
        fields = iter(self.run("log", f"--format={form}", revision, *excluded).decode().split("\0")[:-1])
        for oid, parents, author, author_mail, committer, committer_mail, message in zip(*[fields] * 7, strict=True):
            commits.append(
                LoggedCommit(
                    oid.strip(),
                    tuple(parents.split()),
                    CommitAuthor(author, author_mail),
                    CommitAuthor(committer, committer_mail),
                    message,
                )
            )
        return commits

    def show_commit(self, oid: str) -> RawCommit:
        """Return the content of a commit."""
        commit = self.objects.read_commit(oid)
        if commit is not None:
            return commit
        form = "%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B"
        tree, parents, *people, message = (
            self.run("show", "--no-patch", f"--format={form}", oid).decode().removesuffix("\n").split("\0")
        )
        author, committer = ((name, address, int(at)) for name, address, at in (people[:3], people[3:]))
        return RawCommit(tree, tuple(parents.split()), author, committer, message)

    def write_blob(self, content: bytes) -> str:
        return self.objects.write("blob", content)

    def _entry(self, content: Content) -> TreeEntry | None:
        if content is None:
            return None
        file = (
            content
            if isinstance(content, TreeFile)
            else TreeFile(content if isinstance(content, bytes) else content.encode())
        )
        is_submodule = file.mode == SUBMODULE
        return TreeEntry(file.mode, file.content.decode() if is_submodule else self.write_blob(file.content))


_TEMPORARY = tempfile.gettempdir()
"""The folder for templates: a test may choose another one for what it runs."""


@functools.cache
def _template(files: tuple[tuple[str, Content], ...]) -> Path:
    """Return a bare repository with a first commit of these files: to copy one is ten times faster than to make one."""
    folder = tempfile.mkdtemp(prefix="basebump-tests-", dir=_TEMPORARY)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return DiskRepository._make(Path(folder) / "template.git", dict(files), bare=True).directory
