"""Collect the pages and the configuration of the documentation's site in a folder: `python -m tools.site FOLDER`.

The pages are plain Markdown that people also read on GitHub. `docs/README.md` is the front page, and its sections are
the navigation. Some pages are outside `docs/`, because GitHub expects them at the root of the repository.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from bot import __version__
from tools.checkout import ROOT
from tools.release_switch import read_switch

DOCS = ROOT / "docs"
INDEX = DOCS / "README.md"
CONFIG = ROOT / "mkdocs.yml"
_SECTION = re.compile(r"(?ms)^## (.+?)\n(.*?)(?=^## |\Z)")
_ENTRY = re.compile(r"(?m)^\| \[([^\]]+)\]\(([^)#\s]+\.md)\) \|")
_LINK = re.compile(r"(?<=\]\()(?!https?://)([^)#\s]+)")


def read_sections(index: str) -> dict[str, list[tuple[str, str]]]:
    """Return the title and the path of each page, by the sections of the front page that have a table of pages."""
    sections = {heading: _ENTRY.findall(text) for heading, text in _SECTION.findall(index)}
    return {heading: pages for heading, pages in sections.items() if pages}


def list_pages(index: str) -> Iterator[Path]:
    """Yield the file of each page of the site, beginning with the front page."""
    yield INDEX
    for pages in read_sections(index).values():
        yield from ((DOCS / path).resolve() for _, path in pages)


def render_page(path: Path, pages: dict[Path, str], repository_url: str) -> str:
    """Return a page for the site, in which links to files that are not pages lead to the repository."""

    def resolve(found: re.Match[str]) -> str:
        target = (path.parent / found[1]).resolve()
        if target in pages:
            return pages[target]
        if target.is_relative_to(DOCS / "images"):
            return target.relative_to(DOCS).as_posix()
        return f"{repository_url}/{target.relative_to(ROOT).as_posix()}"

    return _LINK.sub(resolve, path.read_text(encoding="utf-8"))


def render_config(index: str) -> str:
    """Return the site's configuration with the navigation."""
    lines = ["nav:", "  - Start: README.md"]
    for heading, pages in read_sections(index).items():
        lines += [f"  - {heading}:", *(f"      - {title}: {posixpath.basename(path)}" for title, path in pages)]
    return CONFIG.read_text(encoding="utf-8") + "\n".join(lines) + "\n"


def build_repository_url() -> str:
    """Return the URL of the files of this version in the repository."""
    switch = read_switch((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    revision = f"v{__version__}" if switch.released else "main"
    return f"https://github.com/{switch.repository}/blob/{revision}"


def collect(folder: Path) -> None:
    """Write the site's configuration and pages to a folder."""
    index = INDEX.read_text(encoding="utf-8")
    pages = {path: path.name for path in list_pages(index)}
    shutil.copytree(DOCS / "images", folder / "docs" / "images")
    for path, name in pages.items():
        text = render_page(path, pages, build_repository_url())
        (folder / "docs" / name).write_text(text, encoding="utf-8")
    (folder / CONFIG.name).write_text(render_config(index), encoding="utf-8")


if __name__ == "__main__":
    collect(Path(sys.argv[1]))
