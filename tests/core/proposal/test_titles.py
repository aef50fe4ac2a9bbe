"""Tests of titles and commit messages, and that no text in them has an effect on a forge."""

import re
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.runs.worlds import TEMPLATES
from support.values import digest, finding, scan, update

from bot.core.evidence.compare import compare_scans
from bot.core.evidence.private_evidence import WITHHELD_SCAN
from bot.core.markdown import Plain
from bot.core.proposal.marks import append_trailers
from bot.core.proposal.marks import parse_intent as intent_in
from bot.core.proposal.render import TemplateFailedError, render_message, render_title
from bot.core.proposal.titles import TagUpdateView, TitleView, build_short_title, build_title_view
from bot.core.proposal.update_groups import UpdateGroup, build_update_groups, compute_intent
from bot.model.blocklist import Block
from bot.model.decision import UpdateCause
from bot.model.evidence import NotScanned, Severity, UnscannedReason
from bot.model.image_name import TagRef
from bot.model.vocabulary import Role

ALONE = UpdateGroup(TagRef("docker.io/library/python", "3.12-slim"))
MOVE = update(f"python:3.12-slim@{digest('old')}", "new")
PIN = update("python:3.12-slim", "new", path="deploy/web.yaml", role=Role.THIRD_PARTY, line_number=7)
CRITICAL = finding("CVE-1900-0001", Severity.CRITICAL)
LATE = NotScanned(UnscannedReason.TIMED_OUT)


LOW = finding("CVE-1900-0002", Severity.LOW)
SHORT = digest("new")[7:19]


def render_update_title(updates, *evidence, limit=256) -> str:
    return render_title(TEMPLATES.title, build_title_view(ALONE, updates, evidence), limit)


def render_update_message(updates, trailers=()) -> str:
    text = render_message(TEMPLATES.message, build_title_view(ALONE, updates, ()))
    return append_trailers(text, compute_intent(updates), trailers)


def test_title_states_image_and_numbers_of_fixed_and_added_vulnerabilities():
    assert build_short_title(ALONE, (PIN,)) == f"Pin python:3.12-slim to {SHORT}"
    fixes, adds = compare_scans(scan(CRITICAL, LOW), scan()), compare_scans(scan(), scan(LOW))
    assert render_update_title((MOVE, PIN), fixes) == (
        f"Update python:3.12-slim to {SHORT}: fixes 2 (1 critical), adds none"
    )
    assert render_update_title((MOVE,), fixes, adds).endswith(": fixes 2 (1 critical), adds 1 (1 low)")
    listed = replace(fixes, exploited_ids=frozenset({CRITICAL.id, LOW.id}))
    assert render_update_title((MOVE,), listed).endswith(": fixes 2 (1 critical, 2 exploited), adds none")


def test_title_counts_added_vulnerabilities_of_worse_image():
    worse = compare_scans(scan(), scan(CRITICAL, LOW, finding("CVE-1900-0003", Severity.UNKNOWN)))
    assert render_update_title((MOVE,), worse).endswith(": fixes none, adds 3 (1 critical)")
    unrated = compare_scans(scan(), scan(finding("CVE-1900-0003", Severity.UNKNOWN)))
    assert render_update_title((MOVE,), unrated).endswith("adds 1 (1 of unknown severity)")


def test_title_states_that_image_was_not_scanned():
    unknown, known = compare_scans(LATE, LATE), compare_scans(scan(LOW), scan())
    assert render_update_title((MOVE,), unknown) == f"Update python:3.12-slim to {SHORT} (not scanned)"
    assert render_update_title((MOVE,), compare_scans(scan(), LATE)).endswith(" (not scanned)")
    assert render_update_title((MOVE,), known, unknown).endswith(": fixes 1 (1 low), adds none (1 of 2 not scanned)")
    assert render_update_title((PIN,), compare_scans(None, scan(CRITICAL))) == f"Pin python:3.12-slim to {SHORT}"
    assert render_update_title((MOVE,), replace(unknown, old=WITHHELD_SCAN)).endswith(" (with private findings)")


def test_title_states_that_old_digest_is_gone():
    gone, absent = replace(MOVE, cause=UpdateCause.GONE), NotScanned(UnscannedReason.IMAGE_GONE)
    assert render_update_title((gone,), compare_scans(absent, scan())).endswith(" (old digest is gone)")
    assert render_update_title((gone,), compare_scans(absent, LATE)).endswith(" (old digest is gone, not scanned)")
    redis = update(f"redis:7@{digest('old')}", "new")
    several = render_update_title((gone, redis), compare_scans(absent, scan()), compare_scans(scan(), scan()))
    assert several.endswith(": fixes none, adds none (1 of 2 old digests gone)")


@given(st.integers(60, 256))
def test_shortened_title_keeps_number_of_added_vulnerabilities(limit):
    long = update(f"registry.example/{'team/' * 50}app:1@{digest('old')}", "new")
    shown = render_update_title((long,), compare_scans(scan(), scan(CRITICAL)), limit=limit)
    assert len(shown) <= limit
    assert shown.startswith("Update registry.example/")
    assert shown.endswith("...: fixes none, adds 1 (1 critical)")


def test_title_of_first_proposal_states_if_images_are_pinned_or_updated():
    (first,) = build_update_groups((PIN,), None, all_at_once=True)
    assert build_short_title(first, (PIN,)) == "Pin the base images of this repository"
    assert build_short_title(first, (PIN, MOVE)) == "Update and pin the base images of this repository"
    assert build_short_title(first, (MOVE,)) == "Update the base images of this repository"


def test_title_names_group_counts_images_and_omits_folder_with_special_characters():
    redis, node = update("redis:7", "new"), update("docker.io/library/node:22", "new")
    weekly = UpdateGroup("weekly")
    assert build_short_title(weekly, (redis, PIN, node)) == "Pin docker.io/library/node:22 and 2 more images (weekly)"
    assert build_short_title(weekly, (redis, MOVE)) == "Update python:3.12-slim and 1 more image (weekly)"
    short = digest("new")[7:19]
    assert build_short_title(weekly, (redis,)) == f"Pin redis:7 to {short} (weekly)"
    assert (
        build_short_title(UpdateGroup(ALONE.subject, "apps/web"), (MOVE,))
        == f"Update python:3.12-slim to {short} in apps/web"
    )
    for folder in ("", "apps/@ada", "a b", "x" * 101):
        assert build_short_title(UpdateGroup(ALONE.subject, folder), (MOVE,)) == f"Update python:3.12-slim to {short}"


def test_commit_message_has_intent_and_old_digest_of_each_image():
    text = render_update_message((MOVE, PIN))
    assert intent_in(text) == compute_intent((PIN, MOVE))
    assert f"from {digest('old')}" in text
    assert "from no digest" in text


def test_commit_message_has_one_line_about_known_vulnerabilities():
    known = build_title_view(ALONE, (MOVE,), [compare_scans(scan(CRITICAL, LOW), scan(LOW))])
    _, effect, _ = render_message(TEMPLATES.message, known).split("\n\n", 2)
    assert effect == "Known vulnerabilities: fixes 1 (1 critical), adds none."
    assert "vulnerabilities" not in render_update_message((MOVE,))


def test_commit_message_ends_with_configured_trailers_and_intent():
    text = render_update_message((MOVE,), ("Signed-off-by: Bot <bot@example.com>", "Change-Kind: image"))
    assert text.split("\n\n")[-1].splitlines()[:2] == ["Signed-off-by: Bot <bot@example.com>", "Change-Kind: image"]
    assert intent_in(text) == compute_intent((MOVE,))


def test_commit_message_has_subject_and_paragraph_for_each_image():
    assert render_update_message((MOVE, PIN)).startswith(
        f"Update python:3.12-slim to {digest('new')[7:19]}\n\n"
        f"docker.io/library/python:3.12-slim\n  from {digest('old')}\n  to   {digest('new')}\n\n"
        f"docker.io/library/python:3.12-slim\n  from no digest\n  to   {digest('new')}\n\n"
    )


@given(st.text(max_size=80))
def test_text_is_shown_as_code_unless_all_characters_are_harmless(text):
    shown = str(Plain(text))
    if shown == text and text:
        assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ,;.'_/:()@-")
        assert "@" not in text.replace("@sha256:", "")
    else:
        assert not text or shown.startswith("`")


@pytest.mark.parametrize(
    "text", ["@ada", "see https://a.example/b", "WWW.a.example", "a#1", "<b>", "a\nb", "[x](y)", "`", "!7"]
)
def test_mention_url_issue_number_or_markup_is_shown_as_code(text):
    assert str(Plain(text)).startswith("`")


CLOSING_NAMES = [
    "closes gh-1",
    "fixes GH-1",
    "Resolved Gh-12 and more",
    "closes SHOP-1",
    "Implements A_B-3",
    "weekly fix shop-4",
    "closing gh-1, shop-2",
    "gh-7",
]


@pytest.mark.parametrize("name", CLOSING_NAMES)
def test_title_and_message_omit_group_name_that_refers_to_an_issue(name):
    for group in (UpdateGroup(name), UpdateGroup(ALONE.subject, name), UpdateGroup(ALONE.subject, "", name)):
        head = build_title_view(group, (MOVE,), ())
        for text in (render_title(TEMPLATES.title, head, 256), render_message(TEMPLATES.message, head)):
            assert name not in text


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9 ._-]{0,49}", fullmatch=True) | st.sampled_from(CLOSING_NAMES))
def test_title_contains_no_closing_keyword_for_any_group(name):
    closing = r"(?i)\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:gh|[a-z]\w+)-\d"
    assert not re.search(closing, build_short_title(UpdateGroup(name), (MOVE,)))


def test_image_with_tag_that_looks_like_an_issue_is_shown_as_code():
    assert str(Plain("docker.io/acme/web:GH-1")) == "`docker.io/acme/web:GH-1`"
    assert str(Plain("docker.io/acme/high-1:1")) == "docker.io/acme/high-1:1"


@pytest.mark.parametrize("name", ["stage-2", "bug fixes", "closed source", "high-1", "prefix gh.1"])
def test_title_keeps_group_name_that_does_not_refer_to_an_issue(name):
    assert build_short_title(UpdateGroup(name), (MOVE,)).endswith(f" ({name})")


@pytest.mark.parametrize("source", ["{{ proposal.nothing }}", "{{ proposal.headline | upper }}", "{% if %}"])
def test_title_template_with_unknown_field_filter_or_syntax_error_is_refused(source):
    with pytest.raises(TemplateFailedError):
        render_title(source, build_title_view(ALONE, (MOVE,), ()), 256)


@pytest.mark.parametrize("source", ["{{ 1 / 0 }}", "{{ proposal.headline + 1 }}", "{{ '%d' % 'a' }}"])
def test_title_template_with_failing_expression_is_refused(source):
    with pytest.raises(TemplateFailedError, match="fix the template"):
        render_title(source, build_title_view(ALONE, (MOVE,), ()), 256)


def test_message_template_with_empty_result_is_refused():
    with pytest.raises(TemplateFailedError, match="empty message"):
        render_message(" ", build_title_view(ALONE, (MOVE,), ()))


def test_fields_of_title_view_never_have_type_str():
    kinds = {field.type for shape in (TitleView, TagUpdateView) for field in fields(shape)}
    assert kinds == {"int", "Plain", "Plain | None", "tuple[Plain, ...]", "tuple[TagUpdateView, ...]"}


@pytest.mark.parametrize(
    ("reasons", "start"),
    [
        (["malware (INC-42)."], "Blocked: malware (INC-42). Update python:3.12-slim to "),
        (["one", "other"], "Blocked. Update "),
        (["x" * 61], "Blocked. Update "),
        (["see #1"], "Blocked. Update "),
        (["ask @team"], "Blocked. Update "),
        (["closes SHOP-1"], "Blocked. Update "),
        (["https://example.com"], "Blocked. Update "),
    ],
)
def test_title_starts_with_reason_of_block_if_reason_is_harmless(reasons, start):
    updates = [replace(MOVE, cause=UpdateCause.BLOCKED, block=Block(each)) for each in reasons]
    assert render_update_title(updates).startswith(start)
    assert render_update_message(updates).startswith(start)
