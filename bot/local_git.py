"""Run git in a folder of this machine. Git neither prompts nor fetches objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bot import process
from bot.model.errors import ProcessError, TreeError
from bot.process import ProcessResult

if TYPE_CHECKING:  # only an annotation needs this import
    from bot.model.forge import TreeEntry

NO_CHECKOUT_ERRORS = ("not a git repository (or any", "must be run in a work tree", "cannot use bare repository")
"""Messages of git outside of a checkout. A `.git` file with an invalid target leads to another message."""

_BASE_ENVIRONMENT = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
"""Variables for git: messages are in English, because they are parsed. Git neither prompts nor fetches objects."""
SAFE_SETTINGS = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),  # no file system watcher
    *("-c", "log.showSignature=false"),  # no gpg.program
)
"""Settings that prevent a repository's own config from starting a program."""
MAX_BATCH_BYTES = 64 * 1024 * 1024
"""The largest number of bytes that one git process reads at once."""

_BATCH_FIELDS = 3
"""The number of fields in the line that `git cat-file --batch` prints before each blob: object id, type and size. The
line for a missing object has fewer fields."""
_GIT_COMMAND = ("git", *SAFE_SETTINGS, "-c", "core.quotePath=false")


def run_git(
    folder: Path,
    *arguments: str,
    failure: str,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> ProcessResult | None:
    """Run git in `folder`, and return the result, even if git fails. Return None if git is not installed.

    Raises:
        TreeError: If git cannot be run. The message begins with `failure`, which says what the caller tried to do.
    """
    full_environment = {**_BASE_ENVIRONMENT, **(environment or {})}
    with _convert_errors(failure):
        try:
            return process.run([*_GIT_COMMAND, *arguments], cwd=folder, environment=full_environment, stdin=stdin)
        except ProcessError as error:
            if error.is_missing:
                return None
            raise


@contextmanager
def run_git_in_background(folder: Path, *arguments: str, failure: str) -> Iterator[Callable[[], ProcessResult]]:
    """Run git in `folder` while the `with` block does other work. Yield a function that waits for git's result.

    Raises:
        TreeError: If git cannot be run, or is not installed. The message begins with `failure`, as in `run_git`.
    """
    command = [*_GIT_COMMAND, *arguments]
    with (
        _convert_errors(failure),
        process.run_in_background(command, cwd=folder, environment=_BASE_ENVIRONMENT) as wait,
    ):
        yield lambda: wait(process.DEFAULT_TIMEOUT)


@contextmanager
def _convert_errors(failure: str) -> Iterator[None]:
    """Raise a TreeError for each ProcessError in the `with` block."""
    try:
        yield
    except ProcessError as error:
        raise TreeError(f"{failure}: {error}") from error


def read_committed_contents(
    run: Callable[..., ProcessResult], commit: str, path: str, max_commits: int, prefix: str = ""
) -> Iterator[bytes]:
    """Yield the contents of a file in the newest commits up to `commit` that changed it, newest first.

    Commits that deleted the file are left out. Each content is read only when it is needed.

    Args:
        run: Runs git in the repository, with the arguments that it gets.
        commit: The last commit.
        path: The path of the file, relative to the folder in which git runs.
        max_commits: The largest number of commits that are listed.
        prefix: `./` if git runs in a worktree, so that the path is relative to the folder there, too.

    Raises:
        TreeError: If git cannot list the commits.
    """
    listed = run("--literal-pathspecs", "log", f"--max-count={max_commits}", "--format=%H", commit, "--", path)
    if listed.status:
        raise TreeError(f"the commits that changed {path} could not be listed: {listed.error_text}")
    for each in listed.output.decode("ascii").split():
        content = run("cat-file", "blob", f"{each}:{prefix}{path}")
        if not content.status:
            yield content.output


class ListedEntry(NamedTuple):
    """An entry of a git tree. It is a named tuple and not a dataclass, because one is created for each file."""

    mode: str
    oid: str
    size: int | None
    """Size in bytes; None for a submodule, if a partial clone lacks the file, or if git did not print sizes."""
    path: bytes


def parse_tree_listing(output: bytes) -> Iterator[ListedEntry]:
    """Yield the entries in the output of `git ls-tree -r -z`, with or without the option `-l`.

    https://git-scm.com/docs/git-ls-tree#_output_format
    """
    for entry in output.split(b"\0")[:-1]:
        attributes, _, path = entry.partition(b"\t")
        mode, _, oid, *size = attributes.decode("ascii").split()
        yield ListedEntry(mode, oid, int(size[0]) if size and size[0].isdigit() else None, path)


def parse_blobs(output: bytes) -> list[bytes]:
    """Return the contents of the blobs in the output of `git cat-file --batch`.

    https://git-scm.com/docs/git-cat-file#_batch_output

    Raises:
        ProcessError: If the repository does not contain one of the blobs.
    """
    blobs: list[bytes] = []
    start = 0
    while start < len(output):
        content = output.index(b"\n", start) + 1
        head = output[start : content - 1].split(b" ")
        if len(head) != _BATCH_FIELDS:
            raise ProcessError(f"the git repository does not contain the object '{head[0].decode(errors='replace')}'")
        start = content + int(head[2]) + 1
        blobs.append(output[content : start - 1])
    return blobs


def split_into_batches(
    entries: Sequence[TreeEntry], max_bytes: int, max_files: int | None = None
) -> Iterator[list[TreeEntry]]:
    """Yield the entries in batches of at most `max_bytes` bytes and `max_files` files.

    An entry that is larger than `max_bytes` forms a batch by itself. An entry of unknown size counts as zero bytes. If
    `max_files` is None, the number of files in a batch is not limited.
    """
    return split_by_cost(entries, lambda entry: entry.size or 0, max_bytes, max_files)


def split_by_cost(
    entries: Sequence[TreeEntry], get_cost: Callable[[TreeEntry], int], max_cost: int, max_files: int | None = None
) -> Iterator[list[TreeEntry]]:
    """Yield the entries in batches whose total costs are at most `max_cost`, like `split_into_batches`."""
    batch: list[TreeEntry] = []
    cost = 0
    for entry in entries:
        cost += get_cost(entry)
        if batch and (cost > max_cost or len(batch) == max_files):
            yield batch
            batch, cost = [], get_cost(entry)
        batch.append(entry)
    if batch:
        yield batch
