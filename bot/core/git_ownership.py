"""Git's refusal to read a repository that somebody else owns, and what to do about it."""

from __future__ import annotations

import re
import shlex

_REFUSAL = re.compile(r"dubious ownership in repository at '(.+)'")
"""https://git-scm.com/docs/git-config#Documentation/git-config.txt-safedirectory, in git's words under LC_ALL=C."""


def explain_refusal(complaint: str) -> str | None:
    """Say what to do where git complains of who owns a repository, None where it complains of something else."""
    refused = _REFUSAL.search(complaint)
    if refused is None:
        return None
    return (
        f"{refused[1]} belongs to another user, so git does not trust its configuration; if you do, run "
        f"`git config --global --add safe.directory {shlex.quote(refused[1])}` as the user that runs basebump"
    )
