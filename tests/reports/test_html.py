"""The fleet page: its content, and that it is self-contained and safe whatever a repository contains."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.runs.large_fleet import build_large_fleet
from support.runs.reports import (
    HOSTILE,
    KNOWN,
    failure,
    hostile_report,
    proposal,
    repository,
    run_report,
    text,
    verdict,
)
from support.runs.reports import update as moving
from support.values import digest, finding, scan
from support.witnesses.pages import Outline

from bot.cli.outputs import read_page_parts
from bot.core.evidence.compare import compare_scans
from bot.model.due_date import DueClass, DueDate
from bot.model.evidence import NotScanned, Severity, UnscannedReason
from bot.model.vocabulary import OccurrenceStatus, ProposalOutcome, Reason
from bot.reports._fleet_page import MAX_LISTED, OTHER_GROUP, get_group_heading
from bot.reports._image_rows import MAX_OCCURRENCES
from bot.reports.html import MAX_BYTES, render_html_page
from bot.reports.json_document import render_run_document, render_scan_document
from bot.reports.run_facts import DocumentError, merge_runs, read_document

PARTS = read_page_parts()
BUILT = datetime(2026, 11, 1, tzinfo=UTC)


def page(*reports) -> str:
    return render_html_page([read_document(render_run_document(report)) for report in reports], PARTS)


def outline(*reports) -> Outline:
    return Outline(page(*reports))


def read_data(shown):
    """Return the data for the page's script."""
    (data,) = [text for element, text in shown.texts if element == "script" and text.startswith("{")]
    return json.loads(data)


def read_images(shown):
    return read_data(shown)["images"]


def list_users(shown, image):
    """Return the repository, the path, the line, the digest and the status of each reference to an image."""
    names = read_data(shown)["names"]
    return [(names[user[0]], names[user[1]], user[2], user[4], names[user[5]]) for user in image[-2]]


def test_lists_the_references_to_an_image():
    places = (moving(path="a/Dockerfile", line_number=3), verdict(OccurrenceStatus.UP_TO_DATE, path="b/Dockerfile"))
    shown = outline(
        run_report(repository(*places), repository(verdict(OccurrenceStatus.UP_TO_DATE, written="redis:7"), name="x"))
    )
    assert shown.rows("docker.io/library/node:22", "1", "100%")
    node, redis = read_images(shown)
    assert [node[0], *node[2:5], redis[0]] == ["docker.io/library/node:22", 1, 2, 2, "docker.io/library/redis:7"]
    assert list_users(shown, node) == [
        ("acme/web (main)", "a/Dockerfile", 3, digest("old")[7:19], "update"),
        ("acme/web (main)", "b/Dockerfile", 1, digest("old")[7:19], "up-to-date"),
    ]
    assert list_users(shown, redis) == [("x (main)", "Dockerfile", 1, "", "up-to-date")]


def test_page_without_scans_shows_no_vulnerability_counts():
    unscanned = compare_scans(None, NotScanned(UnscannedReason.NO_SCANNER))
    shown = outline(run_report(repository(moving()), evidence=unscanned))
    words = "Not known, because there is no update whose old and new images were both scanned."
    assert shown.rows("Known vulnerabilities of images that can be updated", words, "How far the images are behind")
    assert not outline(run_report(repository(verdict(OccurrenceStatus.UP_TO_DATE)))).rows(words)


def test_page_without_content_has_no_empty_tables():
    shown = page(run_report())
    assert re.findall(r"<tbody>\s*</tbody>", shown) == []
    assert shown.count("<p>There are none.</p>") == 4, "proposals, places, images, repositories"


def test_references_without_update_are_sorted_by_urgency():
    held = verdict(OccurrenceStatus.HELD, Reason.TOO_YOUNG, detail="It is a day old.")
    gone = verdict(OccurrenceStatus.GONE, Reason.DIGEST_GONE, line_number=2)
    shown = outline(run_report(repository(held, gone)))
    assert shown.rows("docker.io/library/node:22", "gone (digest-gone)", Reason.DIGEST_GONE.sentence)
    assert shown.rows("docker.io/library/node:22", "held (too-young)", "It is a day old.")
    said = [each for _, each in shown.texts]
    assert said.index("gone (digest-gone)") < said.index("held (too-young)")


@pytest.mark.parametrize("outcome", ProposalOutcome)
def test_every_outcome_has_a_heading(outcome):
    assert get_group_heading(outcome) != OTHER_GROUP
    shown = outline(run_report(repository(proposals=(proposal(outcome=outcome, note="a note"),))))
    assert shown.rows(f"{get_group_heading(outcome)}: 1", "Repository", "Proposal", "Outcome", "Note")
    assert shown.rows("acme/web (main)", "Update node:22", outcome, "a note")


def test_shows_unknown_outcome_of_a_later_version():
    document = render_run_document(run_report(repository(proposals=(proposal(),)))).replace('"opened"', '"sublimated"')
    assert Outline(render_html_page([read_document(document)], PARTS)).rows("Update node:22", "sublimated")


def test_links_only_safe_urls():
    good, bad = "https://github.com/acme/web/pull/7", 'javascript:alert(1)//"'
    shown = outline(run_report(repository(moving(), proposals=(proposal(url=good), proposal("Bad", url=bad)))))
    assert [each["href"] for each in shown.all("a") if not each["href"].startswith("#")] == [
        "https://hub.docker.com/_/node",
        good,
        good,
    ]
    (image,) = read_images(shown)
    assert image[11] == ["Update node:22", good]


def test_risk_comes_first_and_failures_after_it():
    said = [each for _, each in outline(run_report(repository(moving()), failed=[failure()])).texts]
    assert said.index("Critical, in use") < said.index("Pinned by digest") < said.index("no answer")


def test_chart_compares_vulnerabilities_in_use_and_offered():
    two = repository(moving(), moving(line_number=2))
    assert outline(run_report(two)).rows("critical", "1", "0", "high", "1", "1", "medium", "0", "0")


def test_each_severity_has_a_colour_and_a_scale_of_its_own():
    old = scan(finding("CVE-1", Severity.CRITICAL), *(finding(f"CVE-2-{n}", Severity.LOW) for n in range(50)))
    shown = outline(run_report(repository(moving()), evidence=compare_scans(old, scan())))
    assert {each["class"] for each in shown.all("tr") if "class" in each} >= {"critical", "low"}
    assert [each["width"] for each in shown.all("rect")].count("100") >= 2


@pytest.mark.parametrize(
    "evidence", [compare_scans(None, scan()), compare_scans(NotScanned(UnscannedReason.FAILED), scan())]
)
def test_image_that_was_not_scanned_has_no_counts(evidence):
    assert "in use" not in [each for _, each in outline(run_report(repository(moving()), evidence=evidence)).texts]


@pytest.mark.parametrize(
    ("days", "label"), [(1, "less than a week"), (40, "one to three months"), (365, "more than a year")]
)
def test_chart_counts_references_by_age(days, label):
    both = [replace(scan(), created=built) for built in (BUILT - timedelta(days=days), BUILT)]
    assert outline(run_report(repository(moving()), evidence=compare_scans(*both))).rows(label, "1")
    assert outline(run_report(repository(moving()), evidence=KNOWN)).rows("not known", "1")


def test_bars_have_proportional_widths_and_accessible_numbers():
    places = [verdict(OccurrenceStatus.UP_TO_DATE, line_number=number) for number in range(1, 5)]
    shown = outline(run_report(repository(*places, verdict(OccurrenceStatus.SKIPPED, Reason.OWN, line_number=9))))
    assert [each["width"] for each in shown.all("rect")] == ["100", "25"]
    assert {each["aria-hidden"] for each in shown.all("td") if each.get("class") == "bars"} == {"true"}


def test_merged_runs_span_from_first_start_to_last_end():
    first, second = (replace(run_report(), started=BUILT, ended=BUILT + timedelta(minutes=n)) for n in (5, 9))
    assert {each["datetime"] for each in outline(second, first).all("time")} == {"2026-11-01T00:09:00+00:00"}


@pytest.mark.parametrize("told", ["2026-11-26T06:04:00Z", "2026-11-26T07:04:00+01:00", "2026-11-26T06:04:00"])
def test_times_are_shown_in_utc(told):
    document = render_run_document(replace(run_report(), started=BUILT, ended=BUILT)).replace(
        "2026-11-01T00:00:00Z", told
    )
    assert Outline(render_html_page([read_document(document)], PARTS)).rows("2026-11-26 06:04 UTC")


def test_shards_become_one_page_and_the_last_run_counts():
    stale, now = repository(moving()), repository(verdict(OccurrenceStatus.UP_TO_DATE))
    run = merge_runs(read_document(render_run_document(run_report(each, failed=[failure()]))) for each in (stale, now))
    assert [place.status for tree in run.repositories for place in tree.occurrences] == ["up-to-date"]
    assert len(run.failures) == 1
    other = read_document(render_run_document(run_report(repository(moving(), name="acme/other"))))
    assert len(merge_runs([run, other]).repositories) == 2


def test_scan_has_a_page():
    document = render_scan_document(run_report(repository(moving(), name="path/to", forge="", base_branch=None)))
    shown = Outline(render_html_page([read_document(document)], PARTS))
    (image,) = read_images(shown)
    assert list_users(shown, image) == [("path/to", "Dockerfile", 1, digest("old")[7:19], "update")]


WORDS = st.one_of(
    st.text(st.sampled_from("<>&\"'`=/ {}%#-!\n\x00a")), st.text(), st.just(HOSTILE), st.just("</script>")
)


PLAIN = outline(hostile_report("plain"))


@given(WORDS)
@settings(deadline=None, max_examples=40)
def test_text_from_a_repository_is_escaped(word):
    shown, plain = Outline(page(hostile_report(f"{word}x"))), PLAIN
    anchors = [each for tag, each in shown.elements if tag == "a"]
    assert [each for each in shown.shape() if each[0] != "a"] == [each for each in plain.shape() if each[0] != "a"]
    assert shown.unclosed == plain.unclosed == []
    assert all(
        re.match(r"#[a-z0-9=-]+$|https://(github|hub\.docker)\.com/[\w./%+~#-]*$", each["href"]) for each in anchors
    )


@given(WORDS)
@settings(deadline=None, max_examples=40)
def test_text_from_a_manipulated_document_is_escaped(word):
    """A value that should come from a closed list is escaped like any other text."""

    def with_word(said: str) -> Outline:
        document = json.loads(
            render_run_document(run_report(repository(moving(), proposals=(proposal(),)), failed=[failure()]))
        )
        (tree,) = document["repositories"]
        document["level"] = tree["forge"] = tree["proposals"][0]["outcome"] = document["failed"][0]["stage"] = said
        tree["occurrences"][0] |= {"status": said, "reason": said, "digest": f"sha256:{said}", "tag": said}
        return Outline(render_html_page([read_document(json.dumps(document))], PARTS))

    assert with_word(f"{word}x").shape() == with_word("plain").shape()


def test_page_loads_nothing_and_its_policy_allows_only_its_own_files():
    text_of_page = page(hostile_report())
    shown = Outline(text_of_page)
    assert not {name for _, each in shown.elements for name in each if name == "src" or name.startswith("on")}
    assert not [each for _, each in shown.elements if "style" in each]  # the page's policy blocks it
    assert [each["href"] for each in shown.all("link")] == ["data:,"]
    assert "url(" not in PARTS.style
    assert "@import" not in PARTS.style
    policy = next(each["content"] for each in shown.all("meta") if each.get("http-equiv"))
    assert policy.startswith("default-src 'none'; ")
    for element in ("style", "script"):
        (content,) = re.findall(f"<{element}>(.*?)</{element}>", text_of_page, re.DOTALL)
        known = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{known}'" in policy


def test_headings_nest_tables_have_headers_and_anchors_exist():
    shown = outline(
        run_report(repository(moving(), proposals=(proposal(),), unsupported=(text(),)), failed=[failure()])
    )
    levels = [int(tag[1]) for tag, _ in shown.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert {each.get("scope") for each in shown.all("th")} == {"col", "row"}
    ids = [each["id"] for _, each in shown.elements if "id" in each]
    assert len(ids) == len(set(ids))
    pointed = [each[name] for _, each in shown.elements for name in ("aria-labelledby", "for") if name in each]
    pointed += [each["href"][1:] for each in shown.all("a") if re.match("#[^=]*$", each["href"])]
    assert set(pointed) <= set(ids)
    assert {"header", "nav", "main", "footer"} <= {tag for tag, _ in shown.elements}


def test_large_fleet_fits_and_counts_rows_that_are_left_out():
    def tree(number: int):
        places = [verdict(OccurrenceStatus.HELD, Reason.TOO_YOUNG, written=f"x{number}-{n % 10}:1") for n in range(30)]
        places.append(verdict(OccurrenceStatus.UP_TO_DATE, written="shared:1"))
        return repository(*places, name=f"acme/{number}{'x' * 250}", proposals=(proposal(),))

    shown = page(run_report(*map(tree, range(600))))
    assert len(shown.encode()) <= MAX_BYTES
    for what in ("images", "image references"):
        assert re.search(rf"[\d,]+ more {what} do not fit here", shown), what
    assert Outline(shown).rows("Image references", "18,600")
    assert f"{18_000 - MAX_LISTED:,} more image references" in shown


def test_references_to_one_image_are_limited_and_the_rest_is_counted():
    places = [verdict(OccurrenceStatus.UP_TO_DATE, line_number=number) for number in range(1, MAX_OCCURRENCES + 10)]
    (image,) = read_images(outline(run_report(repository(*places))))
    assert (len(image[-2]), image[-1]) == (MAX_OCCURRENCES, 9)


def test_images_are_sorted_by_risk_then_by_urgency_then_by_version():
    exploited = replace(KNOWN, exploited_ids=frozenset({"CVE-2026-0001"}))
    others = [
        verdict(OccurrenceStatus.UP_TO_DATE, written="node:9"),
        verdict(OccurrenceStatus.UP_TO_DATE, written="node:10"),
        verdict(OccurrenceStatus.GONE, Reason.DIGEST_GONE, written="redis:7"),
    ]
    images = read_images(outline(run_report(repository(*others, moving()), evidence=exploited)))
    assert [each[0].rpartition("/")[2] for each in images] == ["node:22", "redis:7", "node:9", "node:10"]


def test_image_has_its_age_findings_next_digest_and_request():
    old = replace(scan(finding("CVE-1", Severity.CRITICAL), finding("CVE-2")), created=BUILT - timedelta(days=40))
    evidence = replace(compare_scans(old, scan()), exploited_ids=frozenset({"CVE-2"}))
    url = "https://github.com/acme/web/pull/7"
    report = run_report(repository(moving(), proposals=(proposal(url=url),)), evidence=evidence)
    shown = outline(replace(report, ended=BUILT))
    (image,) = read_images(shown)
    assert image[5:9] == [40, 1, 1, 1]
    assert image[10:12] == [digest("new")[7:19], ["Update node:22", url]]
    names = read_data(shown)["names"]
    assert names[image[-2][0][3]] == "https://github.com/acme/web/blob/main/"


def test_risk_is_the_sum_over_distinct_updates():
    evidence = replace(KNOWN, exploited_ids=frozenset({"CVE-2026-0001"}))
    shown = outline(run_report(repository(moving(), moving(line_number=2)), evidence=evidence))
    assert shown.rows("Known exploited, in use", "1 → 0")
    assert shown.rows("Critical, in use", "1 → 0")
    assert shown.rows("Images not scanned", "0 of 1")


def test_risk_that_was_not_looked_up_is_not_zero():
    shown = outline(run_report(repository(verdict(OccurrenceStatus.UP_TO_DATE))))
    assert shown.rows("Known exploited, in use", "not looked up")
    assert shown.rows("Critical, in use", "not scanned")
    assert shown.rows("Oldest image in use", "not known")
    assert shown.rows("Images not scanned", "1 of 1")


def test_page_of_2000_images_has_less_than_a_megabyte():
    assert len(page(build_large_fleet(2_000)).encode()) < 1_000_000


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "the document "),
        ('{"schema": 2}', "`schema: 1`"),
        ('{"schema": 1}', "`failed` "),
        ('{"schema": 1, "failed": [], "repositories": [], "level": 1}', "`level` "),
        ('{"schema": 1, "failed": [], "repositories": [], "level": "push", "started": "x"}', " time"),
        ('{"schema": 1, "failed": [], "level": "push", "ended": "0001-01-01T00:00:00+01:00"}', " time"),
        ('{"schema": 1, "failed": [1]}', "`failed[0]` "),
        ('{"schema": 1, "failed": [], "root": ".", "occurrences": [{"path": "a"}]}', "`line` of `occurrences[0]`"),
    ],
)
def test_refuses_text_that_is_not_a_document(document, why):
    with pytest.raises(DocumentError, match=re.escape(why)):
        read_document(document)


def test_severities_are_summed_over_distinct_updates():
    many = compare_scans(scan(finding("CVE-1", Severity.LOW), finding("CVE-2", Severity.LOW)), scan())
    trees = [repository(moving(), name=f"acme/{n}") for n in range(3)]
    assert outline(run_report(*trees, evidence=many)).rows("low", "2", "0")


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
def test_files_are_linked_without_a_proposal_if_the_address_is_safe(files_url, address):
    current = verdict(OccurrenceStatus.UP_TO_DATE)
    shown = outline(run_report(repository(current, files_url=files_url)))
    (image,) = read_images(shown)
    assert read_data(shown)["names"][image[-2][0][3]] == address


# Due dates


def due_proposal(branch: str, days: int, *, overdue: bool = False):
    due = DueDate(BUILT + timedelta(days=days), DueClass.CRITICAL, is_overdue=overdue)
    return replace(proposal(f"Update {branch}"), branch=branch, due=due)


def test_overdue_proposals_come_first_with_their_owners():
    owned = moving(line_number=1)
    owned = replace(owned, occurrence=replace(owned.occurrence, owners=("@acme/web", "@acme/<b>")))
    proposals = (
        proposal("Update without"),
        due_proposal("later", 9),
        due_proposal("sooner", 3),
        due_proposal("over", 5, overdue=True),
        replace(proposal("Update declined", ProposalOutcome.DECLINED), accepted_risk=DueClass.HIGH),
    )
    shown = page(run_report(repository(owned, proposals=proposals)))
    order = [shown.index(f"Update {each}") for each in ("over", "sooner", "later", "without")]
    assert order == sorted(order)
    outlined = Outline(shown)
    assert outlined.rows("overdue since 2026-11-06 00:00 UTC (critical)", "@acme/web, @acme/<b>")
    assert outlined.rows("accepted risk (high)")
    assert outlined.rows("Overdue", "1 of 3", "proposals with a due date; 0 not scanned; 1 declined (accepted risk)")


def test_page_without_due_dates_has_neither_figure_nor_column():
    shown = page(run_report(repository(moving(), proposals=(proposal(),))))
    assert "Merge by" not in shown
    assert "Overdue" not in shown


def test_due_dates_of_a_document_are_checked():
    document = render_run_document(run_report(repository(proposals=(due_proposal("a", 1, overdue=True),))))
    values = (('"overdue": true', '"overdue": 1'), ('"due_for": "critical"', '"due_for": 5'), ("2026-11-02", "soon"))
    for before, after in values:
        assert document.count(before) == 1
        with pytest.raises(DocumentError):
            read_document(document.replace(before, after))
