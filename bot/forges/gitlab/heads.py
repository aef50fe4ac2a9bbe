"""Read the heads of basebump's branches: what they hold beyond the base branch, and whether people changed it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from gitlab.v4.objects import Project

from bot.forges._our_commits import MAX_MERGES, PARENTS_OF_MERGE, below_merges, changed_lines
from bot.forges.gitlab.branches import Tip, read_tip
from bot.forges.gitlab.connection import PER_PAGE, Remote

MAX_FILES = 300
"""Files of one comparison that are inspected; GitLab leaves out the lines of files after some hundreds."""

_Changes = Mapping[str, tuple[tuple[object, ...], tuple[str, ...]] | None]
"""Kind of change and changed lines of each file; None if GitLab does not show them."""


@dataclass(frozen=True, slots=True)
class Head:
    """The content of one branch compared with the base branch."""

    commit: str
    intent: str | None
    """The intent of basebump's commit; None if the branch holds anything else beyond the base."""
    base: str | None
    """The base branch that the commit names in its trailer; None for the default branch."""
    committed: datetime
    """When basebump's commit was made; without one, the last commit."""
    behind: bool
    """True if the base has commits that the branch does not have."""


@dataclass(frozen=True, slots=True)
class _Compared:
    """The commits and changes that a branch has beyond the base."""

    commits: Mapping[str, Tip]
    changes: _Changes


@dataclass(frozen=True, slots=True)
class Heads:
    """Reads heads in one project, compared with one commit of its base branch. Methods raise RefusedError."""

    remote: Remote
    base: str | None

    def look(self, tip: Tip) -> Head:
        """Read the head of a branch that points to `tip`.

        It takes no request, and three for a merge commit, which may be a merge of the base ("Update branch").
        """
        may_compare = not self.remote.connection.is_of_job
        if len(tip.parents) == PARENTS_OF_MERGE and self.base is not None and may_compare:
            updated = self._updated(tip, self.base)
            if updated is not None:
                return updated
        return Head(tip.commit, tip.intent, tip.base, tip.committed, tip.parents != (self.base,))

    def _updated(self, merge: Tip, base: str) -> Head | None:
        """Return the head if only merges of the base stand on basebump's commit; None otherwise."""
        found = self.remote.read(
            f"compare {merge.commit} with its base branch",
            lambda project: _object(project.repository_compare(base, merge.commit)),
        )
        compared = _compared(found, self.remote)
        ours = below_merges(merge, compared.commits) if compared is not None else None
        if compared is None or ours is None:
            return None
        made = self.remote.read(f"read the commit {ours.commit}", lambda project: _changes_of(project, ours.commit))
        if made != compared.changes or None in made.values():
            return None
        shared = self.remote.read(
            f"find what {merge.commit} has of its base branch",
            lambda project: _object(project.repository_merge_base([base, merge.commit]))["id"],
        )
        return Head(merge.commit, ours.intent, ours.base, ours.committed, shared != base)


def _compared(found: Mapping[str, Any], remote: Remote) -> _Compared | None:
    """Parse a comparison from where the branch left its base; None if it has more than is inspected.

    https://docs.gitlab.com/api/repositories/#compare-branches-tags-or-commits
    """
    if found["compare_timeout"] or len(found["commits"]) > MAX_MERGES + 1 or len(found["diffs"]) >= MAX_FILES:
        return None
    commits = [read_tip(each, remote) for each in found["commits"]]
    return _Compared({each.commit: each for each in commits}, _changes(found["diffs"]))


def _changes_of(project: Project, commit: str) -> _Changes:
    diffs = project.commits.get(commit, lazy=True).diff(per_page=PER_PAGE, iterator=True)
    return _changes(islice(diffs, MAX_FILES))


def _changes(diffs: Iterable[Mapping[str, Any]]) -> _Changes:
    return {str(each["new_path"]): _change(each) for each in diffs}


def _change(diff: Mapping[str, Any]) -> tuple[tuple[object, ...], tuple[str, ...]] | None:
    _, at, hunks = str(diff["diff"]).partition("@@")
    if not at:
        return None
    happened = tuple(diff[key] for key in ("old_path", "new_file", "deleted_file", "a_mode", "b_mode"))
    return happened, changed_lines(hunks)


def _object(answer: object) -> Mapping[str, Any]:
    """Return an answer that must be a JSON object; python-gitlab returns any JSON. Raises TypeError."""
    if not isinstance(answer, dict):
        raise TypeError(f"the answer is not an object but a {type(answer).__name__}")
    return answer
