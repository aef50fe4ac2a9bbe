"""Prepare and check a release: `python -m tools.release prepare|check|notes|platforms`. See docs/releasing.md."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tools.checkout import ROOT
from tools.release_switch import PLACEHOLDER, Switch, is_repository, read_switch

UNRELEASED = "## Unreleased"
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+", re.ASCII)
_VERSION_LINE = re.compile(r'(?m)^__version__ = "(.*)"$')
_RELEASED_LINE = re.compile(r"(?m)^released = (?:true|false)")
_REPOSITORY_LINE = re.compile(r'(?m)^repository = ".*"')


@dataclass(frozen=True)
class Checkout:
    """The files of a checkout that a release changes or checks."""

    root: Path

    @property
    def code(self) -> Path:
        return self.root / "bot" / "__init__.py"

    @property
    def changelog(self) -> Path:
        return self.root / "CHANGELOG.md"

    @property
    def project(self) -> Path:
        return self.root / "pyproject.toml"

    def read_version(self) -> str:
        """Return the version of the code. Raises ValueError if the version does not have the form 1.2.3."""
        found = _VERSION_LINE.search(self.code.read_text(encoding="utf-8"))
        if found is None or not _VERSION.fullmatch(found[1]):
            raise ValueError(f"{self.code.name}: the version is not of the form 1.2.3")
        return found[1]

    def read_switch(self) -> Switch:
        return read_switch(self.project.read_text(encoding="utf-8"))


def find_section(changelog: str, version: str) -> tuple[date, str] | None:
    """Return the date and the text of a version's section; None if there is no such section with a date."""
    found = re.search(rf"(?ms)^## {re.escape(version)} \(([0-9-]+)\)\n(.*?)(?=^## |\Z)", changelog)
    if found is None:
        return None
    try:
        return date.fromisoformat(found[1]), found[2].strip()
    except ValueError:
        return None


def list_problems(checkout: Checkout, tag: str, repository: str) -> Iterator[str]:
    """Yield the reasons why a git tag of a repository must not be released."""
    version = checkout.read_version()
    if tag != f"v{version}":
        yield f"the tag is {tag}, but bot/__init__.py has the version {version}; hint: tag the commit as v{version}"
    changelog = checkout.changelog.read_text(encoding="utf-8")
    section = find_section(changelog, version)
    if section is None or not section[1]:
        hint = f"hint: run `python -m tools.release prepare {version}`"
        yield f"CHANGELOG.md has no section `## {version} (DATE)`; {hint}"
    if read_unreleased(changelog):
        yield f"CHANGELOG.md has lines under `{UNRELEASED}`; hint: move them to the section of {version}"
    switch = checkout.read_switch()
    if not switch.released:
        yield "pyproject.toml has `released = false`, so the pages describe a checkout; hint: see docs/releasing.md"
    if switch.repository != repository:
        yield f"pyproject.toml names the repository {switch.repository}, but this is {repository}"


def prepare(checkout: Checkout, version: str, repository: str, today: date) -> None:
    """Set the version, the release switch and the changelog's date.

    Raises ValueError, without changing a file, if an argument is invalid or the changelog has no new entries.
    """
    if not _VERSION.fullmatch(version):
        raise ValueError(f"'{version}' is not of the form 1.2.3")
    if not is_repository(repository):
        raise ValueError(f"'{repository}' is not of the form OWNER/NAME; hint: use --repository")
    changelog = checkout.changelog.read_text(encoding="utf-8")
    if find_section(changelog, version) is not None:
        raise ValueError(f"CHANGELOG.md already has a section for {version}")
    if not read_unreleased(changelog):
        raise ValueError(f"CHANGELOG.md has nothing under `{UNRELEASED}`")
    heading = f"{UNRELEASED}\n\n## {version} ({today.isoformat()})\n"
    _write(checkout.changelog, changelog.replace(f"{UNRELEASED}\n", heading, 1))
    _write(checkout.code, _VERSION_LINE.sub(f'__version__ = "{version}"', checkout.code.read_text(encoding="utf-8")))
    project = _RELEASED_LINE.sub("released = true", checkout.project.read_text(encoding="utf-8"))
    _write(checkout.project, _REPOSITORY_LINE.sub(f'repository = "{repository}"', project))


def list_platforms(index: Any) -> dict[str, str]:
    """Return the digest of each image in an OCI index, by its architecture."""
    return {each["platform"]["architecture"]: each["digest"] for each in index["manifests"]}


def read_unreleased(changelog: str) -> str:
    """Return the text of the section for changes since the last release."""
    found = re.search(rf"(?ms)^{UNRELEASED}\n(.*?)(?=^## |\Z)", changelog)
    return found[1].strip() if found else ""


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def main(words: Iterable[str], root: Path = ROOT) -> int:
    """Run one command, and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.release", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, argument in (("prepare", "version"), ("check", "tag"), ("notes", "tag"), ("platforms", "index")):
        command = commands.add_parser(name)
        command.add_argument(argument)
        if name in {"prepare", "check"}:
            command.add_argument("--repository", default="")
    given = parser.parse_args([*words])
    checkout = Checkout(root)
    try:
        return _run(given, checkout)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1


def _run(given: argparse.Namespace, checkout: Checkout) -> int:
    switch = checkout.read_switch()
    match given.command:
        case "prepare":
            known = switch.repository if switch.repository != PLACEHOLDER else ""
            prepare(checkout, given.version, given.repository or known, datetime.now(UTC).date())
            sys.stdout.write("Run `make docs`, look at the changes, and commit them.\n")
        case "check":
            problems = list(list_problems(checkout, given.tag, given.repository or switch.repository))
            sys.stdout.write("".join(f"::error::{problem}\n" for problem in problems))
            return 1 if problems else 0
        case "notes":
            section = find_section(checkout.changelog.read_text(encoding="utf-8"), given.tag.removeprefix("v"))
            if section is None:
                raise ValueError(f"CHANGELOG.md has no section for {given.tag}")
            base = f"https://github.com/{switch.repository}/blob/{given.tag}/"
            sys.stdout.write(resolve_links(section[1], base) + "\n")
        case "platforms":
            platforms = list_platforms(json.loads(Path(given.index).read_text(encoding="utf-8")))
            sys.stdout.write("".join(f"{name}={digest}\n" for name, digest in platforms.items()))
    return 0


def resolve_links(text: str, base: str) -> str:
    """Return Markdown with absolute links: relative links are put below `base`.

    Release notes are not a file of the repository, so relative links would not work in them.
    """
    return re.sub(r"\]\((?!https?://)([^)\s]+)\)", lambda found: f"]({base}{found[1]})", text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
