"""The output of `compare` in every format."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from markdown_it import MarkdownIt
from support.runs.reports import HOSTILE
from support.values import digest, finding, scan

from bot import resources
from bot.core.evidence.compare import compare_scans
from bot.core.proposal.render import render_comparison
from bot.core.proposal.view.comparison import build_comparison_view
from bot.model.advisory import AdvisoryList, ListVersions
from bot.model.comparison import ComparedImage, Comparison
from bot.model.contents import ImageConfig, ImageContents, InstalledPackage, TransitionContents
from bot.model.evidence import NotScanned, Severity, SuppressedFinding, UnscannedReason
from bot.model.image import ImageFacts, ManifestKind
from bot.model.image_name import ImageName
from bot.model.signature import BadSignature, SignatureDefect
from bot.reports.compare.comparison_document import render_comparison_document
from bot.reports.compare.comparison_text import render_comparison_lines, render_comparison_text
from bot.reports.parts.text_table import MAX_ROWS

CRITICAL, HIGH = finding("CVE-1900-0001", Severity.CRITICAL), finding("CVE-1900-0002")
TEMPLATE = resources.prepend_macros(resources.read_template("compare.md.j2"))


def build_comparison(old=None, new=None, contents=None, signature=None, **evidence) -> Comparison:
    """Return the comparison of an image with two findings and an image with the second finding only.

    The keyword arguments replace fields of the comparison.
    """
    scans = (old or scan(CRITICAL, HIGH), new or scan(HIGH))
    known = replace(compare_scans(*scans), contents=contents, **evidence)
    images = (
        ComparedImage(ImageName.parse(name), build_facts(name), each, signature=signature)
        for name, each in zip(("node:22", "node:24"), (known.old, known.new), strict=True)
    )
    return Comparison(*images, "linux/amd64", known)


def build_facts(name: str) -> ImageFacts:
    built = datetime(2026, 11, 1, tzinfo=UTC)
    return ImageFacts(digest(name), ManifestKind.INDEX, ("linux/amd64",), built, None, None, None, None)


def render_markdown(compared: Comparison, limit: int = 65_000) -> str:
    return render_comparison(TEMPLATE, lambda rows: build_comparison_view(compared, rows), limit)


def build_contents(user: str, revision: str, size: int) -> ImageContents:
    config = ImageConfig(user, environment=("PATH", f"OF_{user}"))
    return ImageContents(digest("inside"), config, size, source="https://github.com/acme/web", revision=revision)


def test_comparison_shows_changes_of_packages_and_image_config():
    old = scan(CRITICAL, packages=(InstalledPackage("debian", "tar", "1"), InstalledPackage("debian", "bash", "2")))
    new = scan(packages=(InstalledPackage("debian", "tar", "2"),))
    contents = TransitionContents(
        build_contents("app", "a" * 40, 7_000_000), build_contents("root", "b" * 40, 8_000_000)
    )
    text = render_comparison_text(build_comparison(old, new, contents))
    assert "Packages: 1 removed, 1 upgraded\n  removed   bash  2  →  none\n  upgraded  tar   1  →  2" in text
    assert "starts as root" in text
    assert "  user         app     →  root\n  environment  OF_app  →  OF_root\n" in text
    assert f"https://github.com/acme/web/compare/{'a' * 40}...{'b' * 40}" in text
    assert "  7.0 MB → 8.0 MB to pull" in text
    shown = render_markdown(build_comparison(old, new, contents))
    assert " starts as root**" in shown
    assert "<details><summary>Packages: 1 upgraded, 1 removed</summary>" in shown


def test_comparison_shows_exploitation_and_epss_score_of_each_finding():
    asked = ListVersions(date(2026, 11, 24), date(2026, 11, 25))
    listed = build_comparison(
        exploited_ids=frozenset({CRITICAL.id}), epss_scores={CRITICAL.id: 0.913}, list_versions=asked
    )
    text = render_comparison_text(listed)
    assert "The update fixes 1 (1 critical, 1 exploited), adds none, 1 remains." in text
    assert "  critical  exploited  CVE-1900-0001  openssl  91.3%  1 " in text
    assert "2026-11-24" in text
    document = json.loads(render_comparison_document(listed))
    assert [(each["exploited"], each["epss"]) for each in document["fixed"]] == [(True, 0.913)]
    assert [(each["exploited"], each["epss"]) for each in document["remaining"]] == [(False, None)]
    assert document["lists"] == {"kev": "2026-11-24", "epss": "2026-11-25"}
    assert "| **exploited**,\u00a0critical | [`CVE-1900-0001`]" in render_markdown(listed)
    assert "| 91.3\u00a0% |" in render_markdown(listed)


def test_comparison_shows_where_fixes_are_and_which_the_new_image_lacks():
    stays, hopeless = finding("CVE-1900-0002", Severity.HIGH), finding("CVE-1900-0003", fixed_in=None)
    compared = build_comparison(scan(CRITICAL, stays), scan(stays, hopeless))
    assert "The new image lacks published fixes: 1 (1 high)." in render_comparison_text(compared)
    document = json.loads(render_comparison_document(compared))
    places = {each["id"]: each["fix"] for name in ("fixed", "introduced", "remaining") for each in document[name]}
    assert places == {CRITICAL.id: "in-update", stays.id: "in-distribution", hopeless.id: "no-fix"}


def test_comparison_says_nothing_about_missing_fixes_if_there_are_none():
    assert "lacks" not in render_comparison_text(build_comparison(scan(CRITICAL), scan()))


def test_comparison_lists_exploited_findings_first_then_by_severity_and_epss_score():
    critical, unlikely, likely = (finding(f"CVE-1900-000{n}", Severity.CRITICAL) for n in (1, 2, 3))
    exploited = finding("CVE-1900-0009", Severity.MEDIUM)
    listed = build_comparison(
        scan(critical, unlikely, likely, exploited),
        scan(),
        exploited_ids=frozenset({exploited.id}),
        epss_scores={likely.id: 0.9, unlikely.id: 0.1},
    )
    order = [exploited, likely, unlikely, critical]
    for shown in (render_comparison_text(listed), render_markdown(listed)):
        positions = [shown.index(each.id) for each in order]
        assert positions == sorted(positions)


WORSE = finding("CVE-1900-0003", Severity.CRITICAL)


@pytest.mark.parametrize(
    ("scans", "verdict"),
    [
        ((scan(CRITICAL, HIGH), scan(HIGH)), "worth it: fixes 1 (1 critical), adds none."),
        ((scan(HIGH), scan(HIGH)), "nothing to gain: fixes none, adds none."),
        ((scan(HIGH), scan(WORSE)), "look before you merge: it adds 1 (1 critical)."),
        (
            (scan(HIGH), NotScanned(UnscannedReason.FAILED)),
            "not known, because the images could not be compared.",
        ),
    ],
)
def test_comparison_ends_with_the_verdict(scans, verdict):
    assert render_comparison_text(build_comparison(*scans)).endswith(f"\n\nVerdict: {verdict}")


def test_json_key_exploited_is_null_if_kev_list_was_not_read():
    unread = build_comparison(list_versions=ListVersions(unread_lists=frozenset({AdvisoryList.KEV})))
    assert "`kev`" in render_comparison_text(unread)
    assert json.loads(render_comparison_document(unread))["fixed"][0]["exploited"] is None
    assert "KEV could not be read" in render_markdown(unread)


def test_suppressed_findings_are_listed_separately_and_not_counted():
    new = replace(scan(HIGH), suppressed=(SuppressedFinding(CRITICAL, "not affected", "acme's VEX"),))
    aside = build_comparison(new=new)
    text = render_comparison_text(aside)
    assert "Suppressed: 1 (not counted above)\n  severity  identifier     package  reason        author\n" in text
    assert "\n  critical  CVE-1900-0001  openssl  not affected  acme's VEX" in text
    document = json.loads(render_comparison_document(aside))
    assert [(each["id"], each["author"]) for each in document["new"]["suppressed"]] == [(CRITICAL.id, "acme's VEX")]
    assert document["new"]["counts"]["critical"] == 0
    assert "<summary>1 suppressed by statements, and counted nowhere</summary>" in render_markdown(aside)


@pytest.mark.parametrize("why", UnscannedReason)
def test_comparison_shows_reason_and_no_counts_for_image_that_was_not_scanned(why):
    unknown = build_comparison(old=NotScanned(why, "a detail"))
    text = render_comparison_text(unknown)
    assert "not known" in text
    assert f"not scanned  {why.sentence}: a detail" in text
    assert "high           ?      1" in text
    document = json.loads(render_comparison_document(unknown))
    assert [document["old"][key] for key in ("state", "counts", "detail")] == [why.value, None, "a detail"]
    assert [document[key] for key in ("fixed", "introduced", "remaining", "packages")] == [None] * 4
    assert f"> **Not scanned:** the old image: {why.sentence}." in render_markdown(unknown)


def test_scans_with_different_databases_are_not_compared():
    other = replace(scan().scanner, database=datetime(2026, 1, 2, tzinfo=UTC))
    document = json.loads(render_comparison_document(build_comparison(new=scan(HIGH, scanner=other))))
    assert document["old"]["state"] == "different-database"
    assert document["fixed"] is None


def test_comparison_shortens_long_lists_and_counts_omitted_rows():
    many = scan(*(finding(f"CVE-1900-{number:04}") for number in range(MAX_ROWS + 7)))
    assert "  and 7 more rows" in render_comparison_text(build_comparison(old=many, new=scan()))
    cut = render_markdown(build_comparison(old=many, new=scan()), 8_000)
    assert len(cut) <= 8_000
    assert " more fixed, " in cut


def build_hostile_comparison() -> Comparison:
    bad = finding(HOSTILE, package=HOSTILE, installed=HOSTILE, fixed_in=HOSTILE, title=HOSTILE)
    listed = (InstalledPackage(HOSTILE, HOSTILE, HOSTILE),)
    new = replace(scan(bad, packages=listed), suppressed=(SuppressedFinding(bad, HOSTILE, HOSTILE),), os=HOSTILE)
    contents = TransitionContents(
        build_contents("a", "a" * 40, 1), replace(build_contents(HOSTILE, HOSTILE, 1), source=HOSTILE)
    )
    return build_comparison(scan(HIGH, packages=()), new, contents, BadSignature(SignatureDefect.BROKEN, HOSTILE))


def test_comparison_text_escapes_control_characters_and_ci_commands():
    text = render_comparison_text(build_hostile_comparison())
    assert "\x1b" not in text
    assert "##[" not in text
    assert not [line for line in text.splitlines() if line.startswith("::")]
    assert render_comparison_document(build_hostile_comparison()).isascii()


def test_comparison_markdown_escapes_untrusted_text():
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(render_markdown(build_hostile_comparison()))
    inline = [each for token in tokens for each in (token.children or ())]
    allowed = {"text", "code_inline", "strong_open", "strong_close", "softbreak", "link_open", "link_close"}
    assert {each.type for each in inline} <= allowed
    links = {each.attrGet("href") for each in inline if each.type == "link_open"}
    assert links == {"https://nvd.nist.gov/vuln/detail/CVE-1900-0002"}
    assert not [each for each in inline if each.type == "text" and ("@" in each.content or "evil" in each.content)]


def test_every_comparison_format_reports_package_rollback():
    newer, older = (InstalledPackage("debian", "libssl3", version, "openssl") for version in ("3.0.15", "3.0.11"))
    back = build_comparison(scan(packages=(newer,)), scan(CRITICAL, packages=(older,)))
    said = f"libssl3 goes back from 3.0.15 to 3.0.11, which brings {CRITICAL.id}"
    assert f"`run` refuses: {said}" in render_comparison_text(back)
    assert f"> **This is a rollback**, which `basebump run` refuses: `{said}`" in render_markdown(back)
    assert json.loads(render_comparison_document(back))["rollback"] == said
    onward = build_comparison(scan(packages=(older,)), scan(packages=(newer,)))
    assert json.loads(render_comparison_document(onward))["rollback"] is None
    assert "rollback" not in render_comparison_text(onward) + render_markdown(onward)


@pytest.mark.parametrize(
    ("width", "left_out"),
    [
        (None, set()),
        (120, set()),
        (100, {"title"}),
        (80, {"title", "installed"}),
        (65, {"title", "installed", "EPSS"}),
    ],
)
def test_comparison_omits_and_names_columns_that_do_not_fit_terminal(width, left_out):
    long = replace(
        CRITICAL, installed="3.0.15-1~deb12u1", fixed_in="3.0.17-1~deb12u2", title="A heap overflow in parsing"
    )
    listed = build_comparison(
        scan(long), scan(), exploited_ids=frozenset({CRITICAL.id}), epss_scores={CRITICAL.id: 0.913}
    )
    lines = list(map(str, render_comparison_lines(listed, width)))
    heading, row = lines[lines.index("Fixed: 1") + 1 :][:2]
    named = re.findall(r"\(no room for: (.*)\)", "\n".join(lines))
    assert set(", ".join(named).split(", ")) - {""} == left_out
    for name, cell in (("identifier", "CVE-1900-0001"), ("fixed in", "3.0.17-1~deb12u2")):
        assert heading.index(name) == row.index(cell)
    assert all((name in heading) is (name not in left_out) for name in ("installed", "EPSS", "title"))
    assert width is None or len(row) <= width
