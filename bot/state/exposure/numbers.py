"""Find the numbers of scopes, packages and vulnerabilities. Those that have none get one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import astuple
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from bot.model.contents import InstalledPackage
from bot.model.evidence import Finding
from bot.state.tables import is_storable, make_storable, split_into_batches
from bot.state.tables.exposure import ALL_IMAGES, NO_RELEASE, PACKAGE_SCOPES, PACKAGES, VULNERABILITIES

VulnerabilityKey = tuple[str, str]
"""The id and the title of a vulnerability. Scanners give a vulnerability different titles in different packages."""

_TEXTS = ("type", "name", "version", "source", "source_version", "architecture", "module")
_PACKAGE_COLUMNS = tuple(PACKAGES.c[name] for name in _TEXTS)


def find_scope(
    connection: Connection, scanner: str, release: str | None, image: int = ALL_IMAGES, *, is_private: bool
) -> Row[Any] | None:
    """Return the row of a scope; None if there is none. `release` is None for packages that cannot be matched."""
    scope = PACKAGE_SCOPES.c
    return connection.execute(
        select(PACKAGE_SCOPES).where(
            scope.scanner == scanner,
            scope.is_private.is_(is_private),
            scope.release == (release or NO_RELEASE),
            scope.image == image,
        )
    ).one_or_none()


def add_scope(
    connection: Connection, scanner: str, release: str | None, image: int = ALL_IMAGES, *, is_private: bool
) -> Row[Any]:
    """Return the row of a scope, which is created if there is none."""
    row = find_scope(connection, scanner, release, image, is_private=is_private)
    if row is None:
        values = {"scanner": scanner, "is_private": is_private, "release": release or NO_RELEASE, "image": image}
        connection.execute(insert(PACKAGE_SCOPES).values(**values))
        row = find_scope(connection, scanner, release, image, is_private=is_private)
    if row is None:
        raise LookupError("the scope was created, but cannot be read")
    return row


def make_package_storable(package: InstalledPackage) -> InstalledPackage:
    """Return the package with `?` in place of every character that no database can store."""
    texts = astuple(package)
    return package if is_storable("".join(texts)) else InstalledPackage(*map(make_storable, texts))


def find_packages(
    connection: Connection, scope: int, packages: Collection[InstalledPackage]
) -> dict[InstalledPackage, int]:
    """Return the numbers of the packages of a scope that have one."""
    requested, numbers = set(packages), dict[InstalledPackage, int]()
    for batch in split_into_batches(sorted({package.name for package in requested})):
        query = select(PACKAGES.c.id, *_PACKAGE_COLUMNS).where(PACKAGES.c.scope == scope, PACKAGES.c.name.in_(batch))
        for number, *texts in connection.execute(query):
            if (package := InstalledPackage(*texts)) in requested:
                numbers[package] = number
    return numbers


def add_packages(
    connection: Connection, scope: int, packages: Collection[InstalledPackage]
) -> dict[InstalledPackage, int]:
    """Return the numbers of the packages of a scope. Packages that have none get one."""
    numbers = find_packages(connection, scope, packages)
    missing = sorted(set(packages) - numbers.keys())
    if missing:
        rows = [{"scope": scope, **dict(zip(_TEXTS, astuple(package), strict=True))} for package in missing]
        connection.execute(insert(PACKAGES), rows)
        numbers |= find_packages(connection, scope, missing)
    return numbers


def load_packages(connection: Connection, numbers: Collection[int]) -> dict[int, tuple[int, InstalledPackage]]:
    """Return the packages with these numbers, each with the number of its scope."""
    packages: dict[int, tuple[int, InstalledPackage]] = {}
    for batch in split_into_batches(sorted(numbers)):
        query = select(PACKAGES.c.id, PACKAGES.c.scope, *_PACKAGE_COLUMNS).where(PACKAGES.c.id.in_(batch))
        for number, scope, *texts in connection.execute(query):
            packages[number] = scope, InstalledPackage(*texts)
    return packages


def build_vulnerability_key(finding: Finding) -> VulnerabilityKey:
    return make_storable(finding.id), make_storable(finding.title)


def add_vulnerabilities(connection: Connection, findings: Iterable[Finding]) -> Mapping[VulnerabilityKey, int]:
    """Return the numbers of the vulnerabilities of these findings. Vulnerabilities that have none get one."""
    keys = {build_vulnerability_key(finding) for finding in findings}
    numbers = _find_vulnerabilities(connection, keys)
    missing = sorted(keys - numbers.keys())
    if missing:
        connection.execute(insert(VULNERABILITIES), [{"name": name, "title": title} for name, title in missing])
        numbers |= _find_vulnerabilities(connection, missing)
    return numbers


def _find_vulnerabilities(connection: Connection, keys: Collection[VulnerabilityKey]) -> dict[VulnerabilityKey, int]:
    numbers: dict[VulnerabilityKey, int] = {}
    for batch in split_into_batches(sorted({name for name, _ in keys})):
        for number, name, title in connection.execute(select(VULNERABILITIES).where(VULNERABILITIES.c.name.in_(batch))):
            numbers[name, title] = number
    return numbers
