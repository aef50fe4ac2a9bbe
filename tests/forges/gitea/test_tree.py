"""Reading files on Gitea and Forgejo: several in one request if the server can, many with git."""

from __future__ import annotations

import pytest
from support.forges.gitea.stand import ForgejoStand, GiteaStand
from support.forges.hosted_stand import open_only_tree, read_all_files
from support.git import EXECUTABLE, LINK, SUBMODULE, TreeFile

from bot.forges.gitea import tree as gitea_tree
from bot.model.errors import TreeError

STANDS = {"gitea": GiteaStand, "forgejo": ForgejoStand}
REQUEST = {"gitea": "/file-contents", "forgejo": "/git/blobs?"}
BATCHES = frozenset({"get /repos/{owner}/{repo}/file-contents", "get /repos/{owner}/{repo}/git/blobs"})
FILES = {
    "Dockerfile": b"FROM python:3.12-slim\r\n",
    "binary": b"a\0b",
    "empty": b"",
    "umlaut/gr\u00f6\u00dfe": "gr\u00f6\u00dfe \U0001f433\n".encode(),
    "build.sh": TreeFile(b"#!/bin/sh\n", EXECUTABLE),
    "link": TreeFile(b"Dockerfile", LINK),
    "vendor": TreeFile(b"5" * 40, SUBMODULE),
}
CONTENTS = {
    path: each.content if isinstance(each, TreeFile) else each
    for path, each in FILES.items()
    if path not in ("link", "vendor")
}


@pytest.fixture(params=STANDS)
def kind(request):
    return request.param


@pytest.fixture
def stand(kind, tmp_path):
    stand = STANDS[kind](tmp_path, FILES)
    stand.repository.private = True
    yield stand
    stand.end()


def test_files_are_read_in_one_batch_and_empty_file_individually(stand, kind):
    contents, lines = read_all_files(stand)
    assert contents == CONTENTS
    assert [REQUEST[kind] in line for line in lines if line != "GET /version"] == [True, False]


def test_files_beyond_batch_limit_of_server_are_read_in_another_batch(stand, kind):
    stand.server.max_files = 2
    contents, lines = read_all_files(stand)
    assert contents == CONTENTS
    assert sum(REQUEST[kind] in line for line in lines) == 2


def test_batch_is_split_if_url_is_too_long(stand, kind, monkeypatch):
    monkeypatch.setattr(gitea_tree, "MAX_URL_CHARACTERS", 45)
    contents, lines = read_all_files(stand)
    assert contents == CONTENTS
    assert all(len(line) < 300 for line in lines)


def test_files_are_read_individually_if_server_has_no_batch_endpoint(stand, kind):
    stand.server.left_out = BATCHES
    contents, lines = read_all_files(stand)
    assert contents == CONTENTS
    assert sum(REQUEST[kind] in line for line in lines) == 1
    assert sum("/git/blobs/" in line for line in lines) == len(CONTENTS)


def test_batch_content_that_does_not_match_object_id_is_read_again(stand, kind):
    altered = [{"content": "Rk9SR0VE", "encoding": "base64"}, {"content": "not base64!", "encoding": "base64"}, None]
    stand.server.fail(f"GET .*{REQUEST[kind].replace('?', '[?]')}", stand.server.reply(altered))
    contents, _ = read_all_files(stand)
    assert contents == CONTENTS


def test_file_above_blob_size_limit_of_server_yields_tree_error(stand):
    stand.server.left_out, stand.server.max_blob = BATCHES, 10
    contents, _ = read_all_files(stand)
    assert isinstance(contents["Dockerfile"], TreeError)
    assert "DEFAULT_MAX_BLOB_SIZE" in str(contents["Dockerfile"])
    assert contents["binary"] == CONTENTS["binary"]


def test_tree_is_listed_from_all_pages(stand):
    stand.server.tree_entries = 3
    with stand.server.watched() as lines:
        listed = {entry.path: entry.size for entry in open_only_tree(stand).list_entries()}
    assert listed == {path: len(content) for path, content in CONTENTS.items()}
    assert sum("/git/trees/" in line for line in lines) == 3


def test_large_tree_and_many_files_are_read_with_git(stand, monkeypatch):
    monkeypatch.setattr(gitea_tree, "ENTRIES_BY_API", 3)
    monkeypatch.setattr(gitea_tree, "FILES_BY_API", 2)
    stand.server.tree_entries = 3
    contents, lines = read_all_files(stand)
    assert contents == CONTENTS
    assert all(".git/" in line for line in lines)


def test_large_tree_is_marked_as_incomplete_if_git_is_unavailable(stand, monkeypatch):
    monkeypatch.setattr(gitea_tree, "ENTRIES_BY_API", 3)
    monkeypatch.setattr(gitea_tree, "MAX_ENTRIES", 6)
    stand.server.tree_entries, stand.server.has_git = 3, False
    tree = open_only_tree(stand)
    assert not tree.is_complete
    assert 0 < len(list(tree.list_entries())) < len(CONTENTS)


def test_files_are_read_if_server_has_no_settings_endpoint(stand):
    stand.server.left_out = frozenset({"get /settings/api"})
    contents, _ = read_all_files(stand)
    assert contents == CONTENTS
