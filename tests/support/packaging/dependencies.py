"""The dependencies of basebump: the requirements in `pyproject.toml`, the packages of the locks, and their licences."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from support.parts import ROOT

PROJECT = ROOT / "pyproject.toml"
DEFAULT, EVERYTHING = ROOT / "requirements.lock", ROOT / "deploy" / "image" / "everything.lock"

PERMISSIVE = frozenset(
    {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "Unlicense", "ZPL-2.1"}
)
"""Permissive licences. MPL-2.0 is among them because its conditions apply to its own files only."""
LESSER = frozenset({"LGPL-3.0-only", "LGPL-3.0-or-later"})
"""Licences that allow use by any program in which the package can be replaced."""

_SPDX_IDENTIFIERS = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "LGPLv3+": "LGPL-3.0-or-later",
    "MIT License": "MIT",
    "ZPL 2.1": "ZPL-2.1",
}
"""The SPDX identifiers of licence names in older package metadata."""
_LICENCES_BY_PACKAGE = {
    "cronsim": "BSD-3-Clause",
    "dockerfile-parse": "BSD-3-Clause",
    "google-re2": "BSD-3-Clause",
    "isodate": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "pyasn1-modules": "BSD-2-Clause",
    "pygithub": "LGPL-3.0-or-later",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "semantic-version": "BSD-2-Clause",
    "sigstore-models": "MIT",
}
"""Licences of packages whose metadata are missing or vague, taken from the licence files of the packages."""


@dataclass(frozen=True)
class DirectDependency:
    """A direct dependency in `pyproject.toml`. `group` is `default`, an extra, or a dependency group."""

    group: str
    package: str
    reason: str


@dataclass(frozen=True)
class LockedPackage:
    """A package in a lock, and the packages that require it: `basebump` if it is a direct dependency."""

    package: str
    version: str
    required_by: frozenset[str]


def normalise_name(requirement: str) -> str:
    """Return the normalized package name of a requirement: `psycopg` for `psycopg[binary]>=3.2`."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement)[0]).lower()


def list_direct_dependencies() -> list[DirectDependency]:
    """Return all direct dependencies. The reason is the comment after the requirement; empty if there is none."""
    text = PROJECT.read_text(encoding="utf-8")
    project = tomllib.loads(text)
    groups = {"default": project["project"]["dependencies"]}
    groups |= project["project"]["optional-dependencies"] | project["dependency-groups"]
    return [
        DirectDependency(group, normalise_name(requirement), _comment(text, group, requirement))
        for group, requirements in groups.items()
        for requirement in requirements
    ]


def _comment(text: str, group: str, requirement: str) -> str:
    head = "dependencies" if group == "default" else group
    section = re.search(rf"^{head} = \[\n(.*?)^\]$", text, re.MULTILINE | re.DOTALL)
    lines = section[1].splitlines() if section else []
    line = next((line for line in lines if line.strip().startswith(f'"{requirement}"')), "")
    return line.partition(" # ")[2].strip()


def read_lock(lock: Path) -> dict[str, LockedPackage]:
    """Return the packages of a lock by name, with the packages that require them on any platform."""
    found = {}
    text = lock.read_text(encoding="utf-8")
    for block in re.split(r"\n(?=[a-z0-9])", text)[1:]:
        head = re.match(r"([a-z0-9-]+)(?:\[[a-z,-]+\])?==(\S+)", block)
        if head is None:
            raise ValueError(f"cannot parse {lock.name} from this line on: {block}")
        via = re.findall(r"^ +#(?: via|  ) ([\w.-]+)(?: \(pyproject\.toml[^)]*\))?$", block, re.MULTILINE)
        found[head[1]] = LockedPackage(head[1], head[2], frozenset(via))
    return found


def find_licence(package: str) -> str:
    """Return the SPDX licence expression of an installed package. Raises ValueError if it is not known."""
    if package in _LICENCES_BY_PACKAGE:
        return _LICENCES_BY_PACKAGE[package]
    about = metadata.metadata(package)
    classified = re.findall(r"^License :: .*:: (.+)$", "\n".join(about.get_all("Classifier", [])), re.MULTILINE)
    for name in filter(None, [about.get("License-Expression"), about.get("License", "").strip(), *classified]):
        identifier = _SPDX_IDENTIFIERS.get(name, name)
        if split_expression(identifier) <= PERMISSIVE | LESSER:
            return identifier
    hint = "read its licence file, and add the package to _LICENCES_BY_PACKAGE"
    raise ValueError(f"{package}: its metadata have no known licence; hint: {hint}")


def split_expression(expression: str) -> set[str]:
    """Return the licences in an SPDX licence expression."""
    return set(re.split(r" (?:AND|OR|WITH) ", expression))
