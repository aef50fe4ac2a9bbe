"""The refs of a local repository in which proposals are stored: branches, and refs that point to blobs with JSON.

For each branch with a proposal, `refs/basebump/proposals/<branch>` points to the blob of its last proposal. Blobs that
basebump did not write are not used. Their JSON has another format.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from bot.core.inventory.value_hashes import hash_values
from bot.core.proposal.marks import parse_base_branch, parse_intent, parse_mark
from bot.forges.git.command import GitIdentity, GitRunner, decode_output, encode_text
from bot.model.errors import ForgeError, ProcessError
from bot.model.proposal import BodyMark

BRANCHES = "refs/heads/"
STORED = "refs/basebump/"
"""The prefix of the refs in which basebump stores all data besides branches."""
PROPOSALS = f"{STORED}proposals/"
DECLINED = f"{STORED}declined/"
DASHBOARD_REF = f"{STORED}dashboard"
COMMENTS = f"{STORED}told/"

BLOB_DIGITS = 16
"""The number of digits of the blob's object id in the ref of a declined proposal."""
MAX_TITLE = 1_000
"""The largest title, in characters. git has no limit. The limits of other forges are far lower."""
MAX_BODY = 1_000_000
"""The largest body, in characters: as many as GitLab allows, and fifteen times as many as GitHub allows."""
MAX_NUMBER = 2**31 - 1
"""The largest number of a proposal that is used: the largest one that every database can store."""
MAX_PROPOSAL = 8 * 1024 * 1024
"""The largest blob, in bytes, that is read. The longest title and body fit into it, because JSON needs up to six bytes
for a character."""

_OBJECT_FIELDS = ("refname", "objectname")
_BLOB_FIELDS = ("refname", "objectname", "objectsize")
_TREE_FIELDS = ("refname", "objectname", "tree")
_HEAD_FIELDS = (
    *("refname", "objectname", "symref", "objecttype", "parent", "committerdate:unix"),
    *("authorname", "authoremail:trim", "committername", "committeremail:trim", "contents"),
)
"""https://git-scm.com/docs/git-for-each-ref#_field_names."""
_COMMIT_FORMAT = "%P%x00%ct%x00%an%x00%ae%x00%cn%x00%ce%x00%B"
"""https://git-scm.com/docs/pretty-formats."""


class StoredState(StrEnum):
    """The state of a proposal in its blob.

    The blob of an open proposal says `open` while its branch exists, even if the branch was merged. Whether it was
    merged is computed from the commits.
    """

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class LocalHead:
    """The last commit of a branch, with the facts that show whether basebump created the commit."""

    oid: str
    parents: tuple[str, ...]
    intent: str | None
    """The intent in the commit's trailer; None if basebump did not create the commit."""
    stated_base: str | None
    """The base branch that the commit names in its trailer; None for the default branch."""
    committed_at: datetime | None
    is_behind: bool = False
    """True if the base branch has commits that the branch does not have. False until this was checked."""
    own_commit: str | None = None
    """basebump's commit below merges of the base branch. None until this was checked, or if there is no such commit."""
    is_confirmed: bool = False
    """True if this run or the state knows all digests on the branch. False until the content has been judged."""
    is_as_marked: bool = True
    """False if the branch contains digests that the mark of its proposal does not name."""


@dataclass(frozen=True, slots=True)
class StoredProposal:
    """The data of a proposal or the dashboard, which basebump stores as a git blob so that the next run can read it."""

    blob_name: str
    title: str
    body: str
    state: StoredState
    base: str | None = None
    """The base branch of the proposal; None for the default branch."""
    number: int = 0
    """The number of the proposal in its repository, from 1; 0 for the dashboard."""
    mark: BodyMark = field(init=False)
    """The data in the mark of the body."""

    def __post_init__(self) -> None:
        """Parse the mark of the body."""
        object.__setattr__(self, "mark", parse_mark(self.body))


@dataclass(frozen=True, slots=True)
class ProposalRefs:
    """Reads the branches and proposals of one repository, and stores proposals. Nothing is cached.

    Methods raise ProcessError if git fails.
    """

    git: GitRunner

    def list_heads(self, prefix: str) -> Mapping[str, LocalHead]:
        """Return the last commit of each branch that begins with `prefix`, with its facts, by branch name."""
        records = self._list_refs_under(BRANCHES + prefix, _HEAD_FIELDS)
        return {record[0].removeprefix(BRANCHES): self._parse_head(record) for record in records}

    def list_branches(self, prefix: str) -> Mapping[str, str]:
        """Return the id of the last commit of each branch that begins with `prefix`, by branch name."""
        return {
            ref.removeprefix(BRANCHES): oid for ref, oid in self._list_refs_under(BRANCHES + prefix, _OBJECT_FIELDS)
        }

    def read_head(self, branch: str) -> LocalHead | None:
        """Return the last commit of one branch, with its facts; None if the branch does not exist."""
        record = self._find_ref(BRANCHES + branch, _HEAD_FIELDS)
        return self._parse_head(record) if record is not None else None

    def read_commit(self, oid: str) -> LocalHead:
        """Return the commit `oid` with the facts that show whether basebump created it.

        The commit need not be the last one of a branch.
        """
        output = self.git.read_output("show", "--no-patch", "--no-notes", f"--format={_COMMIT_FORMAT}", oid)
        return self._parse_commit(oid, decode_output(output).split("\0"))

    def list_proposals(self, prefix: str) -> Mapping[str, StoredProposal]:
        """Return the last proposal of each branch that begins with `prefix`, by branch name.

        Blobs that basebump did not write are left out.
        """
        proposals = self._read_proposals(self._list_refs_under(PROPOSALS + prefix, _BLOB_FIELDS))
        return {ref.removeprefix(PROPOSALS): proposal for ref, proposal in proposals.items() if proposal is not None}

    def read_proposal(self, branch: str) -> StoredProposal | None:
        """Return the last proposal of one branch; None if the branch has none.

        Raises ForgeError if basebump did not write the blob to which the ref of the proposal points.
        """
        return self._read_stored(PROPOSALS + branch)

    def read_dashboard(self) -> StoredProposal | None:
        """Return the dashboard; None if there is none.

        Raises ForgeError if basebump did not write the blob to which the ref of the dashboard points.
        """
        return self._read_stored(DASHBOARD_REF)

    def _read_stored(self, ref: str) -> StoredProposal | None:
        record = self._find_ref(ref, _BLOB_FIELDS)
        if record is None:
            return None
        ((ref, proposal),) = self._read_proposals([record]).items()
        if proposal is None:
            raise ForgeError(
                f"'{ref}' does not contain data of basebump; hint: inspect it with `git cat-file -p {ref}`, "
                f"and delete it with `git update-ref -d {ref}`"
            )
        return proposal

    def list_declined(self, prefix: str, desired_branches: frozenset[str]) -> Mapping[str, list[StoredProposal]]:
        """Return the earlier proposals that users declined, by branch name.

        The result does not contain the last proposal of a branch, but the proposals before it. Branches that do not
        begin with `prefix`, or that are not in `desired_branches`, are left out.
        """
        records = self._list_refs_under(DECLINED + prefix, _BLOB_FIELDS)
        declined: dict[str, list[StoredProposal]] = {}
        for ref, proposal in self._read_proposals(
            record for record in records if _parse_declined_branch(record[0]) in desired_branches
        ).items():
            if proposal is not None:
                declined.setdefault(_parse_declined_branch(ref), []).append(proposal)
        return declined

    def find_next_number(self) -> int:
        """Return a number that is larger than those of all stored proposals.

        Two runs at once may give proposals of different branches the same number.
        """
        records = self.git.list_refs(_BLOB_FIELDS, [PROPOSALS, DECLINED])
        stored = self._read_proposals(records).values()
        return 1 + max((proposal.number for proposal in stored if proposal is not None), default=0)

    def list_commented_branches(self, prefix: str) -> frozenset[str]:
        """Return the branches with this prefix whose proposal has basebump's comment that users pushed commits."""
        return frozenset(
            ref.removeprefix(COMMENTS) for ref, _ in self._list_refs_under(COMMENTS + prefix, _OBJECT_FIELDS)
        )

    def read_oid(self, ref: str) -> str | None:
        """Return the id of the object that a ref points to; None if the ref does not exist."""
        record = self._find_ref(ref, _OBJECT_FIELDS)
        return record[1] if record is not None else None

    def list_merged_branches(self, prefix: str, base: str) -> frozenset[str]:
        """Return the branches that begin with `prefix` and are merged into the commit `base`."""
        records = self._list_refs_under(BRANCHES + prefix, ("refname",), f"--merged={base}")
        return frozenset(ref.removeprefix(BRANCHES) for (ref,) in records)

    def read_activity(self, prefix: str, base_branch: str, commit: str | None) -> tuple[str | None, str]:
        """Return the tree of a base branch and the hash of the repository's activity, with one git process.

        The activity consists of the branches that begin with `prefix`, and of everything that basebump stored. The tree
        is None if the base branch does not point to `commit`.
        """
        base, branches = BRANCHES + base_branch, BRANCHES + prefix
        folder = branches.rpartition("/")[0] + "/"
        records = self.git.list_refs(_TREE_FIELDS, [base, folder, STORED])
        tree = next((record[2] for record in records if record[:2] == [base, commit]), None)
        return tree, hash_values((ref, oid) for ref, oid, _ in records if ref.startswith((branches, STORED)))

    def list_checked_out(self) -> Mapping[str, str]:
        """Return the folder of the worktree for each branch that is checked out.

        https://git-scm.com/docs/git-worktree#_porcelain_format
        """
        worktrees: dict[str, str] = {}
        worktree = ""
        for line in decode_output(self.git.read_output("worktree", "list", "--porcelain", "-z")).split("\0"):
            attribute, _, value = line.partition(" ")
            if attribute == "worktree":
                worktree = value
            elif attribute == "branch":
                worktrees[value.removeprefix(BRANCHES)] = worktree
        return worktrees

    def save_proposal(self, proposal: StoredProposal) -> StoredProposal:
        """Store a proposal as a blob, and return the proposal with the blob's object id.

        The caller must point a ref to the blob.
        """
        content: dict[str, str | int] = {"title": proposal.title, "body": proposal.body, "state": proposal.state}
        content |= {"base": proposal.base} if proposal.base is not None else {}
        content |= {"number": proposal.number} if proposal.number else {}
        return replace(
            proposal, blob_name=self.git.write_blob(encode_text(json.dumps(content, ensure_ascii=False, indent=1)))
        )

    def _read_proposals(self, records: Iterable[Sequence[str]]) -> Mapping[str, StoredProposal | None]:
        """Return the proposal that each ref points to, by ref name; None if basebump did not write the blob.

        `records` contains for each ref its name, the object id of its blob, and the size of the blob, as `git
        for-each-ref` prints them.
        """
        proposals: dict[str, StoredProposal | None] = {}
        oids: dict[str, str] = {}
        for ref, oid, size in records:
            proposals[ref] = None
            if int(size) <= MAX_PROPOSAL:
                oids[ref] = oid
        for (ref, oid), content in zip(oids.items(), self.git.read_blobs(oids.values()), strict=True):
            proposals[ref] = _parse_proposal(oid, content)
        return proposals

    def _parse_head(self, record: Sequence[str]) -> LocalHead:
        _, oid, symbolic, kind, *fields = record
        head = self._parse_commit(oid, fields)
        return head if kind == "commit" and not symbolic else LocalHead(oid, (), None, None, head.committed_at)

    def _parse_commit(self, oid: str, fields: Sequence[str]) -> LocalHead:
        parents, date, author, author_mail, committer, committer_mail, message = fields
        identities = {GitIdentity(author, author_mail), GitIdentity(committer, committer_mail)}
        is_ours = len(parents.split()) == 1 and identities == {self.git.identity}
        intent = parse_intent(message) if is_ours else None
        return LocalHead(oid, tuple(parents.split()), intent, parse_base_branch(message), _parse_date(date))

    def _list_refs_under(self, prefix: str, fields: Sequence[str], *options: str) -> Iterator[list[str]]:
        """Yield one row of values for each ref that begins with `prefix`.

        Args:
            prefix: The beginning of the ref's name.
            fields: The fields of `git for-each-ref` to print. The first one must be `refname`.
            options: Options of `git for-each-ref`.
        """
        folder = prefix.rpartition("/")[0] + "/"  # git's patterns match whole path components only
        return (record for record in self.git.list_refs(fields, [folder], *options) if record[0].startswith(prefix))

    def _find_ref(self, ref: str, fields: Sequence[str]) -> list[str] | None:
        return next((record for record in self.git.list_refs(fields, [ref]) if record[0] == ref), None)


@contextmanager
def translate_git_errors() -> Iterator[None]:
    """Convert each ProcessError in the `with` block to a ForgeError with the same message."""
    try:
        yield
    except ProcessError as error:
        raise ForgeError(str(error)) from error


def build_declined_ref(branch: str, proposal: StoredProposal) -> str:
    """Return the name of the ref that keeps a declined proposal after a newer proposal of its branch was opened."""
    return f"{DECLINED}{branch}/{proposal.blob_name[:BLOB_DIGITS]}"


def _parse_declined_branch(ref: str) -> str:
    return ref.removeprefix(DECLINED).rpartition("/")[0]


def _parse_proposal(oid: str, content: bytes) -> StoredProposal | None:
    try:
        data = json.loads(decode_output(content))
    except (ValueError, RecursionError):
        return None
    match data:
        case {"title": str() as title, "body": str() as body, "state": ("open" | "closed" | "merged") as state}:
            base, number = data.get("base"), data.get("number")
            return StoredProposal(
                oid,
                title,
                body,
                StoredState(state),
                base if isinstance(base, str) else None,
                number if type(number) is int and 0 < number <= MAX_NUMBER else 0,
            )
    return None


def _parse_date(seconds: str) -> datetime | None:
    """Return the date of a commit, which is `seconds` after the start of 1970.

    If the date is too far in the past or future for Python's dates, return None. git accepts such dates.
    """
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None
