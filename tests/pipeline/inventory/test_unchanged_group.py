"""Runs with a state over a group of GitLab, whose lists contain no branches without a merge request."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.forges.counted import SimulatedKill
from support.forges.fleets import open_gitlab_fleet
from support.forges.gitlab.server import GitLabServer
from support.forges.gitlab.stand import BOT, TOKEN
from support.forges.hosted_stand import no_pause
from support.forges.server import CrashableServer

from bot.forges.selection import RepositorySelection
from bot.state.database import Database

pytestmark = pytest.mark.real("git")


class GitLabGroupScene:
    """Two projects in a group, and the runs over them."""

    def __init__(self, server, loopback, database):
        self.server, self._loopback = server, loopback
        loopback.remember(Database.sqlite(database))
        server.world.add_token(TOKEN, BOT)
        pinned = {"Dockerfile": f"FROM nginx:1@{self.move('old')}\n"}
        self.api = server.world.add_project("acme/api", pinned, members={BOT})
        self.web = server.world.add_project("acme/web", pinned, members={BOT})

    def move(self, content):
        """Point the tag to another image, and return its digest."""
        return self._loopback.move("nginx", "1", content)

    def wait(self, days):
        self._loopback.now += timedelta(days=days)

    def run(self):
        """Run over both projects. Return the report, and the requests to the server without their parameters."""
        fleet = open_gitlab_fleet(self.server.url, TOKEN, selected=[RepositorySelection("acme")], pause=no_pause)
        with self.server.watched() as lines:
            report = self._loopback.run([CrashableServer(fleet, self.server)])
        return report, [line.partition("?")[0] for line in lines]

    def run_killed_between_push_and_open(self):
        self.server.die_before(2)
        with pytest.raises(SimulatedKill):
            self.run()
        assert self.list_branches()
        assert not self.api.requests

    def settle(self):
        for _ in range(3):
            if self.run()[1] == UNCHANGED:
                return
        raise AssertionError("the projects are never settled")

    def list_branches(self):
        return [name for project in (self.api, self.web) for name in project.git.branches() if name != "main"]

    def count_open(self):
        return sum(each.state == "opened" for project in (self.api, self.web) for each in project.requests)


UNCHANGED = ["POST /api/graphql", "GET /merge_requests"]
"""The requests of a run in which no project changed."""


@pytest.fixture
def group(tmp_path, loopback):
    with GitLabServer(tmp_path / "gitlab") as server:
        yield GitLabGroupScene(server, loopback, tmp_path / "state.db")


def test_unchanged_projects_of_a_group_cost_no_requests_per_project(group):
    group.settle()
    group.move("new")
    group.settle()
    assert group.count_open() == 2


def test_only_projects_that_changed_are_read(group):
    group.move("new")
    group.settle()
    group.web.requests[0].labels.append("basebump-rebase")
    _, lines = group.run()
    assert lines[:2] == UNCHANGED
    assert {line.split("/")[2] for line in lines[2:] if "/projects/" in line} == {str(group.web.id)}


def test_project_with_open_merge_request_of_another_account_is_read_in_every_run(group):
    group.move("new")
    group.settle()
    group.web.requests[0].user = group.server.world.ada
    for _ in range(3):
        _, lines = group.run()
        assert {line.split("/")[2] for line in lines if "/projects/" in line} == {str(group.web.id)}


def test_next_run_completes_run_killed_between_push_and_open(group):
    group.settle()
    group.move("new")
    group.run_killed_between_push_and_open()
    report, _ = group.run()
    assert not report.failed
    assert group.count_open() == len(group.list_branches()) == 2


def test_regular_visit_deletes_branch_of_killed_run_if_tag_is_rolled_back(group):
    group.settle()
    group.move("new")
    group.run_killed_between_push_and_open()
    group.move("old")
    _, lines = group.run()
    assert lines == UNCHANGED
    assert len(group.list_branches()) == 1
    group.wait(days=7)
    report, _ = group.run()
    assert not report.failed
    assert group.list_branches() == []
    assert group.count_open() == 0


def test_branch_of_killed_run_is_reused_if_the_tag_moves_again(group):
    group.settle()
    group.move("new")
    group.run_killed_between_push_and_open()
    group.move("old")
    group.run()
    digest = group.move("newer")
    report, _ = group.run()
    assert not report.failed
    assert group.count_open() == len(group.list_branches()) == 2
    branch = group.list_branches()[0]
    assert str(digest) in group.api.git.run("show", f"{branch}:Dockerfile").decode()
