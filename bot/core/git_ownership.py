"""Explanation of an error of git: git refuses to read a repository whose folder belongs to another user."""

from __future__ import annotations

import re
import shlex

_REFUSAL = re.compile(r"dubious ownership in repository at '(.+)'")
"""The message that git prints with LC_ALL=C:
https://git-scm.com/docs/git-config#Documentation/git-config.txt-safedirectory"""


def explain_refusal(git_error: str) -> str | None:
    """Return the cause and a remedy if git did not read a repository because the folder belongs to another user.

    Return None for any other error. `git_error` is the output of git.
    """
    refusal = _REFUSAL.search(git_error)
    if refusal is None:
        return None
    return (
        f"{refusal[1]} belongs to another user, so git does not trust its configuration; hint: if you trust it, run "
        f"`git config --global --add safe.directory {shlex.quote(refusal[1])}` as the user that runs basebump"
    )
