"""The text of the dashboard: order, links, remedies, and that text from outside is always code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from support.runs import worlds
from support.runs.reports import (
    HOSTILE,
    KNOWN,
    MOVED,
    build_proposal,
    build_repository,
    build_unsupported_text,
    build_update,
    build_verdict,
)
from support.values import digest, finding, scan

from bot import resources
from bot.core.evidence.compare import compare_scans
from bot.core.proposal.render import render_dashboard
from bot.core.proposal.requested_actions import parse_dashboard
from bot.core.proposal.view.dashboard_builder import build_dashboard
from bot.core.proposal.view.dashboard_rows import link_file
from bot.core.proposal.view.hold_remedies import build_hold_rule, describe_hold_remedy
from bot.model.decision import Transition
from bot.model.evidence import Evidence, Severity
from bot.model.proposal import ProposedImage
from bot.model.report import RepositoryReport
from bot.model.source import FilePath
from bot.model.stuck_update import StuckUpdate
from bot.model.vocabulary import REASONS_BY_STATUS, ProposalOutcome, Reason, ReferenceStatus
from bot.settings import load

TEMPLATE = resources.read_template("dashboard.md.j2")
EARLIER = Path(worlds.__file__).with_name("earlier_templates")
FILES_URL = "https://github.com/acme/web/blob/main/"
GFM = MarkdownIt("gfm-like", {"html": True, "linkify": False})


@dataclass(frozen=True)
class BranchScene:
    """The report on one base branch, and the evidence on its updates."""

    report: RepositoryReport
    evidence: Mapping[Transition, Evidence]


def render(*branches: BranchScene, limit: int = 60_000, template: str = TEMPLATE, is_public: bool = False) -> str:
    reports = [each.report for each in branches]
    evidence = {transition: found for each in branches for transition, found in each.evidence.items()}
    return render_dashboard(template, lambda rows: build_dashboard(reports, evidence, rows, is_public=is_public), limit)


def build_branch_report(*verdicts, evidence=KNOWN, proposals=(), unsupported=(), note="", **more) -> BranchScene:
    report = build_repository(*verdicts, proposals=tuple(proposals), unsupported=tuple(unsupported), note=note, **more)
    return BranchScene(report, {MOVED: evidence})


def build_numbered_proposal(number: int, evidence, outcome=ProposalOutcome.OPENED):
    """Return the verdict, the proposal and the evidence of an image of its own."""
    moved = replace(MOVED, tag_ref=replace(MOVED.tag_ref, tag=str(number)))
    reference = build_update(
        written=f"node:{number}@{digest('old')}", path=f"{number}/Dockerfile", line_number=number + 1
    )
    image = ProposedImage(f"node:{number}", "docker.io/library/node", str(number), digest("old"), digest("new"))
    opened = replace(
        build_proposal(f"Update node:{number}", outcome),
        branch=f"basebump/node-{number}",
        images=(image,),
        files=(FilePath(f"{number}/Dockerfile"),),
    )
    return replace(reference, transition=moved), opened, {moved: evidence}


def build_branch(*fixes: tuple, outcome=ProposalOutcome.OPENED, exploited=()) -> BranchScene:
    """Return a branch with one image and one proposal for each list of fixed vulnerabilities."""
    parts = [
        build_numbered_proposal(
            number, replace(compare_scans(scan(*fixed), scan()), exploited_ids=frozenset(exploited)), outcome
        )
        for number, fixed in enumerate(fixes)
    ]
    report = build_repository(*(each[0] for each in parts), proposals=tuple(each[1] for each in parts))
    return BranchScene(report, {key: each for _, _, known in parts for key, each in known.items()})


CRITICAL, HIGH, LOW = (
    finding(f"CVE-1900-000{number}", severity)
    for number, severity in enumerate((Severity.CRITICAL, Severity.HIGH, Severity.LOW))
)


def test_open_proposals_are_listed_by_urgency_under_headings():
    found = render(build_branch((LOW,), (HIGH,), (), (CRITICAL,), (LOW, HIGH), exploited=[LOW.id]))
    shown = found.partition("### Open (5)")[2].partition("<details>")[0]
    order = [line for line in shown.splitlines() if line.startswith(("####", "- [ ] <!-- basebump:rebase basebump"))]
    assert [each.partition(" --> ")[2].partition(": ")[0] or each for each in order] == [
        *("#### Known exploited", "Update node:4", "Update node:0"),
        *("#### Critical", "Update node:3"),
        *("#### High", "Update node:1"),
        *("#### No known fixes", "Update node:2"),
    ]


def test_first_line_of_dashboard_counts_pull_requests_and_fixes():
    opened = build_branch((LOW, CRITICAL), (CRITICAL, HIGH), exploited=[LOW.id])
    assert (
        "**2 requests open, 0 waiting, 0 held.** The open and waiting requests fix "
        "**3 known vulnerabilities (1 exploited, 1 critical)** and add none.\n"
    ) in render(opened)
    assert "**0 requests open, 2 waiting, 0 held.**" in render(build_branch((), (), outcome=ProposalOutcome.DEFERRED))


def test_dashboard_row_of_proposal_has_effect_and_links_to_files():
    opened = build_branch_report(
        build_update(), build_update(path="a b/Dockerfile", line_number=7), proposals=[build_proposal()]
    )
    (row,) = [line for line in render(opened).splitlines() if "basebump:rebase" in line]
    assert row == (
        "- [ ] <!-- basebump:rebase basebump/node-22-00000000 --> Update node:22: fixes 1 (1 critical), adds none · "
        f"[`Dockerfile:1`]({FILES_URL}Dockerfile#L1)"
    )
    detected = render(opened).partition("<details><summary>Detected images: 2 references in 2 files</summary>")[2]
    assert f"- [`a b/Dockerfile`]({FILES_URL}a%20b/Dockerfile): `node:22` update\n" in detected


def test_dashboard_row_does_not_repeat_effect_that_title_contains():
    opened = build_branch_report(
        build_update(), proposals=[build_proposal("Update node:22: fixes 1 (1 critical), adds none")]
    )
    assert render(opened).count("fixes 1 (1 critical), adds none") == 1


def test_group_on_dashboard_has_a_row_for_each_image():
    opened = build_branch((CRITICAL,), (LOW,))
    first, second = opened.report.proposals
    group = replace(
        first, title="Update 2 images", images=first.images + second.images, files=first.files + second.files
    )
    found = render(replace(opened, report=replace(opened.report, proposals=(group,))))
    assert (
        "--> Update 2 images\n"
        f"  - `node:0`: fixes 1 (1 critical), adds none · [`0/Dockerfile:1`]({FILES_URL}0/Dockerfile#L1)\n"
        f"  - `node:1`: fixes 1 (1 low), adds none · [`1/Dockerfile:2`]({FILES_URL}1/Dockerfile#L2)\n"
    ) in found


def test_bulk_checkboxes_appear_for_two_or_more_proposals():
    for count in range(4):
        fixes = [(LOW,)] * count
        opened = render(build_branch(*fixes))
        waiting = render(build_branch(*fixes, outcome=ProposalOutcome.DEFERRED))
        assert ("- [ ] <!-- basebump:rebase -->" in opened) is (count > 1)
        assert ("- [ ] <!-- basebump:open -->" in waiting) is (count > 1)


@pytest.mark.parametrize("status", [ReferenceStatus.HELD, ReferenceStatus.REFUSED])
def test_held_reference_shows_remedy_and_valid_rule_for_each_reason(status, tmp_path):
    for reason in REASONS_BY_STATUS[status]:
        assert describe_hold_remedy(reason), reason
        found = render(build_branch_report(build_verdict(status, reason, detail="why")))
        assert "### Held (1)" in found
        rule = build_hold_rule(reason, "docker.io/library/node")
        assert describe_hold_remedy(reason).endswith("basebump's config") or rule is None
        if rule is None:
            continue
        assert f"  - `{rule}`\n" in found
        config = tmp_path / "basebump.yaml"
        dated = rule.replace("YYYY-MM-DD", "2027-06-30")
        config.write_text(f"schema: 1\npolicy:\n  {dated}\n", encoding="utf-8")
        assert load(config, requires_forges=False)


def test_superseded_reference_shows_next_tag_if_known():
    ended = build_verdict(ReferenceStatus.SUPERSEDED, Reason.TAG_STOPPED, successor="24")
    assert "- `node:22` · [`Dockerfile:1`](" in render(build_branch_report(ended))
    assert " · next tag: `24`\n" in render(build_branch_report(ended))


def test_blocked_references_are_listed_first_with_reasons():
    replaced = replace(build_update(), status=ReferenceStatus.BLOCKED, reason=Reason.DIGEST_BLOCKED, detail="malware")
    stuck = build_verdict(ReferenceStatus.BLOCKED, Reason.DIGEST_BLOCKED, detail="@team malware; no known replacement")
    shown = render(build_branch_report(replaced, stuck, proposals=[build_proposal()]))
    assert shown.startswith("**2 images blocked, 1 request open, ")
    first, second = (shown.index(heading) for heading in ("### Blocked (2)", "### Open (1)"))
    assert first < second
    assert " · malware" in shown
    assert "`@team malware; no known replacement`" in shown
    assert "Blocked" not in render(build_branch_report(build_update(), proposals=[build_proposal()]))


STUCK = StuckUpdate(
    path="web/Dockerfile",
    line_number=3,
    image="docker.io/library/node:22",
    state="merged, not rebuilt",
    since=datetime(2026, 11, 20, 8, tzinfo=UTC),
    reason="build-failed",
    images=("contoso.azurecr.io/apps/web",),
    check_name="build and push",
    check_url="https://github.com/acme/web/actions/runs/7",
)


def test_stuck_update_shows_failed_check_and_built_image():
    found = render(build_branch_report(stuck=(STUCK,)))
    assert "### Stuck after the merge (1)" in found
    assert (
        "- **merged, not rebuilt** since 2026-11-20: `docker.io/library/node:22` · "
        f"[`web/Dockerfile:3`]({FILES_URL}web/Dockerfile#L3) · CI of the base branch failed after the merge: "
        "`contoso.azurecr.io/apps/web` · failed check: [`build and push`](https://github.com/acme/web/actions/runs/7)\n"
    ) in found


def test_workloads_of_stuck_update_are_hidden_on_public_dashboard():
    running = replace(STUCK, reason="older-runs", workloads=("prod/payments/Deployment/web",), check_name=None)
    assert "`prod/payments/Deployment/web`" in render(build_branch_report(stuck=(running,)))
    assert "prod" not in render(build_branch_report(stuck=(running,)), is_public=True)


def test_other_repositories_are_hidden_on_public_dashboard():
    waiting = replace(STUCK, reason="not-deployed", manifests=("acme/secret-plans web.yaml:9",), check_name=None)
    assert "`acme/secret-plans web.yaml:9`" in render(build_branch_report(stuck=(waiting,)))
    assert "secret-plans" not in render(build_branch_report(stuck=(waiting,)), is_public=True)


def test_stuck_update_with_reason_known_only_to_a_later_release_shows_no_images():
    assert "· `contoso" not in render(build_branch_report(stuck=(replace(STUCK, reason="new-reason", images=()),)))


def test_public_dashboard_hides_private_findings():
    private = build_branch_report(
        build_update(), proposals=[build_proposal()], evidence=replace(KNOWN, is_private=True)
    )
    assert "1 critical" in render(private)
    public = render(private, is_public=True)
    assert "1 critical" not in public
    assert "What the requests fix is not known: with private findings." in public


def test_file_links_name_base_branch_if_dashboard_covers_several_branches():
    of_main = build_branch_report(build_update(), proposals=[build_proposal()])
    release = build_branch_report(
        build_update(),
        proposals=[build_proposal("Update node:22 on release")],
        base_branch="release/1",
        files_url="https://github.com/acme/web/blob/release/1/",
    )
    found = render(of_main, release)
    assert f"[`Dockerfile:1 on main`]({FILES_URL}Dockerfile#L1)" in found
    assert "[`Dockerfile:1 on release/1`](https://github.com/acme/web/blob/release/1/Dockerfile#L1)" in found


def test_dashboard_fits_limit_and_counts_omitted_entries():
    many = build_branch(*[(CRITICAL,)] * 300)
    assert "100 more entries do not fit here." in render(many, limit=1_000_000)
    found = render(many, limit=20_000)
    assert len(found) <= 20_000
    assert "250 more entries do not fit here." in found
    assert "250 more files do not fit here." in found
    assert "**300 requests open" in found


def test_dashboard_template_copied_from_earlier_version_still_renders():
    source = (EARLIER / "dashboard.md.j2").read_text(encoding="utf-8")
    held = build_verdict(ReferenceStatus.HELD, Reason.PLATFORM_LOST, line_number=2, detail="no linux/arm64")
    skipped = build_verdict(ReferenceStatus.SKIPPED, Reason.IGNORED, line_number=3)
    found = render(
        build_branch_report(build_update(), held, skipped, proposals=[build_proposal(note="A note.")]), template=source
    )
    assert "- [ ] <!-- basebump:rebase basebump/node-22-00000000 --> Update node:22. A note." in found
    assert f"| `node:22` | {Reason.PLATFORM_LOST.sentence} | no linux/arm64 | 1 |" in found
    assert f"- 1 place, ignored: {Reason.IGNORED.sentence}" in found


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("Dockerfile", "Dockerfile#L3"),
        ("a b/[x](y)#1?.yaml", "a%20b/%5Bx%5D%28y%29%231%3F.yaml#L3"),
        ("grün/Dockerfile", "gr%C3%BCn/Dockerfile#L3"),
        ("\udcff/Dockerfile", "%FF/Dockerfile#L3"),
    ],
)
def test_file_link_percent_encodes_special_characters(path, address):
    assert str(link_file(FILES_URL, path, [3, 9])).endswith(f"]({FILES_URL}{address})")


def test_file_has_no_link_if_forge_has_no_site_or_path_is_too_long():
    assert str(link_file(None, "Dockerfile", [3])) == "`Dockerfile:3`"
    assert "](" not in str(link_file(FILES_URL, "a/" * 500, [3]))


hostile = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="`|<>[]()!*_~#@&\\$\n -+=:/.xahtps1{}\"'", max_size=60),
    st.sampled_from(
        [
            HOSTILE,
            "\n- [x] <!-- basebump:open -->",
            "- [x] <!-- basebump:rebase basebump/x -->",
            "</details><img src=x>",
            "[x](javascript:1)",
            "@octocat closes #1",
        ]
    ),
)
SAFE_HTML = ("<!-- basebump:", "<details><summary>", "</details>", "</summary>")


@settings(deadline=None)
@given(hostile)
def test_untrusted_text_adds_no_html_checkbox_or_image_to_dashboard(word):
    references = (
        build_update(path=word),
        build_verdict(ReferenceStatus.HELD, Reason.TOO_YOUNG, path=word, line_number=2, detail=word),
        build_verdict(ReferenceStatus.UNRESOLVED, Reason.UNREACHABLE, path=word, line_number=3, detail=word),
        build_verdict(
            ReferenceStatus.SUPERSEDED, Reason.TAG_STOPPED, path=word, line_number=4, detail=word, successor=word
        ),
    )
    opened = replace(build_proposal(word, url=f"https://github.com/{word}", note=word), files=(FilePath(word),))
    waiting = replace(opened, outcome=ProposalOutcome.DEFERRED)
    stuck = replace(STUCK, path=word, image=word, images=(word,), manifests=(word,), workloads=(word,))
    stuck = replace(stuck, check_name=word, check_url=f"https://github.com/{word}")
    found = render(
        build_branch_report(
            *references,
            proposals=[opened, waiting],
            unsupported=[build_unsupported_text()],
            base_branch=word,
            stuck=(stuck,),
        ),
        build_branch_report(*references, proposals=[opened, waiting], base_branch="main"),
    )
    requests = parse_dashboard(found)
    assert (requests.single, requests.bulk) == (frozenset(), frozenset())
    tokens = list(GFM.parse(found))
    while tokens:
        token = tokens.pop()
        assert token.type not in {"image", "table_open", "fence", "code_block", "hr"}
        if token.type in {"html_block", "html_inline"}:
            assert token.content.lstrip().startswith(SAFE_HTML)
        if token.type == "link_open":
            assert token.attrGet("href").startswith(("https://github.com/",))
        tokens += token.children or []
