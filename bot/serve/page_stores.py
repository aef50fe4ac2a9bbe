"""Opens the parts of the state that pages and the API read."""

from __future__ import annotations

from bot.ports import Clock
from bot.serve.kept_answer import keep_fix_trends, keep_stages
from bot.serve.pages.ports import PagePorts
from bot.state.fleet_reader import DatabaseFleetReader
from bot.state.inventory_store import DatabaseInventoryStore
from bot.state.service_reader import DatabaseServiceReader
from bot.wiring.inventory import create_stage_reader
from bot.wiring.service import ServiceStores


def build_page_ports(stores: ServiceStores, clock: Clock) -> PagePorts:
    """Return everything that pages and the API read.

    Pages about stages exist if the config has clusters or builds, or if the state contains builds of own images now.
    """
    settings, database = stores.settings, stores.database
    reader = create_stage_reader(database, settings)
    stage_reader = reader if reader.load_scope().has_more_than_merges else None
    return PagePorts(
        inventory=stores.reader,
        fleet=DatabaseFleetReader(database),
        reports=DatabaseInventoryStore(database),
        log=stores.log,
        service=DatabaseServiceReader(database),
        queue=stores.queue,
        trends=keep_fix_trends(stores.reader, clock, stage_reader),
        clock=clock,
        stage_reader=stage_reader,
        stages=keep_stages(stage_reader, clock) if stage_reader is not None else None,
        settings=settings.serve,
        has_private_scanners=any(each.private for each in settings.scanners),
    )
