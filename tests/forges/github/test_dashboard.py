"""Finding the dashboard among the other issues of a repository on GitHub."""

from __future__ import annotations

import pytest
from support.forges.github.graphql import GraphQL
from support.forges.github.stand import GitHubStand
from support.forges.github.state import GitHubIssue

from bot.core.proposal.dashboard import DASHBOARD_TITLE, add_mark
from bot.model.dashboard import DASHBOARD_LABEL

pytestmark = pytest.mark.real("git")


@pytest.fixture
def stand(tmp_path):
    stand = GitHubStand(tmp_path, {"Dockerfile": "FROM python:3.12-slim\n"})
    yield stand
    stand.end()


def test_issue_without_author_does_not_hide_own_dashboard(stand):
    (repository,) = stand.fleet().list_repositories(frozenset())
    dashboard = stand.fleet().get_dashboard(repository)
    dashboard.write(None, DASHBOARD_TITLE, add_mark("ours"))
    theirs = GitHubIssue(
        stand.repository.next_number(), None, DASHBOARD_TITLE, add_mark("theirs"), labels=[DASHBOARD_LABEL]
    )
    stand.repository.issues.append(theirs)
    assert dashboard.read().body == add_mark("ours")


def add_labelled_issue(stand, author, body) -> None:
    stand.repository.labels[DASHBOARD_LABEL] = ("ededed", "")
    number = stand.repository.next_number()
    stand.repository.issues.append(GitHubIssue(number, author, DASHBOARD_TITLE, body, labels=[DASHBOARD_LABEL]))


@pytest.fixture
def job(tmp_path):
    """Return a GitHub where the token belongs to an installation, as the `GITHUB_TOKEN` of a job does."""
    stand = GitHubStand(tmp_path, {"Dockerfile": "FROM python:3.12-slim\n"}, is_app=True)
    yield stand
    stand.end()


@pytest.mark.parametrize(("login", "kind"), [("stranger", "User"), ("basebump-bot", "User"), ("other[bot]", "Bot")])
def test_run_with_job_token_ignores_dashboard_of_other_author(job, login, kind):
    author = job.server.world.add_account(login, kind)
    add_labelled_issue(job, author, add_mark("- [x] <!-- basebump:open basebump/x -->"))
    (repository,) = job.fleet().list_repositories(frozenset())
    dashboard = job.fleet().get_dashboard(repository)
    assert dashboard.read() is None
    dashboard.write(None, DASHBOARD_TITLE, add_mark("ours"))
    assert dashboard.read().body == add_mark("ours")


def test_run_with_job_token_reads_only_dashboards_of_bots_without_graphql(tmp_path):
    """REST does not report the account of such a token, so that its own issues are those of any bot."""
    job = GitHubStand(tmp_path, {"Dockerfile": "FROM x\n"}, is_app=True, enterprise=True, graphql=GraphQL.NONE)
    (repository,) = job.fleet().list_repositories(frozenset())
    dashboard = job.fleet().get_dashboard(repository)
    add_labelled_issue(job, job.server.world.add_account("stranger"), add_mark("theirs"))
    assert dashboard.read() is None
    dashboard.write(None, DASHBOARD_TITLE, add_mark("ours"))
    assert dashboard.read().body == add_mark("ours")
    job.end()
