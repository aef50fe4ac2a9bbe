"""The stands of all forges. A new forge joins the tests of all forges with one line in STANDS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from support.forges.azure.stand import AzureStand
from support.forges.gitea.stand import ForgejoStand, GiteaStand
from support.forges.github.stand import GitHubAppStand, GitHubStand
from support.forges.gitlab.stand import GitLabStand
from support.forges.stands import ForgeStand, LocalStand
from support.git import Content

StandStarter = Callable[[Path, Mapping[str, Content]], ForgeStand]
"""Makes a forge with one repository that contains the files given, in a folder of its own."""

STANDS: Mapping[str, StandStarter] = {
    "local": LocalStand,
    "github": GitHubStand,
    "github-app": GitHubAppStand,
    "gitlab": GitLabStand,
    "azure": AzureStand,
    "gitea": GiteaStand,
    "forgejo": ForgejoStand,
}


def select_stands(*, without: tuple[str, ...]) -> Mapping[str, StandStarter]:
    """Return the stands of all forges except those in `without`."""
    assert STANDS.keys() >= set(without)
    return {name: stand for name, stand in STANDS.items() if name not in without}
