"""The files by which scanners recognise installed packages: of languages, of RPM distributions, and of Wolfi."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.demo.images import DemoPackage, build_alpine_root

_INT32, _STRING = 4, 6
_TAGS = {
    "name": (1000, _STRING),
    "version": (1001, _STRING),
    "release": (1002, _STRING),
    "epoch": (1003, _INT32),
    "architecture": (1022, _STRING),
    "source_file": (1044, _STRING),
    "module": (5096, _STRING),
}
"""The number and type of tags. https://rpm-software-management.github.io/rpm/manual/tags.html"""


@dataclass(frozen=True)
class RpmPackage:
    """An installed package of an RPM distribution."""

    name: str
    version: str
    release: str
    source: str
    source_version: str
    epoch: int | None = None
    architecture: str = "x86_64"
    module: str = ""

    @property
    def source_file(self) -> str:
        return f"{self.source}-{self.source_version}-{self.release}.src.rpm"


def build_rpm_root(release_files: Mapping[str, bytes], packages: Iterable[RpmPackage], tmp_path) -> dict[str, bytes]:
    """Return the files of a distribution whose packages are in the SQLite database of RPM."""
    path = tmp_path / "rpmdb.sqlite"
    path.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("create table Packages (hnum integer primary key, blob blob not null)")
        connection.executemany("insert into Packages (blob) values (?)", [(_encode_header(each),) for each in packages])
        connection.commit()
    return {**release_files, "var/lib/rpm/rpmdb.sqlite": path.read_bytes()}


def _encode_header(package: RpmPackage) -> bytes:
    """Return the header of a package. https://rpm-software-management.github.io/rpm/manual/format_header.html"""
    index, data = b"", b""
    for field, (tag, kind) in sorted(_TAGS.items(), key=lambda item: item[1]):
        value = getattr(package, field)
        if value in (None, ""):
            continue
        if kind == _INT32:
            data += b"\0" * (-len(data) % 4)
        index += struct.pack(">IIII", tag, kind, len(data), 1)
        data += struct.pack(">I", value) if kind == _INT32 else value.encode() + b"\0"
    return struct.pack(">II", len(index) // 16, len(data)) + index + data


def build_rpm_manifest_root(release_files: Mapping[str, bytes], packages: Iterable[RpmPackage]) -> dict[str, bytes]:
    """Return the files of an image without RPM's database, in which a text file lists the packages."""
    lines = (
        f"{each.name}\t{each.version}-{each.release}\t1\t1\tmade by hand\t{each.epoch or '(none)'}\t1\t"
        f"{each.architecture}\t0\t{each.source_file}\n"
        for each in packages
    )
    return {**release_files, "var/lib/rpmmanifest/container-manifest-2": "".join(lines).encode()}


def build_rolling_root(family: str, packages: Iterable[DemoPackage]) -> dict[str, bytes]:
    """Return the files of a distribution without releases whose packages are those of apk."""
    root = build_alpine_root("1", packages)
    del root["etc/alpine-release"]
    return root | build_os_release(family, "20230201")


def build_os_release(distribution: str, version: str) -> dict[str, bytes]:
    return {"etc/os-release": f'ID="{distribution}"\nNAME="{distribution}"\nVERSION_ID="{version}"\n'.encode()}


def build_language_files() -> dict[str, bytes]:
    """Return the files of packages of npm, PyPI, RubyGems and NuGet. All have version 1.0.0."""
    dependencies = {"targets": {"net8.0": {}}, "libraries": {"Fast.Json/1.0.0": {"type": "package"}}}
    return {
        "usr/lib/node_modules/left/package.json": _npm("left", "1.0.0"),
        "usr/lib/node_modules/left/node_modules/@scope/right/package.json": _npm("@scope/right", "1.0.0"),
        "app/node_modules/left/package.json": _npm("left", "1.0.0"),
        "usr/lib/python3/site-packages/Some_Name-1.0.0.dist-info/METADATA": b"Name: Some_Name\nVersion: 1.0.0\n",
        "usr/share/gems/specifications/rock-1.0.0.gemspec": (
            b'# -*- encoding: utf-8 -*-\nGem::Specification.new do |s|\n  s.name = "rock"\n  s.version = "1.0.0"\nend\n'
        ),
        "app/service.deps.json": json.dumps(dependencies).encode(),
    }


def _npm(name: str, version: str) -> bytes:
    return json.dumps({"name": name, "version": version}).encode()
