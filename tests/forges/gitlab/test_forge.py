"""Pushing to and opening requests on GitLab, as far as the contract tests do not cover it."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from support.forges.contract_scene import (
    BRANCH,
    CHANGES,
    INTENT,
    NEW,
    NEWER_CHANGES,
    look,
    message_of,
    one,
    open_one,
    proposal,
    propose,
    push,
)
from support.forges.fleets import open_gitlab_fleet
from support.forges.gitlab.stand import TOKEN
from support.git import EXECUTABLE, TreeFile

from bot.core.proposal.lifecycle import next_step
from bot.model.errors import ForgeError
from bot.model.proposal import NoChange, NoChangeReason, RequestState
from bot.model.request_attributes import RequestAttributes
from bot.model.source import FileChange, FilePath

COMMITS = "/repository/commits"


class RunWithConcurrentChange:
    """A run in whose every pause before a write, from the second on, something happens."""

    def __init__(self, stand, happens):
        self._happens = happens
        fleet = open_gitlab_fleet(
            stand.server.url, TOKEN, selected=[stand.name], seconds_between_writes=60.0, pause=lambda _: happens()
        )
        (repository,) = fleet.list_repositories(frozenset())
        self.forge = fleet.get_forge(repository)


def get_request_body(stand, request):
    (found,) = [each for each in stand.server.exchanges if request in each.line]
    return found.request


# Pushing


def test_one_api_call_creates_commit_and_moves_branch(gitlab):
    old = push(gitlab)
    new = push(gitlab, changes=NEWER_CHANGES, over=old)
    first, second = [each.request for each in gitlab.server.writes]
    assert [line.partition(" ")[2] for line in gitlab.writes] == [f"/projects/{gitlab.project.id}{COMMITS}"] * 2
    base = gitlab.branches()["main"]
    assert (first["start_sha"], first["force"]) == (base, False)
    assert (second["start_sha"], second["force"]) == (base, True)
    assert gitlab.branches()[BRANCH] == new


def test_commit_is_sent_without_author(gitlab):
    push(gitlab)
    assert (
        not {"author_name", "author_email"}
        & get_request_body(gitlab, f"POST /projects/{gitlab.project.id}{COMMITS}").keys()
    )


def test_short_text_is_sent_plain_and_other_content_in_base64(gitlab):
    binary = FileChange(FilePath("app/deep/build.sh"), b"UTF-8 with a\0in it\r\n")
    latin = FileChange(FilePath("app/latin"), "FROM x # größe\n".encode("latin-1"))
    long = FileChange(FilePath("app/long"), b"# \n" * 100_000)
    gitlab.commit("main", {latin.path: b"FROM x\n", long.path: b"FROM x\n"})
    push(gitlab, changes=[*CHANGES, binary, latin, long])
    actions = get_request_body(gitlab, COMMITS)["actions"]
    assert {each["file_path"] for each in actions if "encoding" not in each} == {"Dockerfile"}
    files = gitlab.files(BRANCH)
    assert files["app/deep/build.sh"] == TreeFile(binary.content, EXECUTABLE)
    assert (files[latin.path].content, files[long.path].content) == (latin.content, long.content)


def test_push_of_text_with_crlf_is_refused_before_any_write(gitlab):
    windows = FileChange(FilePath("app/Dockerfile"), b"FROM node:22@sha256:1\r\n")
    with pytest.raises(ForgeError, match="LF"):
        push(gitlab, changes=[*CHANGES, windows])
    assert gitlab.writes == []


@pytest.mark.parametrize("encoding", ["text", "base64"])
def test_fake_gitlab_converts_crlf_of_texts_to_lf(gitlab, encoding):
    """GitLab does this because Gitaly has `core.autocrlf` on. The preceding test relies on it."""
    fleet = open_gitlab_fleet(gitlab.server.url, TOKEN, selected=[gitlab.name])
    body = {"branch": "main", "commit_message": "Windows"}
    text = "FROM node:23\r\n"
    content = text if encoding == "text" else base64.b64encode(text.encode()).decode()
    action = {"action": "update", "file_path": "app/Dockerfile", "content": content, "encoding": encoding}
    fleet.server.connection.write(
        "commit", lambda client: client.projects.get(gitlab.project.id).commits.create(body | {"actions": [action]})
    )
    assert gitlab.files("main")["app/Dockerfile"].content == b"FROM node:23\n"


@pytest.mark.parametrize("is_new", [True, False])
def test_branch_is_deleted_if_server_stores_different_content(gitlab, is_new):
    old = None if is_new else push(gitlab)
    (gitlab.git.directory / "info").mkdir(exist_ok=True)
    (gitlab.git.directory / "info" / "attributes").write_text("Dockerfile ident\n")
    with pytest.raises(ForgeError, match="content that differs"):
        push(gitlab, changes=[FileChange(FilePath("Dockerfile"), b"# $Id: 1 $\n" + NEW)], over=old)
    assert BRANCH not in gitlab.branches()


def test_push_lists_only_folders_that_contain_changed_files(gitlab):
    forge = gitlab.forge()
    script = FileChange(FilePath("app/deep/build.sh"), b"#!/bin/sh\n:\n")
    with gitlab.server.watched() as lines:
        forge.push(BRANCH, [*CHANGES, script], message_of(), None)
    listed = [line for line in lines if "/repository/tree" in line]
    assert len(listed) == 2
    assert not any("recursive=True" in line for line in listed)


def test_push_finds_file_on_second_page_of_folder(gitlab):
    gitlab.commit("main", {f"many/{number:03}": "x" for number in range(150)})
    push(gitlab, changes=[FileChange(FilePath("many/149"), b"y")])
    assert gitlab.files(BRANCH)["many/149"].content == b"y"


# What GitLab cannot do in one request: compare and move


def test_branch_is_own_again_after_push_overwrote_concurrent_user_commit(gitlab):
    propose(gitlab)
    run = RunWithConcurrentChange(gitlab, lambda: gitlab.commit(BRANCH, {"README.md": "A person was faster.\n"}))
    run.forge.add_comment(open_one(gitlab), "The write before the one that is late.")
    run.forge.push(BRANCH, NEWER_CHANGES, message_of("3" * 16), gitlab.branches()[BRANCH])
    assert "README.md" not in gitlab.files(BRANCH)
    seen = open_one(gitlab)
    assert (seen.head, seen.intent) == (gitlab.branches()[BRANCH], "3" * 16)
    wanted = replace(proposal(), intent="3" * 16)
    step = next_step(wanted, [seen], is_fully_resolved=True, now=seen.committed_at)
    assert isinstance(step, NoChange)
    assert step.reason is NoChangeReason.UNCHANGED


def test_branch_moved_since_last_read_is_neither_pushed_nor_deleted(gitlab):
    propose(gitlab)
    seen = open_one(gitlab)
    moved = gitlab.commit(BRANCH, {"README.md": "A person was here.\n"})
    for write in (
        lambda forge: forge.push(BRANCH, NEWER_CHANGES, message_of(), seen.head),
        lambda f: f.delete_branch(seen),
    ):
        with pytest.raises(ForgeError, match="rerun basebump"):
            write(gitlab.forge())
    assert gitlab.branches()[BRANCH] == moved


def test_push_of_new_branch_does_not_replace_branch_created_meanwhile(gitlab):
    seen = propose(gitlab, "basebump/other-1")
    run = RunWithConcurrentChange(gitlab, lambda: gitlab.commit(BRANCH, {"README.md": "A person was faster.\n"}))
    run.forge.add_comment(seen, "The write before the one that is late.")
    with pytest.raises(ForgeError, match="rerun basebump"):
        run.forge.push(BRANCH, CHANGES, message_of(), None)
    assert gitlab.files(BRANCH)["README.md"].content == b"A person was faster.\n"


# Opening


def test_draft_merge_request_has_draft_prefix_but_listed_title_has_not(gitlab):
    push(gitlab)
    assert gitlab.forge().open(replace(proposal(), is_draft=True)).notes == ()
    (request,) = gitlab.requests()
    assert request.title == f"Draft: {proposal().title}"
    assert open_one(gitlab).title == proposal().title


def test_update_does_not_change_draft_state_of_merge_request(gitlab):
    push(gitlab)
    gitlab.forge().open(replace(proposal(), is_draft=True))
    gitlab.forge().update_request(open_one(gitlab), "Other words", "Other body")
    (request,) = gitlab.requests()
    assert request.title == "Draft: Other words"
    gitlab.project.open_request(BRANCH).title = "Other words"
    gitlab.forge().update_request(open_one(gitlab), "More words", "Other body")
    (request,) = gitlab.requests()
    assert request.title == "More words"


def test_title_of_maximum_length_fits_with_draft_prefix(gitlab):
    title = "x" * gitlab.forge().limits.title_characters
    push(gitlab)
    gitlab.forge().open(replace(proposal(title=title), is_draft=True))
    assert open_one(gitlab).title == title


def test_labels_that_do_not_exist_are_set_on_new_merge_request(gitlab):
    push(gitlab)
    assert (
        gitlab.forge().open(replace(proposal(), attributes=RequestAttributes(labels=("dependencies", "docker")))).notes
        == ()
    )
    assert gitlab.project.open_request(BRANCH).labels == ["dependencies", "docker"]


def test_label_that_gitlab_ignores_is_noted_on_open_merge_request(gitlab):
    gitlab.token.can_label = False
    push(gitlab)
    opened = gitlab.forge().open(replace(proposal(), attributes=RequestAttributes(labels=("dependencies",))))
    (note,) = opened.notes
    assert "dependencies" in note
    assert open_one(gitlab).number == opened.number


def test_merge_request_that_user_opened_from_own_branch_is_updated(gitlab):
    push(gitlab)
    gitlab.server.world.propose(gitlab.project, gitlab.project, BRANCH, gitlab.server.world.ada, "Mine")
    opened = gitlab.forge().open(replace(proposal(), attributes=RequestAttributes(labels=("docker",))))
    assert (opened.number, opened.notes) == (1, ())
    (request,) = gitlab.requests()
    assert request.title == proposal().title
    assert gitlab.project.open_request(BRANCH).labels == ["docker"]


def test_merge_request_number_has_exclamation_mark_as_prefix(gitlab):
    assert gitlab.forge().limits.number_prefix == "!"


# Permissions


def test_error_of_refused_push_names_missing_token_scope(gitlab):
    gitlab.token.scope = "read_api"
    with pytest.raises(ForgeError, match="`api`"):
        push(gitlab)


def test_push_to_protected_branch_is_refused_without_retry(gitlab):
    gitlab.project.protected.add(BRANCH)
    with pytest.raises(ForgeError, match="allowed to push") as refused:
        push(gitlab)
    assert "Developer" in str(refused.value)
    assert len(gitlab.writes) == 1


@pytest.mark.parametrize(
    ("status", "words", "advice"),
    [
        (400, "You are not allowed to push into this branch", "protected branches"),
        (400, {"note": ["is too long", {"by": "far"}]}, "note is too long, by far"),
        (422, None, "status 422"),
        (405, "Non GET methods are not allowed for moved projects", "its new path"),
        (308, None, "has moved"),
    ],
)
def test_refused_comment_is_reported_with_server_message_and_hint(gitlab, status, words, advice):
    seen = propose(gitlab)
    gitlab.server.fail("POST .*/notes", gitlab.server.problem(status, words))
    with pytest.raises(ForgeError, match=advice) as refused:
        gitlab.forge().add_comment(seen, "Hands off.")
    assert "!1 of acme/shop/web" in str(refused.value)


def test_token_is_hidden_in_quoted_server_error(gitlab):
    gitlab.server.fail(r"POST .*/merge_requests", gitlab.server.problem(403, f"Token {TOKEN} may not do that"))
    with pytest.raises(ForgeError, match="hidden") as refused:
        propose(gitlab)
    assert TOKEN not in str(refused.value)


def test_merge_request_is_opened_for_existing_own_branch(gitlab):
    push(gitlab)
    assert one(gitlab, RequestState.BRANCH).intent == INTENT
    gitlab.forge().open(proposal())
    assert [each.state for each in look(gitlab)] == [RequestState.OPEN]
