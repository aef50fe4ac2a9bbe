"""The minimum time between the writes of a run to the repositories that its config selects."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.forges.selection import RepositorySelection
from bot.settings import Settings
from bot.settings.sections.forges import GithubForgeEntry, GitlabForgeEntry, GroupEntry, OwnerEntry
from bot.settings.sections.proposals import ProposalsSection
from bot.wiring.forges import group_by_write_delay


@pytest.mark.parametrize("kind", [GithubForgeEntry, GitlabForgeEntry])
def test_write_delay_is_1_second_for_owner_selections_and_0_for_named_repositories(kind):
    forge = kind(
        repositories=(
            "acme/web",
            "other/site",
            OwnerEntry(owner="Acme", include=("*",), exclude=("old",), topics=("production",)),
        )
    )
    named, owned = ("acme/web", "other/site"), [RepositorySelection("Acme", ("*",), ("old", "web"), ("production",))]
    assert list(group_by_write_delay(Settings(), forge)) == [(named, 0.0), (owned, 1.0)]
    stated = Settings(proposals=ProposalsSection(write_delay=timedelta(seconds=3)))
    assert list(group_by_write_delay(stated, forge)) == [(named, 3.0), (owned, 3.0)]


def test_group_selection_excludes_projects_that_the_config_also_names():
    forge = GitlabForgeEntry(repositories=("acme/shop/web", GroupEntry(owner="acme"), GroupEntry(owner="acme/shop")))
    _, (selections, _) = group_by_write_delay(Settings(), forge)
    assert [each.exclude for each in selections] == [("shop/web",), ("web",)]
