"""Workers that PostgreSQL wakes: what Procrastinate's jobs could do wrong, and what prevents it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from support.waiting import wait_until
from support.work_processes import LONG_VISIT, build_visit_request

from bot.model.errors import StateError
from bot.model.work import WorkKind, WorkPriority
from bot.queues.procrastinate_queue import MAX_JOBS, PostgresqlSignal
from bot.queues.procrastinate_schema import prepare_tables
from bot.state.database import Database
from bot.state.work.queue import DatabaseWorkQueue, write_requests

pytestmark = [pytest.mark.slow, pytest.mark.real("postgresql")]


@pytest.fixture
def queue(database):
    return DatabaseWorkQueue(database, PostgresqlSignal())


def count_jobs(database, condition="true"):
    return len(select_jobs(database, condition))


def select_jobs(database, condition="true"):
    with database.open_for_reading() as connection:
        return set(connection.execute(text(f"SELECT id FROM procrastinate_jobs WHERE {condition}")).scalars())


def take_jobs(database):
    """Do what workers do when they fetch jobs."""
    with database.open_for_row_writes() as connection:
        connection.execute(text("UPDATE procrastinate_jobs SET status = 'doing'"))


def finish_all_work(database):
    """Remove all work, as if it had been done."""
    with database.open_for_row_writes() as connection:
        connection.execute(text("DELETE FROM pending_work"))


def count_listeners(database):
    """Return the number of workers that PostgreSQL notifies of jobs."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    with database.open_for_reading() as connection:
        return connection.execute(text(query)).scalar_one()


def test_many_work_requests_for_a_repository_store_one_job(queue, database):
    for _ in range(20):
        queue.request_work([build_visit_request("web")] * 50)
    assert count_jobs(database) == 1


def test_job_is_rolled_back_with_the_transaction_of_the_work(database):
    with database.open_for_row_writes() as connection:
        write_requests(connection, [build_visit_request("web")], PostgresqlSignal())
        connection.rollback()
    assert count_jobs(database) == 0
    assert DatabaseWorkQueue(database).compute_figures().waiting == 0


def test_requests_for_missing_work_store_no_job_for_repository_already_queued(queue, database):
    queue.request_missing([build_visit_request("web")])
    take_jobs(database)
    queue.request_missing([build_visit_request("web"), build_visit_request("api")])
    assert count_jobs(database, "status = 'todo'") == 1


def test_concurrent_request_stores_another_job_if_a_worker_takes_the_first(queue, database):
    """The worker cannot see the new request yet. Without another job, the request would wait for the next search."""
    queue.request_work([build_visit_request("web")])
    with ThreadPoolExecutor(1) as threads:
        with database.open_for_row_writes() as connection:
            connection.execute(text("UPDATE procrastinate_jobs SET status = 'doing'"))
            requesting = threads.submit(queue.request_work, [build_visit_request("web")])
            assert not wait([requesting], timeout=0.5).done
        requesting.result()
    assert count_jobs(database, "status = 'todo'") == 1


def test_concurrent_requests_of_several_receivers_store_one_job_per_repository(database):
    def request(_: int) -> None:
        queue = DatabaseWorkQueue(database, PostgresqlSignal())
        for _ in range(20):
            queue.request_work([build_visit_request(name) for name in ("web", "api", "db")])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(request, range(4)))
    assert count_jobs(database) == 3


def test_jobs_are_stored_without_lock_and_schedule(queue, database):
    """Traps: a job stops all others with the same lock while it waits for its time, or while it seems to be done."""
    queue.request_work([replace(build_visit_request("web"), delay=timedelta(hours=1))])
    assert count_jobs(database, "lock IS NULL AND scheduled_at IS NULL") == count_jobs(database) == 1


def test_work_requests_for_many_repositories_store_jobs_only_up_to_limit(queue, database):
    queue.request_work([build_visit_request(f"r{number}") for number in range(2 * MAX_JOBS)])
    assert count_jobs(database) == MAX_JOBS


def test_most_urgent_work_gets_a_job_if_there_is_more_work_than_jobs(queue, database):
    requests = [build_visit_request(f"r{number}") for number in range(MAX_JOBS)]
    queue.request_work([*requests, replace(build_visit_request("z"), priority=WorkPriority.EXPLOITED)])
    assert count_jobs(database, f"priority = {WorkPriority.EXPLOITED.value}") == 1


def test_releasing_claims_stores_a_job_for_another_worker(queue, database):
    queue.request_work([build_visit_request("web")])
    queue.claim_work("a", [WorkKind.VISIT], 1, timedelta(minutes=1))
    take_jobs(database)
    queue.release_claims("a")
    assert count_jobs(database, "status = 'todo'") == 1


def test_stored_job_wakes_a_waiting_worker_at_once(queue, database, stand):
    stand.start_worker(longest_wait=600)
    wait_until(lambda: count_listeners(database) == 1)
    time.sleep(0.5)  # until the worker has looked for jobs that were stored before
    queue.request_work([build_visit_request("web")])
    wait_until(lambda: stand.world.list_notes("visits") == ["web"])


def test_job_of_a_killed_worker_does_not_block_the_repository(queue, database, stand):
    """Trap: a job with a `lock` that stays `doing` would stop all jobs with the same lock."""
    worker = stand.start_worker(LONG_VISIT)
    queue.request_work([build_visit_request("web")])
    wait_until(lambda: count_jobs(database, "status = 'doing'") == 1)
    queue.request_work([build_visit_request("web")])
    worker.kill()
    finish_all_work(database)
    stand.world.raise_number("web")
    queue.request_work([build_visit_request("web")])
    stand.start_worker()
    wait_until(lambda: stand.world.list_lost() == [])


def test_job_of_a_killed_worker_is_removed_while_another_worker_is_busy(queue, database, stand):
    """Trap: such a job cannot be retried if another one waits, and a task that removes it may have to wait."""
    killed = stand.start_worker(LONG_VISIT)
    queue.request_work([build_visit_request("web")])
    wait_until(lambda: count_jobs(database, "status = 'doing'") == 1)
    stand.start_worker(seconds=3)
    queue.request_work([build_visit_request(name) for name in ("web", *(f"r{number}" for number in range(50)))])
    wait_until(lambda: count_jobs(database, "status = 'doing'") == 2)
    [dead] = select_jobs(database, "status = 'doing' AND queueing_lock LIKE '%web%'")
    [busy] = select_jobs(database, "status = 'doing'") - {dead}
    killed.kill()
    wait_until(lambda: dead not in select_jobs(database))
    assert select_jobs(database, "status = 'doing'") == {busy}


def test_work_of_a_killed_worker_is_done_by_an_idle_worker(queue, stand, database):
    """Trap: the job of the work has ended with the worker, so that nothing wakes the others."""
    killed = stand.start_worker(LONG_VISIT)
    stand.world.raise_number("web")
    queue.request_work([build_visit_request("web")])
    wait_until(lambda: queue.compute_figures().claimed == 1)
    stand.start_worker()
    killed.kill()
    wait_until(stand.is_idle)
    assert stand.world.list_lost() == []
    wait_until(lambda: count_jobs(database) == 0)


def test_delayed_request_does_not_block_an_urgent_request_for_the_same_work(queue, stand):
    """Trap: a job that is scheduled for later stops all others with the same lock."""
    stand.start_worker()
    queue.request_work([replace(build_visit_request("web"), delay=timedelta(hours=1))])
    time.sleep(0.5)
    queue.request_work([replace(build_visit_request("web"), priority=WorkPriority.USER)])
    wait_until(stand.is_idle)


def test_worker_finds_due_work_that_has_no_job(database, stand):
    """Trap: nothing wakes a worker if the job was lost, or if it came before the work was due."""
    stand.start_worker()
    DatabaseWorkQueue(database).request_work([replace(build_visit_request("web"), delay=timedelta(seconds=2))])
    wait_until(stand.is_idle)


def test_delayed_work_is_done_when_due_even_if_worker_would_wait_longer(queue, database, stand):
    stand.start_worker(longest_wait=600)
    wait_until(lambda: count_listeners(database) == 1)
    time.sleep(0.5)  # as above
    began = time.monotonic()
    queue.request_work([replace(build_visit_request("web"), delay=timedelta(seconds=2))])
    wait_until(stand.is_idle)
    assert time.monotonic() - began >= 2


def test_visit_that_raises_an_error_leaves_no_job_behind(queue, database, stand):
    """Trap: Procrastinate keeps a job `doing` if it cannot store that the job failed."""
    (stand.world.folder / "done" / "web").mkdir()
    stand.start_worker()
    queue.request_work([build_visit_request("web")])
    wait_until(lambda: queue.compute_figures().next_due_in not in (None, timedelta()))
    wait_until(lambda: count_jobs(database) == 0)


def test_concurrent_processes_create_the_queue_tables_once(address):
    def create(_: int) -> None:
        with Database.postgresql(address).open_for_writing() as connection:
            prepare_tables(connection)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(create, range(3)))
    assert count_jobs(Database.postgresql(address)) == 0


def test_missing_migration_of_queue_tables_is_applied(database):
    with database.open_for_writing() as connection:
        connection.execute(text("DELETE FROM queue_migrations WHERE name LIKE '03.03.00_01%'"))
        connection.execute(text("DROP FUNCTION procrastinate_fetch_job_v2"))
        prepare_tables(connection)
        names = connection.execute(text("SELECT proname FROM pg_proc WHERE proname LIKE 'procrastinate_fetch%'"))
        assert "procrastinate_fetch_job_v2" in set(names.scalars())


def test_queue_tables_of_another_program_cause_an_error(address):
    database = Database.postgresql(address)
    with database.open_for_writing() as connection:
        connection.execute(text("CREATE TABLE procrastinate_jobs (id bigint)"))
    with pytest.raises(StateError, match="another program"), database.open_for_writing() as connection:
        prepare_tables(connection)


def test_missing_queue_tables_are_reported_with_a_hint(address):
    database = Database.postgresql(address)
    queue = DatabaseWorkQueue(database, PostgresqlSignal())
    with pytest.raises(StateError, match="hint"):
        queue.request_work([build_visit_request("web")])
    assert queue.compute_figures().waiting == 0
