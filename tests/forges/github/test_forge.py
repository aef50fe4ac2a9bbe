"""Pushing to and opening requests on GitHub, as far as the contract tests do not cover it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.github.graphql import GraphQL
from support.forges.github.scene import BRANCH, CHANGE, MESSAGE, look, proposal, propose
from support.forges.github.stand import TOKEN
from support.git import EXECUTABLE, File

from bot.forges.github import tree as github_tree
from bot.model.errors import ForgeError
from bot.model.proposal import NO_DRAFTS
from bot.model.request_attributes import RequestAttributes
from bot.model.source import FileChange, FilePath

NEWER = replace(CHANGE, content=b"FROM python:3.12-slim@sha256:2\n")


# Pushing


def _sent(stand, line):
    (found,) = [each for each in stand.server.exchanges if each.line == line]
    return found.request


def test_a_commit_is_sent_without_author_and_committer_so_that_github_can_sign_it(github):
    github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    assert _sent(github, "POST /repos/acme/web/git/commits").keys() == {"message", "tree", "parents"}


def test_text_goes_into_the_tree_and_other_bytes_into_blobs_of_their_own(github):
    binary = FileChange(FilePath("app/deep/build.sh"), b"UTF-8 with a\0in it\r\n")
    latin = FileChange(FilePath("app/latin"), "FROM x # größe\n".encode("latin-1"))
    long = FileChange(FilePath("app/Dockerfile"), b"# \r\n" * 100_000)
    github.commit("main", {latin.path: b"FROM x\n"})
    github.forge().push(BRANCH, [CHANGE, binary, latin, long], MESSAGE, None)
    entries = {entry["path"]: entry for entry in _sent(github, "POST /repos/acme/web/git/trees")["tree"]}
    assert {path for path, entry in entries.items() if "content" in entry} == {"Dockerfile"}
    files = github.files(BRANCH)
    assert files["app/deep/build.sh"] == File(binary.content, EXECUTABLE)
    assert (files[latin.path].content, files[long.path].content) == (latin.content, long.content)


def test_a_tree_that_github_stored_otherwise_is_not_pushed(github):
    base = github.git.run("rev-parse", "main^{tree}").decode().strip()
    reply = github.server.reply_of(f"/repos/acme/web/git/trees/{base}")
    github.server.fail(r"POST .*/git/trees", replace(reply, status=201))
    with pytest.raises(ForgeError, match="content that differs"):
        github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    assert BRANCH not in github.branches()


def test_a_push_to_a_tree_that_is_too_large_to_be_listed_is_made_where_its_files_are_seen(github, monkeypatch):
    monkeypatch.setattr(github_tree, "MAX_TREE_REQUESTS", 2)
    github.repository.truncate_at = 1
    github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    assert github.files(BRANCH)["Dockerfile"].content == CHANGE.content
    with pytest.raises(ForgeError, match="regular file"):
        github.forge().push("basebump/other-1", [FileChange(FilePath("app/Dockerfile"), b"FROM x\n")], MESSAGE, None)


def test_a_branch_is_moved_by_the_one_request_that_compares(github):
    old = github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    new = github.forge().push(BRANCH, [NEWER], MESSAGE, old)
    update = {"name": f"refs/heads/{BRANCH}", "beforeOid": old, "afterOid": new, "force": True}
    change = {"repositoryId": github.repository.node, "refUpdates": [update]}
    assert _sent(github, "POST /graphql")["variables"] == {"input": change}
    assert not any(line.startswith("PATCH") for line in github.server.lines)


def test_a_branch_is_deleted_by_the_same_request(github):
    head = github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    (seen,) = look(github)
    github.forge().delete_branch(seen)
    (update,) = _sent(github, "POST /graphql")["variables"]["input"]["refUpdates"]
    assert (update["beforeOid"], update["afterOid"]) == (head, "0" * 40)


def test_an_open_request_never_sees_its_branch_equal_to_the_base(github):
    propose(github)
    github.commit("main", {"README.md": "Moved on.\n"})
    (seen,) = look(github)
    github.forge().push(BRANCH, [NEWER], MESSAGE, seen.head)
    (pull,) = github.repository.pulls
    assert (pull.state, pull.head) == ("open", github.branches()[BRANCH])


def test_this_github_closes_for_good_what_equals_its_base_for_a_moment(github):
    """The trap that a reset before a commit falls into; without it, the claim above would prove nothing."""
    propose(github)
    github.git.run("update-ref", f"refs/heads/{BRANCH}", github.git.need("main"))
    github.repository.settle()
    (pull,) = github.repository.pulls
    assert (pull.state, pull.merged, pull.is_spent) == ("closed", None, True)


# An older Enterprise Server


@pytest.fixture(params=[GraphQL.NONE, GraphQL.OLDER])
def enterprise(request, make_stand):
    return make_stand(enterprise=True, graphql=request.param)


def test_an_enterprise_server_has_its_graphql_beside_its_rest(make_stand):
    stand = make_stand(enterprise=True)
    old = stand.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    stand.forge().push(BRANCH, [NEWER], MESSAGE, old)
    assert "POST /api/graphql" in stand.server.lines


def test_an_older_server_is_asked_where_the_branch_points_and_then_told_to_move_it(enterprise):
    old = enterprise.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    new = enterprise.forge().push(BRANCH, [NEWER], MESSAGE, old)
    assert enterprise.branches()[BRANCH] == new
    assert _sent(enterprise, f"PATCH /repos/acme/web/git/refs/heads/{BRANCH}") == {"sha": new, "force": True}


def test_an_older_server_moves_nothing_that_moved_before(enterprise):
    old = enterprise.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    moved = enterprise.commit(BRANCH, {"README.md": "A person was here.\n"})
    with pytest.raises(ForgeError, match="rerun basebump"):
        enterprise.forge().push(BRANCH, [NEWER], MESSAGE, old)
    assert enterprise.branches()[BRANCH] == moved


def test_an_older_server_deletes_a_branch_unless_it_moved(enterprise):
    enterprise.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    (seen,) = look(enterprise)
    moved = enterprise.commit(BRANCH, {"README.md": "A person was here.\n"})
    with pytest.raises(ForgeError, match="rerun basebump"):
        enterprise.forge().delete_branch(seen)
    assert enterprise.branches()[BRANCH] == moved
    (seen,) = look(enterprise)
    enterprise.forge().delete_branch(seen)
    enterprise.forge().delete_branch(seen)
    assert BRANCH not in enterprise.branches()


def test_an_older_server_is_asked_for_what_it_does_not_have_once_in_a_run(enterprise):
    fleet = enterprise.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    forge = fleet.get_forge(repository)
    head = forge.push(BRANCH, [CHANGE], MESSAGE, None)
    for change in (NEWER, CHANGE, NEWER):
        head = forge.push(BRANCH, [change], MESSAGE, head)
    assert enterprise.server.lines.count("POST /api/graphql") == 1


# Opening


def test_what_a_person_must_look_at_first_is_opened_as_a_draft(github):
    github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    assert github.forge().open(replace(proposal(), is_draft=True)).notes == ()
    assert github.repository.open_pull(BRANCH).draft


def test_what_anybody_may_merge_is_no_draft(github):
    propose(github)
    assert not github.repository.open_pull(BRANCH).draft


def test_where_a_plan_has_no_drafts_it_is_opened_all_the_same_and_said(github):
    github.repository.has_drafts = False
    github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    assert github.forge().open(replace(proposal(), is_draft=True)).notes == (NO_DRAFTS,)
    assert not github.repository.open_pull(BRANCH).draft


def test_labels_are_added_and_github_makes_those_that_are_missing(github):
    opened = propose(github, attributes=RequestAttributes(labels=("dependencies", "docker")))
    assert opened.notes == ()
    assert github.repository.open_pull(BRANCH).labels == ["dependencies", "docker"]


def test_labels_are_made_where_the_server_does_not(github):
    github.repository.adds_missing_labels = False
    github.repository.labels["docker"] = ("0db7ed", "Containers")
    opened = propose(github, attributes=RequestAttributes(labels=("dependencies", "docker")))
    assert opened.notes == ()
    assert github.repository.open_pull(BRANCH).labels == ["dependencies", "docker"]


@pytest.mark.parametrize("adds_missing", [True, False])
def test_a_refused_label_is_a_note_beside_an_open_request(github, adds_missing):
    github.repository.adds_missing_labels = adds_missing
    github.token.can_label = False
    opened = propose(github, attributes=RequestAttributes(labels=("dependencies",)))
    (note,) = opened.notes
    assert "issues: write" in note
    assert github.repository.open_pull(BRANCH).number == opened.number


def test_the_request_of_a_person_from_our_branch_is_amended_instead_of_doubled(github):
    github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    ada = github.server.world.accounts["ada"]
    github.server.world.propose(github.repository, github.repository, BRANCH, ada, title="Mine", body=None)
    assert github.forge().open(proposal()).number == 1
    (request,) = github.requests()
    assert request.title == "Update python"


# Permissions


def test_where_actions_may_not_open_requests_the_setting_is_named(github):
    github.token.can_propose = False
    with pytest.raises(ForgeError, match="Allow GitHub Actions"):
        propose(github)


def test_an_archived_repository_says_so(github):
    github.repository.archived = True
    with pytest.raises(ForgeError, match="unarchive"):
        github.forge().push(BRANCH, [CHANGE], MESSAGE, None)


@pytest.mark.parametrize("is_app", [True, False])
def test_a_workflow_file_needs_a_permission_of_its_own(make_stand, is_app):
    stand = make_stand(is_app=is_app)
    workflow = FileChange(FilePath(".github/workflows/ci.yml"), b"container: node:22\n")
    stand.commit("main", {workflow.path: "container: node\n"})
    stand.token.can_write_workflows = False
    with pytest.raises(ForgeError, match="`workflows: write`"):
        stand.forge().push(BRANCH, [workflow], MESSAGE, None)
    stand.token.can_write_workflows = True
    stand.forge().push(BRANCH, [workflow], MESSAGE, None)


@pytest.mark.parametrize(
    ("status", "words", "advice"),
    [
        (403, "Resource protected by organization SAML enforcement.", "single sign-on"),
        (410, "Issues has been disabled in this repository.", "enable the feature"),
        (422, "Reference update failed", "Reference update failed"),
    ],
)
def test_a_refusal_is_explained(github, status, words, advice):
    propose(github)
    (seen,) = look(github)
    github.server.fail("POST .*/comments", github.server.problem(status, words))
    with pytest.raises(ForgeError, match=advice) as refused:
        github.forge().add_comment(seen, "Hands off.")
    assert words in str(refused.value)
    assert "#1 of acme/web" in str(refused.value)


def test_without_the_permission_to_write_it_is_named(github):
    github.refuse_writes(BRANCH)
    with pytest.raises(ForgeError, match="`contents: write`"):
        github.forge().push(BRANCH, [CHANGE], MESSAGE, None)


def test_no_message_holds_the_token_whatever_the_server_says(github):
    reply = github.server.problem(403, f"Token {TOKEN} may not do that")
    github.server.fail(r"POST .*/pulls", reply)
    with pytest.raises(ForgeError, match="hidden") as refused:
        propose(github)
    assert TOKEN not in str(refused.value)


def test_a_pull_request_that_was_merged_since_keeps_its_words(github):
    propose(github)
    (seen,) = look(github)
    before = github.requests()[0].body
    github.merge_request(BRANCH)
    with pytest.raises(ForgeError, match=r"acme/web: request 1 .*rerun basebump"):
        github.forge().update_request(seen, "Another title", "Another body")
    assert github.requests()[0].body == before
