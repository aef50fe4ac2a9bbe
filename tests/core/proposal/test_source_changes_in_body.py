"""How a body shows the number of commits and the release notes, which are text from outside."""

from __future__ import annotations

from dataclasses import replace

from markdown_it import MarkdownIt
from support.runs.reports import HOSTILE
from support.runs.worlds import BODY_TEMPLATE
from support.values import digest, scan, update

from bot.core.evidence.compare import compare_scans
from bot.core.proposal.render import render_body
from bot.core.proposal.report_facts import build_report_facts
from bot.core.proposal.view.contents import MAX_RELEASE_LINES
from bot.core.proposal.view.proposal import build_proposal_view
from bot.core.transition import get_first_transition
from bot.model.contents import ImageConfig, ImageContents, TransitionContents
from bot.model.source_changes import ReleaseNotes, SourceChanges, UnknownSourceChanges

MOVE = update(f"python:3.12@{digest('old')}", "new")
SOURCE = "https://github.com/acme/web"
OLD = ImageContents(digest("o"), ImageConfig(), 1, source=SOURCE, revision="a" * 40)
NEW = replace(OLD, digest=digest("n"), revision="b" * 40)
LINK = f"({SOURCE}/compare/{'a' * 40}...{'b' * 40})"
RELEASE = ReleaseNotes("Web 2", f"{SOURCE}/releases/tag/v2", ("## Fixed", "* the crash"), 3)


def build_lookup_evidence(lookup):
    return replace(compare_scans(scan(), scan()), contents=TransitionContents(OLD, NEW, lookup))


def render_lookup_body(lookup):
    known = {get_first_transition(MOVE): build_lookup_evidence(lookup)}
    return render_body(BODY_TEMPLATE, lambda rows: build_proposal_view((MOVE,), known, rows), 60_000)


def test_source_row_has_number_of_commits_and_release_notes():
    text = render_lookup_body(SourceChanges(12, release=RELEASE))
    assert (
        f"| Source | `github.com/acme/web`: [12 commits]{LINK}, release [`Web 2`]({SOURCE}/releases/tag/v2) |" in text
    )
    _, _, fold = text.partition("<summary>Release notes of the new version</summary>")
    shown, _, _ = fold.partition("</details>")
    assert "- `## Fixed`\n- `* the crash`\n\n3 more lines are not shown here." in shown


def test_source_row_shows_one_or_many_commits_and_dropped_commits():
    assert f"[1 commit]{LINK}" in render_lookup_body(SourceChanges(1))
    assert f"[100 or more commits]{LINK}" in render_lookup_body(SourceChanges(100, is_lower_bound=True))
    assert f"[0 commits, and 3 of the old image dropped]{LINK}" in render_lookup_body(
        SourceChanges(0, dropped_commits=3)
    )


def test_source_row_states_why_lookup_of_commits_or_release_notes_failed():
    failed = render_lookup_body(UnknownSourceChanges("github.com answered 451"))
    assert f"[what changed]{LINK} (commits and release notes not looked up: github.com answered 451) |" in failed
    assert f"| Source | `github.com/acme/web`: [what changed]{LINK} |" in render_lookup_body(None)
    partial = render_lookup_body(SourceChanges(12, release_failure="github.com answered 451"))
    assert f"[12 commits]{LINK} (release notes not looked up: github.com answered 451) |" in partial


def test_release_notes_are_cut_and_shown_only_as_code():
    lines = (HOSTILE, "<details>", "</details>", "@team #1", *("x" * 1000 for _ in range(MAX_RELEASE_LINES)))
    text = render_lookup_body(SourceChanges(1, release=replace(RELEASE, name=HOSTILE, lines=lines)))
    assert "7 more lines are not shown here." in text
    assert text.count("<details>") - text.count("`<details>`") == text.count("</details>") - text.count("`</details>`")
    inline = [each for token in MarkdownIt("gfm-like", {"linkify": False}).parse(text) for each in token.children or ()]
    assert not [each for each in inline if each.type == "text" and ("@" in each.content or "evil" in each.content)]
    assert not [each for each in inline if each.type == "link_open" and "evil" in str(each.attrs)]


def test_release_notes_are_shown_for_each_image_of_group():
    moves = [update(f"{name}@{digest('old')}", "new") for name in ("python:3.12", "node:22")]
    releases = [replace(RELEASE, name=f"Release {number}") for number in (1, 2)]
    known = {
        get_first_transition(move): build_lookup_evidence(SourceChanges(1, release=release))
        for move, release in zip(moves, releases, strict=True)
    }
    text = render_body(BODY_TEMPLATE, lambda rows: build_proposal_view(moves, known, rows), 60_000)
    assert [text.count(f"[`Release {number}`]({RELEASE.url}), as its publisher") for number in (1, 2)] == [1, 1]


def test_facts_in_report_do_not_depend_on_commits_and_release_notes():
    facts = [
        build_report_facts((MOVE,), {get_first_transition(MOVE): build_lookup_evidence(lookup)})
        for lookup in (None, SourceChanges(12, release=RELEASE), UnknownSourceChanges("why"))
    ]
    assert facts[0] == facts[1] == facts[2]
