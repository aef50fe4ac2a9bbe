"""Preconditions of forge operations, and the errors that are raised if they do not hold."""

from __future__ import annotations

from bot.model.errors import ForgeError
from bot.model.forge import GitRepository
from bot.model.proposal import RemoteRequest


def require_base_commit(repository: GitRepository) -> str:
    """Return the commit of the base branch. Raises ForgeError if there is none."""
    if repository.commit is None:
        raise ForgeError(f"{repository.name}: the default branch has no commit; hint: push a first commit")
    return repository.commit


def require_base_branch(repository: GitRepository) -> str:
    """Return the name of the base branch. Raises ForgeError if there is none."""
    if repository.base_branch is None:
        raise ForgeError(f"{repository.name}: there is no default branch; hint: push a first commit")
    return repository.base_branch


def require_request_number(request: RemoteRequest) -> int:
    """Return the number of a request. Raises ForgeError if the branch has no request."""
    if request.number is None:
        raise ForgeError(f"branch '{request.branch}' has no request; hint: rerun basebump")
    return request.number


def build_request_ended_error(number: int, repository: str) -> ForgeError:
    """Return the error for a request that must be open and is not any more."""
    return ForgeError(
        f"{repository}: request {number} was closed or merged since basebump read it; hint: rerun basebump"
    )


def build_branch_moved_error(branch: str, repository: str) -> ForgeError:
    """Return the error for a branch that does not point to the expected commit."""
    return ForgeError(f"{repository}: branch '{branch}' changed since basebump read it; hint: rerun basebump")
