"""Write the visits of base branches to the tables of the inventory."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, delete, insert, select, update

from bot.model.ci import CiOutcome
from bot.model.decision import Transition
from bot.model.evidence import Evidence
from bot.model.image_name import Digest, TagRef
from bot.model.inventory import BranchKey, BranchVisit, SettledBranch, StoredRequest
from bot.model.proposal import RequestState
from bot.model.report import Verdict
from bot.state.inventory.documents import serialise_evidence, serialise_report, serialise_transition
from bot.state.inventory.rows import RowNumbers, find_branches, parse_ci
from bot.state.inventory.unwanted_digests import record_unwanted
from bot.state.tables import (
    LONGEST_RUN,
    UtcDateTime,
    is_storable,
    make_storable,
    split_into_batches,
    write_rows,
)
from bot.state.tables.inventory import (
    BRANCH_EVIDENCE,
    BRANCH_TAG_LISTS,
    BRANCH_TAGS,
    BRANCHES,
    EVIDENCE,
    HELD_DIGESTS,
    IMAGE_REFERENCES,
    NO_DIGEST,
    NO_TAG,
    REPORTS,
    REQUESTS,
    SETTLED_BRANCHES,
    SETTLED_DETAILS,
)

_AT = bindparam("at", type_=UtcDateTime)
_UPDATED: Mapping[str, Any] = {
    "read_at": _AT,
    "seen_at": case((BRANCHES.c.seen_at < _AT, _AT), else_=BRANCHES.c.seen_at),
    **{name: bindparam(name) for name in ("head", "reader", "has_unread_files")},
}
"""The columns of a branch that every visit updates."""
_Held = tuple[int, int]
"""The numbers of a tag and of the digest that a branch holds for it."""


@dataclass(frozen=True, slots=True)
class _NumberedVisit:
    """A visit with the number of its branch."""

    branch: int
    visit: BranchVisit
    document: str | None
    """The report as a document; None if it cannot be stored."""
    settled: SettledBranch | None
    """None if the branch is not settled, or if something cannot be stored on which it depends."""
    transitions: frozenset[Transition]
    """The transitions in the report that have evidence."""


class VisitWriter:
    """Writes the visits of one run in the transaction of a connection."""

    def __init__(self, connection: Connection, evidence: Mapping[Transition, Evidence], at: datetime) -> None:
        self._connection, self._evidence, self._at = connection, evidence, at
        self._numbers = RowNumbers(connection)
        self._evidence_ids: dict[Transition, int | None] = {}
        """The numbers of evidence that was written; None if the evidence cannot be stored."""

    def write(self, visits: Iterable[BranchVisit]) -> None:
        """Write the visits. A visit is left out if a run that started later already wrote one of the same branch.

        A visit is not left out if the other one is so much later that the clock of one of the runs must be wrong.
        """
        visits_by_key = {visit.key: visit for visit in visits if _is_key_storable(visit.key)}
        rows = find_branches(self._connection, visits_by_key)
        is_later = {key: self._at < row.read_at <= self._at + LONGEST_RUN for key, row in rows.items()}
        current = [visit for key, visit in visits_by_key.items() if not is_later.get(key)]
        self._write_branches(current, rows)
        rows = find_branches(self._connection, [visit.key for visit in current])
        for batch in split_into_batches(current):
            self._write_evidence(batch)
            numbered_visits = [self._number(rows[visit.key].id, visit) for visit in batch]
            ids = [each.branch for each in numbered_visits]
            self._write_references(numbered_visits, ids)
            self._write_requests(numbered_visits, ids)
            self._write_settled(numbered_visits, ids)

    def _write_branches(self, visits: Sequence[BranchVisit], rows: Mapping[BranchKey, Row[Any]]) -> None:
        new, known = [], []
        for visit in visits:
            values = {"head": visit.head, "reader": visit.reader, "has_unread_files": visit.has_unread_files}
            if (row := rows.get(visit.key)) is None:
                names = dict(zip(("forge", "host", "repository", "base_branch"), astuple(visit.key), strict=True))
                times = dict.fromkeys(("first_read_at", "read_at", "seen_at"), self._at)
                new.append(names | values | times)
            else:
                known.append({"of": row.id, "at": self._at} | values)
        if new:
            self._connection.execute(insert(BRANCHES), new)
        if known:
            is_same = BRANCHES.c.id == bindparam("of")
            self._connection.execute(update(BRANCHES).where(is_same).values(_UPDATED), known)

    def _number(self, branch: int, visit: BranchVisit) -> _NumberedVisit:
        """Return the visit with its documents. The branch is not settled if a document cannot be stored."""
        document, settled = serialise_report(visit.report), visit.settled
        transitions = _list_transitions(visit) & self._evidence_ids.keys() if settled is not None else frozenset()
        if document is None or settled is None or not _is_of_visit(settled, visit):
            return _NumberedVisit(branch, visit, document, None, frozenset())
        if any(self._evidence_ids[transition] is None for transition in transitions):
            return _NumberedVisit(branch, visit, document, None, frozenset())
        return _NumberedVisit(branch, visit, document, settled, transitions)

    def _write_evidence(self, visits: Iterable[BranchVisit]) -> None:
        """Write the evidence that the reports of settled branches need, and remember its numbers."""
        needed = {each for visit in visits if visit.settled is not None for each in _list_transitions(visit)}
        new = sorted((needed & self._evidence.keys()) - self._evidence_ids.keys(), key=lambda each: each.sort_key)
        documents = {serialise_transition(each): serialise_evidence(self._evidence[each]) for each in new}
        stored = EVIDENCE.c.transition
        ids: dict[str, int] = {}
        for batch in split_into_batches([each for each, document in documents.items() if document is not None]):
            rows = [{"transition": each, "document": documents[each]} for each in batch]
            write_rows(self._connection, EVIDENCE, rows, key=("transition",))
            found = select(stored, EVIDENCE.c.id).where(stored.in_(batch))
            ids.update((row.transition, row.id) for row in self._connection.execute(found))
        self._evidence_ids.update((each, ids.get(serialise_transition(each))) for each in new)

    def _write_references(self, visits: Sequence[_NumberedVisit], ids: Sequence[int]) -> None:
        """Replace the image references and the reports of branches, and continue or end their spans."""
        verdicts = [verdict for each in visits for verdict in each.visit.report.verdicts]
        self._numbers.add_tags(map(_get_tag_ref, verdicts))
        self._numbers.add_digests(map(_get_digest, verdicts))
        rows = [
            self._build_reference_row(each.branch, ordinal, verdict)
            for each in visits
            for ordinal, verdict in enumerate(each.visit.report.verdicts)
        ]
        reports = [{"branch": each.branch, "document": each.document} for each in visits if each.document is not None]
        for table, new_rows in ((IMAGE_REFERENCES, rows), (REPORTS, reports)):
            self._connection.execute(delete(table).where(table.c.branch.in_(ids)))
            if new_rows:
                self._connection.execute(insert(table), new_rows)
        self._write_spans(visits, ids, rows)
        record_unwanted(self._connection, verdicts, self._at)

    def _build_reference_row(self, branch: int, ordinal: int, verdict: Verdict) -> dict[str, Any]:
        reference = verdict.reference
        return {
            "branch": branch,
            "ordinal": ordinal,
            "path": reference.path,
            "line_number": reference.line_number,
            "format": reference.format,
            "written": reference.written,
            "owners": " ".join(reference.owners),
            "tag": self._numbers.get_tag_id(_get_tag_ref(verdict)),
            "digest": self._numbers.get_digest_id(_get_digest(verdict)),
            "status": verdict.status.value,
            "reason": verdict.reason.value if verdict.reason is not None else None,
        }

    def _write_spans(
        self, visits: Sequence[_NumberedVisit], ids: Sequence[int], reference_rows: Iterable[Mapping[str, Any]]
    ) -> None:
        """Begin spans of the digests that branches hold now, and end spans of digests that they no longer hold.

        If some files of a branch could not be read, the branch may still hold the tags that were not found. Their spans
        do not end.
        """
        held, open_spans = defaultdict[int, set[_Held]](set), defaultdict[int, dict[_Held, datetime]](dict)
        for row in reference_rows:
            held[row["branch"]].add((row["tag"], row["digest"]))
        is_open = (HELD_DIGESTS.c.branch.in_(ids), HELD_DIGESTS.c.ended_at.is_(None))
        for span in self._connection.execute(select(HELD_DIGESTS).where(*is_open)):
            open_spans[span.branch][span.tag, span.digest] = span.first_seen
        begun, ended = [], []
        for each in visits:
            now_held, before = held[each.branch], open_spans[each.branch]
            tags = {tag for tag, _ in now_held}
            begun += [
                {"branch": each.branch, "tag": tag, "digest": digest, "first_seen": self._at, "ended_at": None}
                for tag, digest in now_held - before.keys()
            ]
            ended += [
                {"of": each.branch, "tagged": tag, "with": digest, "since": first_seen}
                for (tag, digest), first_seen in before.items()
                if (tag, digest) not in now_held and (tag in tags or not each.visit.has_unread_files)
            ]
        self._end_spans(ended)
        if begun:
            self._connection.execute(insert(HELD_DIGESTS), begun)

    def _end_spans(self, spans: Sequence[dict[str, Any]]) -> None:
        """End spans. A span that began in a run of the same time is deleted, because it would have no duration."""
        is_same = (
            HELD_DIGESTS.c.branch == bindparam("of"),
            HELD_DIGESTS.c.tag == bindparam("tagged"),
            HELD_DIGESTS.c.digest == bindparam("with"),
            HELD_DIGESTS.c.first_seen == bindparam("since"),
        )
        begun_now = [span for span in spans if span["since"] >= self._at]
        begun_before = [span for span in spans if span["since"] < self._at]
        if begun_now:
            self._connection.execute(delete(HELD_DIGESTS).where(*is_same), begun_now)
        if begun_before:
            self._connection.execute(update(HELD_DIGESTS).where(*is_same).values(ended_at=self._at), begun_before)

    def _write_requests(self, visits: Sequence[_NumberedVisit], ids: Sequence[int]) -> None:
        """Write the pull requests of branches. An open pull request that the forge no longer lists was closed."""
        stored = defaultdict[int, dict[tuple[str, int], dict[str, Any]]](dict)
        for row in self._connection.execute(select(REQUESTS).where(REQUESTS.c.branch.in_(ids))):
            stored[row.branch][row.head_branch, row.number] = dict(zip(REQUESTS.c.keys(), row, strict=True))
        rows = []
        for each in visits:
            if each.visit.requests is None:
                continue
            before = stored[each.branch]
            now = {(make_storable(request.branch), request.number): request for request in each.visit.requests}
            rows += [
                _build_request_row(each.branch, key, request, before.get(key), self._at) for key, request in now.items()
            ]
            rows += [
                {**row, "declines": None, **(_close_row(self._at) if row["state"] == RequestState.OPEN.value else {})}
                for key, row in before.items()
                if key not in now and (row["state"] == RequestState.OPEN.value or row["declines"] is not None)
            ]
        write_rows(self._connection, REQUESTS, rows)

    def _write_settled(self, visits: Sequence[_NumberedVisit], ids: Sequence[int]) -> None:
        """Replace the data that are stored only for settled branches."""
        settled = [(each.branch, each.settled) for each in visits if each.settled is not None]
        self._numbers.add_tags(tag_ref for _, each in settled for tag_ref in each.tags)
        self._numbers.add_tags(TagRef(repository, NO_TAG) for _, each in settled for repository in each.tag_lists)
        self._numbers.add_digests(digest for _, each in settled for digest in each.tags.values())
        get_tag_id, get_digest_id = self._numbers.get_tag_id, self._numbers.get_digest_id
        rows = {
            SETTLED_BRANCHES: [_build_settled_row(branch, each) for branch, each in settled],
            BRANCH_TAGS: [
                {"branch": branch, "tag": get_tag_id(tag_ref), "digest": get_digest_id(digest)}
                for branch, each in settled
                for tag_ref, digest in each.tags.items()
            ],
            BRANCH_TAG_LISTS: [
                {"branch": branch, "tag": get_tag_id(TagRef(repository, NO_TAG)), "fingerprint": fingerprint}
                for branch, each in settled
                for repository, fingerprint in each.tag_lists.items()
            ],
            BRANCH_EVIDENCE: [
                {"branch": each.branch, "evidence": self._evidence_ids[transition]}
                for each in visits
                for transition in each.transitions
            ],
        }
        for table in SETTLED_DETAILS:
            self._connection.execute(delete(table).where(table.c.branch.in_(ids)))
            if rows[table]:
                self._connection.execute(insert(table), rows[table])


def _is_key_storable(key: BranchKey) -> bool:
    return is_storable(key.repository) and is_storable(key.base_branch)


def _is_of_visit(settled: SettledBranch, visit: BranchVisit) -> bool:
    """Return True if the branch was settled with the commit and the reader of the visit, which are stored once."""
    return (settled.conditions.head, settled.conditions.reader) == (visit.head, visit.reader)


def _list_transitions(visit: BranchVisit) -> frozenset[Transition]:
    return frozenset(each.transition for each in visit.report.verdicts if each.transition is not None)


def _get_tag_ref(verdict: Verdict) -> TagRef:
    image = verdict.reference.image
    return TagRef(image.repository, image.tag or NO_TAG)


def _get_digest(verdict: Verdict) -> Digest:
    return verdict.reference.image.digest or Digest(NO_DIGEST)


def _build_settled_row(branch: int, settled: SettledBranch) -> dict[str, Any]:
    conditions = settled.conditions
    return {
        "branch": branch,
        "tree": conditions.tree,
        "activity": conditions.activity,
        "is_public": conditions.is_public,
        "rules": conditions.rules,
        "evidence": conditions.evidence,
        "due_at": settled.due_at,
    }


def _build_request_row(
    branch: int, key: tuple[str, int], request: StoredRequest, before: Mapping[str, Any] | None, at: datetime
) -> dict[str, Any]:
    """Return the row of a pull request. Values that are unknown now, but were known before, are kept."""
    known = before or {}
    ended_at = request.ended_at
    if ended_at is None:
        ended_at = at if known.get("state") == RequestState.OPEN.value else known.get("ended_at")
    fixes = json.dumps(dict(request.fixes), sort_keys=True) if request.fixes is not None else None
    # Azure Repos lists completed pull requests without the mark, which contains the targets.
    targets = json.dumps(request.targets) if request.targets else known.get("targets", "[]")
    return {
        "branch": branch,
        "head_branch": key[0],
        "number": key[1],
        "state": request.state.value,
        "url": request.url or known.get("url"),
        "opened_at": request.opened_at or known.get("opened_at"),
        "ended_at": None if request.state is RequestState.OPEN else ended_at,
        "closed_by": request.closed_by.value if request.closed_by is not None else None,
        "declines": request.declines.value if request.declines is not None else None,
        "targets": targets,
        "fixes": fixes or known.get("fixes"),
        "fix_published_at": request.fix_published_at if fixes is not None else known.get("fix_published_at"),
        **_build_due_columns(request, known),
        **_build_ci_columns(request, known),
    }


def _close_row(at: datetime) -> dict[str, Any]:
    """Return the changed columns of an open pull request that the forge no longer lists."""
    return {"state": RequestState.CLOSED.value, "ended_at": at}


def _build_due_columns(request: StoredRequest, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns for the due date. The stored date is kept if the pull request has none."""
    if request.due_at is None:
        return {name: known.get(name) for name in ("due_at", "due_for", "due_until")}
    due_for = request.due_for.value if request.due_for is not None else None
    return {"due_at": request.due_at, "due_for": due_for, "due_until": request.due_until.value}


def _build_ci_columns(request: StoredRequest, known: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the columns for the outcome of CI. A result for a commit is kept until there is another result for it."""
    ci, base_ci = request.ci, request.base_ci
    if request.head is None or request.head == known.get("head"):
        known_ci = parse_ci(known.get("ci"))
        ci = known_ci if known_ci.is_final and not ci.is_final else ci
        base_ci = parse_ci(known.get("base_ci")) if base_ci is CiOutcome.UNKNOWN else base_ci
    return {"head": request.head or known.get("head"), "ci": ci.value, "base_ci": base_ci.value}


def delete_unneeded_evidence(connection: Connection) -> None:
    """Delete the evidence that no report of a settled branch needs."""
    is_needed = select(BRANCH_EVIDENCE.c.branch).where(BRANCH_EVIDENCE.c.evidence == EVIDENCE.c.id).exists()
    connection.execute(delete(EVIDENCE).where(~is_needed))
