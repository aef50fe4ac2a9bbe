"""Finding the dashboard among the other issues of a repository on GitHub."""

from __future__ import annotations

import pytest
from support.forges.github.stand import GitHubStand
from support.forges.github.state import Issue

from bot.core.proposal.dashboard import DASHBOARD_TITLE, add_marker
from bot.forges.hosted.records import DASHBOARD_LABEL

pytestmark = pytest.mark.real("git")


@pytest.fixture
def stand(tmp_path):
    stand = GitHubStand(tmp_path, {"Dockerfile": "FROM python:3.12-slim\n"})
    yield stand
    stand.end()


def test_an_issue_of_nobody_whom_github_knows_is_none_of_ours_and_hides_no_other(stand):
    (repository,) = stand.fleet().list_repositories(frozenset())
    dashboard = stand.fleet().get_dashboard(repository)
    dashboard.write(None, DASHBOARD_TITLE, add_marker("ours"))
    theirs = Issue(
        stand.repository.next_number(), None, DASHBOARD_TITLE, add_marker("theirs"), labels=[DASHBOARD_LABEL]
    )
    stand.repository.issues.append(theirs)
    assert dashboard.read().body == add_marker("ours")
