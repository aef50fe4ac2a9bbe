"""Texts from outside that no database can store: a run stores everything else, and no error blames the state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import DateTime, Text, insert, select
from sqlalchemy.types import TypeEngine
from support.service.work import LEASE, WEB, request_work
from support.visits import NOW, OLD, PYTHON, build_visit
from support.visits import WEB as WEB_BRANCH

from bot.model.branch_ownership import BranchPush
from bot.model.ci import FailedCheck
from bot.model.delivery import Delivery, DeliveryOutcome
from bot.model.forge import GitRepository
from bot.model.history import SupersededTag
from bot.model.image import TagDescriptor
from bot.model.vocabulary import Reason
from bot.model.work import FinishedWork, VisitWork, WorkKind
from bot.model.workload import ClusterReading, RunningImage, Workload
from bot.state.after_merge.failed_checks import DatabaseFailedChecks, read_failed_checks
from bot.state.after_merge.running_images import DatabaseRunningImages
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.lookups.push_store import DatabasePushStore
from bot.state.lookups.superseded_tags import DatabaseSupersededStore
from bot.state.tables import METADATA, SCHEMA_VERSION
from bot.state.work.queue import DatabaseWorkQueue
from bot.state.work.service_log import DatabaseServiceLog

ODD, STORED = "a\0b\ud800c", "a?b?c"
AT = datetime(2026, 11, 25, 12, tzinfo=UTC)


def record_pushes(database):
    store = DatabasePushStore(database)
    repository = GitRepository("local", "r", "main", "c0ffee")
    store.record_pushes({repository: {ODD: BranchPush(ODD, ODD), "fine": BranchPush("c", "i")}}, AT)
    return store.load_pushes(repository)[STORED].commit


def record_failed_check(database):
    DatabaseInventoryStore(database).record_visits([build_visit(f"python:3.12@{OLD}")], {}, NOW)
    checks = {WEB_BRANCH: FailedCheck(ODD, f"https://{ODD}")}
    DatabaseFailedChecks(database).record_checks(checks, {WEB_BRANCH: "c0ffee"})
    with database.open_for_reading() as connection:
        [check] = read_failed_checks(connection).values()
    return check.name


def record_superseded_tag(database):
    store = DatabaseSupersededStore(database)
    store.record({PYTHON: SupersededTag(OLD, Reason.END_OF_LIFE, ODD, ODD)}, AT)
    return store.load([PYTHON])[PYTHON].detail


def record_workload(database):
    store = DatabaseRunningImages(database)
    image = RunningImage(Workload("prod", ODD, "Deployment", ODD), ODD, PYTHON.repository, "3.12", OLD, 1, AT)
    for pods in (1, 2):
        store.record_clusters([ClusterReading("prod", (image,))], AT + timedelta(hours=pods))
    [cluster] = store.load_clusters()
    [stored] = cluster.images
    return stored.image.container


def record_error_of_work(database):
    queue = DatabaseWorkQueue(database)
    request_work(queue, WEB)
    [claimed] = queue.claim_work("a", WorkKind, 1, LEASE)
    queue.postpone_work("a", claimed, timedelta(), ODD)
    [pending] = DatabaseServiceLog(database).list_pending(9)
    return pending.error


def record_result_of_work(database):
    queue, log = DatabaseWorkQueue(database), DatabaseServiceLog(database)
    request_work(queue, WEB)
    [claimed] = queue.claim_work("a", WorkKind, 1, LEASE)
    queue.finish_work("a", claimed, FinishedWork(WEB, "t", claimed.reason, AT, AT, ODD))
    [finished] = log.list_finished(9)
    return finished.result


def record_delivery(database):
    log = DatabaseServiceLog(database)
    delivery = Delivery("hub", ODD, AT, DeliveryOutcome.ACCEPTED, "t", (ODD,))
    assert log.record_delivery(delivery, ())
    assert not log.record_delivery(delivery, ())
    [stored] = log.list_deliveries(9)
    assert stored.subjects == (ODD,)
    return stored.id


RECORDERS: tuple[Callable, ...] = (
    record_pushes,
    record_failed_check,
    record_superseded_tag,
    record_workload,
    record_error_of_work,
    record_result_of_work,
    record_delivery,
)


@pytest.mark.parametrize("record", RECORDERS)
def test_text_that_no_database_can_store_is_stored_with_question_marks(state_location, record):
    assert record(state_location.database()) == STORED


def test_repository_with_unstorable_name_keeps_its_work(state_location):
    queue = DatabaseWorkQueue(state_location.database())
    request_work(queue, VisitWork("gitea", "git.acme.com", ODD), WEB)
    assert WEB in {each.key for each in queue.claim_work("a", WorkKind, 9, LEASE)}


def test_media_type_with_null_character_does_not_prevent_other_tags_from_being_stored(state_location):
    memory = state_location.memory()
    memory.record_tags({PYTHON: TagDescriptor(OLD, ODD, ODD)}, state_location.now)
    assert memory.load_observations([PYTHON])[PYTHON]


def build_value(column_type: TypeEngine):
    stored_type = getattr(column_type, "impl_instance", column_type)
    if isinstance(stored_type, Text):
        return ODD
    return AT if isinstance(stored_type, DateTime) else 1


@pytest.mark.parametrize("table", [each for each in METADATA.sorted_tables if each is not SCHEMA_VERSION], ids=str)
def test_every_text_column_stores_text_that_no_database_can_store(state_location, table):
    row = {column.name: build_value(column.type) for column in table.columns}
    with state_location.database().open_for_writing() as connection:
        connection.execute(insert(table), [row])
        [stored] = connection.execute(select(table))
    assert {value for value in stored if isinstance(value, str)} <= {STORED}
