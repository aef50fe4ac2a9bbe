"""A repository on a forge with a dashboard, and the actions of users on the issue."""

from __future__ import annotations

from dataclasses import replace

from support.forges.forge_stands import select_stands
from support.forges.gitea.stand import GiteaStand
from support.forges.gitea.state import GiteaPull
from support.forges.github.stand import GitHubStand
from support.forges.gitlab.stand import GitLabStand

from bot.forges.local.fleet import LocalFleet
from bot.model.dashboard import DashboardIssue

STANDS = select_stands(without=("github-app", "azure", "forgejo"))


class BoardScene:
    """A repository with a dashboard, and the actions of users on it."""

    def __init__(self, stand, loopback) -> None:
        self.stand = stand
        self.loopback = loopback

    def run(self, **orders):
        return self.loopback.run([self.stand.fleet()], **{"has_dashboards": True, **orders})

    def board(self) -> DashboardIssue | None:
        (repository,) = self.stand.fleet().list_repositories(frozenset({self.stand.name}))
        return self.stand.fleet().get_dashboard(repository).read()

    def change(self, board: DashboardIssue, **values) -> None:
        """Change the body of the issue like a user."""
        changed = replace(board, **values)
        if isinstance(self.stand, GitHubStand):
            (issue,) = self.stand.repository.issues
            issue.body, issue.state = changed.body, "open" if changed.is_open else "closed"
            return
        if isinstance(self.stand, GiteaStand):
            (issue,) = (each for each in self.stand.repository.issues if not isinstance(each, GiteaPull))
            issue.body, issue.state = changed.body, "open" if changed.is_open else "closed"
            return
        if isinstance(self.stand, GitLabStand):
            (issue,) = self.stand.project.issues
            issue.description, issue.state = changed.body, "opened" if changed.is_open else "closed"
            return
        fleet = LocalFleet(self.stand.git.directory.parent)
        dashboard = fleet.get_dashboard(fleet.read_repository("acme"))
        if changed.is_open:
            dashboard.write(board, board.title, changed.body)
        else:
            dashboard.close(board, changed.body)

    def tick(self, box: str) -> None:
        """Tick the box of an action, such as `open BRANCH`, or `open` for all branches."""
        board = self.board()
        assert board is not None
        assert f"- [ ] <!-- basebump:{box} -->" in board.body
        self.change(board, body=board.body.replace(f"[ ] <!-- basebump:{box} -->", f"[x] <!-- basebump:{box} -->"))
