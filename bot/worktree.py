"""The working tree of a checkout, or any folder: what `scan` reads and writes, and what changed in it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot import process
from bot.core.git_ownership import explain_refusal
from bot.core.places.diff import EVERY_LINE, changed_lines
from bot.model.errors import ProcessError, TreeError, UsageError
from bot.model.forge import Entry
from bot.model.source import FilePath

MAX_CHECKOUTS = 1_000
"""In one folder, each in the other or beside it. One costs a git process of some milliseconds; this many, seconds."""
MAX_PATHS = 200
"""Of one question to git: Linux takes two megabytes of arguments, and a path has four thousand bytes at most."""

_GIT_ENVIRONMENT = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
"""We read its complaints, and it asks nobody."""
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
"""A repository's own config must not make git start a program."""
_DIFF = (
    *("--unified=0", "--inter-hunk-context=0", "--relative", "--src-prefix=a/", "--dst-prefix=b/", "--no-renames"),
    *("--text", "--no-textconv", "--no-ext-diff", "--no-color", "-O/dev/null"),
)
"""The lines of every file, whatever its attributes and the repository's config say of how to show it."""
_ENCODING = "working-tree-encoding"
_NO_ENCODING = frozenset({b"unspecified", b"unset"})
"""In a wrong encoding lines are others: https://git-scm.com/docs/gitattributes#_working_tree_encoding."""
_COMMIT = re.compile(r"[0-9a-f]{40,64}", re.ASCII)
_NO_CHECKOUT = ("not a git repository (or any", "must be run in a work tree", "cannot use bare repository")
"""What git says where nothing is a checkout; a `.git` file that leads nowhere is none of these."""
_CLOSED = re.compile(r"could not open directory '(.+?)/?': (.+)")
"""What git only warns of, while it lists the rest."""


class WorkTree:
    """A folder as a tree: in a checkout untracked files belong to it and ignored ones do not; links never do.

    Clones inside of it are checkouts of their own. A folder that the checkout around it ignores is any folder.
    """

    complete = True

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unlisted: dict[FilePath, TreeError] = {}

    @property
    def unlisted(self) -> Sequence[tuple[FilePath, TreeError]]:
        """Folders that `entries` could not look into, and why; known once its last entry was taken."""
        return tuple((folder, self._unlisted[folder]) for folder in sorted(self._unlisted))

    def entries(self) -> Iterable[Entry]:
        """Return the regular files below the folder, in the order of their paths. Raises TreeError."""
        self._unlisted.clear()
        folders: dict[str, bool] = {"": True}
        for path in sorted(self._listed()):
            if self._is_folder(path.rpartition("/")[0], folders):
                found = self._status(path)
                if found is not None and stat.S_ISREG(found.st_mode):
                    yield Entry(path, found.st_size)

    def read(self, entries: Sequence[Entry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry, in their order, or why it could not be read."""
        for entry in entries:
            try:
                yield self._content(entry.path)
            except TreeError as error:
                yield error

    def write(self, path: FilePath, old: bytes, new: bytes) -> None:
        """Replace the content, keeping mode, owner and group.

        In one step, except where the file has other names (hard links), which would keep the old content.
        Raises TreeError when the file no longer holds `old`, or cannot be written.
        """
        target = self._root / path
        if self._content(path) != old:
            raise TreeError("it changed while basebump was looking; run it again")
        try:
            status = target.stat()
            if status.st_nlink > 1:
                _overwrite(target, new)
            else:
                _replace(target, status, new)
        except OSError as error:
            raise TreeError(f"it could not be written: {error.strerror}") from error

    def _content(self, path: FilePath) -> bytes:
        try:
            descriptor = os.open(f"{self._root}/{path}", os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                return file.read()
        except OSError as error:
            raise TreeError(f"it could not be read: {error.strerror}") from error

    def _is_folder(self, path: str, known: dict[str, bool]) -> bool:
        """Say whether `path` is a folder that is reached through no link; `known` is what has been found out so far."""
        if path not in known:
            found = self._status(path) if self._is_folder(path.rpartition("/")[0], known) else None
            known[path] = found is not None and stat.S_ISDIR(found.st_mode)
        return known[path]

    def _status(self, path: str) -> os.stat_result | None:
        """Return what the file system says of a path itself, None where there is nothing or nothing can be seen."""
        try:
            return os.lstat(f"{self._root}/{path}")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            folder = path.rpartition("/")[0]
            self._miss(folder, _unlistable(self._root / folder, error.strerror))
            return None

    def _miss(self, folder: str, why: TreeError) -> None:
        """Remember a folder that could not be looked into; without the root there is no tree. Raises TreeError."""
        inside = FilePath(folder.rstrip("/"))
        if inside in ("", "."):
            raise why
        self._unlisted.setdefault(inside, why)

    def _listed(self) -> set[FilePath]:
        """Return the files of the folder and of every checkout inside of it. Raises TreeError."""
        files: set[FilePath] = set()
        pending = [""]
        checkouts = 0
        while pending:
            folder = pending.pop()
            checkouts += 1
            if checkouts > MAX_CHECKOUTS:
                why = f"it lies among more than {MAX_CHECKOUTS} checkouts, and is one of its own; scan it by itself"
                self._miss(folder, TreeError(why))
                continue
            try:
                found = self._listed_by_git(folder)
            except TreeError as error:
                self._miss(folder, error)
                continue
            for path in self._walked(folder) if found is None else found:
                if path.endswith("/"):
                    pending.append(path)
                else:
                    files.add(FilePath(path))
        return files

    def _listed_by_git(self, folder: str) -> list[str] | None:
        """Return what git takes for files of `folder`, and for checkouts of their own, which end with a slash.

        None where it is no checkout, one around it ignores it, or there is no git. Raises TreeError.
        """
        listed = self._ask_git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        if listed is None or (listed.status and any(words in listed.errors for words in _NO_CHECKOUT)):
            return None
        if listed.status:
            raise TreeError(
                explain_refusal(listed.errors)
                or f"git could not list {self._root / folder}, and only git knows what it ignores: {listed.errors}"
            )
        self._miss_closed(folder, listed.errors)
        paths = [folder + os.fsdecode(path) for path in listed.output.split(b"\0") if path]
        if not paths:
            ignored = self._ask_git(folder, "check-ignore", "--quiet", ".")
            if ignored is not None and ignored.status == 0:
                return None
        return paths

    def _miss_closed(self, folder: str, warnings: str) -> None:
        """Remember the folders that git warns it could not open: it names them from the top of the checkout."""
        closed = _CLOSED.findall(warnings)
        top = self._ask_git(folder, "rev-parse", "--show-prefix") if closed else None
        prefix = os.fsdecode(top.output).rstrip("\n") if top is not None else ""
        for place, why in closed:
            inside = folder + place.removeprefix(prefix)
            self._miss(inside, _unlistable(self._root / inside, why))

    def _ask_git(self, folder: str, *arguments: str) -> process.Completed | None:
        """Run git in `folder`, whatever its status means; None where there is no git. Raises TreeError."""
        place = self._root / folder
        return _git(place, *arguments, failure=f"{place} could not be listed")

    def _walked(self, folder: str) -> Iterator[str]:
        """Yield the files below `folder`, and the checkouts inside of it, which end with a slash."""
        top = self._root / folder
        for place, folders, files in os.walk(top, onerror=self._miss_unwalked):
            inside = Path(place).relative_to(self._root)
            if Path(place) != top and ".git" in (*folders, *files):
                folders.clear()
                yield f"{inside.as_posix()}/"
                continue
            folders[:] = [each for each in folders if each != ".git"]
            yield from ((inside / each).as_posix() for each in files)

    def _miss_unwalked(self, error: OSError) -> None:
        folder = Path(error.filename or self._root)
        self._miss(folder.relative_to(self._root).as_posix(), _unlistable(folder, error.strerror))


@dataclass(frozen=True, slots=True)
class SinceRevision:
    """What changed in a checkout since a commit; what git does not track counts as changed."""

    root: Path
    revision: str
    commit: str
    """The revision's."""

    @classmethod
    def of(cls, root: Path, revision: str) -> SinceRevision:
        """Raises UsageError where there is no such revision, and TreeError where git cannot be asked."""
        if not revision or revision.startswith("-"):
            raise UsageError(f"{revision!r} is no revision: name a commit, a branch or a tag")
        asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        found = _git(root, *asked, failure=f"{revision!r} could not be looked up in {root}")
        if found is None:
            raise UsageError("--since needs git, which is not installed here")
        if found.status and any(words in found.errors for words in _NO_CHECKOUT):
            raise UsageError(f"--since needs a git checkout, and {root} is none")
        if found.status and (refusal := explain_refusal(found.errors)):
            raise TreeError(refusal)
        commit = found.output.decode(errors="replace").strip()
        if found.status or not _COMMIT.fullmatch(commit):
            raise UsageError(f"{revision!r} is no revision of {root}; in a shallow clone it has to be fetched first")
        return cls(root, revision, commit)

    def changed(self, paths: Collection[FilePath]) -> Mapping[FilePath, tuple[range, ...]]:
        """Return the lines of each file that changed. Raises TreeError."""
        whole = self._incomparable(paths)
        changed: dict[FilePath, tuple[range, ...]] = dict.fromkeys(whole, (EVERY_LINE,))
        others = sorted(set(paths) - whole)
        environment = {"GIT_LITERAL_PATHSPECS": "1", **self._without_filters()} if others else {}
        for first in range(0, len(others), MAX_PATHS):
            batch = others[first : first + MAX_PATHS]
            patch = self._ask("diff", *_DIFF, self.commit, "--", *batch, environment=environment)
            changed |= {FilePath(os.fsdecode(path)): lines for path, lines in changed_lines(patch).items()}
        return changed

    def _incomparable(self, paths: Collection[FilePath]) -> set[FilePath]:
        """Return the files that git does not track, and those that it would compare in another encoding than theirs."""
        tracked = {os.fsdecode(path) for path in self._ask("ls-files", "-z", "--cached").split(b"\0")}
        asked = b"".join(os.fsencode(path) + b"\0" for path in paths)
        said = self._ask("check-attr", "-z", "--stdin", _ENCODING, stdin=asked).split(b"\0")
        values = dict(zip(said[0::3], said[2::3], strict=False))  # path, attribute, value
        return {path for path in paths if path not in tracked or values.get(os.fsencode(path)) not in _NO_ENCODING}

    def _without_filters(self) -> Mapping[str, str]:
        """Return an environment in which git runs no filter of anybody's config over the files that it compares."""
        asked = ("config", "--null", "--name-only", "--get-regexp", r"^filter\.")
        found = _git(self.root, *asked, failure=self._failure)
        keys = sorted({os.fsdecode(key) for key in found.output.split(b"\0") if key} if found is not None else ())
        environment = {"GIT_CONFIG_COUNT": str(len(keys))}
        for number, key in enumerate(keys):
            value = "false" if key.endswith(".required") else ""
            environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return environment

    def _ask(self, *arguments: str, environment: Mapping[str, str] | None = None, stdin: bytes = b"") -> bytes:
        found = _git(self.root, *arguments, failure=self._failure, environment=environment, stdin=stdin)
        if found is None or found.status:
            raise TreeError(f"{self._failure}: {found.errors if found is not None else 'git is gone'}")
        return found.output

    @property
    def _failure(self) -> str:
        return f"what changed in {self.root} since {self.revision} could not be found out"


def _git(
    folder: Path,
    *arguments: str,
    failure: str,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> process.Completed | None:
    """Run git in `folder`, whatever its status means; None where there is no git.

    Raises TreeError, which begins with `failure`: what is not known without an answer.
    """
    given = {**_GIT_ENVIRONMENT, **(environment or {})}
    try:
        return process.run([*_GIT, *arguments], cwd=folder, environment=given, stdin=stdin)
    except ProcessError as error:
        if error.missing:
            return None
        raise TreeError(f"{failure}: {error}") from error


def _unlistable(folder: Path, why: str | None) -> TreeError:
    return TreeError(f"{folder} could not be listed: {why}; let the user that runs basebump read it")


def _overwrite(target: Path, content: bytes) -> None:
    """Write into a file, so that all of its names show it. Raises OSError."""
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_NOFOLLOW), "wb") as file:
        file.write(content)
        file.truncate()


def _replace(target: Path, status: os.stat_result, content: bytes) -> None:
    """Put a new file in the place of one whose `status` it takes over. Raises OSError, TreeError."""
    import tempfile  # much to import where nothing is written

    file = tempfile.NamedTemporaryFile(dir=target.parent, prefix=".basebump-", delete=False)  # noqa: SIM115 - below
    beside = Path(file.name)
    try:
        with file:
            file.write(content)
        _give(beside, status)
        beside.chmod(stat.S_IMODE(status.st_mode))  # after its owner, since a new owner costs it its special bits
        beside.replace(target)
    except (OSError, TreeError):
        beside.unlink(missing_ok=True)
        raise


def _give(file: Path, status: os.stat_result) -> None:
    """Let a file belong to whom `status` says. Raises TreeError."""
    made = file.stat()
    if (made.st_uid, made.st_gid) == (status.st_uid, status.st_gid):
        return
    try:
        os.chown(file, status.st_uid, status.st_gid)
    except OSError as error:
        raise TreeError(
            f"it belongs to user {status.st_uid} and group {status.st_gid}, which basebump cannot keep: "
            f"{error.strerror}; run it as that user"
        ) from error
