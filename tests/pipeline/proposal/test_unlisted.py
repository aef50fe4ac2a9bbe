"""Open proposals whose registry no longer lists tags: they stay open, because they may still be desired."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.stands import LocalStand
from support.runs.worlds import list_outcomes

from bot.model.modes import UpdateMode
from bot.model.policy import PolicyRule

pytestmark = pytest.mark.real("git")


@pytest.fixture
def registry_with_patch_rule(loopback):
    loopback.rulebook = replace(loopback.rulebook, rules=(PolicyRule(update=UpdateMode.PATCH),))
    return loopback


def hide_tag_lists(loopback) -> None:
    loopback.store.list_tags = lambda repository: {}


def test_pull_request_for_newer_tag_is_unchanged_while_tags_cannot_be_listed(tmp_path, registry_with_patch_rule):
    pinned = registry_with_patch_rule.move("nginx", "1.27.1", "old")
    registry_with_patch_rule.move("nginx", "1.27.3", "new")
    stand = LocalStand(tmp_path, {"Dockerfile": f"FROM nginx:1.27.1@{pinned}\n"})
    assert list_outcomes(registry_with_patch_rule.run([stand.fleet()])) == ["opened"]
    before = stand.branches()
    hide_tag_lists(registry_with_patch_rule)
    assert list_outcomes(registry_with_patch_rule.run([stand.fleet()])) == ["left-alone"]
    assert stand.branches() == before


def test_pull_request_for_own_tag_is_closed_although_tags_cannot_be_listed(tmp_path, registry_with_patch_rule):
    pinned = registry_with_patch_rule.move("nginx", "1.27.1", "old")
    now = registry_with_patch_rule.move("nginx", "1.27.1", "new")
    hide_tag_lists(registry_with_patch_rule)
    stand = LocalStand(tmp_path, {"Dockerfile": f"FROM nginx:1.27.1@{pinned}\n"})
    assert list_outcomes(registry_with_patch_rule.run([stand.fleet()])) == ["opened"]
    stand.commit("main", {"Dockerfile": f"FROM nginx:1.27.1@{now}\n"})
    assert list_outcomes(registry_with_patch_rule.run([stand.fleet()])) == ["closed"]
