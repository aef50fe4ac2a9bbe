"""The token of a GitLab CI job suffices for reports, with git and the few API calls that the token may make."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from support.forges.fleets import open_gitlab_fleet
from support.forges.gitlab.stand import GitLabStand
from support.forges.hosted_stand import no_pause
from support.runs.worlds import build, list_outcomes

from bot.core.choice.blocklist import build_blocklist
from bot.forges.gitlab.server import JobToken
from bot.forges.selection import RepositorySelection
from bot.model.blocklist import Block, BlockedDigest
from bot.model.errors import ForgeError
from bot.model.vocabulary import RunLevel

pytestmark = pytest.mark.real("git")

SECRET = "glcbt-64_of-a-job"
FILES = {
    "Dockerfile": f"FROM python:3.12-slim@{build('old').digest}\n",
    ".basebump.yaml": "schema: 1\npolicy: [{labels: [images]}]\n",
}


@pytest.fixture
def stand(tmp_path, loopback):
    stand = GitLabStand(tmp_path, FILES)
    stand.project.private = True
    stand.project.members.add("grace")
    stand.server.world.add_token(SECRET, "grace").is_of_job = True
    loopback.move("python", "3.12-slim", "new")
    yield stand
    stand.end()


def open_fleet(stand, *selected, secret=SECRET):
    return open_gitlab_fleet(stand.server.url, JobToken(secret), selected=selected or [stand.name], pause=no_pause)


def test_report_with_job_token_uses_only_git_and_allowed_api_calls(stand, loopback):
    with stand.server.watched() as lines:
        report = loopback.run([open_fleet(stand)], RunLevel.REPORT)
    assert (report.failed, list_outcomes(report)) == ((), ["would-open"])
    by_api = [line for line in lines if ".git/" not in line]
    assert {line.split("?")[0] for line in by_api} == {
        "GET /projects/acme/shop/web/repository/branches",
        "GET /projects/acme/shop/web/merge_requests",
    }
    assert not any("private-token" in each.headers for each in stand.server.exchanges)
    assert stand.server.writes == []


def test_report_with_job_token_reads_no_git_history_for_a_blocked_digest(stand, loopback):
    """The API for commits refuses the token."""
    blocked = loopback.move("python", "3.12-slim", "old")
    blocklist = build_blocklist([BlockedDigest(blocked, Block("malware"))])
    loopback.rulebook = replace(loopback.rulebook, blocklist=blocklist)
    report = loopback.run([open_fleet(stand)], RunLevel.REPORT)
    assert report.failed == ()
    assert [each.detail for each in report.repositories[0].verdicts] == ["malware; no known replacement"]


def test_report_with_job_token_finds_merge_requests_opened_with_another_token(stand, loopback):
    assert list_outcomes(loopback.run([stand.fleet()], RunLevel.PROPOSE)) == ["opened"]
    assert list_outcomes(loopback.run([open_fleet(stand)], RunLevel.REPORT)) == ["unchanged"]
    loopback.move("python", "3.12-slim", "newer")
    assert list_outcomes(loopback.run([open_fleet(stand)], RunLevel.REPORT)) == ["would-refresh"]
    (branch,) = [each for each in stand.branches() if each != "main"]
    stand.commit("main", {"README.md": "Moved on.\n"})
    stand.update_branch(branch)
    assert list_outcomes(loopback.run([open_fleet(stand)], RunLevel.REPORT)) == ["left-alone"]
    stand.close_request(branch)
    assert list_outcomes(loopback.run([open_fleet(stand)], RunLevel.REPORT)) != ["would-refresh"]


@pytest.mark.parametrize("level", [RunLevel.PUSH, RunLevel.PROPOSE])
def test_job_token_fails_at_higher_run_levels_and_error_names_the_required_token(stand, loopback, level):
    report = loopback.run([open_fleet(stand)], level)
    (failed,) = report.failed
    assert "job token" in failed.error
    assert re.search("`token_env` .*`api` .*Developer", failed.error)
    assert list_outcomes(report) == ["failed"]
    assert stand.server.writes == []


def test_gitlab_before_18_4_is_read_without_merge_requests_and_failure_is_reported(stand, loopback):
    stand.server.job_operations = frozenset()
    report = loopback.run([open_fleet(stand)], RunLevel.REPORT)
    (repository,) = report.repositories
    assert len(repository.verdicts) == 1
    (failed,) = report.failed
    assert "requires GitLab 18.4 or later" in failed.error
    assert "the scope `read_api`" in failed.error


def test_project_that_refuses_the_job_token_does_not_affect_others(stand):
    stand.server.world.add_project("acme/secret", FILES, private=True)
    secret, nowhere, web = open_fleet(stand, "acme/secret", "acme/nowhere", stand.name).list_repositories(frozenset())
    for failed, name in ((secret, "acme/secret"), (nowhere, "acme/nowhere")):
        assert failed.subject == name
        assert "job token permissions" in failed.error
    assert (web.base_branch, web.commit) == ("main", stand.branches()["main"])


def test_refused_job_token_is_not_shown_in_the_error(stand):
    (failed,) = open_fleet(stand, secret="glcbt-wrong").list_repositories(frozenset())
    assert "could not read" in failed.error
    assert "glcbt-wrong" not in failed.error


def test_group_cannot_be_listed_with_job_token_and_failure_asks_for_project_names(stand):
    (failed,) = open_fleet(stand, RepositorySelection("acme")).list_repositories(frozenset())
    assert (failed.subject, "name each project" in failed.error) == ("acme", True)
    assert stand.server.lines == []


def test_dashboard_is_not_written_with_a_job_token(stand):
    fleet = open_fleet(stand)
    (repository,) = fleet.list_repositories(frozenset())
    assert fleet.get_dashboard(repository).read() is None
    with pytest.raises(ForgeError, match=r"job token .*dashboard"):
        fleet.get_dashboard(repository).write(None, "Title", "Body")
    assert stand.server.writes == []


def test_plan_with_job_token_leaves_out_repository_with_unreadable_branch(stand, loopback):
    loopback.run([stand.fleet()], RunLevel.PROPOSE)
    loopback.move("python", "3.12-slim", "newer")
    planned_run = loopback.plan([open_fleet(stand)])
    assert planned_run.plan.repositories == ()
    assert [each.error.partition(";")[0] for each in planned_run.report.failed] == [
        "the plan leaves out this repository, because the token cannot read the content of basebump's branches"
    ]
