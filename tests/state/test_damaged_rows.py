"""A row that somebody damaged by hand costs what it contains, and nothing else. The next visit replaces it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from support.values import digest
from support.visits import API, NEW, NOW, OLD, PYTHON, WEB, build_request, build_settled, build_visit

from bot.model.errors import StateError
from bot.model.history import SupersededTag
from bot.model.image import TagDescriptor
from bot.model.image_name import ImageName, TagRef
from bot.model.inventory import BranchVisit
from bot.model.limits import Opening
from bot.model.vocabulary import Reason
from bot.state.inventory_reader import DatabaseInventoryReader
from bot.state.opening_ledger import DatabaseOpeningLedger
from bot.state.superseded_tags import DatabaseSupersededStore

HOUR = timedelta(hours=1)
NODE = TagRef("docker.io/library/node", "22")
WEB_ID = "(SELECT id FROM branches WHERE repository = 'acme/web')"
STATEMENTS = (
    "UPDATE branches SET read_at = {time} WHERE repository = 'acme/web'",
    "UPDATE branches SET first_read_at = {time} WHERE repository = 'acme/web'",
    "UPDATE branches SET seen_at = {time} WHERE repository = 'acme/web'",
    f"UPDATE settled_branches SET due_at = {{time}} WHERE branch = {WEB_ID}",
    f"UPDATE branch_tags SET digest = 999 WHERE branch = {WEB_ID}",
    f"UPDATE branch_tags SET tag = 999 WHERE branch = {WEB_ID}",
    f"UPDATE branch_tag_lists SET tag = 999 WHERE branch = {WEB_ID}",
    f"UPDATE image_references SET tag = 999 WHERE branch = {WEB_ID}",
    f"UPDATE held_digests SET first_seen = {{time}} WHERE branch = {WEB_ID}",
    f"UPDATE held_digests SET ended_at = {{time}} WHERE branch = {WEB_ID}",
    f"UPDATE requests SET opened_at = {{time}} WHERE branch = {WEB_ID}",
    f"UPDATE requests SET state = 'odd' WHERE branch = {WEB_ID}",
    f"UPDATE requests SET targets = '{{{{' WHERE branch = {WEB_ID}",
    f"UPDATE requests SET targets = '[7]' WHERE branch = {WEB_ID}",
    f"UPDATE requests SET fixes = '[]' WHERE branch = {WEB_ID}",
    f"UPDATE reports SET document = '{{{{' WHERE branch = {WEB_ID}",
    "DELETE FROM tags WHERE repository = 'docker.io/library/python'",
    f"DELETE FROM digests WHERE digest = '{OLD}'",
)
BLOBS = (
    "UPDATE tags SET repository = X'FF' WHERE repository = 'docker.io/library/python'",
    f"UPDATE digests SET digest = X'FF' WHERE digest = '{OLD}'",
    "UPDATE branches SET head = X'FF' WHERE repository = 'acme/web'",
    "UPDATE branches SET has_unread_files = 'odd', read_at = 5 WHERE repository = 'acme/web'",
    f"UPDATE settled_branches SET rules = X'FF' WHERE branch = {WEB_ID}",
    f"UPDATE branch_tags SET tag = X'' WHERE branch = {WEB_ID}",
    f"UPDATE branch_tags SET digest = X'' WHERE branch = {WEB_ID}",
    f"UPDATE branch_tag_lists SET tag = X'' WHERE branch = {WEB_ID}",
    f"UPDATE image_references SET owners = X'FF' WHERE branch = {WEB_ID}",
    f"UPDATE image_references SET digest = 'odd' WHERE branch = {WEB_ID}",
    f"UPDATE requests SET head_branch = X'FF' WHERE branch = {WEB_ID}",
    f"UPDATE reports SET document = X'FF' WHERE branch = {WEB_ID}",
)
"""Values that a column of SQLite can have, and one of PostgreSQL cannot."""


def damage(place, statement: str) -> None:
    """Change a row as basebump never does."""
    with place.database().open_for_writing() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        if statement in BLOBS and not is_sqlite:
            pytest.skip("the column cannot have such a value")
        moment = "'yesterday'" if is_sqlite else "'infinity'"
        assert connection.execute(text(statement.format(time=moment).replace(":", r"\:"))).rowcount


def build_visits() -> Iterator[BranchVisit]:
    settled = build_settled(tag_lists={"docker.io/library/python": "f"}, due_at=NOW + HOUR)
    request = build_request(fixes={"high": 1})
    yield build_visit(f"python:3.12@{OLD}", requests=(request,), settled=settled, key=WEB)
    settled, request = replace(build_settled(), tags={NODE: NEW}), build_request(2, targets=(f"{NODE}@{OLD}",))
    yield build_visit(f"node:22@{NEW}", requests=(request,), settled=settled, key=API)


def read_everything(inventory, place, key) -> list[object]:
    """Return everything that the inventory contains about a base branch."""
    reader, image = DatabaseInventoryReader(place.database()), "python" if key == WEB else "node"
    reference = ImageName.parse(image)
    usages = reader.list_usages(reference)
    history = reader.load_repository_history(key.repository)
    return [
        inventory.load_branches([WEB, API]).get(key),
        inventory.load_reports([WEB, API]).get(key),
        [each for each in inventory.load_requests([PYTHON.repository, NODE.repository], NOW - HOUR) if each.key == key],
        inventory.list_users(reference),
        [(each.digest, each.is_since_first_visit, each.requests) for each in usages],
        [(each.repository, each.digest, each.ended_at) for each in history.held],
        [each.request for each in history.requests],
        [each.repository for each in reader.load_image_history(reference).held],
    ]


@pytest.mark.parametrize("statement", [*STATEMENTS, *BLOBS])
def test_damaged_row_of_the_inventory_does_not_affect_other_rows(inventory, place, statement):
    inventory.record_visits(list(build_visits()), {}, place.now)
    before = read_everything(inventory, place, API)
    damage(place, statement)
    assert read_everything(inventory, place, API) == before
    read_everything(inventory, place, WEB)
    DatabaseInventoryReader(place.database()).load_patch_history(NOW - HOUR)
    DatabaseInventoryReader(place.database()).load_coverage()
    inventory.record_visits(list(build_visits()), {}, place.now + HOUR)
    inventory.record_seen([WEB, API], place.now + HOUR)
    stored, report, *_ = read_everything(inventory, place, WEB)
    assert stored is not None
    assert stored.settled is not None
    assert report is not None
    usages = DatabaseInventoryReader(place.database()).list_usages(ImageName.parse("python"))
    assert [(each.key, each.digest) for each in usages] == [(WEB, OLD)]


def test_branch_is_not_settled_when_a_condition_is_damaged(inventory, place):
    for statement in STATEMENTS[3:7]:
        inventory.record_visits(list(build_visits()), {}, place.now)
        damage(place, statement)
        stored = inventory.load_branches([WEB, API])
        assert stored[WEB].settled is None, statement
        assert stored[API].settled is not None


def test_branch_with_a_damaged_row_is_reported_as_not_read(inventory, place):
    inventory.record_visits(list(build_visits()), {}, place.now)
    damage(place, STATEMENTS[0])
    coverage = DatabaseInventoryReader(place.database()).load_coverage()
    assert (coverage.branches, coverage.branches_with_unread_files, coverage.oldest_read_at) == (2, 1, place.now)


def test_damaged_row_of_the_ledger_does_not_count(place):
    ledger = DatabaseOpeningLedger(place.database())
    openings = [Opening(("github", "github.com", name), "basebump/a", True, False) for name in ("acme/web", "acme/api")]
    ledger.reserve(lambda _: openings, place.now, HOUR)
    damage(place, "UPDATE openings SET opened_at = {time} WHERE repository = 'acme/web'")
    counted: list[list[Opening]] = []

    def choose(recent):
        counted.append(sorted(recent, key=lambda each: each.repository))
        return openings[:1]

    for _ in range(2):
        ledger.reserve(choose, place.now, HOUR)
    assert counted == [openings[1:], openings[::-1]]


@pytest.mark.parametrize("column", ["first_seen", "last_seen"])
def test_damaged_observation_is_followed_by_a_new_observation(place, column):
    memory, tags = place.memory(), (PYTHON, NODE)
    for hour, content in enumerate("AB"):
        memory.record_tags({each: TagDescriptor(digest(content), "m") for each in tags}, place.now + hour * HOUR)
    is_last = "tag = '3.12' AND ordinal = 1"
    damage(place, f"UPDATE tag_observations SET {column} = {{time}} WHERE {is_last}")
    memory.record_tags({each: TagDescriptor(digest("C"), "m") for each in tags}, place.now + 2 * HOUR)
    found = {tag: [each.digest for each in seen] for tag, seen in memory.load_observations(tags).items()}
    assert found == {NODE: [digest(each) for each in "ABC"], PYTHON: [digest(each) for each in "AC"]}


def test_observation_with_the_largest_number_is_an_error_of_the_state(place):
    memory = place.memory()
    memory.record_tags({PYTHON: TagDescriptor(digest("A"), "m")}, place.now)
    with place.database().open_for_writing() as connection:
        largest = 2**63 - 1 if connection.dialect.name == "sqlite" else 2**31 - 1
        connection.execute(text(f"UPDATE tag_observations SET ordinal = {largest}"))
    with pytest.raises(StateError, match="cannot use the state"):
        memory.record_tags({PYTHON: TagDescriptor(digest("B"), "m")}, place.now + HOUR)


def test_damaged_superseded_tag_is_checked_again(place):
    store = DatabaseSupersededStore(place.database())
    ended = SupersededTag(digest("A"), Reason.END_OF_LIFE, "since 2025", None)
    store.record({PYTHON: ended, NODE: ended}, place.now)
    damage(place, "UPDATE superseded_tags SET checked_at = {time} WHERE tag = '3.12'")
    assert store.load([PYTHON, NODE]) == {NODE: ended}
    store.record({PYTHON: ended}, place.now + HOUR)
    assert store.load([PYTHON, NODE]) == {PYTHON: ended, NODE: ended}
