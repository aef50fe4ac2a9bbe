"""Starting workflows that GitHub does not start by itself, once for each commit."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from support.forges.contract_scene import BRANCH, NEWER_CHANGES, OTHER, message_of, open_one, proposal, push
from support.forges.github.graphql import GraphQL
from support.forges.github.runs import Run
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
def new(tmp_path):
    """Make a stand of some kind; the first of its words is the one that it has for the token."""
    made = []

    def make(kind=GitHubStand, **words):
        made.append(kind(tmp_path / "github", FILES, **words))
        return made[0]

    yield make
    for stand in made:
        stand.end()


@pytest.fixture
def stand(new):
    return new()


@pytest.fixture
def job(new):
    return as_job(new(is_app=True))


def as_job(stand):
    """Let the token be that of a job."""
    stand.token.account = stand.server.world.add_account("github-actions[bot]", "Bot")
    return stand


def wanted(*workflows):
    return replace(proposal(), attributes=RequestAttributes(workflows=workflows or (CI,)))


def propose(stand, *workflows):
    forge = stand.forge()
    forge.push(BRANCH, proposal().changes, proposal().commit_message, None)
    return forge.open(wanted(*workflows)).notes


def started(stand):
    return [(run.workflow, run.branch, run.commit) for run in stand.repository.runs]


def asked(stand):
    return [line for line in stand.server.lines if "/actions/" in line]


def test_they_start_on_the_branch_before_there_is_a_request_whose_mark_then_names_the_commit(stand):
    assert propose(stand, CI, LINT) == ()
    head = stand.branches()[BRANCH]
    assert started(stand) == [(CI, BRANCH, head), (LINT, BRANCH, head)]
    assert parse_mark(open_one(stand).body).started_commit == shorten_commit(head)
    writes = [line.rpartition("/")[2] for line in stand.writes][-3:]
    assert writes == ["dispatches", "dispatches", "pulls"]


def test_without_any_nothing_is_asked(stand):
    stand.forge().push(BRANCH, proposal().changes, proposal().commit_message, None)
    stand.forge().open(proposal())
    assert asked(stand) == []


def test_a_commit_that_this_run_made_is_not_looked_for(stand):
    propose(stand)
    assert len(asked(stand)) == 1


def test_what_ran_already_is_not_started_again_whoever_started_it(stand):
    push(stand)
    head = stand.branches()[BRANCH]
    stand.repository.runs.append(Run(1, CI, "pull_request", BRANCH, head))
    forge = stand.forge()
    forge.list_requests("basebump/", frozenset({BRANCH}))
    assert forge.open(wanted(CI, LINT)).notes == ()
    assert [workflow for workflow, *_ in started(stand)] == [CI, LINT]
    assert parse_mark(open_one(stand).body).started_commit == shorten_commit(head)


def test_a_newer_commit_has_them_started_again(stand):
    propose(stand)
    seen, forge = open_one(stand), stand.forge()
    forge.push(BRANCH, NEWER_CHANGES, message_of("3" * 16), seen.head)
    assert forge.update_request(seen, "Other", seen.body, RequestAttributes(workflows=(CI,))) == ()
    head = stand.branches()[BRANCH]
    assert [commit for _, _, commit in started(stand)] == [seen.head, head]
    assert parse_mark(open_one(stand).body).started_commit == shorten_commit(head)


def test_other_words_for_the_same_commit_start_nothing(stand):
    propose(stand)
    seen = open_one(stand)
    stand.forge().update_request(seen, "Other", seen.body, RequestAttributes(workflows=(CI,)))
    assert len(started(stand)) == 1


@pytest.mark.parametrize(
    ("workflow", "why"),
    [("nothing.yml", "it does not exist"), ("release.yml", "does not have 'workflow_dispatch' trigger")],
)
def test_one_that_cannot_be_started_is_a_note_and_said_first_and_costs_no_other(stand, workflow, why):
    (note,) = propose(stand, workflow, CI)
    assert note.startswith(f"The workflow `{workflow}` could not be started")
    assert why in note
    assert [each for each, *_ in started(stand)] == [CI]
    seen = open_one(stand)
    assert re.match(rf"> \*\*.*:\*\* `{workflow}` ", seen.body)
    assert parse_mark(seen.body).started_commit == shorten_commit(seen.head)


def test_a_token_that_may_not_is_told_what_it_lacks(stand):
    stand.token.can_dispatch = False
    (note,) = propose(stand)
    assert "`actions: write`" in note
    assert open_one(stand).body.startswith("> **CI ")


def test_once_it_can_be_started_the_sentence_goes_with_the_next_words(stand):
    stand.token.can_dispatch = False
    propose(stand)
    stand.token.can_dispatch = True
    seen = open_one(stand)
    assert stand.forge().update_request(seen, "Other", proposal().body, RequestAttributes(workflows=(CI,))) == ()
    assert "CI has not run" not in open_one(stand).body
    assert len(started(stand)) == 1


def test_what_failed_for_now_is_a_note_and_for_the_next_run_to_try_again(stand):
    stand.server.fail("POST .*/dispatches", stand.server.problem(502, "Bad gateway"), times=1)
    (note,) = propose(stand)
    assert "could not be started" in note
    seen = open_one(stand)
    assert parse_mark(seen.body).started_commit is None
    assert "CI has not run" not in seen.body
    assert stand.forge().update_request(seen, seen.title, seen.body, RequestAttributes(workflows=(CI,))) == ()
    assert len(started(stand)) == 1


def test_an_app_starts_them_where_its_installation_may_and_is_told_else(new):
    stand = new(GitHubAppStand)
    (note,) = propose(stand)
    assert "`actions: write`" in note
    assert started(stand) == []
    stand.installation.permissions |= {"actions": "write"}
    seen = open_one(stand)
    assert stand.forge().update_request(seen, "Other", proposal().body, RequestAttributes(workflows=(CI,))) == ()
    assert len(started(stand)) == 1


# ---- where nothing starts them -----------------------------------------------------------------------------------


def test_what_a_job_opens_says_first_that_nothing_starts_by_itself_and_how_it_does(job):
    assert propose_plainly(job) == ()
    body = open_one(job).body
    assert body.startswith(f"> **{NOT_BY_ITSELF}:**")
    assert parse_mark(body).targets == proposal().targets


def propose_plainly(stand):
    forge = stand.forge()
    forge.push(BRANCH, proposal().changes, proposal().commit_message, None)
    return forge.open(proposal()).notes


def test_what_a_job_starts_says_nothing_of_it(job):
    propose(job)
    assert NOT_BY_ITSELF not in open_one(job).body


@pytest.mark.parametrize("kind", ["user", "app", "key"])
def test_tokens_of_others_start_workflows_by_themselves(new, kind):
    stand = new(GitHubAppStand) if kind == "key" else new(is_app=kind == "app")
    propose_plainly(stand)
    assert NOT_BY_ITSELF not in open_one(stand).body


def test_a_server_without_graphql_does_not_say_whose_token_it_is(new):
    stand = as_job(new(is_app=True, graphql=GraphQL.NONE))
    propose_plainly(stand)
    assert NOT_BY_ITSELF not in open_one(stand).body


def test_it_is_asked_once_in_a_run_and_only_by_who_pushes(job):
    fleet = job.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    for branch in (BRANCH, OTHER):
        forge = fleet.get_forge(repository)
        forge.push(branch, proposal().changes, proposal().commit_message, None)
        forge.open(proposal(branch))
    asked = [exchange for exchange in job.server.exchanges if "viewer" in str(exchange.request)]
    assert len(asked) == 1


def test_words_alone_say_nothing_of_it(job):
    propose_plainly(job)
    seen = open_one(job)
    assert job.forge().update_request(seen, seen.title, seen.body) == ()
    assert open_one(job) == seen
