"""Write docs/dependencies.md from `pyproject.toml`, the locks and the installed packages; run by `make docs`."""

from __future__ import annotations

from collections.abc import Iterator

from tools.checkout import ROOT, with_part
from tools.dependencies import (
    DEFAULT,
    EVERYTHING,
    LESSER,
    Locked,
    brought,
    licence,
    licences,
    locked,
    size,
    wanted,
)

PAGE = ROOT / "docs" / "dependencies.md"
SOURCE = "from pyproject.toml and the locks"
DEVELOPERS = ("test", "lint")


def page(text: str) -> str:
    """Return the page with the generated part replaced."""
    return with_part(text, SOURCE, [*reference(), ""])


def reference() -> Iterator[str]:
    """Yield Markdown lines: direct dependencies with what they add, then versions and licences of all packages."""
    direct, default, everything = wanted(), locked(DEFAULT), locked(EVERYTHING)
    asked = [each for each in direct if each.group == "default"]
    optional = [each for each in direct if each.group not in {"default", *DEVELOPERS}]
    yield f"The default install has {len(default)} packages, {size(default):.0f} MB on disk. Its direct dependencies:"
    yield from ("", "| package | purpose | packages that only it requires | MB |", "|---|---|---|---|")
    for each in asked:
        yield _row(each.package, each.reason, default, {other.package for other in asked if other != each})
    yield from ("", "Extras add further packages; install them only if you need them:", "")
    yield from ("| package (extra) | purpose | packages that it adds | MB |", "|---|---|---|---|")
    for each in optional:
        yield _row(f"{each.package} (`{each.group}`)", each.reason, everything, {other.package for other in asked})
    yield from ("", "## Versions and licences", "")
    yield from ("| package | version | licence | required by |", "|---|---|---|---|")
    for package, entry in everything.items():
        named, terms = package if package in default else f"{package} (extra)", licence(package)
        note = " ¹" if licences(terms) & LESSER else ""
        yield f"| {named} | {entry.version} | {terms}{note} | {', '.join(sorted(entry.asked_by))} |"
    yield from ("", "## Packages for tests and linters only", "", "| package | purpose |", "|---|---|")
    yield from (f"| {each.package} | {each.reason} |" for each in direct if each.group in DEVELOPERS)


def _row(named: str, reason: str, lock: dict[str, Locked], others: set[str]) -> str:
    """Return the table row of a package; packages that other direct dependencies require do not count."""
    package = named.partition(" ")[0]
    own = brought(lock, {package}) - brought(lock, others)
    along = ", ".join(sorted(own - {package})) or "none"
    return f"| {named} | {reason} | {along if own else 'none; others require this package, too'} | {size(own):.1f} |"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
