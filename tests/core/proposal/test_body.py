"""Tests of the body of a proposal: which facts it states, in which order, and how it is shortened."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from support.core.bodies import CRITICAL, LOW, MOVE, PIN, build_evidence, render_proposal_body
from support.core.report_scenes import build_report_scenes
from support.runs import worlds
from support.runs.worlds import BODY_TEMPLATE
from support.values import digest, finding, scan, update

from bot import resources
from bot.core.evidence.compare import compare_scans
from bot.core.markdown import Plain
from bot.core.notes import MAX_NOTE_LENGTH
from bot.core.proposal.fingerprint import PROPOSED_DIGITS, compute_fingerprint, is_outdated
from bot.core.proposal.render import BodyTooLongError, render_body, render_title
from bot.core.proposal.titles import build_title_view
from bot.core.proposal.update_groups import UpdateGroup
from bot.core.proposal.view.findings import strip_package_name
from bot.core.proposal.view.proposal import build_proposal_view
from bot.core.transition import get_first_transition
from bot.model.advisory import ListVersions
from bot.model.ci import FleetOutcome
from bot.model.contents import ImageConfig, ImageContents, TransitionContents
from bot.model.decision import AddedRisk, UpdateCause
from bot.model.evidence import NotScanned, Severity, UnscannedReason
from bot.model.limits import ProposalSchedule
from bot.model.modes import OnClose
from bot.model.policy import Policy


def test_first_sentence_of_body_counts_fixed_and_added_vulnerabilities():
    assert render_proposal_body().startswith(
        "**Merging fixes 1 known vulnerability of `python:3.12-slim` (1 critical) and adds none. 1 stays unfixed "
        "(a fix exists, but is not in the new image).**\n"
    )
    worse = render_proposal_body(known=build_evidence(scan(LOW), scan(LOW, CRITICAL)))
    assert "**Merging fixes no known vulnerabilities of `python:3.12-slim` and adds 1 (1 critical)." in worse


def test_body_starts_with_caution_if_update_adds_critical_vulnerability():
    risky = replace(MOVE, added_risk=AddedRisk(1, 0))
    text = render_proposal_body((risky,), build_evidence(scan(LOW), scan(LOW, CRITICAL), risky))
    assert text.startswith(
        "> **Caution**  \n> **Adds 1 critical (fixes no critical), so this is a draft.** [`CVE-1900-0001`]("
    )
    assert text.index("Caution") < text.index("Merging fixes") < text.index("### Added")
    harmless = render_proposal_body(
        known=build_evidence(scan(CRITICAL), scan(finding("CVE-1900-0009", Severity.CRITICAL)))
    )
    assert "**Adds 1 critical (fixes 1 critical).**" in harmless
    assert "Caution" not in render_proposal_body()


def test_caution_is_written_as_alert_when_forge_renders_alerts():
    worse = build_evidence(scan(LOW), scan(LOW, CRITICAL))
    text = render_body(BODY_TEMPLATE, lambda rows: build_proposal_view((MOVE,), worse, rows, has_alerts=True), 60_000)
    assert text.startswith("> [!CAUTION]\n> **Adds 1 critical (fixes no critical).**")


def test_table_counts_findings_now_after_and_added_by_severity():
    text = render_proposal_body(known=build_evidence(scan(CRITICAL, LOW), scan(LOW, finding("CVE-1900-0009"))))
    assert "| now | not looked up | 1 | 0 | 0 | 1 |" in text
    assert "| after | not looked up | **0** | **1** | **0** | **1** |" in text
    assert "| added | not looked up | 0 | 1 | 0 | 0 |" in text
    assert "Unrated" not in text
    unrated = render_proposal_body(known=build_evidence(scan(), scan(finding("CVE-1900-0009", Severity.UNKNOWN))))
    assert "| after | not looked up | **0** | **0** | **0** | **0** | **1** |\n" in unrated


def test_added_findings_are_listed_before_fixed_findings():
    text = render_proposal_body(known=build_evidence(scan(CRITICAL), scan(LOW)))
    assert text.index("| Question |") < text.index("### Added") < text.index("### Fixed") < text.index("**Not now?**")


def test_urgent_fixes_are_listed_first_and_all_fixes_in_a_collapsed_section():
    exploited, likely = finding("CVE-1900-0101", Severity.LOW), finding("CVE-1900-0102", Severity.MEDIUM)
    others = [finding(f"CVE-1900-1{number:03}", Severity.LOW) for number in range(30)]
    known = replace(
        compare_scans(scan(exploited, CRITICAL, likely, *others), scan()),
        exploited_ids=frozenset({exploited.id}),
        epss_scores={likely.id: 0.1, others[0].id: 0.09},
        list_versions=ListVersions(date(2026, 11, 1), date(2026, 11, 2)),
    )
    text = render_proposal_body(known={get_first_transition(MOVE): known})
    shown, _, folded = text.partition("<details>")
    rows = [line for line in shown.splitlines() if "nvd.nist.gov" in line]
    assert [each.partition("](")[0] for each in rows[:4]] == [
        f"| **exploited**,\u00a0low | [`{exploited.id}`",
        f"| critical | [`{CRITICAL.id}`",
        f"| medium | [`{likely.id}`",
        f"| low | [`{others[0].id}`",
    ]
    assert len(rows) == 5
    assert folded.startswith("<summary>All 33 fixed: 1 critical, 1 medium, 31 low</summary>")
    many = [finding(f"CVE-1900-2{number:03}", Severity.CRITICAL) for number in range(30)]
    shown, _, _ = render_proposal_body(known=build_evidence(scan(*many), scan())).partition("<details>")
    assert shown.count("nvd.nist.gov") == 5


def test_packages_with_same_versions_and_findings_share_a_line():
    names = ("libc6", "libc-bin", "libc-dev", "libc-l10n")
    old = [finding(f"CVE-1900-3{number:03}", package=name) for name in names for number in range(6)]
    text = render_proposal_body(known=build_evidence(scan(*old, CRITICAL), scan()))
    (line,) = [each for each in text.splitlines() if each.startswith("- `libc")]
    assert line.startswith(
        "- `libc-bin`, `libc-dev`, `libc-l10n`, 1 more `1` → (version not known): [`CVE-1900-3000`]("
    )
    assert line.count("(high)") == 6


def test_package_name_at_start_of_finding_title_is_removed():
    assert strip_package_name("openssl: heap overflow", "openssl") == "heap overflow"
    assert strip_package_name("glibc: heap overflow", "libc6") == "heap overflow"
    assert strip_package_name("tar - a path", "tar") == "a path"
    for title in ("Note: heap overflow", "heap overflow", "openssl:", ""):
        assert strip_package_name(title, "openssl") == title


def test_images_of_group_are_sorted_worst_first_in_separate_collapsed_sections():
    moves = tuple(update(f"{name}:1@{digest('old')}", "new") for name in ("httpd", "nginx", "redis"))
    risky = replace(moves[2], added_risk=AddedRisk(1, 0))
    late = NotScanned(UnscannedReason.TIMED_OUT)
    known = (
        build_evidence(scan(LOW), scan(), moves[0])
        | build_evidence(late, late, moves[1])
        | build_evidence(scan(LOW), scan(CRITICAL), risky)
    )
    text = render_proposal_body((moves[0], moves[1], risky), known)
    assert re.findall(r"^\| \[`(\w+):1`\]", text, re.MULTILINE) == ["redis", "nginx", "httpd"]
    assert "**Merging updates 3 images. That fixes 1 known vulnerability (1 low) and adds 1 (1 critical). Some " in text
    assert "> **`redis:1` adds 1 critical (fixes no critical), so this is a draft.** [`CVE-1900-0001`]" in text
    assert text.count(late.reason.sentence) == 1
    assert [each for each in re.findall(r"<summary>(.*)</summary>", text) if ":1" in each] == [
        "redis:1: fixes 1 (1 low), adds 1 (1 critical)",
        "nginx:1: not scanned",
        "httpd:1: fixes 1 (1 low), adds none",
    ]


def test_images_with_the_same_changes_share_a_collapsed_section():
    moves = tuple(update(f"{name}:1@{digest('old')}", "new") for name in ("httpd", "nginx"))
    text = render_proposal_body(moves, build_evidence(None, None, *moves))
    assert "<summary>httpd:1, nginx:1: fixes 1 (1 critical), adds none</summary>" in text
    assert text.count("Fixes that matter") + text.count("**Fixed**") == 1


def test_group_shows_start_changes_remaining_findings_and_reasons_on_the_screen():
    moves = tuple(update(f"{name}:1@{digest('old')}", "new") for name in ("httpd", "nginx", "redis"))
    image = ImageContents(digest("o"), ImageConfig(), 1_000)
    opened = replace(image, config=ImageConfig(ports=("3000/tcp",)))
    known = {
        move: replace(
            found, contents=TransitionContents(image, opened if "redis" in move.tag_ref.repository else image)
        )
        for move, found in build_evidence(None, None, *moves).items()
    }
    screen, _, _ = render_proposal_body(moves, known).partition("<details>")
    assert "before? | 2 yes · `redis:1`: ⚠️ new port `3000/tcp` |" in screen
    assert "| 1 | none | 1 | fixes 1 critical |" in screen
    assert screen.count("| the same 1 | none | 1 | fixes 1 critical |") == 2
    same = {each: replace(found, contents=TransitionContents(image, image)) for each, found in known.items()}
    assert "before? | yes, all 3 |" in render_proposal_body(moves, same)
    larger = TransitionContents(image, replace(image, size=3_000))
    grown = {
        each: replace(found, contents=larger if "redis" in each.tag_ref.repository else found.contents)
        for each, found in same.items()
    }
    assert "before? | 2 yes · `redis:1`: ⚠️ 1.0 kB → 3.0 kB |" in render_proposal_body(moves, grown)
    unread = build_evidence(None, None, *moves)
    assert "before? | 3 not known |" in render_proposal_body(moves, unread)


def test_group_shows_fixes_of_high_severity_as_the_reason_if_nothing_worse_is_fixed():
    moves = tuple(update(f"{name}:1@{digest('old')}", "new") for name in ("httpd", "nginx"))
    known = build_evidence(scan(finding("CVE-1900-0003", Severity.HIGH)), scan(), moves[0]) | build_evidence(
        scan(LOW), scan(), moves[1]
    )
    text = render_proposal_body(moves, known)
    assert "| 1 | none | 0 | fixes 1 high |" in text
    assert "| 1 | none | 0 | newer digest |" in text


def test_group_counts_fixes_that_another_image_of_the_group_still_has():
    moves = tuple(update(f"{name}:1@{digest('old')}", "new") for name in ("httpd", "nginx"))
    kept = build_evidence(scan(LOW, CRITICAL), scan(), moves[0]) | build_evidence(scan(LOW), scan(LOW), moves[1])
    text = render_proposal_body(moves, kept)
    assert "fixes 2 known vulnerabilities (1 critical) and adds none, each counted once. 1 of the 2 is fixed " in text
    fixed = build_evidence(scan(LOW, CRITICAL), scan(), moves[0]) | build_evidence(scan(LOW), scan(), moves[1])
    assert "of these images still has" not in render_proposal_body(moves, fixed)


def test_group_names_the_lines_of_each_image():
    httpd, nginx = (update(f"{name}:1@{digest('old')}", "new") for name in ("httpd", "nginx"))
    nginx = replace(
        nginx,
        tracked_image=replace(
            nginx.tracked_image, reference=replace(nginx.reference, path="web/Dockerfile", line_number=7)
        ),
    )
    text = render_proposal_body((httpd, nginx), build_evidence(None, None, httpd, nginx))
    assert re.search(r"^- \[`httpd:1`\].*, in `Dockerfile` line 1\. Why now:", text, re.MULTILINE)
    assert re.search(r"^- \[`nginx:1`\].*, in `web/Dockerfile` line 7\. Why now:", text, re.MULTILINE)


def test_folds_of_many_images_are_in_one_fold():
    moves = tuple(update(f"image-{number}:1@{digest('old')}", "new") for number in range(10))
    known = {}
    for number, move in enumerate(moves):
        known |= build_evidence(scan(finding(f"CVE-1900-{number:04}")), scan(), move)
    text = render_proposal_body(moves, known)
    outer = text.index("<summary>Findings, packages and sources of the 10 images</summary>")
    assert outer < text.index("<summary>image-0:1")
    assert text.count("<details>") == text.count("</details>")


def test_lists_of_findings_are_shortened_before_the_list_of_images():
    moves = tuple(update(f"image-{number}:1@{digest('old')}", "new") for number in range(20))
    known = {
        get_first_transition(each): compare_scans(
            scan(*(finding(f"CVE-1900-{number}{row:03}", package=f"p{row}") for row in range(200))), scan()
        )
        for number, each in enumerate(moves)
    }
    text = render_proposal_body(moves, known, limit=60_000)
    assert len(re.findall(r"^\| \[`image-", text, re.MULTILINE)) == 20
    assert "of the 200 fixed. " in text


def test_first_pull_request_of_repository_counts_updated_and_pinned_images():
    moves = (MOVE, PIN, update("nginx:1.27", "new"))
    first = render_body(
        BODY_TEMPLATE,
        lambda rows: build_proposal_view(moves, build_evidence(None, None, *moves), rows, is_first=True),
        60_000,
    )
    assert first.startswith(
        "**This is the first request of basebump in this repository: it updates 1 image and pins 2 images. That "
    )
    assert "**Not now?** Close this: basebump then leaves this repository alone." in first
    lists = [each.type for each in MarkdownIt("gfm-like", {"linkify": False}).parse(first.partition("|")[0])]
    assert "bullet_list_open" not in lists


def test_body_of_pinning_proposal_lists_findings_of_new_image_worst_first():
    text = render_proposal_body((PIN,), build_evidence(None, scan(LOW, CRITICAL), PIN))
    assert text.startswith("**Merging pins `python:3.12-slim` to the digest that its tag has today. It has 2 ")
    assert "| known | not looked up | **1** | **0** | **0** | **1** |" in text
    assert "### Worst known vulnerabilities in it\n" in text
    assert text.index(CRITICAL.id) < text.index(LOW.id)
    assert "`deploy/web.yaml` line 7 (merging restarts its workloads)" in text


@pytest.mark.parametrize("why", [each for each in UnscannedReason if each is not UnscannedReason.WITHHELD])
def test_body_states_why_image_was_not_scanned_and_shows_no_counts(why):
    text = render_proposal_body(known=build_evidence(NotScanned(why), NotScanned(why)))
    assert text.startswith("**Merging moves `python:3.12-slim` to a newer digest of its tag. What that changes is not ")
    assert f"not known: {why.sentence}.**" in text
    assert "| 0 |" not in text
    assert "<sub>not scanned · exploitation (KEV) not looked up · EPSS not looked up</sub>" in text


def test_body_states_that_old_digest_is_gone_and_counts_only_new_image():
    gone = replace(MOVE, cause=UpdateCause.GONE)
    text = render_proposal_body((gone,), build_evidence(NotScanned(UnscannedReason.IMAGE_GONE), None, gone))
    assert text.startswith("**The registry no longer has the digest of `python:3.12-slim` in the file, so builds and ")
    assert "| now | ? | ? | ? | ? | ? |\n| after | not looked up | **0** | **0** | **0** | **1** |" in text


def test_body_states_which_lookups_were_not_made():
    text = render_proposal_body()
    assert "| Signed by | not checked (no `trust` rule for this image) |" in text
    assert "| Source | not looked up |" in text
    assert "| Runs\u00a0as\u00a0before? | not looked up |" in text
    assert "exploitation (KEV) not looked up · EPSS not looked up</sub>" in text


def test_body_states_if_minimum_age_was_reached_or_skipped():
    waiting = Policy(min_age=timedelta(days=7))
    moved = update(f"python:3.12-slim@{digest('old')}", "new", policy=waiting)
    assert (
        "| Why now | 1 fix of a critical vulnerability; the wait of 7 days is over; the tag points to a newer digest |"
        in render_proposal_body((moved,))
    )
    young = replace(moved, candidates=(replace(moved.candidates[0], matures_at=datetime(2027, 1, 1, tzinfo=UTC)),))
    assert (
        "| 1 fix of a critical vulnerability, so the wait of 7 days was skipped; the tag points to a newer digest |"
        in render_proposal_body((young,))
    )
    late = NotScanned(UnscannedReason.TIMED_OUT)
    assert "| the wait of 7 days was skipped; the tag points to a newer digest |" in render_proposal_body(
        (young,), build_evidence(late, late, young)
    )


def test_body_states_schedule_and_number_of_exploited_fixes_first():
    policy = Policy(schedules=(ProposalSchedule("* 6-9 * * 1", "Europe/Berlin"),))
    moved = update(f"python:3.12-slim@{digest('old')}", "new", policy=policy)
    known = {move: replace(found, exploited_ids=frozenset({CRITICAL.id})) for move, found in build_evidence().items()}
    text = render_proposal_body((moved,), known)
    assert (
        "| Why now | 1 fix of an exploited vulnerability; the tag points to a newer digest; "
        "`the schedule * 6-9 * * 1 (Europe/Berlin) allows it` |"
    ) in text


@pytest.mark.parametrize(
    ("days", "age"), [(1, "1 day"), (59, "59 days"), (61, "2 months"), (1083, "35 months"), (1147, "3 years")]
)
def test_age_of_old_image_is_in_years_months_or_days(days, age):
    newer = datetime(2026, 11, 1, tzinfo=UTC)
    old, new = (replace(scan(), created=each) for each in (newer - timedelta(days=days), newer))
    assert f"; the image in the file is {age} older |" in render_proposal_body(known=build_evidence(old, new))


def test_body_states_whether_the_forge_merges_the_proposal():
    view = build_proposal_view((MOVE,), build_evidence(), 10)
    automatic = render_body(BODY_TEMPLATE, lambda _: replace(view, merges_itself=True), 60_000)
    checks = "| Checks | this repository's checks judge it; "
    assert f"{checks}the forge merges it when all required checks pass (auto-merge: yes) |" in automatic
    assert f"{checks}a person merges it (auto-merge: not configured) |" in render_body(
        BODY_TEMPLATE, lambda _: view, 60_000
    )
    refused = replace(view, automerge_refusal=Plain("this is a draft"))
    text = render_body(BODY_TEMPLATE, lambda _: refused, 60_000)
    assert f"{checks}a person merges it (auto-merge: no, this is a draft) |" in text


def test_group_shows_when_its_schedule_opens_new_requests():
    schedules = Policy(schedules=(ProposalSchedule("* 6-9 * * 1", "Europe/Berlin"),))
    moves = tuple(update(f"{name}:1@{digest('old')}", "new", policy=schedules) for name in ("nginx", "redis"))
    screen, _, _ = render_proposal_body(moves, build_evidence(None, None, *moves)).partition("<details>")
    assert "\n| Schedule | new requests open at `* 6-9 * * 1 (Europe/Berlin)` |\n" in screen


@pytest.mark.parametrize(("count", "text"), [(1, "1 more note does not"), (2, "2 more notes do not")])
def test_notes_that_do_not_fit_are_counted_with_grammar_for_one(count, text):
    view = build_proposal_view((MOVE,), build_evidence(), 10)
    noted = replace(view, transitions=(replace(view.transitions[0], notes_cut=count),))
    assert f"{text} fit here" in render_body(BODY_TEMPLATE, lambda _: noted, 60_000)


@given(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2))
def test_numbers_in_body_agree_with_their_nouns_and_verbs(fixed, added, kept):
    old, both, new = (
        [finding(f"CVE-2026-{start + n}", Severity.CRITICAL) for n in range(count)]
        for start, count in ((1000, fixed), (2000, kept), (3000, added))
    )
    text = render_proposal_body(known=build_evidence(scan(*old, *both), scan(*new, *both)))
    assert not re.search(r"\b1 (?:known )?(?:vulnerabilities|fixes|images|lines|stay|are|have)\b", text)
    assert not re.search(r"\b[02] (?:known )?(?:vulnerability|fix of|image|line|stays|is|has)\b", text)


def test_checkbox_for_a_rebase_is_visible_without_unfolding():
    _, _, rest = render_proposal_body().rpartition("</details>")
    assert "\n- [ ] <!-- basebump:rebase --> Optional: tick this" in rest


def test_image_row_has_link_build_dates_and_versions():
    old, new = (
        replace(each, version=version, created=datetime(2026, month, 1, tzinfo=UTC))
        for each, version, month in ((scan(), "3.12.1", 1), (scan(), "3.12.2", 2))
    )
    text = render_proposal_body(known=build_evidence(old, new))
    assert "| Image | [`python:3.12-slim`](https://hub.docker.com/_/python) `" in text
    assert ", built 2026-01-01 → 2026-02-01, version `3.12.1` → `3.12.2` |" in text
    own = update(f"registry.example/team/app:1@{digest('old')}", "new")
    assert "| Image | `registry.example/team/app:1` `" in render_proposal_body((own,))


def test_body_counts_omitted_findings_and_names_command_for_full_list():
    many = scan(*(finding(f"CVE-1900-{number:04}", package=f"p{number}") for number in range(300)))
    whole = render_proposal_body(known=build_evidence(many, scan()), limit=200_000)
    cut = render_proposal_body(known=build_evidence(many, scan()), limit=8_000)
    assert "Not listed, because the text would be too long: 100 of the 300 fixed. " in whole
    assert len(cut) <= 8_000
    _, _, folded = cut.partition("<details>")
    assert (
        f"Not listed, because the text would be too long: {300 - folded.count('nvd.nist.gov')} of the 300 fixed. "
        in cut
    )
    assert f"`basebump compare python:3.12-slim@{digest('old')} python:3.12-slim@{digest('new')}`" in cut


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 3))
@settings(max_examples=15, deadline=None)
def test_numbers_of_listed_and_omitted_findings_add_up_to_the_total(fixed, added, kept, rows):
    old, new, both = (
        [finding(f"CVE-19{kind}-{number:04}", package=f"p{number % 7}") for number in range(count)]
        for kind, count in (("01", fixed), ("02", added), ("03", kept))
    )
    (delta,) = [
        each.delta
        for each in build_proposal_view((MOVE,), build_evidence(scan(*old, *both), scan(*new, *both)), rows).transitions
    ]
    for groups, cut, count in (
        (delta.fixed_packages, delta.fixed_cut, fixed),
        (delta.introduced_packages, delta.introduced_cut, added),
        (delta.remaining_packages, delta.remaining_cut, kept),
    ):
        assert len(groups) <= rows
        assert len({str(each.id) for group in groups for each in group.findings}) + cut == count


def test_body_is_markdown_with_valid_tables():
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(render_proposal_body((MOVE, PIN)))
    assert sum(token.type == "table_open" for token in tokens) == 4
    single = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(render_proposal_body())
    assert [token.tag for token in single if token.type == "heading_open"] == ["h3"]


def test_suppressed_findings_are_listed_separately_and_not_counted_in_body():
    text = render_proposal_body(known=build_evidence(scan(CRITICAL, LOW), scan(suppressed=[LOW])))
    assert "<summary>1 suppressed by statements, and counted nowhere</summary>" in text
    nvd = "https://nvd.nist.gov/vuln/detail/CVE-1900-0002"
    assert f"| low | [`CVE-1900-0002`]({nvd}) | `openssl` | `1` | `exempt` | `somebody's exemption` |" in text
    assert "**Merging fixes 1 known vulnerability of" in text
    assert text.count("CVE-1900-0002`](") == 1
    gone = render_proposal_body(
        known=build_evidence(NotScanned(UnscannedReason.IMAGE_GONE), scan(suppressed=[LOW, CRITICAL]))
    )
    assert gone.index("CVE-1900-0001") < gone.index("CVE-1900-0002"), "the worst comes first"
    assert "suppressed" not in render_proposal_body(known=build_evidence(scan(suppressed=[LOW]), scan()))
    many = scan(suppressed=[finding(f"CVE-1900-{number:04}") for number in range(300)])
    cut = render_proposal_body(known=build_evidence(scan(), many), limit=8_000)
    assert f"{300 - cut.count('nvd.nist.gov')} more are not listed here." in cut


def test_body_ends_with_how_to_decline_ignore_and_undo_the_update():
    muting = update(f"python:3.12-slim@{digest('old')}", "new", policy=Policy(on_close=OnClose.LINE))
    one, all_after = render_proposal_body((MOVE,)), render_proposal_body((muting,))
    assert "**Not now?** Close this: basebump then proposes only later digests. **Never?** Write `# basebump" in one
    assert "**Merged by mistake?** Revert the merge commit, and close the request that then proposes it again." in one
    assert "Close this: later digests are then offered only if they fix something critical. " in all_after


def test_body_does_not_offer_a_way_back_to_a_digest_that_is_gone():
    gone = replace(MOVE, cause=UpdateCause.GONE)
    text = render_proposal_body((gone,), build_evidence(NotScanned(UnscannedReason.IMAGE_GONE), scan(), gone))
    assert "proposes only later digests, and builds still fail until then. **Never?**" in text
    assert "**Merged by mistake?** Write another digest: a revert brings back the one that is gone." in text
    assert "basebump compare" not in text


@pytest.mark.parametrize(
    ("listed", "heading"),
    [(date(2026, 11, 20), "Exploited (KEV)"), (date(2025, 2, 5), "Exploited (KEV of 2025-02-05)")],
)
def test_date_of_old_list_of_exploited_vulnerabilities_is_in_the_heading(listed, heading):
    database = datetime(2026, 12, 2, tzinfo=UTC)
    old, new = (replace(each, scanner=replace(each.scanner, database=database)) for each in (scan(CRITICAL), scan()))
    known = {
        each: replace(evidence, list_versions=ListVersions(kev_date=listed))
        for each, evidence in build_evidence(old, new).items()
    }
    assert f"| | {heading} | Critical |" in render_proposal_body(known=known)


@pytest.mark.parametrize(
    ("listed", "is_named"),
    [(date(2026, 11, 20), False), (date(2025, 2, 5), True)],
)
def test_group_names_the_date_of_an_old_list_of_exploited_vulnerabilities(listed, is_named):
    database = datetime(2026, 12, 2, tzinfo=UTC)
    old, new = (replace(each, scanner=replace(each.scanner, database=database)) for each in (scan(CRITICAL), scan()))
    moves = tuple(update(f"{name}:1@{digest('old')}", "new") for name in ("httpd", "nginx"))
    known = {
        each: replace(evidence, list_versions=ListVersions(kev_date=listed))
        for each, evidence in build_evidence(old, new, *moves).items()
    }
    text = render_proposal_body(moves, known)
    assert (
        "\n\nThe list of exploited vulnerabilities (KEV) is of 2025-02-05, so it lacks newer ones.\n\n" in text
    ) == is_named


def test_body_counts_what_the_new_image_has_if_the_update_adds_vulnerabilities():
    text = render_proposal_body(known=build_evidence(scan(LOW), scan(LOW, CRITICAL)))
    assert "1 stays unfixed (a fix exists, but is not in the new image), so the new image has 2.**" in text


def test_body_with_thousands_of_files_fits_limit():
    updates = tuple(update("python:3.12-slim", "new", path=f"service-{number:05}/Dockerfile") for number in range(3000))
    text = render_proposal_body(updates, limit=20_000)
    assert len(text) <= 20_000
    assert re.search(r"· and 29\d\d more \|", text)


def test_body_that_cannot_be_shortened_to_limit_raises_error():
    with pytest.raises(BodyTooLongError):
        render_proposal_body(limit=100)


# ---- notes -------------------------------------------------------------------------------------------------------


def add_notes(update, *notes, of_the_move=(), **more):
    selected = replace(update.tracked_image, notes=notes)
    return replace(
        update, tracked_image=selected, candidates=(replace(update.candidates[0], notes=of_the_move),), **more
    )


BEHIND, ANSWERED = "It was not rebuilt since its own base moved.", "the team answers for it: `because` <!-- of me -->"
NOTED = add_notes(MOVE, BEHIND, of_the_move=(ANSWERED,))


def test_note_on_image_is_shown_once_and_notes_on_files_are_not_shown():
    beside = update(
        f"python:3.12-slim@{digest('old')}", "new", path="b/Dockerfile", notes=("It is a note of the file.",)
    )
    text = render_proposal_body((NOTED, add_notes(beside, BEHIND)), build_evidence())
    assert f"| Note | {BEHIND} · `` the team answers for it: `because` <!-- of me --> `` |\n" in text
    assert "a note of the file" not in text
    other = add_notes(update(f"python:3.12-slim@{digest('older')}", "new", path="b/Dockerfile"), BEHIND)
    both = (NOTED, other)
    assert render_proposal_body(both, build_evidence(None, None, *both)).count(BEHIND) == 1


def test_proposal_view_counts_omitted_notes_and_cuts_long_notes():
    noted = add_notes(MOVE, *(f"{number} {'long ' * 100}" for number in range(5)))
    (shown,) = build_proposal_view((noted,), build_evidence(), 2).transitions
    assert (len(shown.notes), shown.notes_cut) == (2, 3)
    assert len(str(shown.notes[0])) == MAX_NOTE_LENGTH + 2
    text = render_body(BODY_TEMPLATE, lambda rows: build_proposal_view((noted,), build_evidence(), 2), 60_000)
    assert "3 more notes do not fit here" in text


def test_adding_a_note_changes_only_the_evidence_part_of_the_fingerprint():
    known = build_evidence()
    with_it, without = (compute_fingerprint((each,), known) for each in (NOTED, MOVE))
    assert with_it[:PROPOSED_DIGITS] == without[:PROPOSED_DIGITS]
    assert with_it != without
    assert is_outdated(without, with_it)
    assert is_outdated(with_it, without)


# ---- templates of operators ----------------------------------------------------------------------------------------

EARLIER = Path(worlds.__file__).with_name("earlier_templates")


@pytest.mark.parametrize("name", build_report_scenes())
def test_body_template_copied_from_earlier_version_still_renders(name):
    scene, source = build_report_scenes()[name], (EARLIER / "body.md.j2").read_text(encoding="utf-8")
    text = render_body(
        resources.prepend_proposal_macros(source),
        lambda rows: build_proposal_view(scene.updates, scene.evidence, rows, is_first=scene.is_first),
        60_000,
    )
    assert "### Files" in text
    assert all(str(each.reference.image.name) in text for each in scene.updates)


def test_title_template_copied_from_earlier_version_still_renders():
    head = build_title_view(UpdateGroup(MOVE.tracked_image.tag_ref), (MOVE,), list(build_evidence().values()))
    source = (EARLIER / "title.txt.j2").read_text(encoding="utf-8")
    assert render_title(source, head, 256).endswith(", fixes 1 (1 critical)")


def build_fleet_evidence(outcome):
    return {move: replace(found, fleet_outcome=outcome) for move, found in build_evidence().items()}


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (FleetOutcome(passed=12, failed=2, merged=9), "CI passed in 12 of 14 repositories of this fleet, merged in 9"),
        (FleetOutcome(passed=1), "CI passed in 1 of 1 repository of this fleet, merged in none"),
        (FleetOutcome(merged=3), "merged in 3 repositories of this fleet"),
        (
            FleetOutcome(passed=3, failed=5, merged=1, broken=4, is_failing=True),
            "⚠️ CI **failed in 5 of 8** repositories of this fleet, merged in 1",
        ),
    ],
)
def test_body_counts_repositories_that_passed_ci_failed_ci_or_merged_the_update(outcome, text):
    waiting = "this repository's checks judge it; a person merges it (auto-merge: not configured)"
    assert f"| Checks | {text} · {waiting} |\n" in render_proposal_body(known=build_fleet_evidence(outcome))
    assert f"| Checks | {waiting} |\n" in render_proposal_body(known=build_fleet_evidence(FleetOutcome()))
    several = {**build_fleet_evidence(outcome), **build_evidence(None, None, PIN)}
    assert f" Checks: {text}." in render_proposal_body((MOVE, PIN), several)


def test_ci_outcomes_in_other_repositories_do_not_change_fingerprint():
    assert compute_fingerprint((MOVE,), build_fleet_evidence(FleetOutcome(passed=9))) == compute_fingerprint(
        (MOVE,), build_evidence()
    )
