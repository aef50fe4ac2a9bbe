"""Tests of the differences between two images that their configs and labels show."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import digest

from bot.core.evidence.image_changes import (
    AspectChange,
    ImageAspect,
    SourceOrigin,
    build_source_comparison,
    determine_origin,
    has_become_root,
    list_aspect_changes,
)
from bot.model.contents import ImageConfig, ImageContents, TransitionContents

A, B = "a" * 40, "b" * 40
PLAIN = ImageContents(digest("old"), ImageConfig(), 100)


def build_contents_pair(old: dict[str, object], new: dict[str, object]) -> TransitionContents:
    return TransitionContents(replace(PLAIN, **old), replace(PLAIN, **new))


def test_image_changes_show_whole_commands_but_only_changed_list_items():
    before = ImageConfig(user="1000", entrypoint=("/app",), environment=("HOME", "PATH"), ports=("80/tcp",))
    after = ImageConfig(user="root", entrypoint=("/app", "-v"), environment=("PATH", "TZ"), ports=("80/tcp",))
    assert list_aspect_changes(
        build_contents_pair({"config": before, "version": "1"}, {"config": after, "version": "2"})
    ) == (
        AspectChange(ImageAspect.USER, ("1000",), ("root",)),
        AspectChange(ImageAspect.ENTRYPOINT, ("/app",), ("/app", "-v")),
        AspectChange(ImageAspect.ENVIRONMENT, ("HOME",), ("TZ",)),
        AspectChange(ImageAspect.VERSION, ("1",), ("2",)),
    )


def test_platforms_are_compared_only_if_both_images_are_indexes():
    found = list_aspect_changes(
        build_contents_pair({"platforms": ("linux/amd64", "linux/arm64")}, {"platforms": ("linux/amd64",)})
    )
    assert found == (AspectChange(ImageAspect.PLATFORMS, ("linux/arm64",), ()),)
    assert list_aspect_changes(build_contents_pair({"platforms": ("linux/amd64",)}, {})) == ()


@pytest.mark.parametrize("contents", [None, TransitionContents(None, PLAIN), TransitionContents(PLAIN, None)])
def test_image_changes_are_unknown_unless_contents_of_both_images_are_known(contents):
    assert list_aspect_changes(contents) is None
    assert determine_origin(contents) is SourceOrigin.UNKNOWN
    assert build_source_comparison(contents) is None
    assert not has_become_root(contents)


@pytest.mark.parametrize(
    ("old", "new", "becomes"),
    [("app", "", True), ("1000:1000", "0:0", True), ("", "root", False), ("root", "", False), ("app", "1000", False)],
)
def test_change_of_image_user_to_root_is_detected(old, new, becomes):
    assert (
        has_become_root(build_contents_pair({"config": ImageConfig(user=old)}, {"config": ImageConfig(user=new)}))
        is becomes
    )


GITHUB = "https://github.com/acme/tool"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ((GITHUB, A), (GITHUB, A), SourceOrigin.REBUILT),
        ((GITHUB, A), (f"{GITHUB}.git", B), SourceOrigin.CHANGED),
        ((f"{GITHUB}.git#{A}:debian", None), (f"{GITHUB}.git#{A}:debian", None), SourceOrigin.REBUILT),
        ((GITHUB, A), ("https://github.com/evil/tool", A), SourceOrigin.MOVED),
        (("https://git.example.com/x", "r1"), ("https://git.example.com/x", "r2"), SourceOrigin.CHANGED),
        ((GITHUB, None), (GITHUB, A), SourceOrigin.UNKNOWN),
        ((None, A), (None, A), SourceOrigin.UNKNOWN),
    ],
)
def test_origin_distinguishes_rebuild_from_source_change(old, new, expected):
    assert (
        determine_origin(
            build_contents_pair(*({"source": source, "revision": revision} for source, revision in (old, new)))
        )
        is expected
    )


def test_source_comparison_links_two_revisions_on_known_forge():
    found = build_source_comparison(
        build_contents_pair({"source": GITHUB, "revision": A}, {"source": f"{GITHUB}/", "revision": B})
    )
    assert found is not None
    assert found.url == f"https://github.com/acme/tool/compare/{A}...{B}"
    gitlab = "https://gitlab.com/a/b/c"
    found = build_source_comparison(
        build_contents_pair({"source": gitlab, "revision": A}, {"source": gitlab, "revision": B})
    )
    assert found is not None
    assert found.url == f"https://gitlab.com/a/b/c/-/compare/{A}...{B}"


@pytest.mark.parametrize(
    "source",
    [
        "http://github.com/acme/tool",
        "https://github.com.evil.example/acme/tool",
        "https://github.com/acme/tool/../../x",
        "https://github.com/acme/to)ol",
        "https://user@github.com/acme/tool",
        "https://github.com/acme",
        "https://github.com/acme/tool?x=1",
    ],
)
def test_source_comparison_ignores_urls_that_are_not_of_a_known_forge(source):
    assert (
        build_source_comparison(
            build_contents_pair({"source": source, "revision": A}, {"source": source, "revision": B})
        )
        is None
    )


@given(st.text(), st.text())
def test_source_comparison_link_contains_no_arbitrary_text_from_image_labels(source, revision):
    found = build_source_comparison(
        build_contents_pair({"source": source, "revision": revision}, {"source": GITHUB, "revision": B})
    )
    assert found is None or found.repository == "acme/tool"
