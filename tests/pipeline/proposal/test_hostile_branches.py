"""Whole runs over branches with which somebody who can push tries to stop basebump or to keep auto-merge enabled."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from support.forges.forge_stands import select_stands
from support.forges.forged_commits import make_forged_commit
from support.forges.github.stand import GitHubStand
from support.forges.gitlab.stand import GitLabStand
from support.forges.stands import LocalStand
from support.runs.worlds import PresetScanner, build
from support.values import finding

from bot.core.proposal.marks import append_trailers
from bot.core.references.git_blobs import hash_blob
from bot.forges.gitlab import connection as gitlab_connection
from bot.forges.hosted import request_lister as hosted_requests
from bot.forges.local import merges as local_contents
from bot.model.modes import UpdateMode
from bot.model.policy import PolicyRule
from bot.model.rules import AutomergeConditions
from bot.pipeline.proposal import branch_judge

pytestmark = [pytest.mark.real("git"), pytest.mark.over_forges(forgejo="it is asked as a Gitea")]

BRANCH = "basebump/python-3.12-slim-06e5bb43"
FOREIGN = "basebump/zzz-00000000"
"""A branch that this run does not want to have."""
OLD, NEW = build("old").digest, build("new").digest
DOCKERFILE = f"FROM python:3.12-slim@{OLD}\nUSER app\n"
WITH_NEW = DOCKERFILE.replace(OLD, NEW)
FILES = {"Dockerfile": DOCKERFILE, "README.md": "Nothing to see.\n"}
STANDS = select_stands(without=("github-app", "forgejo"))
AUTOMERGE = PolicyRule(automerge=AutomergeConditions(UpdateMode.DIGEST))


@pytest.fixture(params=STANDS)
def stand(request, start_stand):
    return start_stand(STANDS[request.param], FILES)


@pytest.fixture
def github(start_stand):
    return start_stand(GitHubStand, FILES)


def run(stand, loopback) -> dict[str, str]:
    """Return the outcome of each branch. The run must not fail."""
    report = loopback.run([stand.fleet()])
    assert report.failed == ()
    return {each.branch: each.outcome.value for found in report.repositories for each in found.proposals}


@pytest.mark.parametrize("branch", [BRANCH, FOREIGN])
@pytest.mark.parametrize("is_merge", [False, True])
@pytest.mark.parametrize("kind", ["local", "github"])
def test_branch_without_common_ancestor_belongs_to_users(start_stand, updated_registry, kind, branch, is_merge):
    stand = start_stand(STANDS[kind], FILES)
    assert run(stand, updated_registry) == {BRANCH: "opened"}
    roots = [stand.git.make_commit([], {"Dockerfile": each}, "Root") for each in (DOCKERFILE, WITH_NEW)]
    head = (
        stand.git.make_commit(roots, {}, "Merge")
        if is_merge
        else make_forged_commit(stand, BRANCH, {"Dockerfile": WITH_NEW}, parents=roots[:1], has_own_edits=False)
    )
    stand.move_branch(branch, head)
    assert run(stand, updated_registry)[branch] == "left-alone"
    assert stand.branches()[branch] == head


@pytest.mark.parametrize("branch", [BRANCH, FOREIGN])
@pytest.mark.parametrize("kind", ["local", "gitlab"])
def test_commit_date_that_python_cannot_represent_does_not_fail_the_run(start_stand, updated_registry, kind, branch):
    stand = start_stand(STANDS[kind], FILES)
    assert run(stand, updated_registry) == {BRANCH: "opened"}
    (own,) = stand.commits(BRANCH)
    text = re.sub(r"> \d+ ", "> 253402300800 ", stand.git.run("cat-file", "commit", own.oid).decode())
    head = stand.git.run("hash-object", "-t", "commit", "-w", "--stdin", stdin=text.encode()).decode().strip()
    stand.move_branch(branch, head)
    expected = {"gitlab": "left-alone"}.get(kind, "closed" if branch == FOREIGN else "unchanged")
    assert run(stand, updated_registry)[branch] == expected


@pytest.mark.parametrize("is_evil_first", [True, False])
def test_branch_with_two_files_of_the_same_name_belongs_to_users(stand, updated_registry, is_evil_first):
    assert run(stand, updated_registry) == {BRANCH: "opened"}
    (own,) = stand.commits(BRANCH)
    evil = stand.git.run("hash-object", "-w", "--stdin", stdin=b"FROM evil\n").decode().strip()
    entry = b"100644 Dockerfile\0" + bytes.fromhex(evil)
    good, name, rest = stand.git.run("cat-file", "tree", f"{own.oid}^{{tree}}").partition(b"100644 README.md")
    tree = (entry + good if is_evil_first else good + entry) + name + rest
    made = stand.git.run("hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=tree).decode().strip()
    text = stand.git.run("cat-file", "commit", own.oid).decode()
    text = re.sub(r"^tree \w+", f"tree {made}", text)
    head = stand.git.run("hash-object", "-t", "commit", "-w", "--stdin", stdin=text.encode()).decode().strip()
    stand.move_branch(BRANCH, head)
    assert run(stand, updated_registry) == {BRANCH: "left-alone"}
    assert (stand.branches()[BRANCH], stand.statuses(BRANCH)) == (head, [])


@pytest.mark.parametrize("limit", ["MAX_FILE_BYTES", "MAX_COMPARED_BYTES"])
def test_branch_with_too_many_bytes_belongs_to_users(stand, updated_registry, monkeypatch, limit):
    assert run(stand, updated_registry) == {BRANCH: "opened"}
    updated_registry.move("python", "3.12-slim", "newer")
    monkeypatch.setattr(branch_judge, limit, len(WITH_NEW) - 1)
    assert run(stand, updated_registry) == {BRANCH: "left-alone"}


def test_branch_is_left_unchanged_if_all_branches_together_have_too_many_bytes(stand, updated_registry, monkeypatch):
    assert run(stand, updated_registry) == {BRANCH: "opened"}
    stand.move_branch(FOREIGN, stand.branches()[BRANCH])
    updated_registry.move("python", "3.12-slim", "newer")
    monkeypatch.setattr(branch_judge, "MAX_JUDGED_BYTES", 2 * len(WITH_NEW) - 1)
    assert run(stand, updated_registry) == {BRANCH: "refreshed", FOREIGN: "left-alone"}


@pytest.mark.parametrize("paths", [("Dockerfile",), ("Dockerfile", "app/Dockerfile")])
def test_formats_of_all_files_of_a_branch_are_selected_in_one_call(start_stand, updated_registry, monkeypatch, paths):
    """Each selection compares the paths of the whole tree with the globs of a format."""
    stand = start_stand(LocalStand, dict.fromkeys(paths, DOCKERFILE))
    assert run(stand, updated_registry) == {BRANCH: "opened"}
    updated_registry.move("python", "3.12-slim", "newer")
    stand.commit("main", dict.fromkeys(paths, f"{DOCKERFILE}# The end\n"))
    selected_paths, select_formats = [], branch_judge.select_formats
    monkeypatch.setattr(
        branch_judge,
        "select_formats",
        lambda paths, formats: selected_paths.append(paths) or select_formats(paths, formats),
    )
    assert run(stand, updated_registry) == {BRANCH: "refreshed"}
    assert selected_paths == [set(paths)]


@pytest.mark.parametrize("kind", ["local", "gitlab"])
def test_branch_with_a_file_that_cannot_be_read_whole_belongs_to_users(
    start_stand, updated_registry, monkeypatch, kind
):
    """These forges do not report the sizes of files."""
    monkeypatch.setattr(local_contents, "MAX_BATCH_BYTES", len(WITH_NEW))
    monkeypatch.setattr(gitlab_connection, "MAX_ANSWER", 200_000)
    stand = start_stand(STANDS[kind], FILES)
    assert run(stand, updated_registry) == {BRANCH: "opened"}
    content = WITH_NEW.encode() + b"#"
    stand.move_branch(BRANCH, make_forged_commit(stand, BRANCH, {"Dockerfile": content}))
    if isinstance(stand, GitLabStand):
        oversized = stand.server.reply(b"#" * 200_001)
        stand.server.fail(f"GET .*/repository/blobs/{hash_blob(content)}", oversized, times=3)
    assert run(stand, updated_registry) == {BRANCH: "left-alone"}


def test_forged_base_branch_does_not_keep_automerge_enabled(github, updated_registry):
    """The update is not desired any more, so that the branch seems to belong to the run of the other base branch."""
    updated_registry.rulebook = replace(updated_registry.rulebook, rules=(AUTOMERGE,))
    updated_registry.scanner = PresetScanner({OLD: (finding("CVE-1900-0001"),), NEW: ()})
    assert run(github, updated_registry) == {BRANCH: "opened"}
    (pull,) = github.repository.pulls
    assert pull.auto_merge is github.token.account
    message = append_trailers("Update", "0123456789abcdef", (), "no-such-branch")
    head = make_forged_commit(github, BRANCH, {"evil.sh": "evil\n"}, message=message)
    github.move_branch(BRANCH, head)
    github.commit("main", {"Dockerfile": WITH_NEW})
    assert run(github, updated_registry) == {BRANCH: "left-alone"}
    assert (pull.auto_merge, github.branches()[BRANCH]) == (None, head)


def test_commits_are_read_only_for_a_limited_number_of_branches(github, updated_registry, monkeypatch):
    monkeypatch.setattr(hosted_requests, "MAX_BRANCHES", 2)
    commit = github.commit("basebump/a-0", {"README.md": "A person's.\n"})
    for number in range(1, 5):
        github.move_branch(f"basebump/a-{number}", commit)
    with github.server.watched() as requests:
        assert run(github, updated_registry)[BRANCH] == "opened"
    assert sum(f"/commits/{commit}" in each for each in requests) == 2
