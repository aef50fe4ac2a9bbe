"""The fleet page: its table of images, their risk, and the charts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.runs.fleet_pages import BUILT, list_users, outline_page, read_data, read_images
from support.runs.reports import (
    KNOWN,
    build_proposal,
    build_repository,
    build_run_report,
    build_verdict,
)
from support.runs.reports import build_update as moving
from support.values import digest, finding, scan

from bot.core.evidence.compare import compare_scans
from bot.model.evidence import NotScanned, Severity, UnscannedReason
from bot.model.vocabulary import Reason, ReferenceStatus
from bot.reports.page.image_rows import MAX_REFERENCES


def test_image_row_lists_all_references_to_the_image():
    references = (
        moving(path="a/Dockerfile", line_number=3),
        build_verdict(ReferenceStatus.UP_TO_DATE, path="b/Dockerfile"),
    )
    shown = outline_page(
        build_run_report(
            build_repository(*references),
            build_repository(build_verdict(ReferenceStatus.UP_TO_DATE, written="redis:7"), name="x"),
        )
    )
    assert shown.rows("docker.io/library/node:22", "1", "100%")
    node, redis = read_images(shown)
    assert [node[0], *node[2:5], redis[0]] == ["docker.io/library/node:22", 1, 2, 2, "docker.io/library/redis:7"]
    assert list_users(shown, node) == [
        ("acme/web (main)", "a/Dockerfile", 3, digest("old")[7:19], "update"),
        ("acme/web (main)", "b/Dockerfile", 1, digest("old")[7:19], "up-to-date"),
    ]
    assert list_users(shown, redis) == [("x (main)", "Dockerfile", 1, "", "up-to-date")]


def test_fleet_page_shows_vulnerabilities_as_unknown_if_no_image_was_scanned():
    unscanned = compare_scans(None, NotScanned(UnscannedReason.NO_SCANNER))
    shown = outline_page(build_run_report(build_repository(moving()), evidence=unscanned))
    words = "Not known, because there is no update whose old and new images were both scanned."
    assert shown.rows("Known vulnerabilities of images that can be updated", words, "How far the images are behind")
    assert not outline_page(build_run_report(build_repository(build_verdict(ReferenceStatus.UP_TO_DATE)))).rows(words)


def test_vulnerability_chart_compares_images_in_use_with_offered_updates():
    two = build_repository(moving(), moving(line_number=2))
    assert outline_page(build_run_report(two)).rows("critical", "1", "0", "high", "1", "1", "medium", "0", "0")


def test_vulnerability_bars_have_colour_of_severity_and_one_scale():
    old = scan(finding("CVE-1", Severity.CRITICAL), *(finding(f"CVE-2-{n}", Severity.LOW) for n in range(50)))
    shown = outline_page(build_run_report(build_repository(moving()), evidence=compare_scans(old, scan())))
    assert {each["class"] for each in shown.all("tr") if "class" in each} >= {"critical", "low"}
    _status, critical, _, high, _, medium, _, low, *_ = [each["width"] for each in shown.all("rect")]
    assert (critical, high, medium, low) == ("2", "0", "0", "100")


@pytest.mark.parametrize(
    "evidence", [compare_scans(None, scan()), compare_scans(NotScanned(UnscannedReason.FAILED), scan())]
)
def test_vulnerability_chart_is_omitted_if_old_or_new_image_was_not_scanned(evidence):
    assert "in use" not in [
        each for _, each in outline_page(build_run_report(build_repository(moving()), evidence=evidence)).texts
    ]


@pytest.mark.parametrize(
    ("days", "label"), [(1, "less than a week"), (40, "one to three months"), (365, "more than a year")]
)
def test_age_chart_counts_references_by_age_of_image(days, label):
    both = [replace(scan(), created=built) for built in (BUILT - timedelta(days=days), BUILT)]
    assert outline_page(build_run_report(build_repository(moving()), evidence=compare_scans(*both))).rows(label, "1")
    assert outline_page(build_run_report(build_repository(moving()), evidence=KNOWN)).rows("not known", "1")


def test_status_bars_have_proportional_widths_and_are_hidden_from_screen_readers():
    references = [build_verdict(ReferenceStatus.UP_TO_DATE, line_number=number) for number in range(1, 5)]
    shown = outline_page(
        build_run_report(
            build_repository(*references, build_verdict(ReferenceStatus.SKIPPED, Reason.OWN, line_number=9))
        )
    )
    assert [each["width"] for each in shown.all("rect")] == ["100", "25"]
    assert {each["aria-hidden"] for each in shown.all("td") if each.get("class") == "bars"} == {"true"}


def test_image_row_lists_references_up_to_limit_and_counts_the_rest():
    references = [
        build_verdict(ReferenceStatus.UP_TO_DATE, line_number=number) for number in range(1, MAX_REFERENCES + 10)
    ]
    (image,) = read_images(outline_page(build_run_report(build_repository(*references))))
    assert (len(image[-2]), image[-1]) == (MAX_REFERENCES, 9)


def test_images_are_sorted_by_risk_then_by_urgency_then_by_version():
    exploited = replace(KNOWN, exploited_ids=frozenset({"CVE-2026-0001"}))
    others = [
        build_verdict(ReferenceStatus.UP_TO_DATE, written="node:9"),
        build_verdict(ReferenceStatus.UP_TO_DATE, written="node:10"),
        build_verdict(ReferenceStatus.GONE, Reason.DIGEST_GONE, written="redis:7"),
    ]
    images = read_images(outline_page(build_run_report(build_repository(*others, moving()), evidence=exploited)))
    assert [each[0].rpartition("/")[2] for each in images] == ["node:22", "redis:7", "node:9", "node:10"]


def test_image_row_shows_age_findings_next_digest_and_pull_request():
    old = replace(scan(finding("CVE-1", Severity.CRITICAL), finding("CVE-2")), created=BUILT - timedelta(days=40))
    evidence = replace(compare_scans(old, scan()), exploited_ids=frozenset({"CVE-2"}))
    url = "https://github.com/acme/web/pull/7"
    report = build_run_report(build_repository(moving(), proposals=(build_proposal(url=url),)), evidence=evidence)
    shown = outline_page(replace(report, ended=BUILT))
    (image,) = read_images(shown)
    assert image[5:9] == [40, 1, 1, 1]
    assert image[10:12] == [digest("new")[7:19], ["Update node:22", url]]
    names = read_data(shown)["names"]
    assert names[image[-2][0][3]] == "https://github.com/acme/web/blob/main/"


def test_risk_figures_count_each_distinct_update_once():
    evidence = replace(KNOWN, exploited_ids=frozenset({"CVE-2026-0001"}))
    shown = outline_page(build_run_report(build_repository(moving(), moving(line_number=2)), evidence=evidence))
    assert shown.rows("Known exploited, in use", "1 → 0")
    assert shown.rows("Critical, in use", "1 → 0", "now → after all updates; only images with an update")
    assert shown.rows("Images not scanned", "0", "of 1; images without an update are not scanned")


def test_risk_figures_are_shown_as_unknown_if_not_looked_up():
    shown = outline_page(build_run_report(build_repository(build_verdict(ReferenceStatus.UP_TO_DATE))))
    assert shown.rows("Known exploited, in use", "not looked up")
    assert shown.rows("Critical, in use", "not scanned")
    assert shown.rows("Oldest image in use", "not known")
    assert shown.rows("Images not scanned", "1", "of 1; images without an update are not scanned")


def test_vulnerability_chart_counts_each_distinct_update_once():
    many = compare_scans(scan(finding("CVE-1", Severity.LOW), finding("CVE-2", Severity.LOW)), scan())
    trees = [build_repository(moving(), name=f"acme/{n}") for n in range(3)]
    assert outline_page(build_run_report(*trees, evidence=many)).rows("low", "2", "0")


@pytest.mark.parametrize(
    ("files_url", "address"),
    [
        ("https://github.com/acme/web/blob/main/", "https://github.com/acme/web/blob/main/"),
        (
            "https://dev.azure.com/a/b/_git/c?version=GBmain&path=/",
            "https://dev.azure.com/a/b/_git/c?version=GBmain&path=/",
        ),
        ("javascript:alert(1)//", ""),
        ("https://user@github.com/", ""),
        (None, ""),
    ],
)
def test_file_without_proposal_is_linked_only_if_url_is_safe(files_url, address):
    current = build_verdict(ReferenceStatus.UP_TO_DATE)
    shown = outline_page(build_run_report(build_repository(current, files_url=files_url)))
    (image,) = read_images(shown)
    assert read_data(shown)["names"][image[-2][0][3]] == address
