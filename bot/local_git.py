"""Run git in a folder of this machine. Git neither prompts nor fetches objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bot import process
from bot.model.errors import ProcessError, TreeError
from bot.process import ProcessResult

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
