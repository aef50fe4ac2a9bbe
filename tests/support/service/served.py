"""The pages and the API over HTTP, without the rest of the service."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from support.service.year import SENDERS, build_ports
from waitress.server import create_server

from bot.inventory_ports import StageReader
from bot.serve.api import list_api_routes
from bot.serve.app import Application
from bot.serve.http import Router
from bot.serve.json_log import JsonLog
from bot.serve.pages import create_failure_pages, list_page_routes
from bot.settings.sections.serve import ServeSection
from bot.state.database import Database


@contextmanager
def serve_pages(database: Database, now: datetime, stage_reader: StageReader | None = None) -> Iterator[str]:
    """Serve the pages of a state on loopback, and yield their address. Every browser counts as a user."""
    ports = build_ports(database, now, ServeSection(events=SENDERS, user_header="User-Agent"), stage_reader)
    router = Router([*list_page_routes(ports), *list_api_routes(ports)])
    server = create_server(
        Application(router, JsonLog(ports.clock), create_failure_pages(ports)), host="127.0.0.1", port=0, ident=None
    )
    threading.Thread(target=server.run, daemon=True).start()  # it ends when the browser closed its connections
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.close()
