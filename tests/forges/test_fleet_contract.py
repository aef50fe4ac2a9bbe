"""Contract of all servers for finding repositories by name and for reading files."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.forges.azure.server import AzureServer
from support.forges.azure.state import AzureWorld
from support.forges.contract_scene import BRANCH, CHANGES, PREFIX, message_of, proposal
from support.forges.fleets import open_azure_fleet, open_gitea_fleet, open_github_fleet, open_gitlab_fleet
from support.forges.gitea.server import ForgejoServer, GiteaServer
from support.forges.gitea.state import GiteaWorld
from support.forges.github.server import GitHubServer
from support.forges.github.world import GitHubWorld
from support.forges.gitlab.server import GitLabServer
from support.forges.gitlab.state import GitLabWorld
from support.forges.hosted_stand import HostedRepository, no_pause
from support.forges.server import ForgeServer

from bot.model.errors import ForgeError, TreeError
from bot.model.forge import GitRepository, TreeEntry
from bot.model.source import FilePath
from bot.model.vocabulary import FailureStage
from bot.ports import Fleet

pytestmark = pytest.mark.over_forges(local="it is no server", github_app="tokens aside, it is asked as with a token")

FILES = {"Dockerfile": "FROM python:3.12-slim\n"}
TOKEN, BOT = "token-of-the-bot", "basebump-bot"


@dataclass(frozen=True)
class ServerKind:
    """One kind of server: how it starts, how it comes by a repository, and what looks at it."""

    name: str
    start: Callable[[Path], ForgeServer]
    add: Callable[..., HostedRepository]
    """Takes what is on the server, a name and files."""
    fleet: Callable[..., Fleet]
    """Takes the address, a token and the names."""
    may_see: str
    """What the token needs to see a repository."""
    has_clone_host: bool = True
    """Whether a host and a name make the address from which git clones."""


def _github(url, token, names):
    return open_github_fleet(url, token, selected=names, pause=no_pause)


def _gitlab(url, token, names):
    return open_gitlab_fleet(url, token, selected=names, pause=no_pause)


def _gitea(url, token, names):
    return open_gitea_fleet(url, token, selected=names, pause=no_pause)


def _azure(url, token, names):
    return open_azure_fleet(url, token, selected=names, pause=no_pause)


KINDS = {
    "github": ServerKind("github", GitHubServer, GitHubWorld.add_repository, _github, "`metadata: read`"),
    "gitlab": ServerKind("gitlab", GitLabServer, GitLabWorld.add_project, _gitlab, "read_api"),
    "gitea": ServerKind("gitea", GiteaServer, GiteaWorld.add_repository, _gitea, "`read:repository`"),
    "forgejo": ServerKind("gitea", ForgejoServer, GiteaWorld.add_repository, _gitea, "`read:repository`"),
    "azure": ServerKind(
        "azure", AzureServer, AzureWorld.add_repository, _azure, "the permission Read", has_clone_host=False
    ),
}


class FleetScene:
    """A server with nothing on it, and whoever looks at it."""

    def __init__(self, kind: ServerKind, server: ForgeServer) -> None:
        self.kind = kind
        self.server = server

    def add(self, name, files=FILES, **more) -> HostedRepository:
        return self.kind.add(self.server.world, name, files, **more)

    def fleet(self, *names, token=TOKEN) -> Fleet:
        return self.kind.fleet(self.server.url, token, names)

    def found(self, *names, only=(), token=TOKEN):
        return list(self.fleet(*names, token=token).list_repositories(frozenset(only)))


@pytest.fixture(params=KINDS)
def scene(request, tmp_path):
    kind = KINDS[request.param]
    with kind.start(tmp_path / "server") as server:
        server.world.add_token(TOKEN, BOT)
        yield FleetScene(kind, server)


# Repositories by name


def test_repository_has_default_branch_as_base_branch(scene):
    repository = scene.add("acme/web", default_branch="trunk/stable")
    repository.git.commit("trunk/stable", {"README.md": "The trunk.\n"})
    (found,) = scene.found("acme/web")
    assert (found.base_branch, found.commit) == ("trunk/stable", repository.git.need("trunk/stable"))


def test_repository_without_commits_is_listed_without_base_branch(scene):
    scene.add("acme/empty", None)
    fleet = scene.fleet("acme/empty")
    (found,) = fleet.list_repositories(frozenset())
    host = scene.server.host if scene.kind.has_clone_host else None
    expected = GitRepository(scene.kind.name, "acme/empty", None, None, host=host, site=found.site, is_public=True)
    assert found == expected
    assert fleet.get_forge(found).list_requests(PREFIX, frozenset()) == ()
    with pytest.raises(TreeError, match="no commit"):
        fleet.open_tree(found)
    with pytest.raises(ForgeError, match="no commit"):
        fleet.get_forge(found).push(BRANCH, CHANGES, message_of(), None)
    with pytest.raises(ForgeError, match="no default branch"):
        fleet.get_forge(found).open(proposal())


def test_repository_is_public_when_readable_without_account(scene):
    scene.add("acme/web")
    scene.add("acme/secret", private=True, members={BOT})
    for names in (["acme/web"], ["acme/secret"], ["acme/web", "acme/secret"]):
        found = {each.name: (each.is_public, each.may_be_public) for each in scene.found(*names)}
        assert found == {name: (name == "acme/web", name == "acme/web") for name in names}


def test_invisible_repository_is_reported_and_others_are_listed(scene):
    scene.add("acme/secret", private=True)
    scene.add("acme/web")
    secret, nowhere, web = scene.found("acme/secret", "acme/nowhere", "acme/web")
    for failed, name in ((secret, "acme/secret"), (nowhere, "acme/nowhere")):
        assert (failed.subject, failed.stage) == (name, FailureStage.SURVEY)
        assert "check the name" in failed.error
        assert scene.kind.may_see in failed.error
    assert web.name == "acme/web"


def test_repository_configured_in_upper_and_lower_case_is_listed_once_as_on_server(scene):
    scene.add("Acme/Web")
    (found,) = scene.found("acme/web", "ACME/WEB", only=["acme/WEB"])
    assert found.name == "Acme/Web"


def test_lookup_of_unconfigured_repository_sends_no_api_call(scene):
    scene.add("acme/web")
    assert scene.found("acme/web", only=["other/web"]) == []
    assert scene.server.lines == []


def test_unknown_token_is_reported_with_hint_and_not_shown(scene):
    (failed,) = scene.found("acme/web", token="wrong-one")
    assert "new token" in failed.error
    assert "wrong-one" not in failed.error


# Trees


def test_entry_that_is_not_in_the_tree_yields_tree_error(scene):
    scene.add("acme/web")
    fleet = scene.fleet("acme/web")
    (repository,) = fleet.list_repositories(frozenset())
    tree = fleet.open_tree(repository)
    foreign, missing = tree.read([TreeEntry(FilePath("Dockerfile"), 1), TreeEntry(FilePath("Dockerfile"), 1, "0" * 40)])
    assert isinstance(foreign, TreeError)
    assert "not an entry" in str(foreign)
    assert isinstance(missing, TreeError)
    assert "Dockerfile" in str(missing)


def test_files_are_read_correctly_by_concurrent_threads(scene):
    names = [f"acme/r{number}" for number in range(8)]
    for name in names:
        scene.add(name, {"Dockerfile": f"FROM {name}\n"})
    fleet = scene.fleet(*names)

    def read(repository):
        tree = fleet.open_tree(repository)
        return [content.decode() for content in tree.read(list(tree.list_entries()))]

    with ThreadPoolExecutor(4) as pool:
        contents = list(pool.map(read, fleet.list_repositories(frozenset())))
    assert contents == [[f"FROM {name}\n"] for name in names]
