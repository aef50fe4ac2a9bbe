"""The fleet page in a real browser: it sends no requests, its policy blocks nothing of it, and it is readable."""

from __future__ import annotations

import pytest
from support.runs.reports import failure, hostile_report, proposal, repository, run_report, update, verdict
from support.witnesses.chromium import browser

from bot.cli.outputs import render_html
from bot.model.vocabulary import OccurrenceStatus, Reason
from bot.reports.json_document import render_run_document

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


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Write the page of a small fleet, and return its path."""
    held = verdict(OccurrenceStatus.HELD, Reason.TOO_YOUNG, line_number=2, detail="It is a day old.")
    redis = verdict(OccurrenceStatus.UP_TO_DATE, written="redis:7", path="a/very/long/path/" * 8 + "Dockerfile")
    opened = proposal(url="https://github.com/acme/web/pull/7")
    report = run_report(repository(update(), held, redis, proposals=(opened,)), failed=[failure()])
    path = tmp_path_factory.mktemp("page") / "fleet.html"
    path.write_text(render_html(render_run_document(report)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("browser")) as started:
        yield started


def complaints(shown):
    return shown.said("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1200])
def test_page_sends_no_requests_has_no_errors_and_fits_the_window(shown, page, width, scheme, script):
    shown.show(page, width=width, scheme=scheme, script=script)
    assert shown.evaluate("document.documentElement.scrollWidth") == width
    assert shown.evaluate(CONTRAST) >= 4.5
    assert shown.screenshot().startswith(b"\x89PNG")
    assert [each["request"]["url"] for each in shown.said("Network.requestWillBeSent")] == [page.as_uri()]
    assert complaints(shown) == []
    assert shown.evaluate("document.querySelector('.filter').hidden") is not script


def test_dark_scheme_has_a_dark_background(shown, page):
    backs = []
    for scheme in ("light", "dark"):
        shown.show(page, scheme=scheme)
        backs.append(shown.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert backs == ["rgb(255, 255, 255)", "rgb(13, 17, 23)"]


def test_anchor_opens_its_image(shown, page):
    shown.show(f"{page.as_uri()}#image-2")
    assert shown.evaluate("[...document.querySelectorAll('details[open]')].map((each) => each.id)") == ["image-2"]


def test_filter_shows_matching_rows_and_their_number(shown, page):
    shown.show(page)
    shown.evaluate("document.getElementById('filter').focus()")
    shown.call("Input.insertText", text="REDIS")
    open_ones = (
        "[...document.querySelectorAll('details.image:not([hidden]) summary code')].map((each) => each.textContent)"
    )
    assert shown.evaluate(open_ones) == ["docker.io/library/redis:7"]
    assert shown.evaluate("document.getElementById('filtered').textContent") == "1 of 2 images"


def test_first_tab_stop_skips_the_navigation(shown, page):
    shown.show(page)
    shown.press("Tab")
    assert shown.evaluate("document.activeElement.className") == "skip"
    assert shown.evaluate("document.activeElement.getBoundingClientRect().left") >= 0


def test_print_includes_collapsed_content(shown, page):
    shown.show(page, script=False)
    unfolded = "document.querySelector('details.image table').checkVisibility()"
    assert shown.evaluate(unfolded) is False
    shown.call("Emulation.setEmulatedMedia", media="print")
    assert shown.evaluate(unfolded) is True


def test_text_from_a_repository_is_not_markup_in_the_browser(shown, tmp_path):
    word = "<img src=x onerror=console.log(1)></td></script><script>console.log(2)</script><style>*{color:red}"
    path = tmp_path / "hostile.html"
    path.write_text(render_html(render_run_document(hostile_report(word))), encoding="utf-8")
    shown.show(path)
    assert shown.evaluate("document.querySelectorAll('img, td script, td style').length") == 0
    assert shown.evaluate("document.querySelectorAll('script').length") == 1
    assert word in shown.evaluate("document.body.textContent")
    assert complaints(shown) == []
