"""Opens the parts of the state that pages and the API read."""

from __future__ import annotations

from bot.ports import Clock
from bot.serve.fix_trends import FixTrends
from bot.serve.pages.ports import PagePorts
from bot.state.fleet_reader import DatabaseFleetReader
from bot.state.inventory_store import DatabaseInventoryStore
from bot.state.service_reader import DatabaseServiceReader
from bot.wiring.service import ServiceStores


def build_page_ports(stores: ServiceStores, clock: Clock) -> PagePorts:
    """Return everything that pages and the API read."""
    settings, database = stores.settings, stores.database
    return PagePorts(
        inventory=stores.reader,
        fleet=DatabaseFleetReader(database),
        reports=DatabaseInventoryStore(database),
        log=stores.log,
        service=DatabaseServiceReader(database),
        queue=stores.queue,
        trends=FixTrends(stores.reader, clock),
        clock=clock,
        settings=settings.serve,
        has_private_scanners=any(each.private for each in settings.scanners),
    )
