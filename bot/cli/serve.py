"""`basebump serve`: a service that receives events, and opens proposals within a minute after an image was pushed."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli import options
from bot.cli.service_process import explain_address, run_until_signal
from bot.cli.terminal import NoProgress
from bot.model.vocabulary import RunLevel

if TYPE_CHECKING:
    from bot.serve.service import Service
    from bot.settings import Settings

DEFAULT_COLLECTION = (700, 10, 10)
"""Python's default thresholds of its collector of reference cycles. Other commands raise the thresholds, because their
processes soon end (`bot.cli.app.collect_rarely`).
"""


@click.command()
@options.service_config_option
@options.level_option
def command(config_file: Path, level: RunLevel) -> None:
    """Receive events, look up tags, and propose updates until the service is stopped.

    The service needs a `state` in the config. It listens on `serve.listen`, receives the events of registries and
    forges under `/events/NAME`, regularly looks up all used tags, and lists all repositories every few hours. It writes
    its log to stderr, as lines of JSON. SIGTERM and SIGINT end the service when running work is finished, but after 25
    seconds at the latest. A second signal ends it at once. Unfinished work is done after the next start.
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
    write_library_messages(log)
    service = Service(ServiceOptions(config_file, level, NoProgress()), stores, work_signal, log)
    with service.lock_state():
        url = _start(service, stores.settings)
        run_until_signal(service, log, url=url, config=str(config_file), level=level.word)


def _start(service: Service, settings: Settings) -> str:
    """Start the threads of a service, and return its URL."""
    with explain_address(settings.serve.listen, "serve.listen"):
        url = service.start_server()
    if not settings.uses_postgresql_queue:  # otherwise, `basebump work` does the work
        service.start_workers()  # started after the server, so that a service that cannot listen begins no work
    service.start_upkeep()
    return url
