"""Read and write the files of a checkout or of any other folder."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.core.git_ownership import explain_refusal
from bot.local_git import NO_CHECKOUT_ERRORS, read_committed_contents, run_git, run_git_in_background
from bot.model.errors import TreeError
from bot.model.forge import TreeEntry
from bot.model.source import FilePath
from bot.process import ProcessResult

MAX_CHECKOUTS = 1_000
"""The maximum number of checkouts in one folder, nested or side by side. Each costs two git processes."""

READ_CHUNK_BYTES = 1024 * 1024
"""The number of bytes that are read at once from a file that changed after it was listed."""

_CLOSED_FOLDER = re.compile(r"could not open directory '(.+?)/?': (.+)")
"""A warning of git about a folder that it could not open. Git lists the other folders nevertheless."""


@dataclass(frozen=True, slots=True)
class WorkTreeHistory:
    """The committed contents of the files of a folder; implements `bot.ports.FileHistory`.

    A folder outside of a checkout has no history. A file that was never committed has no history either.
    """

    root: Path

    def read_earlier(self, path: FilePath, max_commits: int) -> Iterator[bytes]:
        """Yield the committed contents of a file, newest first.

        The last commit is included, because the file in the folder can differ from it.
        """
        if not self._run_git("rev-parse", "--verify", "--quiet", "HEAD").status:
            yield from read_committed_contents(self._run_git, "HEAD", path, max_commits, prefix="./")

    def _run_git(self, *arguments: str) -> ProcessResult:
        completed = run_git(self.root, *arguments, failure=f"the history of {self.root} could not be read")
        return completed or ProcessResult(1, b"", "git is not installed")


class WorkTree:
    """The files of a folder. Symbolic links are listed separately, and never followed by the file system.

    If the folder is in a git checkout, files that git ignores are left out, and untracked files are included. This also
    applies to each further checkout inside the folder, such as a nested clone. If the whole folder is ignored by the
    checkout around it, git is not used, and all files are included.
    """

    is_complete = True
    is_on_disk = True

    def __init__(self, root: Path) -> None:
        self._root = root
        self._prefix = f"{root}/"
        self._unlisted: dict[FilePath, TreeError] = {}
        self._links: dict[FilePath, str] = {}

    def __reduce__(self) -> tuple[type[WorkTree], tuple[Path]]:
        return WorkTree, (self._root,)

    @property
    def unlisted_folders(self) -> Sequence[tuple[FilePath, TreeError]]:
        """The folders that could not be listed, each with the error.

        The result is complete only after all entries of `list_entries` were consumed.
        """
        return tuple((folder, self._unlisted[folder]) for folder in sorted(self._unlisted))

    @property
    def links(self) -> Mapping[FilePath, str]:
        """The text of each symbolic link. It is complete only after all entries of `list_entries` were consumed."""
        return self._links

    @property
    def history(self) -> WorkTreeHistory:
        return WorkTreeHistory(self._root)

    def list_entries(self) -> Iterator[TreeEntry]:
        """Yield the regular files below the folder as soon as they are listed, including those of nested checkouts.

        The order depends only on the names of the files.

        Raises:
            TreeError: If the folder cannot be listed.
        """
        self._unlisted.clear()
        self._links.clear()
        pending = [""]
        checkouts = 0
        while pending:
            folder = pending.pop()
            checkouts += 1
            if checkouts > MAX_CHECKOUTS:
                why = f"the tree contains more than {MAX_CHECKOUTS} checkouts; hint: scan this checkout separately"
                self._record_unlisted(folder, TreeError(why))
                continue
            try:
                tracked_paths = self._list_tracked(folder)
                if tracked_paths is None:
                    yield from self._walk_folder(folder, pending)
                else:
                    yield from self._list_checkout(folder, tracked_paths, pending)
            except TreeError as error:
                self._record_unlisted(folder, error)

    def read(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        for entry in entries:
            try:
                yield self._read_content(entry.path, entry.size)
            except TreeError as error:
                yield error

    def write(self, path: FilePath, old: bytes, new: bytes) -> None:
        """Replace the content of a file. Its mode, owner and group stay the same.

        If the file has only one hard link, the replacement is atomic. If it has several links, the content is
        overwritten in place, so that all links get the new content.

        Raises:
            TreeError: If the file no longer contains `old`, or cannot be written.
        """
        target = self._root / path
        if self._read_content(path) != old:
            raise TreeError("the file changed during the run; hint: run basebump again")
        try:
            status = target.stat()
            if status.st_nlink > 1:
                _overwrite_file(target, new)
            else:
                _replace_file(target, status, new)
        except OSError as error:
            raise TreeError(f"the file could not be written: {error.strerror}") from error

    def _read_content(self, path: FilePath, expected_size: int | None = None) -> bytes:
        """Return the content of a file. If its size is `expected_size`, as it is almost always, read it at once.

        Raises:
            TreeError: If the file cannot be read.
        """
        try:
            descriptor = os.open(self._prefix + path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                return _read_all(descriptor, expected_size or 0)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise TreeError(f"the file could not be read: {error.strerror}") from error

    def _is_folder(self, path: str, known_folders: dict[str, bool]) -> bool:
        """Return True if `path` is a folder, and none of its parent folders is a symbolic link.

        `known_folders` caches the results.
        """
        if path not in known_folders:
            status = self._get_status(path) if self._is_folder(path.rpartition("/")[0], known_folders) else None
            known_folders[path] = status is not None and stat.S_ISDIR(status.st_mode)
        return known_folders[path]

    def _get_status(self, path: str) -> os.stat_result | None:
        """Return the file status of a path without following links. Return None if the path does not exist.

        If the path cannot be accessed, for example without permission, record that its folder could not be listed, and
        return None.
        """
        try:
            return os.lstat(self._prefix + path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            folder = path.rpartition("/")[0]
            self._record_unlisted(folder, _make_unlistable_error(self._root / folder, error.strerror))
            return None

    def _record_unlisted(self, folder: str, error: TreeError) -> None:
        """Record a folder that could not be listed, and the error.

        Raises:
            TreeError: If the folder is the root of the tree.
        """
        inside = FilePath(folder.rstrip("/"))
        if inside in ("", "."):
            raise error
        self._unlisted.setdefault(inside, error)

    def _examine_paths(self, paths: Iterable[str]) -> Iterator[TreeEntry]:
        """Yield an entry for each path that is a regular file, and not below a symbolic link. Record each link."""
        folders: dict[str, bool] = {"": True}
        for path in paths:
            folder = path.rpartition("/")[0]
            if folders[folder] if folder in folders else self._is_folder(folder, folders):
                status = self._get_status(path)
                if status is not None and stat.S_ISREG(status.st_mode):
                    yield TreeEntry(FilePath(path), status.st_size)
                elif status is not None and stat.S_ISLNK(status.st_mode):
                    self._record_link(path)

    def _record_link(self, path: str) -> None:
        with contextlib.suppress(OSError):  # the link was removed meanwhile
            self._links[FilePath(path)] = str(Path(self._prefix + path).readlink())

    def _list_tracked(self, folder: str) -> list[str] | None:
        """Return the paths of the files in `folder` that git tracks.

        Return None if git cannot be used for the folder: if the folder is not in a checkout, or git is not installed.

        Raises:
            TreeError: If git cannot list the files.
        """
        git_result = self._query_git(folder, "ls-files", "-z", "--cached")
        if git_result is None or _is_outside_checkout(git_result):
            return None
        return self._parse_paths(folder, git_result)

    def _list_checkout(self, folder: str, tracked_paths: list[str], checkouts: list[str]) -> Iterator[TreeEntry]:
        """Yield the regular files of `folder`, which is in a checkout, except those that git ignores.

        Nested checkouts, such as `clone/`, are added to `checkouts`. If the checkout around the folder ignores the
        whole folder, all files are yielded. Git searches for untracked files, which takes the most time, while this
        process examines the tracked files.

        Raises:
            TreeError: If git cannot list the untracked files.
        """
        path = self._root / folder
        arguments = ("ls-files", "-z", "--others", "--exclude-standard")
        with run_git_in_background(path, *arguments, failure=_describe_failure(path)) as wait_for_git:
            yield from self._examine_paths(tracked_paths)
            git_result = wait_for_git()
        if _is_outside_checkout(git_result):  # a bare repository: git finds no untracked files without a worktree
            yield from self._walk_folder(folder, checkouts)
            return
        untracked_paths = self._parse_paths(folder, git_result)
        self._record_closed_folders(folder, git_result.error_text)
        if not tracked_paths and not untracked_paths:
            ignored = self._query_git(folder, "check-ignore", "--quiet", ".")
            if ignored is not None and ignored.status == 0:
                yield from self._walk_folder(folder, checkouts)
        checkouts += (path for path in untracked_paths if path.endswith("/"))
        yield from self._examine_paths(path for path in untracked_paths if not path.endswith("/"))

    def _parse_paths(self, folder: str, git_result: ProcessResult) -> list[str]:
        """Return the paths in the output of `git ls-files -z` for `folder`.

        Raises:
            TreeError: If git failed.
        """
        if git_result.status:
            raise TreeError(
                explain_refusal(git_result.error_text)
                or f"{self._root / folder} could not be listed with git, which knows the ignored files: "
                f"{git_result.error_text}"
            )
        names = dict.fromkeys(git_result.output.split(b"\0"))  # git lists a file with a merge conflict several times
        return [folder + os.fsdecode(name) for name in names if name]

    def _record_closed_folders(self, folder: str, warnings: str) -> None:
        """Record the folders that git could not open. `warnings` is git's output on stderr, which names these folders.

        The paths in `warnings` are relative to the root of the checkout, which may be above `folder`.
        """
        closed = _CLOSED_FOLDER.findall(warnings)
        top = self._query_git(folder, "rev-parse", "--show-prefix") if closed else None
        prefix = os.fsdecode(top.output).rstrip("\n") if top is not None else ""
        for path, why in closed:
            inside = folder + path.removeprefix(prefix)
            self._record_unlisted(inside, _make_unlistable_error(self._root / inside, why))

    def _query_git(self, folder: str, *arguments: str) -> ProcessResult | None:
        """Run git in `folder`, and return the result, even if git fails. Return None if git is not installed.

        Raises:
            TreeError: If git cannot be run.
        """
        path = self._root / folder
        return run_git(path, *arguments, failure=_describe_failure(path))

    def _walk_folder(self, folder: str, checkouts: list[str]) -> Iterator[TreeEntry]:
        """Yield the regular files below `folder`, without using git. Add nested checkouts to `checkouts`.

        A nested checkout is a path such as `clone/`. This is not `os.walk`, because the entries of a folder contain the
        types of its files, which `os.walk` drops.
        """
        pending = [folder]
        while pending:
            inside = pending.pop()
            try:
                with os.scandir(self._prefix + inside) as scanned:
                    children = sorted(scanned, key=_get_name)
            except OSError as error:
                self._record_walk_error(error)
                continue
            if inside != folder and any(child.name == ".git" for child in children):
                checkouts.append(inside)
                continue
            folders: list[str] = []
            for child in children:
                path = inside + child.name
                try:
                    if child.is_file(follow_symlinks=False):
                        yield TreeEntry(FilePath(path), child.stat(follow_symlinks=False).st_size)
                    elif child.is_dir(follow_symlinks=False) and child.name != ".git":
                        folders.append(f"{path}/")
                    elif child.is_symlink():
                        self._record_link(path)
                except OSError:  # the file was removed meanwhile, or cannot be accessed
                    yield from self._examine_paths([path])
            pending += reversed(folders)

    def _record_walk_error(self, error: OSError) -> None:
        folder = Path(error.filename or self._root)
        self._record_unlisted(folder.relative_to(self._root).as_posix(), _make_unlistable_error(folder, error.strerror))


def _get_name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _is_outside_checkout(git_result: ProcessResult) -> bool:
    return bool(git_result.status) and any(words in git_result.error_text for words in NO_CHECKOUT_ERRORS)


def _describe_failure(folder: Path) -> str:
    return f"{folder} could not be listed"


def _make_unlistable_error(folder: Path, why: str | None) -> TreeError:
    return TreeError(f"{folder} could not be listed: {why}; hint: make it readable for the user that runs basebump")


def _read_all(descriptor: int, expected_size: int) -> bytes:
    """Return the content of an open file. If the file has `expected_size` bytes, it is read by a single call.

    Raises:
        OSError: If the file cannot be read.
    """
    content = os.read(descriptor, expected_size + 1)
    if len(content) == expected_size:
        return content
    parts = [content]
    while parts[-1]:
        parts.append(os.read(descriptor, READ_CHUNK_BYTES))
    return b"".join(parts)


def _overwrite_file(target: Path, content: bytes) -> None:
    """Write `content` into the existing file, so that all hard links of the file get the new content.

    Raises:
        OSError: If the file cannot be written.
    """
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_NOFOLLOW), "wb") as file:
        file.write(content)
        file.truncate()


def _replace_file(target: Path, status: os.stat_result, content: bytes) -> None:
    """Replace a file with a new file that has the same mode, owner and group.

    Raises:
        OSError: If the new file cannot be written or moved.
        TreeError: If the operating system does not permit keeping the owner and the group.
    """
    import tempfile  # slow to import, and only needed for writing

    file = tempfile.NamedTemporaryFile(dir=target.parent, prefix=".basebump-", delete=False)  # noqa: SIM115 - below
    new_file = Path(file.name)
    try:
        with file:
            file.write(content)
        _set_owner(new_file, status)
        new_file.chmod(stat.S_IMODE(status.st_mode))  # after chown, which clears the setuid and setgid bits
        new_file.replace(target)
    except (OSError, TreeError):
        new_file.unlink(missing_ok=True)
        raise


def _set_owner(file: Path, status: os.stat_result) -> None:
    """Set the owner and the group of a file to those in `status`, the status of the file that it replaces.

    Raises:
        TreeError: If the operating system does not permit changing the owner.
    """
    current = file.stat()
    if (current.st_uid, current.st_gid) == (status.st_uid, status.st_gid):
        return
    try:
        os.chown(file, status.st_uid, status.st_gid)
    except OSError as error:
        raise TreeError(
            f"the owner of the file (user {status.st_uid} and group {status.st_gid}) could not be kept: "
            f"{error.strerror}; hint: run basebump as that user"
        ) from error
