"""Tests of branch names: they must not change between releases, and git must accept them."""

import hashlib
import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.proposal.update_groups import MAX_SLUG_LENGTH, build_branch_name, build_group_key, build_tag_key
from bot.model.image_name import TagRef

PREFIX = "basebump/"
PYTHON = TagRef("docker.io/library/python", "3.12-slim")


def _find_slug(source):
    name = build_branch_name(PREFIX, source, "key")
    return re.fullmatch(r"basebump/(?:(.*)-)?[0-9a-f]{8}", name)[1]


def test_branch_name_of_python_tag_stays_the_same_across_releases():
    assert build_branch_name(PREFIX, PYTHON, build_tag_key(PYTHON)) == "basebump/python-3.12-slim-06e5bb43"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (build_tag_key(PYTHON), "line:docker.io/library/python:3.12-slim"),
        (build_tag_key(PYTHON, folder="app"), "line:docker.io/library/python:3.12-slim\nfolder=app"),
        (build_tag_key(PYTHON, base="v1"), "line:docker.io/library/python:3.12-slim\nbase=v1"),
        (build_tag_key(PYTHON, "app", "v1"), "line:docker.io/library/python:3.12-slim\nfolder=app\nbase=v1"),
        (build_group_key("weekly"), "group:weekly"),
        (build_group_key("weekly", "", "v1"), "group:weekly\nfolder=\nbase=v1"),
    ],
)
def test_branch_key_stays_the_same_across_releases(key, text):
    assert key == text
    assert build_branch_name("", "x", key) == f"x-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


@pytest.mark.parametrize(
    ("source", "slug"),
    [
        (TagRef("ghcr.io/acme/team/web", "v1.2"), "web-v1.2"),
        (TagRef("docker.io/library/node", "22_Alpine"), "node-22-alpine"),
        (TagRef("quay.io/acme/my__app", "1..2---3"), "my-app-1.2-3"),
        (TagRef("quay.io/acme/app", "_"), "app"),
        (TagRef("quay.io/acme/app", "v1."), "app-v1"),
        ("Weekly Updates!", "weekly-updates"),
        (".hidden", "hidden"),
        ("-option", "option"),
        ("x.lock", "x.lock"),
        ("a/../b", "a-.-b"),
        ("Größe", "gr-e"),
        ("a@{b}", "a-b"),
        ("x" * 50, "x" * MAX_SLUG_LENGTH),
        ("x" * (MAX_SLUG_LENGTH - 1) + ".y", "x" * (MAX_SLUG_LENGTH - 1)),
        ("." + "x" * 50, "x" * (MAX_SLUG_LENGTH - 1)),
        ("基础", None),
        ("", None),
    ],
)
def test_branch_name_contains_readable_slug_of_tag_or_group(source, slug):
    assert _find_slug(source) == slug


def test_branch_names_with_equal_slugs_differ_by_hash_of_folder():
    names = {build_branch_name(PREFIX, PYTHON, build_tag_key(PYTHON, folder)) for folder in (None, "", "a", "b")}
    assert len(names) == 4


def test_branch_name_is_built_for_folder_with_invalid_utf8():
    assert build_branch_name(PREFIX, PYTHON, build_tag_key(PYTHON, folder="gr\udcf6\udfff")).startswith(
        "basebump/python-3.12-slim-"
    )


@settings(max_examples=60)
@given(st.lists(st.text(max_size=60) | st.text(alphabet="a./-_@{~^:?*[\\ \x7f", max_size=60), min_size=10, max_size=10))
def test_git_accepts_branch_names_of_groups_with_any_name(sources):
    names = [build_branch_name(PREFIX, source, build_group_key(source)) for source in sources]
    checks = "\n".join(f"git check-ref-format --branch {name} || exit 1" for name in names)
    assert all(re.fullmatch(r"[a-z0-9./-]+", name) for name in names)
    done = subprocess.run(["sh"], input=checks.encode(), capture_output=True, check=False)
    assert done.stdout.decode().split() == names


@pytest.mark.parametrize("prefix", ["", "bot-", "a/b/", "a/b"])
def test_git_accepts_branch_names_with_any_valid_prefix(prefix):
    for source in (PYTHON, "基础", ".x", "x.lock"):
        name = build_branch_name(prefix, source, "key")
        subprocess.run(["git", "check-ref-format", "--branch", name], check=True, capture_output=True)
