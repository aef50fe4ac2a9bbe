"""The page about the health of senders, hosts and workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.core.markdown import make_one_line
from bot.model.delivery import DeliveryOutcome
from bot.model.service_health import HostSummary, SenderSummary, WorkerSummary
from bot.serve.http import HttpRequest
from bot.serve.pages.cells import describe_span, join_words, show_count, show_text, show_time
from bot.serve.pages.content import Cell, CellStyle, Column, PageContent, PageLink, Part, Table
from bot.serve.pages.event_tables import OUTCOME_STYLES
from bot.serve.pages.ports import PagePorts

HOST_PERIOD = timedelta(hours=24)
"""The length of the last period whose work is summarised by host."""
_SENDER_COLUMNS = (
    *(Column("Sender"), Column("Form"), Column("Last delivery")),
    *(Column(join_words([each]).capitalize(), is_number=True) for each in DeliveryOutcome),
    Column("Repeats", is_number=True),
)
_HOST_COLUMNS = (
    *(Column("Host"), Column("Kind"), Column("Last work"), Column("Done", is_number=True)),
    *(Column("Failed", is_number=True), Column("Last failure")),
)
_WORKER_COLUMNS = (Column("Worker"), Column("Pieces of work", is_number=True), Column("First claim ends"))


def build_health(ports: PagePorts, _request: HttpRequest, _parts: Mapping[str, str]) -> PageContent:
    now = ports.clock.now()
    return PageContent(
        title="Health",
        link=PageLink.HEALTH,
        facts=_list_facts(ports, now),
        tables=(
            _build_sender_table(ports, now),
            _build_host_table(ports.service.summarise_hosts(now - HOST_PERIOD), now),
            _build_worker_table(ports.service.summarise_workers(), now),
        ),
    )


def _list_facts(ports: PagePorts, now: datetime) -> list[tuple[str, Cell]]:
    coverage, last_sweep = ports.inventory.load_coverage(), ports.log.find_last_sweep()
    never = show_text("not finished yet", CellStyle.WARNING)
    queue, settings = ports.queue.compute_figures(), ports.settings
    oldest = describe_span(queue.oldest_due_age) if queue.due else "nothing is due"
    return [
        ("Base branches", show_text(f"{coverage.branches:,}")),
        ("With unread files", show_count(coverage.branches_with_unread_files, CellStyle.WARNING)),
        ("Oldest data", show_time(coverage.oldest_read_at, now) if coverage.oldest_read_at else show_text("none")),
        ("Last complete list", show_time(last_sweep, now) if last_sweep else never),
        ("Lists all repositories", show_text(f"every {describe_span(settings.sweep)}")),
        ("Looks up each tag", show_text(f"every {describe_span(settings.poll)}")),
        ("Oldest due work", show_text(oldest)),
        ("Header with the user", show_text(settings.user_header or "not set")),
    ]


def _build_sender_table(ports: PagePorts, now: datetime) -> Table:
    """Return the table of the senders in the config, and of other senders whose deliveries are still in the state."""
    kinds = {each.endpoint: each.kind.value for each in ports.settings.events}
    summaries = {each.sender: each for each in ports.service.summarise_senders()}
    names = [*kinds, *(each for each in summaries if each not in kinds)]
    return Table(
        name="senders",
        heading="Senders of events",
        columns=_SENDER_COLUMNS,
        rows=[_build_sender_row(each, kinds.get(each), summaries.get(each), now) for each in names],
        empty="The config lists no senders (`serve.events`). Changes are found by polling and by listing repositories.",
        note="Deliveries in the last 30 days." if names else "",
    )


def _build_sender_row(name: str, kind: str | None, summary: SenderSummary | None, now: datetime) -> tuple[Cell, ...]:
    counts: Mapping[DeliveryOutcome, int] = summary.counts if summary is not None else {}
    return (
        show_text(name),
        show_text(kind) if kind is not None else show_text("not configured any more", CellStyle.MUTED),
        show_time(summary.last_at, now) if summary is not None else show_text("never", CellStyle.WARNING),
        *(show_count(counts.get(each, 0), OUTCOME_STYLES.get(each, CellStyle.PLAIN)) for each in DeliveryOutcome),
        show_count(summary.repeats if summary is not None else 0),
    )


def _build_host_table(hosts: Sequence[HostSummary], now: datetime) -> Table:
    return Table(
        name="hosts",
        heading="Forges and registries",
        columns=_HOST_COLUMNS,
        rows=[
            (
                show_text(each.host or "folders on this machine"),
                show_text("registry" if each.is_registry else "forge"),
                show_time(each.last_at, now),
                show_count(each.done),
                show_count(each.failed, CellStyle.ALARM),
                _show_failure(each, now),
            )
            for each in hosts
        ],
        empty="No work was done in the last 24 hours.",
        note="Repositories that were read and tags that were looked up in the last 24 hours." if hosts else "",
    )


def _show_failure(host: HostSummary, now: datetime) -> Cell:
    if host.last_failure is None or host.last_failed_at is None:
        return Cell()
    (time,) = show_time(host.last_failed_at, now).parts
    return Cell((Part(make_one_line(host.last_failure)), Part("·"), time))


def _build_worker_table(workers: Sequence[WorkerSummary], now: datetime) -> Table:
    return Table(
        name="workers",
        heading="Workers that are doing work",
        columns=_WORKER_COLUMNS,
        rows=[
            (show_text(each.worker), show_count(each.claims), show_time(each.claimed_until, now)) for each in workers
        ],
        empty="No worker is doing anything.",
    )
