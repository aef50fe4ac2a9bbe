"""The minimum time between the writes of a run to the repositories that its config selects."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.forges.selection import RepositorySelection
from bot.settings import GithubSettings, GitlabSettings, OwnerSelection, Settings
from bot.wiring.forges import group_by_write_delay


@pytest.mark.parametrize("kind", [GithubSettings, GitlabSettings])
def test_what_is_selected_by_owner_is_written_to_by_the_second_and_what_is_named_at_once_and_once(kind):
    forge = kind(
        repositories=("acme/web", "other/site"), owners=(OwnerSelection("Acme", ("*",), ("old",), ("production",)),)
    )
    named, owned = ("acme/web", "other/site"), [RepositorySelection("Acme", ("*",), ("old", "web"), ("production",))]
    assert list(group_by_write_delay(Settings(), forge)) == [(named, 0.0), (owned, 1.0)]
    stated = Settings(write_delay=timedelta(seconds=3))
    assert list(group_by_write_delay(stated, forge)) == [(named, 3.0), (owned, 3.0)]


def test_names_in_a_subgroup_are_left_out_of_the_selection_by_their_path_below_the_group():
    forge = GitlabSettings(
        repositories=("acme/shop/web",), owners=(OwnerSelection("acme"), OwnerSelection("acme/shop"))
    )
    _, (selections, _) = group_by_write_delay(Settings(), forge)
    assert [each.exclude for each in selections] == [("shop/web",), ("web",)]
