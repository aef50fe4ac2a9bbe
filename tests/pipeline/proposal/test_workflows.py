"""Workflows that basebump starts, over whole runs: once for each commit, also after a killed run."""

from __future__ import annotations

import pytest
from support.forges.counted import SimulatedKill
from support.forges.fleets import open_github_fleet
from support.forges.github.stand import GitHubStand
from support.runs.worlds import build, list_outcomes

from bot.model.vocabulary import RunLevel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.real("git"),
    pytest.mark.over_forges(local="nothing runs there", gitlab="it starts its own", azure="its policies start them"),
]

BRANCH = "basebump/python-3.12-slim-06e5bb43"
CI = "ci.yml"
OLD = build("old").digest
FILES = {
    "Dockerfile": f"FROM python:3.12-slim@{OLD}\n",
    f".github/workflows/{CI}": "on: {pull_request: {}, workflow_dispatch: {}}\njobs: {}\n",
}


class WorkflowJobStand(GitHubStand):
    """A GitHub as a job with the permission to start workflows sees it."""

    dispatch: tuple[str, ...] = (CI,)

    def __init__(self, folder, files) -> None:
        super().__init__(folder, files, is_app=True)
        self.token.account = self.server.world.add_account("github-actions[bot]", "Bot")

    def fleet(self):
        fleet = super().fleet()
        inner = open_github_fleet(self.server.url, self.secret, selected=[self.name], dispatch=self.dispatch)
        return type(fleet)(inner, self.server)


@pytest.fixture
def job(start_stand):
    return start_stand(WorkflowJobStand, FILES)


def run(job, loopback, level=RunLevel.PROPOSE):
    return list_outcomes(loopback.run([job.fleet()], level))


def list_run_commits(job):
    return [each.commit for each in job.repository.runs]


def test_each_commit_starts_workflows_once(job, updated_registry):
    assert run(job, updated_registry) == ["opened"]
    first = job.branches()[BRANCH]
    assert list_run_commits(job) == [first]
    with job.server.watched() as lines:
        assert run(job, updated_registry) == ["unchanged"]
    assert not any("/actions/" in line for line in lines)
    updated_registry.move("python", "3.12-slim", "newer")
    assert run(job, updated_registry) == ["refreshed"]
    assert list_run_commits(job) == [first, job.branches()[BRANCH]]


def test_pushed_branch_starts_workflows_only_if_pull_request_is_opened(job, updated_registry):
    run(job, updated_registry, RunLevel.PUSH)
    assert list_run_commits(job) == []
    run(job, updated_registry)
    assert list_run_commits(job) == [job.branches()[BRANCH]]


@pytest.mark.parametrize("story", ["open", "refresh"])
def test_next_run_starts_missing_workflows_after_killed_run_once(tmp_path, loopback, story):
    for fatal in range(1, 20):
        job = WorkflowJobStand(tmp_path / f"{story}-{fatal}", FILES)
        for content in ("old", "new"):
            loopback.move("python", "3.12-slim", content)
        if story == "refresh":
            run(job, loopback)
            loopback.move("python", "3.12-slim", "newer")
        before = len(list_run_commits(job))
        job.die_before(fatal)
        try:
            run(job, loopback)
        except SimulatedKill:
            run(job, loopback)
            assert run(job, loopback) == ["unchanged"]
            assert list_run_commits(job)[before:] == [job.branches()[BRANCH]]
            (request,) = job.requests()
            assert '"started":' in request.body
            job.end()
        else:
            job.end()
            break
    assert fatal > 4


def test_open_pull_request_starts_workflows_if_later_enabled(job, updated_registry):
    job.dispatch = ()
    assert run(job, updated_registry) == ["opened"]
    assert list_run_commits(job) == []
    assert "CI does not run" in job.requests()[0].body
    job.dispatch = (CI,)
    assert run(job, updated_registry) == ["refreshed"]
    assert list_run_commits(job) == [job.branches()[BRANCH]]
    assert "CI does not run" not in job.requests()[0].body
    assert run(job, updated_registry) == ["unchanged"]
    assert len(list_run_commits(job)) == 1


def test_pull_request_body_says_once_that_ci_does_not_run(job, updated_registry):
    job.dispatch = ()
    for outcome in ("opened", "refreshed"):
        assert run(job, updated_registry) == [outcome]
        assert job.requests()[0].body.count("CI does not run") == 1
        assert run(job, updated_registry) == ["unchanged"]
        updated_registry.move("python", "3.12-slim", "newer")


def test_failed_start_of_workflow_is_not_retried_for_the_same_commit(job, updated_registry):
    job.token.can_dispatch = False
    run(job, updated_registry)
    assert "CI has not run" in job.requests()[0].body
    with job.server.watched() as lines:
        assert run(job, updated_registry) == ["unchanged"]
    assert not any("/actions/" in line for line in lines)
    updated_registry.move("python", "3.12-slim", "newer")
    job.token.can_dispatch = True
    assert run(job, updated_registry) == ["refreshed"]
    assert "CI has not run" not in job.requests()[0].body
    assert list_run_commits(job) == [job.branches()[BRANCH]]
