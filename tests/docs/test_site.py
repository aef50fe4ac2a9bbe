"""The site of the documentation has every page once, and shows what GitHub shows, without loading anything else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt
from support.docs.written import PAGES, list_anchors, read_page
from support.parts import ROOT, find_zensical

from tools import site

INDEX = read_page(site.INDEX)
ROLES = ["Review", "Run it", "Write policy", "Operate a fleet", "Contribute", "Reference"]
COMPARED_TAGS = frozenset({"blockquote", "em", "img", "li", "ol", "pre", "strong", "table", "td", "th", "tr", "ul"})


def test_index_of_docs_has_a_section_for_each_role_of_readers():
    assert list(site.read_sections(INDEX)) == ROLES


def test_index_of_docs_lists_every_page_once():
    listed = list(site.list_pages(INDEX))
    assert len(listed) == len(set(listed))
    pages = {path for path in PAGES if path.is_relative_to(site.DOCS)}
    at_root = {ROOT / f"{name}.md" for name in ("CHANGELOG", "CODE_OF_CONDUCT", "CONTRIBUTING", "SECURITY")}
    assert set(listed) == pages | at_root


def test_navigation_of_the_site_is_generated_from_index_of_docs():
    index = "# x\n\n## Review\n\n| page | content |\n|---|---|\n| [A page](a.md) | x |\n\n## Reference\n\nNo page.\n"
    assert site.render_config(index).endswith("nav:\n  - Start: README.md\n  - Review:\n      - A page: a.md\n")


def test_links_of_the_site_to_files_that_are_not_pages_use_the_repository_url(tmp_path):
    pages = {path: path.name for path in site.list_pages(INDEX)}
    rendered = site.render_page(ROOT / "CONTRIBUTING.md", pages, "https://example.org/blob/main")
    assert "](architecture.md)" in rendered
    assert "](docs/" not in rendered
    rendered = site.render_page(site.INDEX, pages, "https://example.org/blob/main")
    assert "](https://example.org/blob/main/README.md)" in rendered
    assert "](CONTRIBUTING.md)" in rendered
    assert "](images/proposal.png)" in rendered


# ---- the site that is built ------------------------------------------------------------------------------------------


class PageElements(HTMLParser):
    """The elements in the article of a page, the anchors of its headings, and all addresses that the page loads."""

    def __init__(self, text: str, *, is_article: bool = False) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.anchors: list[str] = []
        self.loaded: list[str] = []
        self._is_article = is_article
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self._is_article |= tag == "article"
        if self._is_article and tag in COMPARED_TAGS:
            self.counts[tag] += 1
        if self._is_article and re.fullmatch("h[1-6]", tag):
            self.anchors.append(values.get("id") or "")
        if tag in {"script", "img", "iframe", "source"}:
            self.loaded.append(values.get("src") or "")
        elif tag == "link" and values.get("rel") != "canonical":
            self.loaded.append(values["href"])

    def handle_endtag(self, tag):
        self._is_article &= tag != "article"


@pytest.fixture(scope="module")
def built_site(tmp_path_factory):
    """Build the site, and return its folder."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run([sys.executable, "-m", "tools.site", str(folder)], cwd=ROOT, check=True)
    command = [find_zensical(), "build", "--clean", "--strict", "--config-file", str(folder / "mkdocs.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def read_elements(built, path):
    name = "" if path == site.INDEX else path.stem
    return PageElements((built / "site" / name / "index.html").read_text(encoding="utf-8"))


@pytest.mark.real("zensical")
def test_pages_of_the_site_have_same_elements_and_anchors_as_on_github(built_site):
    """Zensical, unlike GitHub, requires four spaces before nested lists."""
    for path in site.list_pages(INDEX):
        text = (built_site / "docs" / path.name).read_text(encoding="utf-8")
        expected = PageElements(MarkdownIt().enable("table").render(text), is_article=True)
        elements = read_elements(built_site, path)
        assert elements.counts == expected.counts, path.name
        assert set(elements.anchors) >= list_anchors(text), path.name


@pytest.mark.real("zensical")
def test_pages_of_the_site_load_files_only_from_their_own_host(built_site):
    for path in (built_site / "site").rglob("*.html"):
        loaded = PageElements(path.read_text(encoding="utf-8")).loaded
        assert loaded
        assert not [each for each in loaded if re.match(r"(?:https?:)?//", each)], path


@pytest.mark.real("zensical")
def test_search_index_of_the_site_contains_every_page(built_site):
    items = json.loads((built_site / "site" / "search.json").read_text(encoding="utf-8"))["items"]
    found = {each["location"].partition("#")[0] for each in items}
    assert found >= {f"{path.stem}/" for path in site.list_pages(INDEX) if path != site.INDEX}
