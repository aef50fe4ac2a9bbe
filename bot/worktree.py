"""The working tree of a checkout, or any folder: what `scan` reads and `scan --write` writes."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from bot import process
from bot.core.distrust import explain_distrust
from bot.model.errors import ProcessError, TreeError
from bot.model.source import FilePath
from bot.ports import Entry

MAX_CHECKOUTS = 1_000
"""In one folder, each in the other or beside it. One costs a git process of some milliseconds; this many, seconds."""

_GIT_ENVIRONMENT = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}  # we read its complaints
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
"""A repository's own config must not make git start a program."""
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
                explain_distrust(listed.errors)
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
        try:
            return process.run([*_GIT, *arguments], cwd=self._root / folder, environment=_GIT_ENVIRONMENT)
        except ProcessError as error:
            if error.missing:
                return None
            raise TreeError(f"{self._root / folder} could not be listed: {error}") from error

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

    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".basebump-", delete=False) as file:
        beside = Path(file.name)
        file.write(content)
    try:
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
