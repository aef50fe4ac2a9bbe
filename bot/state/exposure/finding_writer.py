"""Write the findings of packages: only rows that changed, and the end of findings that are gone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, or_, select, update

from bot.core.evidence.finding_keys import merge_findings
from bot.model.evidence import Finding, FixDateOrigin
from bot.state.exposure.numbers import VulnerabilityKey, add_vulnerabilities, build_vulnerability_key
from bot.state.tables import UtcDateTime, make_storable, split_into_batches
from bot.state.tables.exposure import FINDINGS, IMAGE_PACKAGES, KNOWN_IMAGES, VULNERABILITIES

DAILY = timedelta(days=2)
"""How old the last match of a package may be, so that a new fix counts as first seen. Databases are built every day; a
fix that appears after a longer time may be as old as the last match."""

_Key = tuple[int, str]
"""The number of a package, and the id of a vulnerability."""
_CONTENT = ("vulnerability", "fixed_in", "severity", "fix_published_at")
"""The columns that the scanner states."""
_FIX_TIMES = ("fix_seen", "fix_origin")
_IS_SAME = (
    FINDINGS.c.vulnerability == bindparam("of"),
    FINDINGS.c.package == bindparam("in_package"),
    FINDINGS.c.first_seen == bindparam("since", type_=UtcDateTime),
)


@dataclass(slots=True)
class _Changes:
    """The rows to write."""

    new: list[dict[str, Any]] = field(default_factory=list)
    changed: list[dict[str, Any]] = field(default_factory=list)
    ended: list[dict[str, Any]] = field(default_factory=list)
    deleted: list[dict[str, Any]] = field(default_factory=list)

    def list_packages(self) -> set[int]:
        others = (*self.changed, *self.ended, *self.deleted)
        return {row["package"] for row in self.new} | {row["in_package"] for row in others}


def write_findings(
    connection: Connection,
    findings: Mapping[int, Sequence[Finding]],
    at: datetime,
    find_daily: Callable[[Collection[int]], Collection[int]],
) -> set[int]:
    """Store the findings of packages at the time `at`, and return the packages whose findings changed.

    `findings` contains all findings of each package, by the number of the package. `find_daily` returns those of some
    packages that were matched recently, so that a new fix is a day old at most.
    """
    numbers = add_vulnerabilities(connection, (each for found in findings.values() for each in found))
    current = {
        (package, make_storable(each.id)): _build_content(each, numbers)
        for package, found in findings.items()
        for each in merge_findings(found)
    }
    stored = _find_rows(connection, findings.keys(), at)
    with_new_fix = {
        key[0]
        for key, content in current.items()
        if content["fixed_in"] is not None and (key not in stored or stored[key].fixed_in is None)
    }
    daily = set(find_daily(with_new_fix)) if with_new_fix else set()
    changes = _compare(current, stored, daily, at)
    _write_changes(connection, changes)
    return changes.list_packages()


def end_findings(connection: Connection, packages: Collection[int], at: datetime) -> None:
    """End all findings of these packages."""
    write_findings(connection, dict.fromkeys(packages, ()), at, lambda _: ())


def find_daily_packages(connection: Connection, packages: Collection[int], at: datetime) -> set[int]:
    """Return the packages of which an image was matched recently."""
    daily: set[int] = set()
    for batch in split_into_batches(sorted(packages)):
        last_match = (
            select(IMAGE_PACKAGES.c.package)
            .join(KNOWN_IMAGES, KNOWN_IMAGES.c.id == IMAGE_PACKAGES.c.image)
            .where(IMAGE_PACKAGES.c.package.in_(batch))
            .group_by(IMAGE_PACKAGES.c.package)
            .having(func.max(KNOWN_IMAGES.c.matched_at) >= bindparam("since", at - DAILY, UtcDateTime))
        )
        daily.update(connection.execute(last_match).scalars())
    return daily


def _build_content(finding: Finding, numbers: Mapping[VulnerabilityKey, int]) -> dict[str, Any]:
    return {
        "vulnerability": numbers[build_vulnerability_key(finding)],
        "fixed_in": None if finding.fixed_in is None else make_storable(finding.fixed_in),
        "severity": int(finding.severity),
        "fix_published_at": finding.fix_published_at,
    }


def _find_rows(connection: Connection, packages: Collection[int], at: datetime) -> dict[_Key, Row[Any]]:
    """Return the rows of findings that are open, or that ended at the time `at` itself."""
    rows: dict[_Key, Row[Any]] = {}
    is_open = or_(FINDINGS.c.ended_at.is_(None), FINDINGS.c.ended_at >= at)
    columns = (FINDINGS, VULNERABILITIES.c.name)
    for batch in split_into_batches(sorted(packages)):
        query = (
            select(*columns)
            .join(VULNERABILITIES, VULNERABILITIES.c.id == FINDINGS.c.vulnerability)
            .where(FINDINGS.c.package.in_(batch), is_open)
        )
        for row in connection.execute(query):
            key = (row.package, row.name)
            if key not in rows or row.ended_at is None:
                rows[key] = row
    return rows


def _compare(
    current: Mapping[_Key, Mapping[str, Any]], stored: Mapping[_Key, Row[Any]], daily: Collection[int], at: datetime
) -> _Changes:
    changes = _Changes()
    for (package, vulnerability_id), content in current.items():
        row = stored.get((package, vulnerability_id))
        fix_times = _build_fix_times(content, row, at, is_daily=package in daily)
        if row is None:
            changes.new.append({**content, **fix_times, "package": package, "first_seen": at, "ended_at": None})
        elif row.ended_at is not None or any(getattr(row, name) != content[name] for name in _CONTENT):
            changes.changed.append(
                {**_identify(row), **{f"new_{name}": value for name, value in {**content, **fix_times}.items()}}
            )
    for key, row in stored.items():
        if key not in current and row.ended_at is None:
            if row.first_seen >= at:  # it would have no duration
                changes.deleted.append(_identify(row))
            else:
                changes.ended.append({**_identify(row), "at": at})
    return changes


def _build_fix_times(
    content: Mapping[str, Any], row: Row[Any] | None, at: datetime, *, is_daily: bool
) -> dict[str, Any]:
    """Return the time of the first match in which the vulnerability had a fix, and how this time is to be read."""
    if content["fixed_in"] is None:
        return dict.fromkeys(_FIX_TIMES)
    if row is not None and row.fixed_in is not None:
        return {name: getattr(row, name) for name in _FIX_TIMES}
    origin = FixDateOrigin.FIRST_SEEN if is_daily else FixDateOrigin.AT_LEAST
    return {"fix_seen": at, "fix_origin": origin.value}


def _identify(row: Row[Any]) -> dict[str, Any]:
    return {"of": row.vulnerability, "in_package": row.package, "since": row.first_seen}


def _write_changes(connection: Connection, changes: _Changes) -> None:
    if changes.deleted:
        connection.execute(delete(FINDINGS).where(*_IS_SAME), changes.deleted)
    if changes.ended:
        end = {"ended_at": bindparam("at", type_=UtcDateTime)}
        connection.execute(update(FINDINGS).where(*_IS_SAME).values(end), changes.ended)
    if changes.changed:
        values = {name: bindparam(f"new_{name}", type_=FINDINGS.c[name].type) for name in (*_CONTENT, *_FIX_TIMES)}
        statement = update(FINDINGS).where(*_IS_SAME).values({**values, "ended_at": None})
        connection.execute(statement, changes.changed)
    if changes.new:
        connection.execute(insert(FINDINGS), changes.new)
