"""The fleet page: its content, and that it is self-contained and safe whatever a repository contains."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.runs.fleet_pages import BUILT, PARTS, list_users, outline_page, read_images, render_page
from support.runs.large_fleet import build_large_fleet
from support.runs.reports import (
    HOSTILE,
    build_failure,
    build_hostile_report,
    build_proposal,
    build_repository,
    build_run_report,
    build_unsupported_text,
    build_verdict,
)
from support.runs.reports import build_update as moving
from support.values import digest
from support.witnesses.pages import PageOutline

from bot.model.due_date import DueClass, DueDate
from bot.model.vocabulary import ProposalOutcome, Reason, ReferenceStatus
from bot.reports.page.fleet_html import MAX_BYTES, render_html_page
from bot.reports.page.fleet_page import MAX_LISTED, OTHER_GROUP, get_group_heading
from bot.reports.page.run_facts import DocumentError, merge_runs, read_document
from bot.reports.run.report_document import render_run_document, render_scan_document


def test_fleet_page_shows_sentence_instead_of_empty_table():
    shown = render_page(build_run_report())
    assert re.findall(r"<tbody>\s*</tbody>", shown) == []
    assert shown.count("<p>There are none.</p>") == 4, "proposals, places, images, repositories"


def test_references_without_update_are_sorted_by_urgency():
    held = build_verdict(ReferenceStatus.HELD, Reason.TOO_YOUNG, detail="It is a day old.")
    gone = build_verdict(ReferenceStatus.GONE, Reason.DIGEST_GONE, line_number=2)
    shown = outline_page(build_run_report(build_repository(held, gone)))
    assert shown.rows("docker.io/library/node:22", "gone (digest-gone)", Reason.DIGEST_GONE.sentence)
    assert shown.rows("docker.io/library/node:22", "held (too-young)", "It is a day old.")
    said = [each for _, each in shown.texts]
    assert said.index("gone (digest-gone)") < said.index("held (too-young)")


@pytest.mark.parametrize("outcome", ProposalOutcome)
def test_every_proposal_outcome_has_heading_on_fleet_page(outcome):
    assert get_group_heading(outcome) != OTHER_GROUP
    shown = outline_page(
        build_run_report(build_repository(proposals=(build_proposal(outcome=outcome, note="a note"),)))
    )
    assert shown.rows(f"{get_group_heading(outcome)}: 1", "Repository", "Proposal", "Outcome", "Note")
    assert shown.rows("acme/web (main)", "Update node:22", outcome, "a note")


def test_fleet_page_shows_proposal_outcome_from_later_version():
    document = render_run_document(build_run_report(build_repository(proposals=(build_proposal(),)))).replace(
        '"opened"', '"sublimated"'
    )
    assert PageOutline(render_html_page([read_document(document)], PARTS)).rows("Update node:22", "sublimated")


def test_fleet_page_links_only_safe_urls():
    good, bad = "https://github.com/acme/web/pull/7", 'javascript:alert(1)//"'
    shown = outline_page(
        build_run_report(
            build_repository(moving(), proposals=(build_proposal(url=good), build_proposal("Bad", url=bad)))
        )
    )
    assert [each["href"] for each in shown.all("a") if not each["href"].startswith("#")] == [
        "https://hub.docker.com/_/node",
        good,
        good,
    ]
    (image,) = read_images(shown)
    assert image[11] == ["Update node:22", good]


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (("acme/web", "acme/api"), "The images of acme"),
        (("beta/web", "acme/web"), "The images of acme, beta"),
        (("a/1", "b/1", "c/1", "d/1", "e/1"), "The images of a, b, c and 2 more"),
        (("<i>/web",), "The images of &lt;i&gt;"),
        (("web",), "The images of a fleet"),
        ((), "The images of a fleet"),
    ],
)
def test_fleet_page_names_owners_of_repositories_in_its_head(names, title):
    repositories = [replace(build_repository(), name=each) for each in names]
    shown = render_page(build_run_report(*repositories))
    assert f"<h1>{title}</h1>" in shown
    assert f"<title>basebump: {title[0].lower()}{title[1:]}</title>" in shown


def test_fleet_page_of_folders_names_no_owner_in_its_head():
    folder = replace(build_repository(), forge="local", name="teams/web")
    assert "<h1>The images of a fleet</h1>" in render_page(build_run_report(folder))


def test_fleet_page_shows_risk_before_failures():
    said = [
        each for _, each in outline_page(build_run_report(build_repository(moving()), failed=[build_failure()])).texts
    ]
    assert said.index("Critical, in use") < said.index("Pinned by digest") < said.index("no answer")


def test_page_of_merged_runs_shows_end_of_the_last_run():
    first, second = (replace(build_run_report(), started=BUILT, ended=BUILT + timedelta(minutes=n)) for n in (5, 9))
    assert {each["datetime"] for each in outline_page(second, first).all("time")} == {"2026-11-01T00:09:00+00:00"}


@pytest.mark.parametrize("told", ["2026-11-26T06:04:00Z", "2026-11-26T07:04:00+01:00", "2026-11-26T06:04:00"])
def test_fleet_page_shows_times_in_utc(told):
    document = render_run_document(replace(build_run_report(), started=BUILT, ended=BUILT)).replace(
        "2026-11-01T00:00:00Z", told
    )
    assert PageOutline(render_html_page([read_document(document)], PARTS)).rows("2026-11-26 06:04 UTC")


def test_merged_documents_keep_last_result_of_each_repository():
    stale, now = build_repository(moving()), build_repository(build_verdict(ReferenceStatus.UP_TO_DATE))
    run = merge_runs(
        read_document(render_run_document(build_run_report(each, failed=[build_failure()]))) for each in (stale, now)
    )
    assert [reference.status for tree in run.repositories for reference in tree.references] == ["up-to-date"]
    assert len(run.failures) == 1
    other = read_document(render_run_document(build_run_report(build_repository(moving(), name="acme/other"))))
    assert len(merge_runs([run, other]).repositories) == 2


def test_fleet_page_is_rendered_from_document_of_scan():
    document = render_scan_document(
        build_run_report(build_repository(moving(), name="path/to", forge="", base_branch=None))
    )
    shown = PageOutline(render_html_page([read_document(document)], PARTS))
    (image,) = read_images(shown)
    assert list_users(shown, image) == [("path/to", "Dockerfile", 1, digest("old")[7:19], "update")]


WORDS = st.one_of(
    st.text(st.sampled_from("<>&\"'`=/ {}%#-!\n\x00a")), st.text(), st.just(HOSTILE), st.just("</script>")
)


PLAIN = outline_page(build_hostile_report("plain"))


@given(WORDS)
@settings(deadline=None, max_examples=40)
def test_fleet_page_escapes_text_from_a_repository(word):
    shown, plain = PageOutline(render_page(build_hostile_report(f"{word}x"))), PLAIN
    anchors = [each for tag, each in shown.elements if tag == "a"]
    assert [each for each in shown.shape() if each[0] != "a"] == [each for each in plain.shape() if each[0] != "a"]
    assert shown.unclosed == plain.unclosed == []
    assert all(
        re.match(r"#[a-z0-9=-]+$|https://(github|hub\.docker)\.com/[\w./%+~#-]*$", each["href"]) for each in anchors
    )


@given(WORDS)
@settings(deadline=None, max_examples=40)
def test_fleet_page_escapes_text_from_a_manipulated_document(word):
    """A value that should come from a closed list is escaped like any other text."""

    def with_word(said: str) -> PageOutline:
        document = json.loads(
            render_run_document(
                build_run_report(build_repository(moving(), proposals=(build_proposal(),)), failed=[build_failure()])
            )
        )
        (tree,) = document["repositories"]
        document["level"] = tree["forge"] = tree["proposals"][0]["outcome"] = document["failed"][0]["stage"] = said
        tree["references"][0] |= {"status": said, "reason": said, "digest": f"sha256:{said}", "tag": said}
        return PageOutline(render_html_page([read_document(json.dumps(document))], PARTS))

    assert with_word(f"{word}x").shape() == with_word("plain").shape()


def test_fleet_page_loads_no_files_and_has_strict_content_security_policy():
    text_of_page = render_page(build_hostile_report())
    shown = PageOutline(text_of_page)
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


def test_fleet_page_has_nested_headings_table_headers_and_valid_anchors():
    shown = outline_page(
        build_run_report(
            build_repository(moving(), proposals=(build_proposal(),), unsupported=(build_unsupported_text(),)),
            failed=[build_failure()],
        )
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


def test_fleet_page_stays_below_size_limit_and_counts_omitted_rows():
    def tree(number: int):
        references = [
            build_verdict(ReferenceStatus.HELD, Reason.TOO_YOUNG, written=f"x{number}-{n % 10}:1") for n in range(30)
        ]
        references.append(build_verdict(ReferenceStatus.UP_TO_DATE, written="shared:1"))
        return build_repository(*references, name=f"acme/{number}{'x' * 250}", proposals=(build_proposal(),))

    shown = render_page(build_run_report(*map(tree, range(600))))
    assert len(shown.encode()) <= MAX_BYTES
    for what in ("images", "image references"):
        assert re.search(rf"[\d,]+ more {what} do not fit here", shown), what
    assert PageOutline(shown).rows("Image references", "18,600")
    assert f"{18_000 - MAX_LISTED:,} more image references" in shown


def test_fleet_page_of_2000_images_is_smaller_than_a_megabyte():
    assert len(render_page(build_large_fleet(2_000)).encode()) < 1_000_000


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
        ('{"schema": 1, "failed": [], "root": ".", "references": [{"path": "a"}]}', "`line` of `references[0]`"),
    ],
)
def test_text_that_is_not_a_basebump_document_is_refused(document, why):
    with pytest.raises(DocumentError, match=re.escape(why)):
        read_document(document)


# Due dates


def build_due_proposal(branch: str, days: int, *, overdue: bool = False):
    due = DueDate(BUILT + timedelta(days=days), DueClass.CRITICAL, is_overdue=overdue)
    return replace(build_proposal(f"Update {branch}"), branch=branch, due=due)


def test_fleet_page_sorts_proposals_by_due_date_and_shows_owners():
    owned = moving(line_number=1)
    owned = replace(owned, reference=replace(owned.reference, owners=("@acme/web", "@acme/<b>")))
    proposals = (
        build_proposal("Update without"),
        build_due_proposal("later", 9),
        build_due_proposal("sooner", 3),
        build_due_proposal("over", 5, overdue=True),
        replace(build_proposal("Update declined", ProposalOutcome.DECLINED), accepted_risk=DueClass.HIGH),
    )
    shown = render_page(build_run_report(build_repository(owned, proposals=proposals)))
    order = [shown.index(f"Update {each}") for each in ("over", "sooner", "later", "without")]
    assert order == sorted(order)
    outlined = PageOutline(shown)
    assert outlined.rows("overdue since 2026-11-06 00:00 UTC (critical)", "@acme/web, @acme/<b>")
    assert outlined.rows("accepted risk (high)")
    assert outlined.rows("Overdue", "1", "of 3 proposals with a due date; 0 not scanned; 1 declined (accepted risk)")


def test_blocked_images_are_first_in_figures_and_table_of_fleet_page():
    blocked = build_verdict(
        ReferenceStatus.BLOCKED, Reason.DIGEST_BLOCKED, written="zope:1", detail="malware; no known replacement"
    )
    shown = render_page(build_run_report(build_repository(moving(line_number=1), blocked)))
    first = "references to images that must not be used; 1 without a known replacement"
    assert PageOutline(shown).rows("Blocked, in use", "1", first)
    assert shown.index("Blocked, in use") < shown.index("Known exploited, in use")
    assert read_images(PageOutline(shown))[0][0].endswith("zope:1")
    assert "Blocked, in use" not in render_page(build_run_report(build_repository(moving())))


def test_fleet_page_without_due_dates_has_no_due_figure_or_column():
    shown = render_page(build_run_report(build_repository(moving(), proposals=(build_proposal(),))))
    assert ">Due<" not in shown
    assert "Overdue" not in shown


def test_document_with_malformed_due_date_is_refused():
    document = render_run_document(
        build_run_report(build_repository(proposals=(build_due_proposal("a", 1, overdue=True),)))
    )
    values = (('"overdue": true', '"overdue": 1'), ('"due_for": "critical"', '"due_for": 5'), ("2026-11-02", "soon"))
    for before, after in values:
        assert document.count(before) == 1
        with pytest.raises(DocumentError):
            read_document(document.replace(before, after))
