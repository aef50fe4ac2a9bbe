"""What branches of ours hold beyond the base: a commit of ours, merges of the base, or what somebody else did."""

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
"""Files of one comparison that are looked at; GitLab leaves out the lines of what comes after some hundreds."""

_Changes = Mapping[str, tuple[tuple[object, ...], tuple[str, ...]] | None]
"""What happened to each file, and the lines that were added and removed; None where GitLab does not show them."""


@dataclass(frozen=True, slots=True)
class Head:
    """What one branch points to, beside the base."""

    commit: str
    intent: str | None
    """None where it holds anything beyond the base that is not ours."""
    base: str | None
    """The base branch that its commit says it was made for, None for the default one."""
    committed: datetime
    """When the commit was made that carries the intent; without one, the last."""
    behind: bool
    """Whether the base has commits that it does not hold."""


@dataclass(frozen=True, slots=True)
class _Compared:
    """What a branch has beyond the base."""

    commits: Mapping[str, Tip]
    changes: _Changes


@dataclass(frozen=True, slots=True)
class Heads:
    """The branches of one project, seen from one commit of its base branch. Every method raises RefusedError."""

    remote: Remote
    base: str | None

    def look(self, tip: Tip) -> Head:
        """Return what a branch points to; three requests where that is a merge, which may be the base's."""
        may_compare = not self.remote.connection.is_of_job
        if len(tip.parents) == PARENTS_OF_MERGE and self.base is not None and may_compare:
            updated = self._updated(tip, self.base)
            if updated is not None:
                return updated
        return Head(tip.commit, tip.intent, tip.base, tip.committed, tip.parents != (self.base,))

    def _updated(self, merge: Tip, base: str) -> Head | None:
        """Return a commit of ours with merges of the base above it, and nothing else; None for all else."""
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
    """Return a comparison from where a branch left its base, None where it has more than is looked at.

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
    """Return an answer that must be a JSON object; python-gitlab gives back whatever there is. Raises TypeError."""
    if not isinstance(answer, dict):
        raise TypeError(f"a {type(answer).__name__} is no object")
    return answer
