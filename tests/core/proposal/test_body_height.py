"""The height of a proposal's page in a browser, with GitHub's own style sheet."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from support.pictures.pages import render_proposal
from support.runs.worlds import BODY_TEMPLATE
from support.values import digest, finding, scan, update
from support.witnesses.chromium import browser

from bot.core.evidence.compare import compare_scans
from bot.core.proposal.render import render_body, render_title
from bot.core.proposal.titles import build_title_view
from bot.core.proposal.update_groups import UpdateGroup
from bot.core.proposal.view.proposal import build_proposal_view
from bot.core.transition import get_first_transition
from bot.model.advisory import ListVersions
from bot.model.contents import ImageConfig, ImageContents, InstalledPackage, TransitionContents
from bot.model.evidence import Severity

MAX_HEIGHT = 1500
"""Pixels of the whole page of a proposal for one image, whatever the number of its packages."""
MAX_ROW_HEIGHT = 40
"""Pixels of a table row whose texts are on one line. A second line adds 21."""
WIDTH = 1012
MOVE = update(f"acme/base:bookworm@{digest('old')}", "new")
SEVERITIES = (Severity.MEDIUM, Severity.HIGH, Severity.LOW, Severity.CRITICAL)
TITLES = (
    "heap out-of-bounds write in the parser of attributes when a document has many of them",
    "use after free",
    "Code injection vulnerability in the decoder of vector graphics, if a renderer is installed",
)


def build_findings(packages, installed):
    """Return two vulnerabilities of each package."""
    return [
        finding(
            f"CVE-2026-{20_000 + 2 * number + each}",
            SEVERITIES[(number + each) % len(SEVERITIES)],
            f"libexample{number}",
            installed=f"1:{installed}.{number}+dfsg-1",
            fixed_in=f"1:2.{number}+dfsg-1+deb12u3",
            title=TITLES[number % len(TITLES)],
        )
        for number in range(packages)
        for each in range(2)
    ]


def build_evidence(packages):
    """Return the evidence of an update that fixes, adds and leaves vulnerabilities, opens a port and grows."""
    old, new = (
        tuple(
            InstalledPackage("debian", f"libexample{number}", f"1:{major}.{number}+dfsg-1", "")
            for number in range(packages)
        )
        for major in (1, 2)
    )
    found = build_findings(packages, 1)
    added = [finding("CVE-2026-9001", Severity.CRITICAL, "brandnew", title=TITLES[1]), finding("CVE-2026-9002")]
    kept = found[: packages // 4]
    compared = compare_scans(scan(*found, packages=old), scan(*kept, *added, packages=new))
    image = ImageContents(
        digest("o"), ImageConfig(), 389_000_000, datetime(2024, 9, 27, tzinfo=UTC), "", "", version="22.11.0"
    )
    grown = replace(
        image,
        digest=digest("n"),
        size=420_000_000,
        created=datetime(2026, 11, 25, tzinfo=UTC),
        config=ImageConfig(ports=("3000/tcp",)),
        version="22.12.0",
    )
    return replace(
        compared,
        exploited_ids=frozenset({found[-1].id, found[-4].id}),
        epss_scores={each.id: 0.94 for each in found},
        list_versions=ListVersions(date(2026, 11, 24), date(2026, 11, 25)),
        contents=TransitionContents(image, grown),
    )


def render_page(packages):
    """Return the page of a proposal for an image with a number of packages."""
    known = {get_first_transition(MOVE): build_evidence(packages)}
    body = render_body(BODY_TEMPLATE, lambda rows: build_proposal_view((MOVE,), known, rows, has_alerts=True), 65_536)
    view = build_title_view(UpdateGroup(MOVE.tracked_image.tag_ref), (MOVE,), list(known.values()))
    title = render_title("{{ proposal.headline }}: {{ proposal.effect }}", view, 250)
    return render_proposal(title, body, "basebump/acme-base-bookworm-0123abcd")


@pytest.mark.real("chromium")
@pytest.mark.real("liberation-fonts")
@pytest.mark.real("primer-css")
def test_proposal_for_60_or_400_packages_fits_its_height_and_has_rows_of_one_line(tmp_path):
    page = tmp_path / "proposal.html"
    with browser(tmp_path) as window:
        for packages in (60, 400):
            page.write_text(render_page(packages), encoding="utf-8")
            window.show(page, width=WIDTH, height=100)
            assert (
                window.evaluate("getComputedStyle(document.querySelector('.markdown-body td')).paddingLeft") == "13px"
            )
            assert window.evaluate("Math.ceil(document.documentElement.getBoundingClientRect().height)") <= MAX_HEIGHT
            fixes = (
                "[...document.querySelectorAll('.markdown-body > table:last-of-type tr')].map(row => row.offsetHeight)"
            )
            assert max(window.evaluate(fixes)) <= MAX_ROW_HEIGHT, packages


@pytest.mark.real("chromium")
@pytest.mark.real("liberation-fonts")
@pytest.mark.real("primer-css")
def test_rows_of_a_group_are_on_one_line(tmp_path):
    names = ("eclipse-temurin:21-jre", "node:22", "redis:7.4-bookworm")
    moves = tuple(update(f"{name}@{digest('old')}", "new") for name in names)
    known = {get_first_transition(each): build_evidence(count) for each, count in zip(moves, (400, 60, 4), strict=True)}
    body = render_body(BODY_TEMPLATE, lambda rows: build_proposal_view(moves, known, rows, has_alerts=True), 65_536)
    page = tmp_path / "group.html"
    page.write_text(render_proposal("Update three images", body, "basebump/group-0123abcd"), encoding="utf-8")
    with browser(tmp_path) as window:
        window.show(page, width=WIDTH, height=100)
        heights = (
            "[...document.querySelector('.markdown-body > table').querySelectorAll('tr')].map(row => row.offsetHeight)"
        )
        assert max(window.evaluate(heights)) <= MAX_ROW_HEIGHT
