"""What has to be there before a verb can do anything, and what is said where it is not."""

from __future__ import annotations

from bot.model.errors import ForgeError
from bot.model.forge import ForgeLimits, GitRepository
from bot.model.proposal import Seen


def base_commit(repository: GitRepository) -> str:
    """Return the commit of the base branch. Raises ForgeError."""
    if repository.commit is None:
        raise ForgeError(f"{repository.name} has no commit on its default branch; let it have one")
    return repository.commit


def base_branch(repository: GitRepository) -> str:
    """Return the name of the base branch. Raises ForgeError."""
    if repository.base_branch is None:
        raise ForgeError(f"{repository.name} has no default branch; let it have one")
    return repository.base_branch


def request_number(seen: Seen) -> int:
    """Return the number of a request that is there. Raises ForgeError."""
    if seen.number is None:
        raise ForgeError(f"the branch {seen.branch} has no request; run basebump again")
    return seen.number


def refuse_too_long(title: str, body: str, limits: ForgeLimits) -> None:
    """Raise ForgeError where a forge could not keep these words."""
    if len(title) > limits.title_characters or len(body) > limits.body_characters:
        raise ForgeError(
            f"a title takes {limits.title_characters} characters and a body {limits.body_characters}; "
            "let the template say less"
        )


def request_ended(number: int, repository: str) -> ForgeError:
    """Return what is wrong where a request that is to be changed is no longer open."""
    return ForgeError(f"request {number} of {repository} ended since basebump looked; run basebump again")


def branch_moved(branch: str, repository: str) -> ForgeError:
    """Return what is wrong where a branch does not point to what it must point to."""
    return ForgeError(f"the branch {branch} of {repository} moved since basebump looked; run basebump again")
