"""The refs of a local repository that store proposals: branches, and refs to blobs with JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from bot.core.proposal.mark import parse_base_branch, parse_intent
from bot.forges.git.command import Git, Identity, decode, encode
from bot.model.errors import ForgeError, ProcessError

BRANCHES = "refs/heads/"
PROPOSALS = "refs/basebump/proposals/"
DECLINED = "refs/basebump/declined/"
DASHBOARD = "refs/basebump/dashboard"
TOLD = "refs/basebump/told/"

BLOB_DIGITS = 16
"""Digits of a declined proposal's blob in the name of its ref: short enough to read, long enough to be unique."""
MAX_TITLE = 1_000
"""Characters; git has no limit, and the limits of other forges are far lower."""
MAX_BODY = 1_000_000
"""Characters; as many as GitLab allows, and fifteen times as many as GitHub."""
MAX_PROPOSAL = 8 * 1024 * 1024
"""Largest blob in bytes that is read: `MAX_TITLE` and `MAX_BODY` as JSON, with up to six bytes for a character."""

_OBJECT_FIELDS = ("refname", "objectname")
_BLOB_FIELDS = ("refname", "objectname", "objectsize")
_HEAD_FIELDS = (
    *("refname", "objectname", "symref", "objecttype", "parent", "committerdate:unix"),
    *("authorname", "authoremail:trim", "committername", "committeremail:trim", "contents"),
)
"""https://git-scm.com/docs/git-for-each-ref#_field_names."""
_COMMIT_FORMAT = "%P%x00%ct%x00%an%x00%ae%x00%cn%x00%ce%x00%B"
"""https://git-scm.com/docs/pretty-formats."""


class Saved(StrEnum):
    """The stored state of a proposal. While its branch exists, the branch shows whether it was merged."""

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class Head:
    """The commit that a branch points to."""

    oid: str
    parents: tuple[str, ...]
    intent: str | None
    """The intent in the commit's trailer; None if basebump did not make the commit."""
    base: str | None
    """The base branch that the commit names in its trailer; None for the default branch."""
    committed: datetime | None
    behind: bool = False
    """True if the base has commits that the branch does not have; False until that was checked."""


@dataclass(frozen=True, slots=True)
class Request:
    """A proposal, or the dashboard, as stored in its blob."""

    blob: str
    title: str
    body: str
    state: Saved
    base: str | None = None
    """The base branch that the proposal is made to; None for the default branch."""


@dataclass(frozen=True, slots=True)
class Refs:
    """The refs of one repository; every method reads them again. Every method raises ProcessError."""

    git: Git

    def heads(self, prefix: str) -> Mapping[str, Head]:
        """Return the heads of all branches that begin with `prefix`."""
        records = self._under(BRANCHES + prefix, _HEAD_FIELDS)
        return {record[0].removeprefix(BRANCHES): self._head(record) for record in records}

    def branches(self, beginning: str) -> Mapping[str, str]:
        """Return the objects of all branches that begin with `prefix`."""
        return {ref.removeprefix(BRANCHES): oid for ref, oid in self._under(BRANCHES + beginning, _OBJECT_FIELDS)}

    def head(self, branch: str) -> Head | None:
        """Return the head of one branch; None if the branch does not exist."""
        record = self._at(BRANCHES + branch, _HEAD_FIELDS)
        return self._head(record) if record is not None else None

    def commit(self, oid: str) -> Head:
        """Return one commit as the head of a branch that points to it."""
        shown = self.git.read("show", "--no-patch", "--no-notes", f"--format={_COMMIT_FORMAT}", oid)
        return self._of_commit(oid, decode(shown).split("\0"))

    def requests(self, prefix: str) -> Mapping[str, Request]:
        """Return the proposals whose branches begin with `prefix`; blobs in another format are left out."""
        found = self._requests(self._under(PROPOSALS + prefix, _BLOB_FIELDS))
        return {ref.removeprefix(PROPOSALS): request for ref, request in found.items() if request is not None}

    def request(self, branch: str) -> Request | None:
        """Return the proposal of one branch; None if there is none.

        Raises ForgeError if its ref points to something else.
        """
        return self._kept(PROPOSALS + branch)

    def dashboard(self) -> Request | None:
        """Return the dashboard; None if there is none. Raises ForgeError if its ref points to something else."""
        return self._kept(DASHBOARD)

    def _kept(self, ref: str) -> Request | None:
        record = self._at(ref, _BLOB_FIELDS)
        if record is None:
            return None
        ((ref, request),) = self._requests([record]).items()
        if request is None:
            raise ForgeError(
                f"'{ref}' does not hold data of basebump; hint: inspect it with `git cat-file -p {ref}`, "
                f"and delete it with `git update-ref -d {ref}`"
            )
        return request

    def declined(self, prefix: str, wanted: frozenset[str]) -> Mapping[str, list[Request]]:
        """Return the declined proposals of desired branches that begin with `prefix`, without the last proposals."""
        records = self._under(DECLINED + prefix, _BLOB_FIELDS)
        found: dict[str, list[Request]] = {}
        for ref, request in self._requests(record for record in records if _declined_on(record[0]) in wanted).items():
            if request is not None:
                found.setdefault(_declined_on(ref), []).append(request)
        return found

    def told(self, prefix: str) -> frozenset[str]:
        """Return the branches that begin with `prefix` and have a comment about a person's commits."""
        return frozenset(ref.removeprefix(TOLD) for ref, _ in self._under(TOLD + prefix, _OBJECT_FIELDS))

    def blob(self, ref: str) -> str | None:
        """Return the object that a ref points to; None if the ref does not exist."""
        record = self._at(ref, _OBJECT_FIELDS)
        return record[1] if record is not None else None

    def merged(self, prefix: str, base: str) -> frozenset[str]:
        """Return the branches that begin with `prefix` and are merged into the commit `base`."""
        records = self._under(BRANCHES + prefix, ("refname",), f"--merged={base}")
        return frozenset(ref.removeprefix(BRANCHES) for (ref,) in records)

    def checked_out(self) -> Mapping[str, str]:
        """Return the branches that are checked out, each with the folder of its worktree.

        https://git-scm.com/docs/git-worktree#_porcelain_format
        """
        places: dict[str, str] = {}
        place = ""
        for line in decode(self.git.read("worktree", "list", "--porcelain", "-z")).split("\0"):
            attribute, _, value = line.partition(" ")
            if attribute == "worktree":
                place = value
            elif attribute == "branch":
                places[value.removeprefix(BRANCHES)] = place
        return places

    def save(self, request: Request) -> Request:
        """Store the blob of a proposal, and return the proposal with the blob's name; no ref points to it yet."""
        written = {"title": request.title, "body": request.body, "state": request.state}
        written |= {"base": request.base} if request.base is not None else {}
        return replace(request, blob=self.git.write_blob(encode(json.dumps(written, ensure_ascii=False, indent=1))))

    def _requests(self, records: Iterable[Sequence[str]]) -> Mapping[str, Request | None]:
        """Return the proposals that refs point to; None for a blob that `save_proposal` did not write."""
        requests: dict[str, Request | None] = {}
        oids: dict[str, str] = {}
        for ref, oid, size in records:
            requests[ref] = None
            if int(size) <= MAX_PROPOSAL:
                oids[ref] = oid
        for (ref, oid), content in zip(oids.items(), self.git.read_blobs(oids.values()), strict=True):
            requests[ref] = _parse(oid, content)
        return requests

    def _head(self, record: Sequence[str]) -> Head:
        _, oid, symbolic, kind, *fields = record
        head = self._of_commit(oid, fields)
        return head if kind == "commit" and not symbolic else Head(oid, (), None, None, head.committed)

    def _of_commit(self, oid: str, fields: Sequence[str]) -> Head:
        parents, date, author, author_mail, committer, committer_mail, message = fields
        people = {Identity(author, author_mail), Identity(committer, committer_mail)}
        is_ours = len(parents.split()) == 1 and people == {self.git.identity}
        intent = parse_intent(message) if is_ours else None
        return Head(oid, tuple(parents.split()), intent, parse_base_branch(message), _date(date))

    def _under(self, start: str, fields: Sequence[str], *options: str) -> Iterator[list[str]]:
        """Yield the fields of every ref that begins with `start`; the first field is `refname`."""
        folder = start.rpartition("/")[0] + "/"  # git's patterns match whole path components only
        return (record for record in self.git.records(fields, folder, *options) if record[0].startswith(start))

    def _at(self, ref: str, fields: Sequence[str]) -> list[str] | None:
        return next((record for record in self.git.records(fields, ref) if record[0] == ref), None)


@contextmanager
def forge_errors() -> Iterator[None]:
    """Translate failures of git into ForgeError."""
    try:
        yield
    except ProcessError as error:
        raise ForgeError(str(error)) from error


def declined_ref(branch: str, request: Request) -> str:
    """Return the ref that keeps a declined proposal once another proposal takes its place."""
    return f"{DECLINED}{branch}/{request.blob[:BLOB_DIGITS]}"


def _declined_on(ref: str) -> str:
    return ref.removeprefix(DECLINED).rpartition("/")[0]


def _parse(oid: str, content: bytes) -> Request | None:
    try:
        read = json.loads(decode(content))
    except (ValueError, RecursionError):
        return None
    match read:
        case {"title": str() as title, "body": str() as body, "state": ("open" | "closed" | "merged") as state}:
            base = read.get("base")
            return Request(oid, title, body, Saved(state), base if isinstance(base, str) else None)
    return None


def _date(seconds: str) -> datetime | None:
    """Parse the time of a commit; None for times outside the calendar, which commits of people may have."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None
