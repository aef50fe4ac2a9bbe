"""Reading commits on Azure DevOps, and comparing them with their base branches.

The API reports neither the modes nor the changed lines of files. basebump therefore compares the trees of two commits
folder by folder, and computes the changed lines from the contents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from functools import partial
from typing import Any

from bot.forges._git_objects import MAX_MERGES, PARENTS_OF_MERGE
from bot.forges.azure.connection import AzureRemote
from bot.forges.azure.tree import AzureBatchQuery, FolderReader, fetch_blob, read_tree_id
from bot.forges.hosted.files import BlobReader
from bot.forges.hosted.heads import (
    BranchComparison,
    CommitAuthorship,
    CommitFacts,
    FileChanges,
    build_commit_facts,
)
from bot.model.branch_ownership import FileDifference, TreeObject
from bot.model.errors import TreeError
from bot.model.forge import TreeEntry

MAX_FILES = 300
"""The largest number of files of one comparison whose lines are compared."""
MAX_LINES = 2_000
"""The largest number of lines between the first and the last changed line of a file whose lines are compared."""


@dataclass(frozen=True, slots=True)
class AzureCommits:
    """The commits of one repository; implements `CommitReader`. Methods raise RefusedError."""

    remote: AzureRemote
    folders: FolderReader

    def compare(self, base_commit: str, commit: str) -> BranchComparison | None:
        """Return the commits that `commit` contains and `base_commit` does not, and the changes that they make.

        If there are too many commits to inspect (more than `MAX_MERGES` + 1), return None. The changes are read only
        if `commit` is a merge.

        The commits are those to which the first parents of `commit` lead, as many as Azure DevOps counts. If a merge
        brought other commits into the branch, the commits in the result are therefore not exactly those of the branch,
        but there are as many of them, so that they cannot all be merges on top of basebump's commit.
        """
        relation = self._read_relation(base_commit, commit)
        if relation.ahead > MAX_MERGES + 1:
            return None
        commits = {each.commit: each for each in self._walk(commit, relation.ahead)}
        is_merge = bool(commits) and len(commits[commit].parents) == PARENTS_OF_MERGE
        changes = self._read_changes(relation.common_commit, commit) if is_merge else None
        return BranchComparison(commits, changes, lambda: relation.behind > 0)

    def read_changes(self, commit: str) -> FileChanges:
        """Return the changes that a commit makes compared with its parent."""
        parents = read_commit(self.remote, commit).parents
        return (self._read_changes(parents[0], commit) if parents else None) or {"": None}

    def list_differences(self, base_commit: str, commit: str) -> Sequence[FileDifference] | None:
        """Return the paths at which the trees of two commits differ; None if there are too many of them."""
        old, new = (read_tree_id(self.remote, each) for each in (base_commit, commit))
        return self.folders.list_differences(old, new)

    def _read_relation(self, base_commit: str, commit: str) -> _Relation:
        query = {
            "baseVersion": base_commit,
            "baseVersionType": "commit",
            "targetVersion": commit,
            "targetVersionType": "commit",
            "diffCommonCommit": "true",
            "$top": "1",  # the changes lack the modes of files, so they are not used
        }

        def parse(answer: Mapping[str, Any]) -> _Relation:
            return _Relation(int(answer["aheadCount"]), int(answer["behindCount"]), str(answer["commonCommit"]))

        return self.remote.read(
            f"compare {commit} with its base branch",
            lambda client: parse(client.get(f"{self.remote.path}/diffs/commits", query)),
        )

    def _walk(self, commit: str, number: int) -> Iterator[CommitFacts]:
        """Yield a commit and the commits to which its first parents lead, `number` commits in total."""
        for _ in range(number):
            facts = read_commit(self.remote, commit)
            yield facts
            if not facts.parents:
                return
            commit = facts.parents[0]

    def _read_changes(self, base_commit: str, commit: str) -> FileChanges | None:
        """Return the changes between two commits; None if too many files differ."""
        differences = self.list_differences(base_commit, commit)
        if differences is None or len(differences) > MAX_FILES:
            return None
        blobs = BlobReader("Azure DevOps", partial(fetch_blob, self.remote), AzureBatchQuery(self.remote))
        edits = [each for each in differences if each.is_content_edit]
        sides = ([_build_entry(each, each.old) for each in edits], [_build_entry(each, each.new) for each in edits])
        old_contents, new_contents = (blobs.read(entries) for entries in sides)
        lines = {
            each.path: compare_lines(old, new) for each, old, new in zip(edits, old_contents, new_contents, strict=True)
        }
        changes: dict[str, tuple[object, tuple[str, ...]] | None] = {}
        for each in differences:
            changed = lines.get(each.path)
            changes[each.path] = (_get_modes(each), changed) if changed is not None else None
        return changes


@dataclass(frozen=True, slots=True)
class _Relation:
    """How a commit is related to the commit of its base branch."""

    ahead: int
    """The number of commits that the base branch does not have."""
    behind: int
    """The number of commits that only the base branch has."""
    common_commit: str


def read_commit(remote: AzureRemote, commit: str) -> CommitFacts:
    """Return the facts about a commit. Raises RefusedError."""
    return remote.read(
        f"read the commit {commit}",
        lambda client: parse_commit(client.get(f"{remote.path}/commits/{commit}"), remote),
    )


def parse_commit(commit: Mapping[str, Any], remote: AzureRemote) -> CommitFacts:
    """Return a commit in an answer with the facts that show whether basebump created it.

    If the commit message has basebump's trailer, the token's account is requested to compare it with the account that
    pushed the commit. Raises RefusedError.
    """
    committed_at = _parse_date(commit["committer"]["date"])

    def read_authorship() -> CommitAuthorship:
        authored_at = _parse_date(commit["author"]["date"])
        return CommitAuthorship(_is_by_account(commit, remote), authored_at, committed_at)

    parents = tuple(str(each) for each in commit["parents"])
    return build_commit_facts(str(commit["commitId"]), parents, str(commit["comment"]), committed_at, read_authorship)


def _is_by_account(commit: Mapping[str, Any], remote: AzureRemote) -> bool:
    """Return True if the token's account pushed a commit, and is its author and its committer.

    Azure DevOps records the account that pushed a commit, which nobody can forge. If the answer does not contain it,
    the email addresses of author and committer must be the account's.
    """
    account = remote.connection.get_account()
    people = {str(commit[key]["email"]).lower() for key in ("author", "committer")}
    pusher = (commit.get("push") or {}).get("pushedBy")
    if pusher is not None:
        return len(people) == 1 and pusher["id"] == account.id
    return people <= account.emails


def _parse_date(text: str) -> datetime | None:
    """Return the date of a commit; None if it is too far in the future for Python's dates, as git accepts it."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _build_entry(difference: FileDifference, side: TreeObject | None) -> TreeEntry:
    if side is None:
        raise AssertionError("a content edit has both sides")
    return TreeEntry(difference.path, side.size, side.oid)


def _get_modes(difference: FileDifference) -> tuple[str | None, str | None]:
    old, new = difference.old, difference.new
    return old.mode if old is not None else None, new.mode if new is not None else None


def compare_lines(old: bytes | TreeError, new: bytes | TreeError) -> tuple[str, ...] | None:
    """Return the lines that an edit removes and adds, each with `-` or `+` in front.

    Return None if a content could not be read, or if too many lines would have to be compared.
    """
    if isinstance(old, TreeError) or isinstance(new, TreeError):
        return None
    old_lines, new_lines = (content.decode("latin-1").split("\n") for content in (old, new))
    start = _count_equal(old_lines, new_lines)
    old_lines, new_lines = old_lines[start:], new_lines[start:]
    end = _count_equal(old_lines[::-1], new_lines[::-1])
    old_lines, new_lines = old_lines[: len(old_lines) - end], new_lines[: len(new_lines) - end]
    if max(len(old_lines), len(new_lines)) > MAX_LINES:
        return None
    changed: list[str] = []
    for kind, first, last, new_first, new_last in SequenceMatcher(None, old_lines, new_lines, False).get_opcodes():  # noqa: FBT003
        if kind != "equal":
            changed += [f"-{line}" for line in old_lines[first:last]]
            changed += [f"+{line}" for line in new_lines[new_first:new_last]]
    return tuple(changed)


def _count_equal(old: Sequence[str], new: Sequence[str]) -> int:
    """Return the number of equal lines at the beginning of both texts."""
    count = 0
    for old_line, new_line in zip(old, new, strict=False):
        if old_line != new_line:
            break
        count += 1
    return count
