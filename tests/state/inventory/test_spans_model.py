"""The stored spans match a short model, for any sequence of visits."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from itertools import count, pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from support.values import digest, reference

from bot.model.inventory import BranchKey, BranchVisit
from bot.model.report import RepositoryReport, Verdict
from bot.model.vocabulary import ReferenceStatus
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.tables.inventory import BRANCHES, DIGESTS, HELD_DIGESTS, TAGS

STEP = timedelta(minutes=7)
_names = count()


class SpansModel:
    """A model of the spans of one branch: the times at which each tag and digest was held first and no longer."""

    def __init__(self) -> None:
        self.open: dict[tuple[str, str], int] = {}
        self.ended: list[tuple[str, str, int, int]] = []
        self.read_at = -1000

    def visit(self, held: set[tuple[str, str]], has_unread_files: bool, at: int) -> None:
        if at < self.read_at:
            return
        self.read_at = at
        for tag, content in set(self.open) - held:
            if has_unread_files and tag not in {each for each, _ in held}:
                continue
            began = self.open.pop((tag, content))
            if began < at:
                self.ended.append((tag, content, began, at))
        for each in held:
            self.open.setdefault(each, at)

    def list_spans(self) -> set[tuple]:
        return {*self.ended, *((*each, began, None) for each, began in self.open.items())}


one_digest_each = st.dictionaries(st.sampled_from(("1", "2", "")), st.sampled_from(("A", "B", "")), max_size=2)
several_digests = st.sets(st.tuples(st.sampled_from(("1", "2")), st.sampled_from(("A", "B", ""))), max_size=3)


def list_visits(held, unread) -> st.SearchStrategy:
    return st.lists(st.tuples(st.integers(min_value=-2, max_value=4), held, unread), max_size=8)


def write(tag: str, content: str) -> str:
    return "ghcr.io/acme/base" + (f":{tag}" if tag else "") + (f"@{digest(content)}" if content else "")


def visit(name: str, held: set[tuple[str, str]], *, has_unread_files: bool) -> BranchVisit:
    verdicts = tuple(Verdict(reference(write(*each)), ReferenceStatus.UP_TO_DATE) for each in held)
    report = RepositoryReport("github", name, "main", verdicts)
    return BranchVisit(BranchKey("github", "github.com", name, "main"), "c", "r", report, (), has_unread_files)


def load_spans(location, database, name: str) -> set[tuple]:
    columns = (TAGS.c.tag, DIGESTS.c.digest, HELD_DIGESTS.c.first_seen, HELD_DIGESTS.c.ended_at)
    query = (
        select(*columns)
        .join(BRANCHES, BRANCHES.c.id == HELD_DIGESTS.c.branch)
        .join(TAGS, TAGS.c.id == HELD_DIGESTS.c.tag)
        .join(DIGESTS, DIGESTS.c.id == HELD_DIGESTS.c.digest)
        .where(BRANCHES.c.repository == name)
    )
    contents = {digest("A"): "A", digest("B"): "B", "": ""}
    with database.open_for_reading() as connection:
        rows = connection.execute(query).all()
    steps = {row: (row.first_seen - location.now) // STEP for row in rows}
    ends = {row: (row.ended_at - location.now) // STEP if row.ended_at else None for row in rows}
    return {(row.tag, contents[row.digest], steps[row], ends[row]) for row in rows}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=25)
@given(
    simple=list_visits(one_digest_each.map(lambda held: set(held.items())), st.just(False)),
    others=list_visits(several_digests, st.booleans()),
)
def test_stored_digest_periods_match_the_model_and_do_not_overlap(state_location, simple, others):
    database = state_location.database()
    inventory = DatabaseInventoryStore(database)
    for visits, get_key in ((simple, lambda span: span[0]), (others, lambda span: span[:2])):
        name, model, at = f"acme/r{next(_names)}", SpansModel(), 0
        for steps, held, has_unread_files in visits:
            at += steps
            inventory.record_visits(
                [visit(name, held, has_unread_files=has_unread_files)], {}, state_location.now + at * STEP
            )
            model.visit(held, has_unread_files, at)
        spans = load_spans(state_location, database, name)
        assert spans == model.list_spans()
        assert not list_overlaps(spans, get_key)


def list_overlaps(spans: set[tuple], get_key) -> list[tuple]:
    """Return pairs of spans with the same key of which the second begins before the first ends."""
    groups = defaultdict(list)
    for span in sorted(spans, key=lambda each: each[2]):
        groups[get_key(span)].append(span)
    pairs = [pair for group in groups.values() for pair in pairwise(group)]
    return [(first, second) for first, second in pairs if first[3] is None or first[3] > second[2]]
