"""Answers that no Gitea sends. They are failures of one repository, and neither end the run nor keep it busy."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
from support.forges.fleets import open_gitea_fleet
from support.forges.gitea.stand import TOKEN, GiteaStand
from support.forges.hosted_stand import no_pause, open_only_tree
from support.listener import HttpListener, HttpReply

from bot.forges.gitea.connection import GiteaConnection
from bot.forges.hosted.refusal import RefusedError
from bot.model.errors import TreeError
from bot.model.report import RunFailure

LONE_SURROGATE = "\ud800"
FILES = {"Dockerfile": "FROM python:3.12-slim\n", "a/Dockerfile": "FROM node:22\n"}
NESTED_JSON = b"[" * 100_000


@pytest.fixture
def stand(tmp_path):
    stand = GiteaStand(tmp_path, FILES)
    yield stand
    stand.end()


def alter(stand, pattern, change, times=1):
    """Send what the server would send to the same requests, changed by `change`."""
    answer = stand.server.answer
    left = [times]

    def answer_and_change(method, target, *request):
        reply = answer(method, target, *request)
        if pattern in target and left[0] > 0:
            left[0] -= 1
            reply = replace(reply, body=deepcopy(reply.body))
            change(reply.body)
        return reply

    stand.server.answer = answer_and_change


@pytest.mark.parametrize("status", [200, 403])
def test_deeply_nested_json_response_is_refused(status):
    with HttpListener(lambda _: HttpReply(status, NESTED_JSON)) as server:
        connection = GiteaConnection(server.url, None, pause=no_pause)
        with pytest.raises(RefusedError, match="Gitea"):
            connection.get_version()


@pytest.mark.parametrize("key", ["default_branch", "full_name"])
def test_invalid_unicode_in_repository_or_branch_name_is_reported_as_failure(stand, key):
    alter(stand, "/repos/acme/web", lambda body: body.update({key: LONE_SURROGATE}))
    fleet = open_gitea_fleet(stand.server.url, TOKEN, selected=["acme/web", "acme/web2"], pause=no_pause)
    listed = list(fleet.list_repositories(frozenset()))
    assert [type(each) for each in listed] == [RunFailure, RunFailure]
    assert "does not have Gitea's format" in listed[0].error


@pytest.mark.parametrize("key", ["max_response_items", "default_paging_num", "default_git_trees_per_page"])
@pytest.mark.parametrize("value", ["many", float("inf"), None])
def test_server_setting_for_page_size_that_is_not_a_number_is_refused(stand, key, value):
    alter(stand, "/settings/api", lambda body: body.update({key: value}), times=9)
    tree = open_only_tree(stand)
    with pytest.raises(TreeError, match="does not have Gitea's format"):
        tree.list_entries()


def test_tree_with_file_size_that_is_not_a_number_is_refused(stand):
    alter(stand, "/git/trees/", lambda body: body["tree"][0].update(size="large"))
    tree = open_only_tree(stand)
    with pytest.raises(TreeError, match="does not have Gitea's format"):
        tree.list_entries()


def test_file_with_malformed_content_in_batch_is_read_individually(stand):
    alter(stand, "/file-contents", lambda body: body[0].update(content="\u00e4"))
    tree = open_only_tree(stand)
    entries = list(tree.list_entries())
    assert {entry.path: content.decode() for entry, content in zip(entries, tree.read(entries), strict=True)} == FILES


def test_tree_with_endless_pages_is_refused_at_page_limit_without_retry(stand, monkeypatch):
    monkeypatch.setattr("bot.net.session.MAX_CALL_REQUESTS", 5)
    stand.server.has_git = False
    alter(stand, "/settings/api", lambda body: body.update(default_git_trees_per_page=0))
    alter(stand, "/git/trees/", lambda body: body.update(truncated=True, tree=[entry_of("x")]), times=50)
    tree = open_only_tree(stand)
    with stand.server.watched() as lines, pytest.raises(TreeError, match="more than 5 pages"):
        tree.list_entries()
    assert sum("/git/trees/" in line for line in lines) == 5


def entry_of(path):
    return {"path": path, "mode": "100644", "type": "blob", "size": 1, "sha": "0" * 40}
