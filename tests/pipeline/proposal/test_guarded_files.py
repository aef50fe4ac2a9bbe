"""Files that GitHub does not allow a token to change: they are left out and named, and the rest is proposed."""

from __future__ import annotations

import pytest
from support.forges.github.stand import GitHubAppStand, GitHubStand
from support.forges.stands import run_killed_repeatedly
from support.runs.worlds import build, list_outcomes

pytestmark = pytest.mark.real("git")

OLD, NEW = build("old").digest, build("new").digest
BRANCH = "basebump/python-3.12-slim-06e5bb43"
WORKFLOW = ".github/workflows/ci.yml"
JOB = "on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    container: python:3.12-slim@{}\n"
FILES = {"Dockerfile": f"FROM python:3.12-slim@{OLD}\n", WORKFLOW: JOB.format(OLD)}


def revoke_workflow_permission(stand: GitHubStand) -> None:
    """Remove the permission to change workflows."""
    stand.token.can_write_workflows = False
    if isinstance(stand, GitHubAppStand):
        del stand.installation.permissions["workflows"]


@pytest.fixture(params=[GitHubStand, GitHubAppStand], ids=["token", "app"])
def stand(request, start_stand) -> GitHubStand:
    stand = start_stand(request.param, FILES)
    revoke_workflow_permission(stand)
    return stand


def test_proposal_edits_unprotected_files_and_names_protected_files(stand, updated_registry):
    (proposal,) = updated_registry.run([stand.fleet()]).repositories[0].proposals
    assert (proposal.outcome.value, proposal.files) == ("opened", ("Dockerfile",))
    assert proposal.note.endswith(f": {WORKFLOW}.")
    files = stand.files(BRANCH)
    assert files["Dockerfile"].content == f"FROM python:3.12-slim@{NEW}\n".encode()
    assert files[WORKFLOW].content == JOB.format(OLD).encode()
    (request,) = stand.requests()
    assert f": `{WORKFLOW}`." in request.body


def test_open_pull_request_without_protected_files_stays_unchanged(stand, updated_registry):
    updated_registry.run([stand.fleet()])
    before = list(stand.writes)
    (proposal,) = updated_registry.run([stand.fleet()]).repositories[0].proposals
    assert (proposal.outcome.value, proposal.files) == ("unchanged", ("Dockerfile",))
    assert [each for each in stand.writes[len(before) :] if "access_tokens" not in each] == []


def test_next_digest_updates_pull_request_without_protected_files(stand, updated_registry):
    updated_registry.run([stand.fleet()])
    newer = updated_registry.move("python", "3.12-slim", "newer")
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["refreshed"]
    files = stand.files(BRANCH)
    assert files["Dockerfile"].content == f"FROM python:3.12-slim@{newer}\n".encode()
    assert files[WORKFLOW].content == JOB.format(OLD).encode()
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["unchanged"]


def test_rebuild_requested_by_a_user_tries_protected_files_again(start_stand, updated_registry):
    stand = start_stand(GitHubStand, FILES)
    revoke_workflow_permission(stand)
    updated_registry.run([stand.fleet()])
    stand.label(BRANCH, "basebump-rebase")
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["refreshed"]
    assert stand.files(BRANCH)[WORKFLOW].content == JOB.format(OLD).encode()
    stand.token.can_write_workflows = True
    stand.label(BRANCH, "basebump-rebase")
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["refreshed"]
    assert stand.files(BRANCH)[WORKFLOW].content == JOB.format(NEW).encode()
    (request,) = stand.requests()
    assert "Unchanged, because basebump" not in request.body
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["unchanged"]


def test_proposal_is_not_opened_if_only_protected_files_would_change(stand, updated_registry):
    stand.commit("main", {"Dockerfile": "FROM scratch\n"})
    report = updated_registry.run([stand.fleet()])
    (proposal,) = report.repositories[0].proposals
    assert (proposal.outcome.value, report.failed) == ("left-alone", ())
    assert "`workflows: write`" in proposal.note
    assert stand.requests() == []
    assert BRANCH not in stand.branches()


def test_next_run_completes_killed_run_that_leaves_out_protected_files(stand, updated_registry):
    assert run_killed_repeatedly(stand, lambda: updated_registry.run([stand.fleet()])) > 0
    assert len(stand.requests()) == len(stand.commits(BRANCH)) == 1
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["unchanged"]


def test_push_refused_by_archived_repository_is_not_reported_as_missing_permission(start_stand, updated_registry):
    stand = start_stand(GitHubStand, {WORKFLOW: JOB.format(OLD)})
    stand.repository.archived = True
    report = updated_registry.run([stand.fleet()])
    assert [each.outcome.value for each in report.repositories[0].proposals] == ["failed"]
