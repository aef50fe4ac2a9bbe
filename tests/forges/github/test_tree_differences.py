"""Differences between the trees of two commits on GitHub, also if GitHub truncates the trees."""

from __future__ import annotations

import pytest
from support.forges.github.stand import GitHubStand

from bot.forges.github import tree
from bot.forges.github.connection import GitHubConnection, GitHubRemote, StaticToken
from bot.forges.github.tree import list_differences

pytestmark = pytest.mark.real("git")

FILES = {f"{folder}/{name}": f"{folder}\n" for folder in ("a", "a/b", "a/b/c", "d") for name in ("Dockerfile", "x")}
EDITS = {"a/b/c/Dockerfile": "new\n", "d/x": None, "d/new/deep": "y\n", "a/x": "new\n"}


@pytest.fixture
def stand(tmp_path):
    made = GitHubStand(tmp_path, FILES)
    yield made
    made.end()


@pytest.fixture
def remote(stand):
    return GitHubRemote(GitHubConnection(stand.server.url, StaticToken(stand.secret)), stand.name)


def find(stand, remote):
    base, head = stand.branches()["main"], stand.git.commit("other", EDITS)
    found = list_differences(remote, base, head)
    return found and {each.path: each.is_content_edit for each in found}


EXPECTED = {"a/b/c/Dockerfile": True, "a/x": True, "d/x": False, "d/new": False}


def test_listing_differences_between_two_commits_takes_two_api_calls(stand, remote):
    with stand.server.watched() as lines:
        assert find(stand, remote) == {**EXPECTED, "d/new/deep": False}
    assert len(lines) == 2


def test_differences_of_truncated_trees_are_listed_folder_by_folder(stand, remote):
    stand.repository.truncate_at = 3
    with stand.server.watched() as lines:
        assert find(stand, remote) == EXPECTED
    assert len(lines) == 2 * (1 + len(("", "a", "a/b", "a/b/c", "d")))


def test_differences_are_unknown_if_truncated_trees_exceed_folder_limit(stand, remote, monkeypatch):
    monkeypatch.setattr(tree, "MAX_COMPARED_TREES", 4)
    stand.repository.truncate_at = 3
    assert find(stand, remote) is None
