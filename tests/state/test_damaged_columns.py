"""Every column with values that basebump never writes: every page, answer and command works, or names the damage.

The columns are those of the tables, so that new columns are tested, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial

import pytest
from sqlalchemy import Boolean, Column, DateTime, Integer, Table, insert, select
from support.exposure import ListedVulnerability, VulnerabilityDatabase, package
from support.service.deployments import build_stage_reader, record_deployments
from support.service.year import SENDERS, TAGS, FleetYear, build_ports, get_digest, write_work
from support.visits import NOW

from bot.model.errors import StateError
from bot.model.evidence import ScanSubject
from bot.model.exposed_images import ExposureQuery
from bot.resources import read_template
from bot.serve.api import ANSWERS, PREFIX, list_api_routes
from bot.serve.http import HttpRequest, Response, Route, Router
from bot.serve.pages import PAGES, PageBuilder
from bot.serve.pages.ports import PagePorts
from bot.serve.pages.renderer import PageRenderer
from bot.settings.sections.serve import ServeSection
from bot.state.database import Database
from bot.state.exposure.reader import DatabaseExposureReader
from bot.state.exposure.store import DatabaseScanStore
from bot.state.tables import METADATA, SCHEMA_VERSION

TABLES = [each for each in METADATA.sorted_tables if each is not SCHEMA_VERSION]
CVE = ListedVulnerability("CVE-2026-1", "openssl")
IMAGE, DIGEST = str(TAGS[0]), get_digest(TAGS[0], 0)
EXAMPLES = {
    "/images/{name...}": f"/images/{IMAGE}",
    "/repositories/{forge}/{path...}": "/repositories/github/github.com/acme/web",
}
PATHS = [*PAGES, *(f"{PREFIX}{each}" for each in ANSWERS)]
SETTINGS = ServeSection(events=SENDERS, user_header="X-Forwarded-Email")
USER = {"x-forwarded-email": "kim@example.com"}
RENDERER = PageRenderer(read_template, has_stages=True)
ODD_TIMES = ("'0001-01-01 00:00:00'", "'9999-12-31 23:59:59.999999'")
ODD_VALUES = {
    "sqlite": {
        DateTime: (*ODD_TIMES, "'odd'"),
        Boolean: ("2",),
        Integer: ("-1",),
        object: ("'odd'", "'[1]'", "CAST(x'ff00fe' AS TEXT)"),
    },
    "postgresql": {DateTime: ("'9999-12-31'", "'infinity'"), Integer: ("-1",), object: ("'[1]'",)},
}
"""Expressions with odd values, by the database and the type of the column. `object` is for all other types."""


def fill(database: Database) -> None:
    """Store a fleet, work and exposure, and a row in every table that is still empty."""
    year = FleetYear(database, NOW, weeks=2)
    year.write()
    write_work(database, NOW)
    record_deployments(database, year)
    scanned = VulnerabilityDatabase((CVE,)).scan([package("openssl"), package("bash")])
    subject = ScanSubject(TAGS[0], DIGEST, "linux/amd64")
    DatabaseScanStore(database, lambda: NOW).save_scans({subject: scanned}, is_private=False)
    with database.open_for_writing() as connection:
        for table in TABLES:
            if connection.execute(select(table).limit(1)).first() is None:
                connection.execute(insert(table), [{each.name: build_value(each) for each in table.columns}])


def build_value(column: Column) -> object:
    """Return a value that makes the row belong to the first rows of other tables."""
    stored_type = getattr(column.type, "impl_instance", column.type)
    if isinstance(stored_type, DateTime):
        return NOW
    return 1 if isinstance(stored_type, Integer | Boolean) else "odd"


def list_odd_values(column: Column, dialect: str) -> Iterator[str]:
    stored_type = getattr(column.type, "impl_instance", column.type)
    yield from next(values for kind, values in ODD_VALUES[dialect].items() if isinstance(stored_type, kind))
    if column.nullable:
        yield "NULL"


@contextmanager
def damage(database: Database, column: Column, value: str) -> Iterator[bool]:
    """Store a value in all rows, or in one row if the values are unique; restore the rows at the end.

    Yield False if the database refuses the value.
    """
    table, name = column.table.name, f'"{column.name}"'
    with database.open_for_reading() as connection:
        saved = [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table}")]
        mark = "?" if connection.dialect.name == "sqlite" else "%s"
    update = f"UPDATE {table} SET {name} = {value}"
    try:
        yield any(
            can_execute(database, f"{update}{rows}")
            for rows in ("", f" WHERE {name} = (SELECT min({name}) FROM {table})")
        )
    finally:
        with database.open_for_writing() as connection:
            connection.exec_driver_sql(f"DELETE FROM {table}")
            marks = ", ".join(mark for _ in column.table.columns)
            connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({marks})", saved)


def can_execute(database: Database, statement: str) -> bool:
    try:
        with database.open_for_writing() as connection:
            return connection.exec_driver_sql(statement).rowcount > 0
    except StateError:
        return False


def read_everything(database: Database) -> None:
    """Render every page and every answer of the API, and answer questions about exposure."""
    ports, exposure = (
        build_ports(database, NOW, SETTINGS, build_stage_reader(database)),
        DatabaseExposureReader(database),
    )
    router = Router([*list_pages(ports), *list_api_routes(ports)])
    for path in PATHS:
        address = next((path.replace(*each) for each in EXAMPLES.items() if path.endswith(each[0])), path)
        with suppress(StateError):
            router.answer(HttpRequest("GET", address, {"image": IMAGE, "q": "python"}, USER))
    for load in (
        partial(exposure.list_exposed, ExposureQuery(CVE.id)),
        partial(exposure.list_uses, [DIGEST]),
        partial(exposure.list_containers, [DIGEST]),
        exposure.load_coverage,
    ):
        with suppress(StateError):
            load()


def list_pages(ports: PagePorts) -> Iterator[Route]:
    """Yield the routes of the pages. They share one renderer, which takes long to create."""
    for path, build in PAGES.items():

        def answer(request: HttpRequest, parts: Mapping[str, str], build: PageBuilder = build) -> Response:
            return RENDERER.render(build(ports, request, parts), request)

        yield Route.build("GET", path, answer)


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES, ids=str)
def test_odd_values_of_a_column_cause_no_internal_error(state_location, table: Table):
    database = state_location.database().keep_connections()
    fill(database)
    with database.open_for_reading() as connection:
        dialect = connection.dialect.name
    damaged: list[tuple[str, str]] = []
    for column in table.columns:
        for value in list_odd_values(column, dialect):
            with damage(database, column, value) as is_damaged:
                if is_damaged:
                    damaged.append((column.name, value))
                    read_everything(database)
    assert damaged
