"""`basebump work`: does the work that `basebump serve` processes request."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli import options
from bot.cli.serve import DEFAULT_COLLECTION
from bot.cli.service_process import explain_address, run_until_signal
from bot.cli.terminal import NoProgress
from bot.model.errors import UsageError
from bot.model.vocabulary import RunLevel

if TYPE_CHECKING:
    from bot.settings.sections.serve import SocketAddress


def _parse_address(_context: click.Context, _parameter: click.Parameter, text: str | None) -> SocketAddress | None:
    from bot.settings.sections.serve import parse_listen_address

    try:
        return parse_listen_address(text) if text is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@options.service_config_option
@options.level_option
@click.option(
    "--listen",
    "address",
    metavar="HOST:PORT",
    callback=_parse_address,
    help="Serve the probes /livez and /readyz, and /metrics for Prometheus, on this address.",
)
def command(config_file: Path, level: RunLevel, address: SocketAddress | None) -> None:
    """Do the work that `basebump serve` processes request.

    This command needs `queue: postgresql` in the config. With this key, `basebump serve` only receives events, serves
    pages and requests work. Any number of `basebump work` processes do the work. A process writes its log to stderr, as
    lines of JSON. SIGTERM and SIGINT end the process when running work is finished, but after 25 seconds at the latest.
    A second signal ends it at once. Other processes then do the unfinished work.
    """
    from bot.queues.thread_signal import ThreadSignal
    from bot.serve.json_log import JsonLog, write_library_messages
    from bot.serve.service import Service, ServiceOptions
    from bot.wiring import SystemClock
    from bot.wiring.service import open_service_stores

    gc.set_threshold(*DEFAULT_COLLECTION)
    work_signal = ThreadSignal()
    log = JsonLog(SystemClock())
    stores = open_service_stores(config_file, work_signal)
    if not stores.settings.uses_postgresql_queue:
        raise UsageError(
            f"{config_file} has no `queue`, so `basebump serve` does the work itself; hint: add `queue: postgresql`"
        )
    write_library_messages(log)
    service = Service(ServiceOptions(config_file, level, NoProgress()), stores, work_signal, log)
    described = {"config": str(config_file), "level": level.word}
    if address is not None:
        with explain_address(address, "--listen"):
            described["url"] = service.start_monitoring(address)
    service.start_workers()  # started after the server, so that a process that cannot listen begins no work
    run_until_signal(service, log, **described)
