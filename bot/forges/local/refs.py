"""What a run remembers in a local repository: branches, and blobs of JSON that refs beside them point to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from bot.core.proposal.mark import base_of, intent_of
from bot.forges.git.command import Git, Identity, decode, encode
from bot.model.errors import ForgeError, ProcessError

BRANCHES = "refs/heads/"
PROPOSALS = "refs/basebump/proposals/"
DECLINED = "refs/basebump/declined/"
DASHBOARD = "refs/basebump/dashboard"
TOLD = "refs/basebump/told/"

BLOB_DIGITS = 16
"""Of a declined proposal's blob, in the name of its ref: few enough to read, enough that no two are the same."""
MAX_TITLE = 1_000
"""Characters; nothing in git needs a limit, and the titles of forges end far below."""
MAX_BODY = 1_000_000
"""Characters; what GitLab takes, and fifteen times what GitHub does."""
MAX_PROPOSAL = 8 * 1024 * 1024
"""Bytes of a blob that is read back: MAX_TITLE and MAX_BODY as JSON, where a character takes at most six."""

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
    """The state that a proposal's blob tells; that one was merged is for its branch to tell while that is there."""

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class Head:
    """What a branch points to."""

    oid: str
    parents: tuple[str, ...]
    intent: str | None
    """None when the commit is not ours."""
    base: str | None
    """The base branch that it says it was made for, None for the default one."""
    committed: datetime | None
    behind: bool = False
    """Whether the base has commits that it does not hold, once somebody looked."""


@dataclass(frozen=True, slots=True)
class Request:
    """A proposal as its ref keeps it."""

    blob: str
    title: str
    body: str
    state: Saved
    base: str | None = None
    """The base branch that it is made to, None for the default one."""


@dataclass(frozen=True, slots=True)
class Refs:
    """The refs of one repository, read fresh by every question. Every method raises ProcessError."""

    git: Git

    def heads(self, prefix: str) -> Mapping[str, Head]:
        """Return every branch that begins with `prefix`."""
        records = self._under(BRANCHES + prefix, _HEAD_FIELDS)
        return {record[0].removeprefix(BRANCHES): self._head(record) for record in records}

    def branches(self, beginning: str) -> Mapping[str, str]:
        """Return every branch that begins so, and the object that it points to."""
        return {ref.removeprefix(BRANCHES): oid for ref, oid in self._under(BRANCHES + beginning, _OBJECT_FIELDS)}

    def head(self, branch: str) -> Head | None:
        """Return what one branch points to, None where it does not exist."""
        record = self._at(BRANCHES + branch, _HEAD_FIELDS)
        return self._head(record) if record is not None else None

    def commit(self, oid: str) -> Head:
        """Return one commit, as a branch would that points to it."""
        shown = self.git.read("show", "--no-patch", "--no-notes", f"--format={_COMMIT_FORMAT}", oid)
        return self._of_commit(oid, decode(shown).split("\0"))

    def requests(self, prefix: str) -> Mapping[str, Request]:
        """Return every proposal whose branch begins with `prefix`; what is none of ours is left out."""
        found = self._requests(self._under(PROPOSALS + prefix, _BLOB_FIELDS))
        return {ref.removeprefix(PROPOSALS): request for ref, request in found.items() if request is not None}

    def request(self, branch: str) -> Request | None:
        """Return the proposal of one branch, None where there is none.

        Raises ForgeError where its ref holds something else.
        """
        return self._kept(PROPOSALS + branch)

    def dashboard(self) -> Request | None:
        """Return the dashboard, None where there is none. Raises ForgeError where its ref holds something else."""
        return self._kept(DASHBOARD)

    def _kept(self, ref: str) -> Request | None:
        record = self._at(ref, _BLOB_FIELDS)
        if record is None:
            return None
        ((ref, request),) = self._requests([record]).items()
        if request is None:
            raise ForgeError(
                f"{ref} holds nothing of basebump's; look at it with `git cat-file -p {ref}`, "
                f"and delete it with `git update-ref -d {ref}`"
            )
        return request

    def declined(self, prefix: str, wanted: frozenset[str]) -> Mapping[str, list[Request]]:
        """Return what people declined, before the last proposal, of the `wanted` branches that begin with `prefix`."""
        records = self._under(DECLINED + prefix, _BLOB_FIELDS)
        found: dict[str, list[Request]] = {}
        for ref, request in self._requests(record for record in records if _declined_on(record[0]) in wanted).items():
            if request is not None:
                found.setdefault(_declined_on(ref), []).append(request)
        return found

    def told(self, prefix: str) -> frozenset[str]:
        """Return the branches that begin with `prefix` about which people were told something."""
        return frozenset(ref.removeprefix(TOLD) for ref, _ in self._under(TOLD + prefix, _OBJECT_FIELDS))

    def blob(self, ref: str) -> str | None:
        """Return what `ref` points to, None where it does not exist."""
        record = self._at(ref, _OBJECT_FIELDS)
        return record[1] if record is not None else None

    def merged(self, prefix: str, base: str) -> frozenset[str]:
        """Return the branches that begin with `prefix` and whose every commit the commit `base` has too."""
        records = self._under(BRANCHES + prefix, ("refname",), f"--merged={base}")
        return frozenset(ref.removeprefix(BRANCHES) for (ref,) in records)

    def checked_out(self) -> Mapping[str, str]:
        """Return the branches that a worktree has checked out, and where.

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
        """Store a proposal's blob, to which no ref points yet; return it under its new name."""
        written = {"title": request.title, "body": request.body, "state": request.state}
        written |= {"base": request.base} if request.base is not None else {}
        return replace(request, blob=self.git.write_blob(encode(json.dumps(written, ensure_ascii=False, indent=1))))

    def _requests(self, records: Iterable[Sequence[str]]) -> Mapping[str, Request | None]:
        """Read the proposals that refs point to; None is what is not as `save` writes it."""
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
        intent = intent_of(message) if is_ours else None
        return Head(oid, tuple(parents.split()), intent, base_of(message), _date(date))

    def _under(self, start: str, fields: Sequence[str], *options: str) -> Iterator[list[str]]:
        """Yield the fields, of which `refname` is the first, of every ref that begins with `start`."""
        folder = start.rpartition("/")[0] + "/"  # where git's own patterns can end
        return (record for record in self.git.records(fields, folder, *options) if record[0].startswith(start))

    def _at(self, ref: str, fields: Sequence[str]) -> list[str] | None:
        return next((record for record in self.git.records(fields, ref) if record[0] == ref), None)


@contextmanager
def forge_errors() -> Iterator[None]:
    """Turn what git could not do into a ForgeError."""
    try:
        yield
    except ProcessError as error:
        raise ForgeError(str(error)) from error


def declined_ref(branch: str, request: Request) -> str:
    """Return where a declined proposal is kept once another takes its place."""
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
    """Return a commit's time; people's commits hold times that no calendar has."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None
