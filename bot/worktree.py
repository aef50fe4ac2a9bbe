"""The working tree of a checkout, or any folder: reads and writes its files, and lists changed lines."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot import process
from bot.core.git_ownership import explain_refusal
from bot.core.references.diff import ALL_LINES, parse_changed_lines
from bot.model.errors import ProcessError, TreeError, UsageError
from bot.model.forge import TreeEntry
from bot.model.source import FilePath

MAX_CHECKOUTS = 1_000
"""Checkouts in one folder, nested or side by side. Each costs a git process of some milliseconds."""
MAX_PATHS = 200
"""Paths in one git command: Linux limits arguments to two megabytes, and a path has at most 4096 bytes."""

_BASE_ENVIRONMENT = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
"""Messages in English, because they are parsed; no prompts and no fetching of missing objects."""
_GIT_COMMAND = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
"""Settings that prevent a repository's own config from making git start a program."""
_DIFF_OPTIONS = (
    *("--unified=0", "--inter-hunk-context=0", "--relative", "--src-prefix=a/", "--dst-prefix=b/", "--no-renames"),
    *("--text", "--no-textconv", "--no-ext-diff", "--no-color", "-O/dev/null"),
)
"""Shows the changed lines of every file, regardless of attributes and the repository's display settings."""
_ENCODING_ATTRIBUTE = "working-tree-encoding"
_UNSET_VALUES = frozenset({b"unspecified", b"unset"})
"""Lines differ in another encoding: https://git-scm.com/docs/gitattributes#_working_tree_encoding."""
_COMMIT = re.compile(r"[0-9a-f]{40,64}", re.ASCII)
_NO_CHECKOUT_ERRORS = ("not a git repository (or any", "must be run in a work tree", "cannot use bare repository")
"""Messages of git outside of a checkout; git reports a `.git` file with an invalid target differently."""
_CLOSED_FOLDER = re.compile(r"could not open directory '(.+?)/?': (.+)")
"""A warning of git about a folder that it skips while it lists the others."""


class WorkTree:
    """A folder as a tree; in a checkout it includes untracked files, but not ignored files and symbolic links.

    Clones inside the folder are separate checkouts. A folder that the surrounding checkout ignores is read
    like a folder outside of any checkout.
    """

    is_complete = True

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unlisted: dict[FilePath, TreeError] = {}

    @property
    def unlisted_folders(self) -> Sequence[tuple[FilePath, TreeError]]:
        """Folders that could not be listed, with the error; complete once `list_entries` is exhausted."""
        return tuple((folder, self._unlisted[folder]) for folder in sorted(self._unlisted))

    def list_entries(self) -> Iterable[TreeEntry]:
        """Return the regular files below the folder, sorted by path.

        Raises:
            TreeError: If the folder cannot be listed.
        """
        self._unlisted.clear()
        folders: dict[str, bool] = {"": True}
        for path in sorted(self._list_files()):
            if self._is_folder(path.rpartition("/")[0], folders):
                found = self._get_status(path)
                if found is not None and stat.S_ISREG(found.st_mode):
                    yield TreeEntry(path, found.st_size)

    def read(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry in the given order, or the error if a file cannot be read."""
        for entry in entries:
            try:
                yield self._read_content(entry.path)
            except TreeError as error:
                yield error

    def write(self, path: FilePath, old: bytes, new: bytes) -> None:
        """Replace the content of a file, keeping mode, owner and group.

        The replacement is atomic unless the file has hard links, which would then keep the old content.

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

    def _read_content(self, path: FilePath) -> bytes:
        try:
            descriptor = os.open(f"{self._root}/{path}", os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                return file.read()
        except OSError as error:
            raise TreeError(f"the file could not be read: {error.strerror}") from error

    def _is_folder(self, path: str, known_folders: dict[str, bool]) -> bool:
        """Return True if `path` is a folder not reached through links; results are cached in `known_folders`."""
        if path not in known_folders:
            found = self._get_status(path) if self._is_folder(path.rpartition("/")[0], known_folders) else None
            known_folders[path] = found is not None and stat.S_ISDIR(found.st_mode)
        return known_folders[path]

    def _get_status(self, path: str) -> os.stat_result | None:
        """Return the status of a path without following links; None if it does not exist or cannot be accessed."""
        try:
            return os.lstat(f"{self._root}/{path}")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            folder = path.rpartition("/")[0]
            self._record_unlisted(folder, _make_unlistable_error(self._root / folder, error.strerror))
            return None

    def _record_unlisted(self, folder: str, error: TreeError) -> None:
        """Record a folder that could not be listed.

        Raises:
            TreeError: If the folder is the root, because then there is no tree.
        """
        inside = FilePath(folder.rstrip("/"))
        if inside in ("", "."):
            raise error
        self._unlisted.setdefault(inside, error)

    def _list_files(self) -> set[FilePath]:
        """Return the files of the folder and of every checkout in it.

        Raises:
            TreeError: If the root folder cannot be listed.
        """
        files: set[FilePath] = set()
        pending = [""]
        checkouts = 0
        while pending:
            folder = pending.pop()
            checkouts += 1
            if checkouts > MAX_CHECKOUTS:
                why = f"the tree contains more than {MAX_CHECKOUTS} checkouts; hint: scan this one by itself"
                self._record_unlisted(folder, TreeError(why))
                continue
            try:
                listed_paths = self._list_with_git(folder)
            except TreeError as error:
                self._record_unlisted(folder, error)
                continue
            for path in self._walk_folder(folder) if listed_paths is None else listed_paths:
                if path.endswith("/"):
                    pending.append(path)
                else:
                    files.add(FilePath(path))
        return files

    def _list_with_git(self, folder: str) -> list[str] | None:
        """Return the files of `folder` as git lists them; nested checkouts are included as paths that end with a slash.

        None if the folder is not a checkout, the surrounding checkout ignores it, or git is not installed.

        Raises:
            TreeError: If git cannot list the files.
        """
        git_result = self._query_git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        if git_result is None or (
            git_result.status and any(words in git_result.error_text for words in _NO_CHECKOUT_ERRORS)
        ):
            return None
        if git_result.status:
            raise TreeError(
                explain_refusal(git_result.error_text)
                or f"git could not list {self._root / folder}, and only git knows the ignored files: "
                f"{git_result.error_text}"
            )
        self._record_closed_folders(folder, git_result.error_text)
        paths = [folder + os.fsdecode(path) for path in git_result.output.split(b"\0") if path]
        if not paths:
            ignored = self._query_git(folder, "check-ignore", "--quiet", ".")
            if ignored is not None and ignored.status == 0:
                return None
        return paths

    def _record_closed_folders(self, folder: str, warnings: str) -> None:
        """Record the folders that git warns it could not open; git names them relative to the root of the checkout."""
        closed = _CLOSED_FOLDER.findall(warnings)
        top = self._query_git(folder, "rev-parse", "--show-prefix") if closed else None
        prefix = os.fsdecode(top.output).rstrip("\n") if top is not None else ""
        for place, why in closed:
            inside = folder + place.removeprefix(prefix)
            self._record_unlisted(inside, _make_unlistable_error(self._root / inside, why))

    def _query_git(self, folder: str, *arguments: str) -> process.ProcessResult | None:
        """Run git in `folder` and return the result with any status; None if git is not installed.

        Raises:
            TreeError: If git cannot be run.
        """
        place = self._root / folder
        return _run_git(place, *arguments, failure=f"{place} could not be listed")

    def _walk_folder(self, folder: str) -> Iterator[str]:
        """Yield the files below `folder`; nested checkouts are yielded as paths that end with a slash."""
        top = self._root / folder
        for place, folders, files in os.walk(top, onerror=self._record_walk_error):
            inside = Path(place).relative_to(self._root)
            if Path(place) != top and ".git" in (*folders, *files):
                folders.clear()
                yield f"{inside.as_posix()}/"
                continue
            folders[:] = [each for each in folders if each != ".git"]
            yield from ((inside / each).as_posix() for each in files)

    def _record_walk_error(self, error: OSError) -> None:
        folder = Path(error.filename or self._root)
        self._record_unlisted(folder.relative_to(self._root).as_posix(), _make_unlistable_error(folder, error.strerror))


@dataclass(frozen=True, slots=True)
class GitRevisionDiff:
    """The lines that changed in a checkout since a commit; files that git does not track count as changed."""

    root: Path
    revision: str
    commit: str
    """The commit that the revision resolves to."""

    @classmethod
    def resolve_revision(cls, root: Path, revision: str) -> GitRevisionDiff:
        """Resolve a revision and return the difference to it.

        Raises:
            UsageError: If the revision does not exist.
            TreeError: If git cannot be queried.
        """
        if not revision or revision.startswith("-"):
            raise UsageError(f"{revision!r} is not a revision; hint: name a commit, a branch or a tag")
        arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        git_result = _run_git(root, *arguments, failure=f"{revision!r} could not be looked up in {root}")
        if git_result is None:
            raise UsageError("--since needs git, which is not installed; hint: install git")
        if git_result.status and any(words in git_result.error_text for words in _NO_CHECKOUT_ERRORS):
            raise UsageError(f"--since needs a git checkout, and {root} is not one")
        if git_result.status and (refusal := explain_refusal(git_result.error_text)):
            raise TreeError(refusal)
        commit = git_result.output.decode(errors="replace").strip()
        if git_result.status or not _COMMIT.fullmatch(commit):
            raise UsageError(f"{revision!r} is not a revision of {root}; hint: in a shallow clone, fetch it first")
        return cls(root, revision, commit)

    def list_changed_lines(self, paths: Collection[FilePath]) -> Mapping[FilePath, tuple[range, ...]]:
        """Return the ranges of changed line numbers of each file.

        Raises:
            TreeError: If git cannot compute the difference.
        """
        whole = self._list_incomparable(paths)
        changed: dict[FilePath, tuple[range, ...]] = dict.fromkeys(whole, (ALL_LINES,))
        others = sorted(set(paths) - whole)
        environment = {"GIT_LITERAL_PATHSPECS": "1", **self._build_filterless_environment()} if others else {}
        for first in range(0, len(others), MAX_PATHS):
            batch = others[first : first + MAX_PATHS]
            patch = self._query_git("diff", *_DIFF_OPTIONS, self.commit, "--", *batch, environment=environment)
            changed |= {FilePath(os.fsdecode(path)): lines for path, lines in parse_changed_lines(patch).items()}
        return changed

    def _list_incomparable(self, paths: Collection[FilePath]) -> set[FilePath]:
        """Return the files that git does not track, or would compare in another encoding than their own."""
        tracked = {os.fsdecode(path) for path in self._query_git("ls-files", "-z", "--cached").split(b"\0")}
        asked = b"".join(os.fsencode(path) + b"\0" for path in paths)
        said = self._query_git("check-attr", "-z", "--stdin", _ENCODING_ATTRIBUTE, stdin=asked).split(b"\0")
        values = dict(zip(said[0::3], said[2::3], strict=False))  # path, attribute, value
        return {path for path in paths if path not in tracked or values.get(os.fsencode(path)) not in _UNSET_VALUES}

    def _build_filterless_environment(self) -> Mapping[str, str]:
        """Return environment variables that disable all filters from git configs for files that git compares."""
        asked = ("config", "--null", "--name-only", "--get-regexp", r"^filter\.")
        found = _run_git(self.root, *asked, failure=self._failure_message)
        keys = sorted({os.fsdecode(key) for key in found.output.split(b"\0") if key} if found is not None else ())
        environment = {"GIT_CONFIG_COUNT": str(len(keys))}
        for number, key in enumerate(keys):
            value = "false" if key.endswith(".required") else ""
            environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return environment

    def _query_git(self, *arguments: str, environment: Mapping[str, str] | None = None, stdin: bytes = b"") -> bytes:
        found = _run_git(self.root, *arguments, failure=self._failure_message, environment=environment, stdin=stdin)
        if found is None or found.status:
            raise TreeError(
                f"{self._failure_message}: {found.error_text if found is not None else 'git is not installed'}"
            )
        return found.output

    @property
    def _failure_message(self) -> str:
        return f"the changes in {self.root} since {self.revision} could not be determined"


def _run_git(
    folder: Path,
    *arguments: str,
    failure: str,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> process.ProcessResult | None:
    """Run git in `folder` and return the result with any status; None if git is not installed.

    Raises:
        TreeError: If git cannot be run; the message begins with `failure`.
    """
    full_environment = {**_BASE_ENVIRONMENT, **(environment or {})}
    try:
        return process.run([*_GIT_COMMAND, *arguments], cwd=folder, environment=full_environment, stdin=stdin)
    except ProcessError as error:
        if error.is_missing:
            return None
        raise TreeError(f"{failure}: {error}") from error


def _make_unlistable_error(folder: Path, why: str | None) -> TreeError:
    return TreeError(f"{folder} could not be listed: {why}; hint: let the user that runs basebump read it")


def _overwrite_file(target: Path, content: bytes) -> None:
    """Write into the existing file, so that all of its hard links have the new content.

    Raises:
        OSError: If the file cannot be written.
    """
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_NOFOLLOW), "wb") as file:
        file.write(content)
        file.truncate()


def _replace_file(target: Path, status: os.stat_result, content: bytes) -> None:
    """Replace a file by a new one with the same mode, owner and group.

    Raises:
        OSError: If the new file cannot be written.
        TreeError: If the owner cannot be kept.
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
    """Set owner and group of a file to those in `status`.

    Raises:
        TreeError: If the operating system does not permit that.
    """
    current = file.stat()
    if (current.st_uid, current.st_gid) == (status.st_uid, status.st_gid):
        return
    try:
        os.chown(file, status.st_uid, status.st_gid)
    except OSError as error:
        raise TreeError(
            f"the file belongs to user {status.st_uid} and group {status.st_gid}, which could not be kept: "
            f"{error.strerror}; hint: run basebump as that user"
        ) from error
