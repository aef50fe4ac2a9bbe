"""Write requests of whole runs to a forge, which `docs/forge-requests.md` lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from support.forges.azure.stand import AzureStand
from support.forges.gitea.stand import GiteaStand
from support.forges.github.stand import GitHubStand
from support.forges.gitlab.stand import GitLabStand
from support.forges.hosted_stand import HostedStand
from support.forges.write_log import list_documented_requests, list_write_requests
from support.runs.worlds import LoopbackHub, PresetScanner, build, list_outcomes
from support.values import finding

from bot.model.policy import PolicyRule

pytestmark = [
    pytest.mark.slow,
    pytest.mark.real("git"),
    pytest.mark.over_forges(
        local="it is no server",
        github_app="tokens aside, it is asked as with a token",
        forgejo="it is asked as a Gitea",
    ),
]

BRANCH = "basebump/python-3.12-slim-06e5bb43"
OLD, NEW = build("old").digest, build("new").digest
BEHIND = {"Dockerfile": f"FROM python:3.12-slim@{OLD}\n"}
STANDS = {stand.kind: stand for stand in (GitHubStand, GitLabStand, AzureStand, GiteaStand)}


class WriteLogScene:
    """One repository with its events; every run notes its write requests."""

    def __init__(self, stand: HostedStand, loopback: LoopbackHub) -> None:
        self.stand = stand
        self.loopback = loopback
        self.log: dict[str, list[str]] = {}

    def run(self, title: str, outcome: str, before: Callable[[], object] = lambda: None, **options: object) -> None:
        before()
        first = len(self.stand.server.exchanges)
        assert list_outcomes(self.loopback.run([self.stand.fleet()], **options)) == [outcome]
        self.log[title] = list_write_requests(self.stand, self.stand.server.exchanges[first:])

    def move_tag(self, content: str) -> None:
        self.loopback.move("python", "3.12-slim", content)

    def publish_finding(self) -> None:
        self.loopback.scanner = PresetScanner({digest: (finding("CVE-1900-0001"),) for digest in (OLD, NEW)})

    def merge_base_branch_as_user(self) -> None:
        self.stand.commit("main", {"README.md": "Elsewhere."})
        self.stand.update_branch(BRANCH)

    def add_label_and_reviewer(self) -> None:
        self.stand.commit("main", BEHIND)
        self.loopback.rulebook = replace(
            self.loopback.rulebook, rules=(PolicyRule(labels=("docker",), reviewers=("ada",)),)
        )

    def play(self) -> None:
        self.run("opens a pull request", "opened", lambda: self.move_tag("new"))
        self.run("finds nothing to do", "unchanged")
        self.run("finds new information about the images", "refreshed", self.publish_finding)
        self.run("updates a pull request to a newer digest", "refreshed", lambda: self.move_tag("newer"))
        self.run(
            "finds that a user merged the base branch into the proposal's branch",
            "refreshed",
            self.merge_base_branch_as_user,
        )
        self.run("finds the same merge again", "unchanged")
        self.run("creates the dashboard", "unchanged", has_dashboards=True)
        self.run("finds the dashboard up to date", "unchanged", has_dashboards=True)
        self.run("withdraws a pull request", "closed", lambda: self.stand.commit("main", {"Dockerfile": "# nothing\n"}))
        self.run("opens a pull request with a new label and a reviewer", "opened", self.add_label_and_reviewer)
        self.run(
            "finds a commit by another user on the proposal's branch",
            "left-alone",
            lambda: self.stand.commit(BRANCH, {"Dockerfile": "FROM scratch\n"}),
        )
        self.run("finds the same commit again", "left-alone")


@pytest.mark.parametrize("kind", STANDS)
def test_every_run_sends_exactly_the_documented_write_requests(kind, tmp_path, loopback):
    stand = STANDS[kind](tmp_path / kind, BEHIND)
    scene = WriteLogScene(stand, loopback)
    scene.play()
    stand.end()
    assert scene.log == list_documented_requests(kind)


@pytest.mark.parametrize("kind", STANDS)
def test_documentation_lists_no_write_requests_for_a_run_without_changes(kind):
    assert list_documented_requests(kind)["finds nothing to do"] == []
    assert list_documented_requests(kind)["opens a pull request"] != []
