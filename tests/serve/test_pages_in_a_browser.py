"""The pages of the service in a real browser: readable, without obstacles, and within their security policy."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files

import pytest
from support.service.deployments import build_stage_reader, record_deployments
from support.service.served import serve_pages
from support.service.year import open_year
from support.witnesses.chromium import browser

pytestmark = [pytest.mark.real("chromium"), pytest.mark.slow]

NOW = datetime.now(UTC)
PATHS = (
    "/",
    "/exposure",
    "/proposals?show=fixes",
    "/trends",
    "/stages",
    "/stages?show=images",
    "/images",
    "/repositories",
    "/queue",
    "/events",
    "/health",
    "/search?q=python",
    "/images/docker.io/library/python:3.12-slim",
    "/repositories/github/github.com/acme/web",
    "/vulnerabilities/CVE-2026-3094",
)
MODES = {"light": (1280, "light"), "dark": (1280, "dark"), "phone": (390, "light")}
BROKEN_HEADINGS = """
[...document.querySelectorAll("thead th")].filter((heading) => heading.checkVisibility() && heading.textContent)
  .filter((heading) => heading.scrollWidth > heading.clientWidth + 1).map((heading) => heading.textContent)
"""
"""The headings of columns that are wider than their columns."""
MISALIGNED_NUMBERS = """
[...document.querySelectorAll("td.count")].filter((cell) => getComputedStyle(cell).textAlign !== "right")
  .map((cell) => cell.textContent)
"""
BROKEN_WORDS = """
[...document.querySelectorAll(".scroll td, .scroll th")].filter((cell) => cell.checkVisibility())
  .filter((cell) => getComputedStyle(cell).overflowWrap === "anywhere").map((cell) => cell.textContent)
"""
"""Cells whose words the browser may break although the table could be wider."""
SCROLLED_TABLES = """
[...document.querySelectorAll(".scroll")].filter((table) => table.scrollWidth > table.clientWidth + 1)
  .map((table) => table.getAttribute("aria-labelledby"))
"""
TIMES_WITHOUT_TITLE = (
    "document.querySelectorAll('td time:not([title]), dd time:not([title]), .lead time:not([title])').length"
)
FOCUS = """
(() => {
  const [element, box] = [document.activeElement, document.activeElement.getBoundingClientRect()];
  const style = getComputedStyle(element);
  const isVisible = box.width > 0 && box.height > 0 && box.right > 0 && box.bottom > 0;
  const isMarked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return [element.tagName, element.textContent.trim(), isVisible && isMarked];
})()
"""
"""The element with the focus, its text, and True if users can see that it has the focus."""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Serve the pages over HTTP, and return their address."""
    database = open_year(tmp_path_factory.mktemp("state") / "year.db", NOW, record_deployments)
    with serve_pages(database, NOW, build_stage_reader(database)) as address:
        yield address


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("browser")) as started:
        yield started


def list_violations(chromium) -> list[tuple[str, list[str]]]:
    """Return the rules of accessibility that the shown page violates, with the first three elements of each."""
    chromium.evaluate(files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    violations = chromium.evaluate("axe.run().then((found) => found.violations)")
    return [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in violations]


@pytest.mark.parametrize("path", ["/", "/images", "/repositories", "/queue", "/proposals?show=fixes"])
def test_tables_fit_a_narrow_window_without_broken_words(chromium, address, path):
    chromium.show(address + path, width=1012)
    assert chromium.evaluate(BROKEN_WORDS) == []
    assert chromium.evaluate(SCROLLED_TABLES) == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("path", PATHS)
def test_pages_are_accessible_and_follow_the_security_policy_in_a_browser(chromium, address, path, mode):
    """axe-core: https://github.com/dequelabs/axe-core/blob/develop/doc/rule-descriptions.md"""
    width, scheme = MODES[mode]
    chromium.show(address + path, width=width, scheme=scheme)
    assert chromium.said("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown") == []
    requests = [each["request"]["url"] for each in chromium.said("Network.requestWillBeSent")]
    assert all(each.startswith(f"{address}/") for each in requests)
    assert chromium.evaluate("document.styleSheets[0].cssRules.length") > 100
    assert chromium.evaluate("document.documentElement.scrollWidth") == width
    assert chromium.evaluate(BROKEN_HEADINGS) == []
    assert chromium.evaluate(TIMES_WITHOUT_TITLE) == 0
    if mode != "phone":
        assert chromium.evaluate(MISALIGNED_NUMBERS) == []
    assert list_violations(chromium) == []


@pytest.mark.parametrize("mode", MODES)
def test_page_of_unknown_address_is_accessible(chromium, address, mode):
    width, scheme = MODES[mode]
    chromium.show(f"{address}/nonsense", width=width, scheme=scheme)
    assert chromium.evaluate("document.querySelector('h1').textContent") == "Not found"
    assert chromium.evaluate("document.documentElement.scrollWidth") == width
    assert list_violations(chromium) == []


def test_filter_by_name_keeps_the_order_of_the_list(chromium, address):
    chromium.show(f"{address}/images?sort=name")
    chromium.evaluate("document.querySelector('#filter').focus()")
    chromium.call("Input.insertText", text="python")
    chromium.events.clear()
    chromium.press("Enter", "\r")
    chromium.wait_for_load()
    assert chromium.evaluate("location.search") == "?q=python&sort=name"
    assert chromium.evaluate("document.querySelector('.tabs [aria-current]').textContent") == "By name"


def test_page_responses_allow_neither_scripts_nor_cookies(chromium, address):
    chromium.show(f"{address}/")
    (page,) = [each for each in chromium.said("Network.responseReceived") if each["type"] == "Document"]
    headers = {name.lower(): value for name, value in page["response"]["headers"].items()}
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "script-src" not in headers["content-security-policy"]
    assert "set-cookie" not in headers


def test_keyboard_reaches_all_links_of_a_page_with_visible_focus(chromium, address):
    chromium.show(f"{address}/queue")
    visited = []
    for _ in range(100):
        chromium.press("Tab")
        tag, text, is_visible = chromium.evaluate(FOCUS)
        if tag == "BODY":
            break
        assert is_visible, text
        visited.append(text)
    assert visited[0] == "Skip to the content"
    for text in ("Overview", "Health", "Search", "Finished work", "acme/web"):
        assert text in visited


def test_skip_link_moves_the_focus_to_the_content(chromium, address):
    chromium.show(f"{address}/queue")
    chromium.press("Tab")
    chromium.press("Enter", "\r")
    assert chromium.evaluate("document.activeElement.id") == "main"


def test_search_works_with_the_keyboard_alone(chromium, address):
    chromium.show(f"{address}/")
    chromium.evaluate("document.querySelector('header input').focus()")
    chromium.call("Input.insertText", text="pricing")
    chromium.events.clear()
    chromium.press("Enter", "\r")
    chromium.wait_for_load()
    assert chromium.evaluate("location.pathname + location.search") == "/search?q=pricing"
    assert "acme/pricing (main)" in chromium.evaluate("document.querySelector('main').textContent")


def test_pages_are_complete_in_a_browser_without_scripts(chromium, address):
    chromium.show(f"{address}/proposals", script=False)
    assert chromium.evaluate("document.scripts.length") == 0
    assert chromium.evaluate("document.querySelectorAll('tbody tr').length") == 28
