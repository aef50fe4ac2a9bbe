"""Operations on branches: the checks before each operation, and the checks after it.

The tip of a branch is the commit that the branch points to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from bot.core.references.git_blobs import hash_blob
from bot.forges._git_objects import RegularFile
from bot.forges.hosted.heads import BranchTip
from bot.forges.hosted.refusal import RefusedError, read_after_refusal
from bot.model.errors import ForgeError
from bot.model.forge import GitRepository
from bot.model.proposal import RemoteRequest
from bot.model.source import FileChange, FilePath

MAX_INLINE_BYTES = 256 * 1024
"""Largest file in bytes that is sent as text. Larger files, and files that are not text, are sent in base64."""


class BranchApi(Protocol):
    """The branches of one repository on a server. Methods raise RefusedError if the server refuses a request."""

    def list_tips(self, prefix: str) -> Mapping[str, BranchTip]:
        """Return the branches whose names begin with `prefix`, each with the commit that it points to.

        The keys of the result are the names of the branches.
        """
        ...

    def read_tip(self, branch: str) -> BranchTip | None:
        """Return the commit that a branch points to; None if the branch does not exist."""
        ...

    def push_commit(
        self, base: str, branch: str, changes: Sequence[FileChange], message: str, expected_head: str | None
    ) -> str:
        """Create a commit on top of `base`, point `branch` to this commit, and return the commit's id.

        If `expected_head` is given, the branch must currently point to this commit. If `expected_head` is None, the
        branch must not exist yet.

        Raises:
            ForgeError: If the branch points to another commit, or if the server stored other contents than the request
                contained.
            ProtectedFileError: If the token is not allowed to change one of the files.
        """
        ...

    def delete_branch(self, branch: str, expected_commit: str) -> None:
        """Delete a branch if it points to the expected commit; do nothing if the branch does not exist.

        Raises ForgeError if the branch points to another commit.
        """
        ...


def require_base_commit(repository: GitRepository) -> str:
    """Return the commit of the base branch. Raises ForgeError if the repository has no commits."""
    if repository.commit is None:
        raise ForgeError(f"{repository.name}: the default branch has no commit; hint: push a first commit")
    return repository.commit


def require_base_branch(repository: GitRepository) -> str:
    """Return the name of the base branch. Raises ForgeError if the repository has no base branch."""
    if repository.base_branch is None:
        raise ForgeError(f"{repository.name}: the repository has no default branch; hint: push a first commit")
    return repository.base_branch


def require_request_number(request: RemoteRequest) -> int:
    """Return the number of a pull request. Raises ForgeError if there is only a branch without a pull request."""
    if request.number is None:
        raise ForgeError(f"branch '{request.branch}' has no open pull request; hint: rerun basebump")
    return request.number


def build_request_ended_error(number: int, repository: str) -> ForgeError:
    """Return the error for a pull request that was closed or merged since basebump read it."""
    return ForgeError(
        f"{repository}: pull request {number} was closed or merged since basebump read it; hint: rerun basebump"
    )


def build_branch_moved_error(branch: str, repository: str) -> ForgeError:
    """Return the error for a branch that was moved since basebump read it."""
    return ForgeError(f"{repository}: branch '{branch}' changed since basebump read it; hint: rerun basebump")


def settle_branch(
    branch: str,
    repository: str,
    old_commit: str | None,
    refusal: RefusedError,
    read_tip: Callable[[str], BranchTip | None],
    is_done: Callable[[BranchTip | None], bool],
) -> str | None:
    """Check whether the server changed a branch although it reported an error or did not answer.

    Args:
        branch: The name of the branch.
        repository: The name of the repository, for error messages.
        old_commit: The commit that the branch pointed to before the change; None if the branch did not exist.
        refusal: The error with which the change failed.
        read_tip: Reads the commit that the branch points to now.
        is_done: Returns True if the branch is in the state that the change was meant to produce.

    Returns:
        The commit that the branch points to now; None if the change deleted the branch.

    Raises:
        RefusedError: `refusal`, if the branch did not change, or if the branch cannot be read.
        ForgeError: If the branch points to a third commit, because somebody else changed it.
    """
    tip = read_after_refusal(refusal, lambda: read_tip(branch))
    commit = tip.commit if tip is not None else None
    if commit == old_commit:
        raise refusal
    if is_done(tip):
        return commit
    raise build_branch_moved_error(branch, repository) from refusal


def find_pushed_commit(
    branch: str,
    repository: str,
    base: str,
    message: str,
    expected_head: str | None,
    refusal: RefusedError,
    read_tip: Callable[[str], BranchTip | None],
) -> str:
    """Return the id of the pushed commit if the server created it although the push failed with the error `refusal`.

    For example, the server created the commit if only its response was lost.

    Args:
        branch: The name of the branch.
        repository: The name of the repository, for error messages.
        base: The parent of the commit.
        message: The commit message.
        expected_head: The commit that the branch pointed to before the push; None if the branch did not exist.
        refusal: The error with which the push failed.
        read_tip: Reads the commit that the branch points to now.

    Raises:
        RefusedError: `refusal`, if the branch did not change.
        ForgeError: If somebody else changed the branch.
    """

    def is_done(tip: BranchTip | None) -> bool:
        return refusal.may_have_worked and tip is not None and _is_same_commit(tip, base, message)

    return str(settle_branch(branch, repository, expected_head, refusal, read_tip, is_done))


def _is_same_commit(tip: BranchTip, base: str, message: str) -> bool:
    """Return True if a commit has this parent and this message, and claims to be basebump's."""
    facts = tip.read_facts()
    return facts.intent is not None and (facts.parents, facts.message.strip()) == ((base,), message.strip())


def build_expected_files(
    changes: Sequence[FileChange], base_files: Mapping[FilePath, RegularFile], repository: str
) -> dict[FilePath, RegularFile]:
    """Return the mode and the object id that each changed file must have after the push, by path.

    `base_files` are the regular files of the base branch. Each changed file keeps the mode that it has there.

    Raises:
        ForgeError: If a changed path is not in `base_files`, or if all files already have the proposed content.
    """
    expected: dict[FilePath, RegularFile] = {}
    for change in changes:
        file = base_files.get(change.path)
        if file is None:
            raise ForgeError(
                f"{repository}: '{change.path}' is not a regular file in the base branch; hint: rerun basebump"
            )
        expected[change.path] = RegularFile(file.mode, hash_blob(change.content, sample_oid=file.oid))
    if all(base_files[path] == file for path, file in expected.items()):
        raise ForgeError(
            f"{repository}: the commit would not change any file, because the base branch already contains the "
            "proposed content; hint: rerun basebump"
        )
    return expected


def decode_text(content: bytes) -> str | None:
    """Return the content of a file as text that can be sent in a JSON string.

    If the content is not UTF-8, has NUL bytes, or is larger than `MAX_INLINE_BYTES`, return None. The caller then sends
    the content in base64.
    """
    if len(content) > MAX_INLINE_BYTES or b"\0" in content:
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def find_altered_file(
    expected: Mapping[FilePath, RegularFile], read_stored_file: Callable[[FilePath], RegularFile | None]
) -> FilePath | None:
    """Return the first path whose stored file differs from the expected one; None if all files match.

    Contents and modes are compared. They can differ because a server may convert the content that it receives, for
    example the line ends.
    """
    return next((path for path, file in expected.items() if read_stored_file(path) != file), None)
