"""The fleet page in a real browser: it sends no requests, its policy blocks nothing of it, and it is readable."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from support.runs.large_fleet import build_large_fleet
from support.runs.reports import (
    build_failure,
    build_hostile_report,
    build_proposal,
    build_repository,
    build_run_report,
    build_update,
    build_verdict,
)
from support.stage_scene import build_scene
from support.witnesses.chromium import browser

from bot.cli.outputs import read_page_parts, render_html
from bot.model.vocabulary import Reason, ReferenceStatus
from bot.reports.page.fleet_html import render_html_page
from bot.reports.page.run_facts import read_document
from bot.reports.run.report_document import render_run_document

pytestmark = [pytest.mark.real("chromium"), pytest.mark.slow]

CONTRAST = """
(() => {
  const linear = (part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const light = (said) => {
    const [red, green, blue] = said.match(/[0-9.]+/g).map(Number).map(linear);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const said = getComputedStyle(each).backgroundColor;
      if (said !== "rgba(0, 0, 0, 0)") return said;
    }
    throw new Error("nothing is behind it");
  };
  const texts = [...document.querySelectorAll("body *:not(script)")].filter((element) =>
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim()));
  return Math.min(...texts.map((element) => {
    const [one, other] = [getComputedStyle(element).color, behind(element)].map(light);
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  }));
})()
"""
"""The lowest contrast of any text with its background: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""


BROKEN_HEADINGS = """
[...document.querySelectorAll("thead th")].filter((heading) => heading.checkVisibility() && heading.textContent)
  .filter((heading) => {
    const [text, range] = [document.createTreeWalker(heading, NodeFilter.SHOW_TEXT).nextNode(), document.createRange()];
    return [...text.data.matchAll(/\\S+/g)].some(({ 0: word, index }) => {
      range.setStart(text, index);
      range.setEnd(text, index + word.length);
      return new Set([...range.getClientRects()].map((each) => each.top)).size > 1;
    });
  }).map((heading) => heading.textContent)
"""
"""The headings of columns in which a word begins in one line and ends in another."""

BROKEN_NUMBERS = r"""
(() => {
  const [found, range] = [[], document.createRange()];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text; (text = walker.nextNode());) {
    if (text.parentElement.closest("code, .plain th, script, style") || !text.parentElement.checkVisibility()) continue;
    for (const { 0: number, index } of text.data.matchAll(/\d[\d.,:]*\d/g)) {
      range.setStart(text, index);
      range.setEnd(text, index + number.length);
      if (new Set([...range.getClientRects()].map((each) => each.top)).size > 1) found.push(number);
    }
  }
  return found;
})()
"""
"""The numbers that begin in one line and end in another. Names of images may break."""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Write the page of a small fleet whose updates are in all stages, and return its path."""
    held = build_verdict(ReferenceStatus.HELD, Reason.TOO_YOUNG, line_number=2, detail="It is a day old.")
    redis = build_verdict(ReferenceStatus.UP_TO_DATE, written="redis:7", path="a/very/long/path/" * 8 + "Dockerfile")
    opened = build_proposal(url="https://github.com/acme/web/pull/7")
    report = build_run_report(
        build_repository(build_update(), held, redis, proposals=(opened,)), failed=[build_failure()]
    )
    path = tmp_path_factory.mktemp("page") / "fleet.html"
    facts = read_document(render_run_document(report))
    path.write_text(render_html_page([facts], read_page_parts(), None, build_scene()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("browser")) as started:
        yield started


def list_complaints(shown):
    return shown.said("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1200])
def test_fleet_page_sends_no_requests_logs_no_errors_and_fits_window(chromium, page, width, scheme, script):
    chromium.show(page, width=width, scheme=scheme, script=script)
    assert chromium.evaluate("document.documentElement.scrollWidth") == width
    assert chromium.evaluate(CONTRAST) >= 4.5
    assert chromium.screenshot().startswith(b"\x89PNG")
    assert [each["request"]["url"] for each in chromium.said("Network.requestWillBeSent")] == [page.as_uri()]
    assert list_complaints(chromium) == []
    assert chromium.evaluate("document.getElementById('tools').hidden") is not script
    assert chromium.evaluate("document.querySelector('main table.plain, #table table').checkVisibility()")


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (1200, "dark"), (400, "light")])
def test_axe_finds_no_accessibility_violation_on_fleet_page(chromium, page, width, scheme):
    """https://github.com/dequelabs/axe-core/blob/develop/doc/rule-descriptions.md"""
    chromium.show(page, width=width, scheme=scheme)
    chromium.evaluate(files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    violations = chromium.evaluate("axe.run().then((found) => found.violations)")
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in violations] == []


@pytest.mark.parametrize("width", [400, 1200])
def test_column_headings_are_not_broken_within_words(chromium, page, width):
    chromium.show(page, width=width)
    assert chromium.evaluate(BROKEN_HEADINGS) == []


@pytest.mark.parametrize("width", [400, 1200])
@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_numbers_are_not_broken_into_two_lines(chromium, page, tmp_path, width, script):
    large = tmp_path / "large.html"
    page_text = page.read_text(encoding="utf-8")
    large.write_text(re.sub(r"(<t?d[dh]?[^>]*>)(\d+)<", r"\g<1>123,456,789<", page_text), encoding="utf-8")
    chromium.show(large, width=width, script=script)
    assert chromium.evaluate("document.body.innerText").count("123,456,789") > 20
    assert chromium.evaluate(BROKEN_NUMBERS) == []


def test_fleet_page_has_dark_background_in_dark_scheme(chromium, page):
    backs = []
    for scheme in ("light", "dark"):
        chromium.show(page, scheme=scheme)
        backs.append(chromium.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert backs == ["rgb(255, 255, 255)", "rgb(13, 17, 23)"]


IMAGES = "[...document.querySelectorAll('#table tbody th code')].map((each) => each.textContent)"
FOUND = "document.getElementById('found').textContent"


def test_search_shows_and_counts_matching_images(chromium, page):
    chromium.show(page)
    chromium.evaluate("document.getElementById('search').focus()")
    chromium.call("Input.insertText", text="REDIS")
    chromium.evaluate("new Promise((done) => setTimeout(done, 150))")  # the page waits for further keys for 100 ms
    assert chromium.evaluate(IMAGES) == ["docker.io/library/redis:7"]
    assert chromium.evaluate(FOUND) == "1 of 2 images"
    assert chromium.evaluate("location.hash") == "#search=REDIS"


@pytest.mark.parametrize("words", ["CVE-2024-3094", "cve-", "%20GHSA-rxwq"])
def test_search_for_vulnerability_states_that_vulnerabilities_cannot_be_searched(chromium, page, words):
    chromium.show(f"{page.as_uri()}#search={words}")
    assert chromium.evaluate(FOUND) == "Vulnerabilities cannot be searched, only images by name"


@pytest.mark.parametrize(
    ("address", "images"),
    [
        ("severity=critical", ["node:22"]),
        ("severity=unscanned", ["redis:7"]),
        ("status=up-to-date", ["redis:7"]),
        ("search=very/long", ["redis:7"]),
        ("registry=docker.io", ["node:22", "redis:7"]),
        ("registry=ghcr.io", []),
        ("sort=image", ["redis:7", "node:22"]),
        ("sort=image&order=up", ["node:22", "redis:7"]),
    ],
)
def test_url_fragment_selects_filter_search_and_order_of_image_table(chromium, page, address, images):
    chromium.show(f"{page.as_uri()}#{address}")
    assert chromium.evaluate(IMAGES) == [f"docker.io/library/{each}" for each in images]


def test_clicks_on_filter_and_heading_change_image_table_and_url(chromium, page):
    chromium.show(page)
    chromium.evaluate("document.querySelector('[data-value=critical]').click()")
    chromium.evaluate("document.querySelector('[data-key=age]').click()")
    assert chromium.evaluate("location.hash") == "#severity=critical&sort=age"
    assert chromium.evaluate("document.querySelector('[data-value=critical]').getAttribute('aria-pressed')") == "true"
    assert chromium.evaluate("document.querySelectorAll('[aria-sort=descending]').length") == 1


def test_click_on_image_shows_and_hides_references_with_links(chromium, page):
    chromium.show(page)
    chromium.evaluate("document.querySelector('#table tbody button').click()")
    assert chromium.evaluate("document.querySelector('.users a').href") == (
        "https://github.com/acme/web/blob/main/Dockerfile#L1"
    )
    assert chromium.evaluate("document.querySelectorAll('.users li').length") == 2
    chromium.evaluate("document.querySelector('#table tbody button').click()")
    assert chromium.evaluate("document.querySelectorAll('.users').length") == 0


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_image_row_links_to_registry_and_pull_request(chromium, page, script):
    chromium.show(page, script=script)
    table = "#table table" if script else "table.plain"
    links = f"[...document.querySelectorAll('{table} tbody tr:first-child a')].map((each) => each.href)"
    assert chromium.evaluate(links) == ["https://hub.docker.com/_/node", "https://github.com/acme/web/pull/7"]


def test_csv_export_contains_only_shown_images(chromium, page):
    chromium.show(f"{page.as_uri()}#status=up-to-date")
    chromium.evaluate("URL.createObjectURL = (blob) => { window.exported = blob.text(); return '#'; }")
    chromium.evaluate("document.getElementById('export').click()")
    head, line = chromium.evaluate("window.exported").split("\r\n")
    assert head.startswith('"Image","Repositories",')
    assert line.startswith('"docker.io/library/redis:7","1",')


def test_fleet_page_of_2000_images_shows_few_elements_at_first(chromium, tmp_path):
    path = tmp_path / "large.html"
    path.write_text(render_html(render_run_document(build_large_fleet(2_000))), encoding="utf-8")
    chromium.show(path)
    assert chromium.evaluate("document.querySelectorAll('*').length") < 8_000
    assert len(chromium.evaluate(IMAGES)) == 50
    chromium.evaluate("document.getElementById('more').click()")
    assert len(chromium.evaluate(IMAGES)) == 100
    chromium.show(path, script=False)
    assert chromium.evaluate("document.querySelectorAll('table.plain tbody tr').length") == 2_000


def test_first_tab_stop_is_a_link_that_skips_navigation(chromium, page):
    chromium.show(page)
    chromium.press("Tab")
    assert chromium.evaluate("document.activeElement.className") == "skip"
    assert chromium.evaluate("document.activeElement.getBoundingClientRect().left") >= 0


def test_browser_does_not_interpret_text_from_a_repository_as_markup(chromium, tmp_path):
    word = "<img src=x onerror=console.log(1)></td></script><script>console.log(2)</script><style>*{color:red}"
    path = tmp_path / "hostile.html"
    path.write_text(render_html(render_run_document(build_hostile_report(word))), encoding="utf-8")
    chromium.show(path)
    assert chromium.evaluate("document.querySelectorAll('img, td script, td style').length") == 0
    assert chromium.evaluate("document.querySelectorAll('script').length") == 2
    assert word in chromium.evaluate("document.body.textContent")
    assert list_complaints(chromium) == []
