"""Tests of titles and commit messages, and that no text in them has an effect on a forge."""

import re
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.runs.worlds import TEMPLATES
from support.values import digest, finding, update

from bot.core.markdown import Plain
from bot.core.proposal.markers import append_trailers
from bot.core.proposal.markers import parse_intent as intent_in
from bot.core.proposal.render import TemplateFailedError, render_message, render_title
from bot.core.proposal.titles import HeadView, TagUpdateView, build_head, build_headline
from bot.core.proposal.update_groups import UpdateGroup, compute_intent
from bot.model.evidence import Severity, VulnerabilityDelta
from bot.model.reference import TagRef
from bot.model.vocabulary import Role

ALONE = UpdateGroup(TagRef("docker.io/library/python", "3.12-slim"))
MOVE = update(f"python:3.12-slim@{digest('old')}", "new")
PIN = update("python:3.12-slim", "new", path="deploy/web.yaml", role=Role.THIRD_PARTY, line_number=7)
CRITICAL = finding("CVE-1900-0001", Severity.CRITICAL)


def title(updates, deltas, exploited=()) -> str:
    return render_title(TEMPLATES.title, build_head(ALONE, updates, deltas, exploited))


def message(updates, trailers=()) -> str:
    text = render_message(TEMPLATES.message, build_head(ALONE, updates, ()))
    return append_trailers(text, compute_intent(updates), trailers)


def test_a_title_says_what_moves_and_what_is_fixed_where_that_is_known():
    short = digest("new")[7:19]
    delta = VulnerabilityDelta((CRITICAL,), (), ())
    assert build_headline(ALONE, (PIN,)) == f"Pin python:3.12-slim to {short}"
    assert title((MOVE, PIN), [delta]) == f"Update python:3.12-slim to {short}, fixes 1 (1 critical)"
    assert title((MOVE,), [delta], {CRITICAL.id}).endswith(", fixes 1 (1 critical, 1 known exploited)")
    low = finding("CVE-1900-0002", Severity.LOW)
    assert title((MOVE,), [VulnerabilityDelta((low,), (), ())], {low.id}).endswith(", fixes 1 (1 known exploited)")
    assert title((MOVE,), [None]) == f"Update python:3.12-slim to {short}"


def test_a_title_names_the_group_how_many_images_it_moves_and_a_folder_that_is_plain_text():
    redis, node = update("redis:7", "new"), update("docker.io/library/node:22", "new")
    weekly = UpdateGroup("weekly")
    assert build_headline(weekly, (redis, PIN, node)) == "Pin docker.io/library/node:22 and 2 more images (weekly)"
    assert build_headline(weekly, (redis, MOVE)) == "Update python:3.12-slim and 1 more image (weekly)"
    short = digest("new")[7:19]
    assert build_headline(weekly, (redis,)) == f"Pin redis:7 to {short} (weekly)"
    assert (
        build_headline(UpdateGroup(ALONE.subject, "apps/web"), (MOVE,))
        == f"Update python:3.12-slim to {short} in apps/web"
    )
    for folder in ("", "apps/@ada", "a b", "x" * 101):
        assert build_headline(UpdateGroup(ALONE.subject, folder), (MOVE,)) == f"Update python:3.12-slim to {short}"


def test_the_commit_carries_the_intent_and_every_move():
    text = message((MOVE, PIN))
    assert intent_in(text) == compute_intent((PIN, MOVE))
    assert f"from {digest('old')}" in text
    assert "from no digest" in text


def test_trailers_of_the_operator_stand_beside_ours_and_ours_is_still_read():
    text = message((MOVE,), ("Signed-off-by: Bot <bot@example.com>", "Change-Kind: image"))
    assert text.split("\n\n")[-1].splitlines()[:2] == ["Signed-off-by: Bot <bot@example.com>", "Change-Kind: image"]
    assert intent_in(text) == compute_intent((MOVE,))


def test_a_commit_message_is_laid_out_like_one():
    assert message((MOVE, PIN)).startswith(
        f"Update python:3.12-slim to {digest('new')[7:19]}\n\n"
        f"docker.io/library/python:3.12-slim\n  from {digest('old')}\n  to   {digest('new')}\n\n"
        f"docker.io/library/python:3.12-slim\n  from no digest\n  to   {digest('new')}\n\n"
    )


@given(st.text(max_size=80))
def test_words_show_as_they_are_only_where_nothing_in_them_acts(text):
    shown = str(Plain(text))
    if shown == text and text:
        assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ,;.'_/:()@-")
        assert "@" not in text.replace("@sha256:", "")
    else:
        assert not text or shown.startswith("`")


@pytest.mark.parametrize(
    "text", ["@ada", "see https://a.example/b", "WWW.a.example", "a#1", "<b>", "a\nb", "[x](y)", "`", "!7"]
)
def test_a_mention_a_reference_or_markup_shows_as_a_code_span(text):
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
def test_title_and_message_refer_to_no_issue_when_group_does(name):
    for group in (UpdateGroup(name), UpdateGroup(ALONE.subject, name), UpdateGroup(ALONE.subject, "", name)):
        head = build_head(group, (MOVE,), ())
        for text in (render_title(TEMPLATES.title, head), render_message(TEMPLATES.message, head)):
            assert name not in text


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9 ._-]{0,49}", fullmatch=True) | st.sampled_from(CLOSING_NAMES))
def test_title_contains_no_closing_keyword_for_any_group(name):
    closing = r"(?i)\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:gh|[a-z]\w+)-\d"
    assert not re.search(closing, build_headline(UpdateGroup(name), (MOVE,)))


def test_image_that_looks_like_an_issue_is_shown_as_code():
    assert str(Plain("docker.io/acme/web:GH-1")) == "`docker.io/acme/web:GH-1`"
    assert str(Plain("docker.io/acme/high-1:1")) == "docker.io/acme/high-1:1"


@pytest.mark.parametrize("name", ["stage-2", "bug fixes", "closed source", "high-1", "prefix gh.1"])
def test_title_names_group_that_refers_to_no_issue(name):
    assert build_headline(UpdateGroup(name), (MOVE,)).endswith(f" ({name})")


@pytest.mark.parametrize("source", ["{{ proposal.nothing }}", "{{ proposal.headline | upper }}", "{% if %}"])
def test_a_template_that_does_what_it_may_not_is_said_and_no_bug(source):
    with pytest.raises(TemplateFailedError):
        render_title(source, build_head(ALONE, (MOVE,), ()))


def test_a_template_of_messages_that_says_nothing_is_refused():
    with pytest.raises(TemplateFailedError, match="empty message"):
        render_message(" ", build_head(ALONE, (MOVE,), ()))


def test_no_field_of_the_view_is_a_text_of_its_own():
    kinds = {field.type for shape in (HeadView, TagUpdateView) for field in fields(shape)}
    assert kinds == {"int", "Plain", "Plain | None", "tuple[TagUpdateView, ...]"}
