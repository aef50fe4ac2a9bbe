"""Starting workflows that GitHub does not start by itself, once for each commit."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from support.forges.contract_scene import BRANCH, NEWER_CHANGES, OTHER, message_of, open_one, proposal, push
from support.forges.github.graphql import GraphQL
from support.forges.github.runs import WorkflowRun
from support.forges.github.stand import GitHubAppStand, GitHubStand

from bot.core.proposal.marks import parse_mark, shorten_commit
from bot.model.request_attributes import RequestAttributes

pytestmark = pytest.mark.real("git")

CI, LINT = "ci.yml", "lint.yaml"
BY_HAND = "on: {pull_request: {}, workflow_dispatch: {}}\njobs: {}\n"
FILES = {
    "Dockerfile": "FROM python:3.12-slim\n",
    f".github/workflows/{CI}": BY_HAND,
    f".github/workflows/{LINT}": BY_HAND,
    ".github/workflows/release.yml": "on: push\njobs: {}\n",
}
NOT_BY_ITSELF = "CI does not run here by itself"


@pytest.fixture
def make_stand(tmp_path):
    """Make a stand of some kind; the first of its words is the one that it has for the token."""
    made = []

    def make(kind=GitHubStand, **words):
        made.append(kind(tmp_path / "github", FILES, **words))
        return made[0]

    yield make
    for stand in made:
        stand.end()


@pytest.fixture
def stand(make_stand):
    return make_stand()


@pytest.fixture
def job(make_stand):
    return as_job(make_stand(is_app=True))


def as_job(stand):
    """Let the token be that of a job."""
    stand.token.account = stand.server.world.add_account("github-actions[bot]", "Bot")
    return stand


def build_proposal(*workflows):
    return replace(proposal(), attributes=RequestAttributes(workflows=workflows or (CI,)))


def propose(stand, *workflows):
    forge = stand.forge()
    forge.push(BRANCH, proposal().changes, proposal().commit_message, None)
    return forge.open(build_proposal(*workflows)).notes


def list_runs(stand):
    return [(run.workflow, run.branch, run.commit) for run in stand.repository.runs]


def list_action_requests(stand):
    return [line for line in stand.server.lines if "/actions/" in line]


def test_workflows_start_before_pull_request_opens_and_commit_is_recorded(stand):
    assert propose(stand, CI, LINT) == ()
    head = stand.branches()[BRANCH]
    assert list_runs(stand) == [(CI, BRANCH, head), (LINT, BRANCH, head)]
    assert parse_mark(open_one(stand).body).started_commit == shorten_commit(head)
    writes = [line.rpartition("/")[2] for line in stand.writes][-3:]
    assert writes == ["dispatches", "dispatches", "pulls"]


def test_proposal_without_workflows_causes_no_calls_of_actions_api(stand):
    stand.forge().push(BRANCH, proposal().changes, proposal().commit_message, None)
    stand.forge().open(proposal())
    assert list_action_requests(stand) == []


def test_workflow_runs_of_commit_just_pushed_are_not_looked_up(stand):
    propose(stand)
    assert len(list_action_requests(stand)) == 1


def test_workflow_with_existing_run_is_not_started_again(stand):
    push(stand)
    head = stand.branches()[BRANCH]
    stand.repository.runs.append(WorkflowRun(1, CI, "pull_request", BRANCH, head))
    forge = stand.forge()
    forge.list_requests("basebump/", frozenset({BRANCH}))
    assert forge.open(build_proposal(CI, LINT)).notes == ()
    assert [workflow for workflow, *_ in list_runs(stand)] == [CI, LINT]
    assert parse_mark(open_one(stand).body).started_commit == shorten_commit(head)


def test_workflows_are_started_again_for_new_commit(stand):
    propose(stand)
    seen, forge = open_one(stand), stand.forge()
    forge.push(BRANCH, NEWER_CHANGES, message_of("3" * 16), seen.head)
    assert forge.update_request(seen, "Other", seen.body, RequestAttributes(workflows=(CI,))) == ()
    head = stand.branches()[BRANCH]
    assert [commit for _, _, commit in list_runs(stand)] == [seen.head, head]
    assert parse_mark(open_one(stand).body).started_commit == shorten_commit(head)


def test_update_of_title_or_body_starts_no_workflow(stand):
    propose(stand)
    seen = open_one(stand)
    stand.forge().update_request(seen, "Other", seen.body, RequestAttributes(workflows=(CI,)))
    assert len(list_runs(stand)) == 1


@pytest.mark.parametrize(
    ("workflow", "why"),
    [("nothing.yml", "it does not exist"), ("release.yml", "does not have 'workflow_dispatch' trigger")],
)
def test_workflow_that_cannot_start_is_noted_and_others_are_started(stand, workflow, why):
    (note,) = propose(stand, workflow, CI)
    assert note.startswith(f"The workflow `{workflow}` could not be started")
    assert why in note
    assert [each for each, *_ in list_runs(stand)] == [CI]
    seen = open_one(stand)
    assert re.match(rf"> \*\*.*:\*\* `{workflow}` ", seen.body)
    assert parse_mark(seen.body).started_commit == shorten_commit(seen.head)


def test_missing_actions_permission_is_noted_with_ci_warning(stand):
    stand.token.can_dispatch = False
    (note,) = propose(stand)
    assert "`actions: write`" in note
    assert open_one(stand).body.startswith("> **CI ")


def test_ci_warning_is_removed_when_workflow_can_be_started(stand):
    stand.token.can_dispatch = False
    propose(stand)
    stand.token.can_dispatch = True
    seen = open_one(stand)
    assert stand.forge().update_request(seen, "Other", proposal().body, RequestAttributes(workflows=(CI,))) == ()
    assert "CI has not run" not in open_one(stand).body
    assert len(list_runs(stand)) == 1


def test_temporary_failure_to_start_workflow_is_noted_and_retried_by_next_run(stand):
    stand.server.fail("POST .*/dispatches", stand.server.problem(502, "Bad gateway"), times=1)
    (note,) = propose(stand)
    assert "could not be started" in note
    seen = open_one(stand)
    assert parse_mark(seen.body).started_commit is None
    assert "CI has not run" not in seen.body
    assert stand.forge().update_request(seen, seen.title, seen.body, RequestAttributes(workflows=(CI,))) == ()
    assert len(list_runs(stand)) == 1


def test_app_starts_workflows_only_with_actions_permission(make_stand):
    stand = make_stand(GitHubAppStand)
    (note,) = propose(stand)
    assert "`actions: write`" in note
    assert list_runs(stand) == []
    stand.installation.permissions |= {"actions": "write"}
    seen = open_one(stand)
    assert stand.forge().update_request(seen, "Other", proposal().body, RequestAttributes(workflows=(CI,))) == ()
    assert len(list_runs(stand)) == 1


# ---- where nothing starts them -----------------------------------------------------------------------------------


def test_body_of_pull_request_opened_with_job_token_begins_with_ci_warning(job):
    assert propose_plainly(job) == ()
    body = open_one(job).body
    assert body.startswith(f"> **{NOT_BY_ITSELF}:**")
    assert parse_mark(body).targets == proposal().targets


def propose_plainly(stand):
    forge = stand.forge()
    forge.push(BRANCH, proposal().changes, proposal().commit_message, None)
    return forge.open(proposal()).notes


def test_pull_request_of_job_token_has_no_ci_warning_if_workflow_was_started(job):
    propose(job)
    assert NOT_BY_ITSELF not in open_one(job).body


@pytest.mark.parametrize("kind", ["user", "app", "key"])
def test_pull_request_opened_with_other_token_has_no_ci_warning(make_stand, kind):
    stand = make_stand(GitHubAppStand) if kind == "key" else make_stand(is_app=kind == "app")
    propose_plainly(stand)
    assert NOT_BY_ITSELF not in open_one(stand).body


def test_pull_request_has_no_ci_warning_if_token_owner_is_unknown(make_stand):
    stand = as_job(make_stand(is_app=True, graphql=GraphQL.NONE))
    propose_plainly(stand)
    assert NOT_BY_ITSELF not in open_one(stand).body


def test_token_owner_is_queried_once_for_several_pushes(job):
    fleet = job.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    for branch in (BRANCH, OTHER):
        forge = fleet.get_forge(repository)
        forge.push(branch, proposal().changes, proposal().commit_message, None)
        forge.open(proposal(branch))
    asked = [exchange for exchange in job.server.exchanges if "viewer" in str(exchange.request)]
    assert len(asked) == 1


def test_update_with_same_text_keeps_ci_warning(job):
    propose_plainly(job)
    seen = open_one(job)
    assert job.forge().update_request(seen, seen.title, seen.body) == ()
    assert open_one(job) == seen
