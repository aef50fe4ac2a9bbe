"""Pushing to and opening requests on GitHub, as far as the contract tests do not cover it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.github.graphql import GraphQL
from support.forges.github.scene import BRANCH, CHANGE, MESSAGE, look, proposal, propose
from support.forges.github.stand import TOKEN
from support.git import EXECUTABLE, TreeFile

from bot.forges.github import tree as github_tree
from bot.model.errors import ForgeError
from bot.model.proposal import NO_DRAFTS
from bot.model.request_attributes import RequestAttributes
from bot.model.source import FileChange, FilePath

NEWER = replace(CHANGE, content=b"FROM python:3.12-slim@sha256:2\n")


# Pushing


def get_request_body(stand, line):
    (found,) = [each for each in stand.server.exchanges if each.line == line]
    return found.request


def test_commit_is_sent_without_author_and_committer(github):
    github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    assert get_request_body(github, "POST /repos/acme/web/git/commits").keys() == {"message", "tree", "parents"}


def test_short_text_is_sent_in_tree_and_other_content_in_blobs(github):
    binary = FileChange(FilePath("app/deep/build.sh"), b"UTF-8 with a\0in it\r\n")
    latin = FileChange(FilePath("app/latin"), "FROM x # größe\n".encode("latin-1"))
    long = FileChange(FilePath("app/Dockerfile"), b"# \r\n" * 100_000)
    github.commit("main", {latin.path: b"FROM x\n"})
    github.forge().push(BRANCH, [CHANGE, binary, latin, long], MESSAGE, None)
    entries = {entry["path"]: entry for entry in get_request_body(github, "POST /repos/acme/web/git/trees")["tree"]}
    assert {path for path, entry in entries.items() if "content" in entry} == {"Dockerfile"}
    files = github.files(BRANCH)
    assert files["app/deep/build.sh"] == TreeFile(binary.content, EXECUTABLE)
    assert (files[latin.path].content, files[long.path].content) == (latin.content, long.content)


def test_push_fails_if_server_stores_different_tree(github):
    base = github.git.run("rev-parse", "main^{tree}").decode().strip()
    reply = github.server.reply_of(f"/repos/acme/web/git/trees/{base}")
    github.server.fail(r"POST .*/git/trees", replace(reply, status=201))
    with pytest.raises(ForgeError, match="content that differs"):
        github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    assert BRANCH not in github.branches()


def test_push_is_refused_for_folder_that_truncated_tree_does_not_list(github, monkeypatch):
    monkeypatch.setattr(github_tree, "MAX_TREE_REQUESTS", 2)
    github.repository.truncate_at = 1
    github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    assert github.files(BRANCH)["Dockerfile"].content == CHANGE.content
    with pytest.raises(ForgeError, match="regular file"):
        github.forge().push("basebump/other-1", [FileChange(FilePath("app/Dockerfile"), b"FROM x\n")], MESSAGE, None)


def test_branch_is_moved_only_from_expected_old_commit(github):
    old = github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    new = github.forge().push(BRANCH, [NEWER], MESSAGE, old)
    update = {"name": f"refs/heads/{BRANCH}", "beforeOid": old, "afterOid": new, "force": True}
    change = {"repositoryId": github.repository.node, "refUpdates": [update]}
    assert get_request_body(github, "POST /graphql")["variables"] == {"input": change}
    assert not any(line.startswith("PATCH") for line in github.server.lines)


def test_branch_is_deleted_only_at_expected_old_commit(github):
    head = github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    (seen,) = look(github)
    github.forge().delete_branch(seen)
    (update,) = get_request_body(github, "POST /graphql")["variables"]["input"]["refUpdates"]
    assert (update["beforeOid"], update["afterOid"]) == (head, "0" * 40)


def test_pull_request_stays_open_when_branch_is_rebuilt_on_moved_base(github):
    propose(github)
    github.commit("main", {"README.md": "Moved on.\n"})
    (seen,) = look(github)
    github.forge().push(BRANCH, [NEWER], MESSAGE, seen.head)
    (pull,) = github.repository.pulls
    assert (pull.state, pull.head) == ("open", github.branches()[BRANCH])


def test_fake_github_closes_pull_request_when_branch_equals_base(github):
    """The preceding test proves something only because the fake server closes the pull request."""
    propose(github)
    github.git.run("update-ref", f"refs/heads/{BRANCH}", github.git.need("main"))
    github.repository.settle()
    (pull,) = github.repository.pulls
    assert (pull.state, pull.merged, pull.is_spent) == ("closed", None, True)


# An older Enterprise Server


@pytest.fixture(params=[GraphQL.NONE, GraphQL.OLDER])
def enterprise(request, make_stand):
    return make_stand(enterprise=True, graphql=request.param)


def test_graphql_query_to_enterprise_server_uses_path_api_graphql(make_stand):
    stand = make_stand(enterprise=True)
    old = stand.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    stand.forge().push(BRANCH, [NEWER], MESSAGE, old)
    assert "POST /api/graphql" in stand.server.lines


def test_branch_on_older_server_is_moved_by_rest(enterprise):
    old = enterprise.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    new = enterprise.forge().push(BRANCH, [NEWER], MESSAGE, old)
    assert enterprise.branches()[BRANCH] == new
    assert get_request_body(enterprise, f"PATCH /repos/acme/web/git/refs/heads/{BRANCH}") == {"sha": new, "force": True}


def test_branch_on_older_server_is_not_overwritten_after_push_of_user(enterprise):
    old = enterprise.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    moved = enterprise.commit(BRANCH, {"README.md": "A person was here.\n"})
    with pytest.raises(ForgeError, match="rerun basebump"):
        enterprise.forge().push(BRANCH, [NEWER], MESSAGE, old)
    assert enterprise.branches()[BRANCH] == moved


def test_branch_on_older_server_is_not_deleted_after_push_of_user(enterprise):
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


def test_older_server_receives_only_one_graphql_query_per_run(enterprise):
    fleet = enterprise.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    forge = fleet.get_forge(repository)
    head = forge.push(BRANCH, [CHANGE], MESSAGE, None)
    for change in (NEWER, CHANGE, NEWER):
        head = forge.push(BRANCH, [change], MESSAGE, head)
    assert enterprise.server.lines.count("POST /api/graphql") == 1


# Opening


def test_draft_proposal_is_opened_as_draft_pull_request(github):
    github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    assert github.forge().open(replace(proposal(), is_draft=True)).notes == ()
    assert github.repository.open_pull(BRANCH).draft


def test_pull_request_is_not_a_draft_by_default(github):
    propose(github)
    assert not github.repository.open_pull(BRANCH).draft


def test_draft_proposal_is_opened_as_ready_with_note_if_drafts_are_unsupported(github):
    github.repository.has_drafts = False
    github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    assert github.forge().open(replace(proposal(), is_draft=True)).notes == (NO_DRAFTS,)
    assert not github.repository.open_pull(BRANCH).draft


def test_labels_are_set_if_github_creates_missing_labels(github):
    opened = propose(github, attributes=RequestAttributes(labels=("dependencies", "docker")))
    assert opened.notes == ()
    assert github.repository.open_pull(BRANCH).labels == ["dependencies", "docker"]


def test_missing_labels_are_created_if_server_does_not_create_labels(github):
    github.repository.adds_missing_labels = False
    github.repository.labels["docker"] = ("0db7ed", "Containers")
    opened = propose(github, attributes=RequestAttributes(labels=("dependencies", "docker")))
    assert opened.notes == ()
    assert github.repository.open_pull(BRANCH).labels == ["dependencies", "docker"]


@pytest.mark.parametrize("adds_missing", [True, False])
def test_refused_label_is_noted_and_pull_request_stays_open(github, adds_missing):
    github.repository.adds_missing_labels = adds_missing
    github.token.can_label = False
    opened = propose(github, attributes=RequestAttributes(labels=("dependencies",)))
    (note,) = opened.notes
    assert "issues: write" in note
    assert github.repository.open_pull(BRANCH).number == opened.number


def test_pull_request_that_user_opened_from_own_branch_is_updated(github):
    github.forge().push(BRANCH, [CHANGE], MESSAGE, None)
    ada = github.server.world.accounts["ada"]
    github.server.world.propose(github.repository, github.repository, BRANCH, ada, title="Mine", body=None)
    assert github.forge().open(proposal()).number == 1
    (request,) = github.requests()
    assert request.title == "Update python"


# Permissions


def test_error_of_refused_pull_request_names_setting_for_github_actions(github):
    github.token.can_propose = False
    with pytest.raises(ForgeError, match="Allow GitHub Actions"):
        propose(github)


def test_push_to_archived_repository_is_refused_with_hint(github):
    github.repository.archived = True
    with pytest.raises(ForgeError, match="unarchive"):
        github.forge().push(BRANCH, [CHANGE], MESSAGE, None)


@pytest.mark.parametrize("is_app", [True, False])
def test_error_of_workflow_file_push_names_missing_workflows_permission(make_stand, is_app):
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
def test_refused_comment_is_reported_with_server_message_and_hint(github, status, words, advice):
    propose(github)
    (seen,) = look(github)
    github.server.fail("POST .*/comments", github.server.problem(status, words))
    with pytest.raises(ForgeError, match=advice) as refused:
        github.forge().add_comment(seen, "Hands off.")
    assert words in str(refused.value)
    assert "#1 of acme/web" in str(refused.value)


def test_error_of_refused_push_names_missing_contents_permission(github):
    github.refuse_writes(BRANCH)
    with pytest.raises(ForgeError, match="`contents: write`"):
        github.forge().push(BRANCH, [CHANGE], MESSAGE, None)


def test_token_is_hidden_in_quoted_server_error(github):
    reply = github.server.problem(403, f"Token {TOKEN} may not do that")
    github.server.fail(r"POST .*/pulls", reply)
    with pytest.raises(ForgeError, match="hidden") as refused:
        propose(github)
    assert TOKEN not in str(refused.value)


def test_merged_pull_request_is_not_updated(github):
    propose(github)
    (seen,) = look(github)
    before = github.requests()[0].body
    github.merge_request(BRANCH)
    with pytest.raises(ForgeError, match=r"acme/web: pull request 1 .*rerun basebump"):
        github.forge().update_request(seen, "Another title", "Another body")
    assert github.requests()[0].body == before
