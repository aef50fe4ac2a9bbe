"""The kinds of forge servers: the requests that basebump sends to each of them, and the errors that each returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from support.forges.azure.server import AzureServer
from support.forges.azure.stand import TOKEN as AZURE_TOKEN
from support.forges.azure.stand import AzureStand
from support.forges.contract_scene import NEWER_CHANGES
from support.forges.gitea.server import GiteaServer
from support.forges.gitea.stand import TOKEN as GITEA_TOKEN
from support.forges.gitea.stand import GiteaStand
from support.forges.github.server import GitHubServer
from support.forges.github.stand import TOKEN as GITHUB_TOKEN
from support.forges.github.stand import GitHubStand
from support.forges.gitlab.server import GitLabServer
from support.forges.gitlab.stand import TOKEN as GITLAB_TOKEN
from support.forges.gitlab.stand import GitLabStand
from support.forges.hosted_stand import HostedStand
from support.forges.server import ForgeServer
from support.forges.watched import WatchedStand

from bot.model.proposal import RemoteRequest

Act = Callable[[WatchedStand, RemoteRequest], object]


@dataclass(frozen=True)
class ServerKind:
    """One kind of server: the requests that basebump sends to it, as patterns, and the errors that it returns."""

    stand: type[HostedStand]
    server: type[ForgeServer]
    token: str
    find: str
    second_page: str
    file: str
    tree: str
    open: str
    look_for_open: str
    create: str
    move: str
    delete: str
    limit: tuple[int, str]
    reset: Mapping[str, str]
    """The headers that state when a rate limit ends. An empty value is replaced by a time."""
    no_json: str
    """A part of the error message for a response that is not JSON."""
    odd: tuple[object, ...]
    """Response bodies of other shapes than those of this server."""
    asked: tuple[str, ...]
    """The paths that a run requests before its first write."""
    writes: Mapping[str, tuple[str, int, Act]]
    """For each write: its request, the number of writes up to it, and the function that makes them."""


def _push(watched: WatchedStand, seen: RemoteRequest) -> None:
    watched.push(NEWER_CHANGES, seen.head)


def _amend(watched: WatchedStand, seen: RemoteRequest) -> None:
    watched.forge().update_request(seen, "Other words", "")


def _close(watched: WatchedStand, seen: RemoteRequest) -> None:
    watched.forge().close(seen)


def _tell(watched: WatchedStand, seen: RemoteRequest) -> None:
    watched.forge().add_comment(seen, "Hands off.")


def _drop(watched: WatchedStand, seen: RemoteRequest) -> None:
    watched.forge().delete_branch(seen)


GITHUB = ServerKind(
    stand=GitHubStand,
    server=GitHubServer,
    token=GITHUB_TOKEN,
    find="GET /repos/acme/web$",
    second_page="GET /repos/acme/web/pulls.*page=2",
    file="GET .*/git/blobs/",
    tree="GET .*/git/trees/",
    open="POST .*/pulls$",
    look_for_open="GET .*/pulls",
    create="POST .*/git/refs$",
    move="POST /graphql",
    delete="POST /graphql",
    limit=(403, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."),
    reset={"x_ratelimit_remaining": "0", "x_ratelimit_reset": ""},
    no_json="could not",
    odd=({}, [], "text", None, {"object": None, "tree": None, "sha": None}),
    asked=("/repos/acme/web$", "/git/ref/", "/git/trees/", "/git/blobs/", "/matching-refs/", "/pulls"),
    writes={
        "the tree": ("POST .*/git/trees", 1, _push),
        "the commit": ("POST .*/git/commits", 2, _push),
        "the move": ("POST /graphql", 3, _push),
        "the edit": ("PATCH .*/pulls/1", 1, _amend),
        "the close": ("PATCH .*/pulls/1", 1, _close),
        "the comment": ("POST .*/comments", 1, _tell),
        "the deletion": ("POST /graphql", 1, _drop),
    },
)
GITLAB = ServerKind(
    stand=GitLabStand,
    server=GitLabServer,
    token=GITLAB_TOKEN,
    find="GET /projects/acme/shop/web$",
    second_page="GET .*/merge_requests.*page=2",
    file="GET .*/repository/blobs/",
    tree="GET .*/repository/tree",
    open="POST .*/merge_requests$",
    look_for_open="GET .*/merge_requests",
    create="POST .*/repository/commits",
    move="POST .*/repository/commits",
    delete="DELETE .*/branches/",
    limit=(429, "Retry later"),
    reset={"RateLimit_Reset": ""},
    no_json="does not have GitLab's format",
    odd=({}, [], "text", None, [[]], [{}], {"id": None, "commit": None}, [{"name": "basebump/x", "commit": {}}]),
    asked=("/projects/acme/shop/web$", "/branches/", "/branches[?]", "/tree", "/blobs/", "/merge_requests", "/user"),
    writes={
        "the push": ("POST .*/commits", 1, _push),
        "the edit": ("PUT .*/merge_requests/1", 1, _amend),
        "the close": ("PUT .*/merge_requests/1", 1, _close),
        "the comment": ("POST .*/notes", 1, _tell),
        "the deletion": ("DELETE .*/branches", 1, _drop),
    },
)
AZURE = ServerKind(
    stand=AzureStand,
    server=AzureServer,
    token=AZURE_TOKEN,
    find="GET /Acme Shop/_apis/git/repositories/web[?]",
    second_page="GET .*/pullrequests[?].*skip=100",
    file="GET .*/blobs/",
    tree="GET .*/trees/",
    open="POST .*/pullrequests[?]",
    look_for_open="GET .*/pullrequests",
    create="POST .*/pushes",
    move="POST .*/refs",
    delete="POST .*/refs",
    limit=(429, "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource."),
    reset={"X_RateLimit_Reset": ""},
    no_json="does not have Azure DevOps's format",
    odd=({}, [], "text", None, {"value": None}, {"value": [{}]}, {"value": [None]}, {"treeEntries": [{}]}),
    asked=("/repositories/", "/refs", "/trees/", "/commits/", "/pullrequests", "/properties", "/connectionData"),
    writes={
        "the push": ("POST .*/pushes", 1, _push),
        "the move": ("POST .*/refs", 2, _push),
        "the edit": ("PATCH .*/pullrequests/1", 1, _amend),
        "the close": ("PATCH .*/pullrequests/1", 1, _close),
        "the comment": ("POST .*/threads", 1, _tell),
        "the deletion": ("POST .*/refs", 1, _drop),
    },
)
GITEA = ServerKind(
    stand=GiteaStand,
    server=GiteaServer,
    token=GITEA_TOKEN,
    find="GET /repos/acme/web$",
    second_page="GET /repos/acme/web/pulls.*page=2",
    file="GET .*/git/blobs/",
    tree="GET .*/git/trees/",
    open="POST .*/pulls$",
    look_for_open="GET .*/pulls",
    create="POST .*/git-receive-pack",
    move="POST .*/git-receive-pack",
    delete="POST .*/git-receive-pack",
    limit=(429, "Too many requests"),
    reset={"X_RateLimit_Reset": ""},
    no_json="does not have Gitea's format",
    odd=({}, [], "text", None, [[]], [{}], {"id": None, "tree": None, "commit": None}, [{"ref": "x", "head": {}}]),
    asked=("/repos/acme/web$", "/branches/", "/git/refs/", "/git/trees/", "/git/commits/", "/pulls", "/timeline"),
    writes={
        "the push": ("POST .*/git-receive-pack", 1, _push),
        "the edit": ("PATCH .*/pulls/1", 1, _amend),
        "the close": ("PATCH .*/pulls/1", 1, _close),
        "the comment": ("POST .*/comments", 1, _tell),
        "the deletion": ("POST .*/git-receive-pack", 1, _drop),
    },
)
KINDS = {"github": GITHUB, "gitlab": GITLAB, "azure": AZURE, "gitea": GITEA}
