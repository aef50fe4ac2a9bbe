"""`docs/stages.md` has every stage and every reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.core.inventory.update_stages import get_use_kind
from bot.model.build_link import LinkEvidence
from bot.model.update_stages import STUCK_AFTER, RebuildEvidence, UpdateStage, UseKind, WaitReason

PAGE = (Path(__file__).parents[2] / "docs" / "stages.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("reason", WaitReason)
def test_stages_page_lists_each_wait_reason_with_its_sentence(reason):
    assert f"\n| `{reason.value}` | {reason.sentence} |\n" in PAGE


def test_stages_page_names_first_of_the_reasons_that_make_a_stage_unknown():
    reasons = list(WaitReason)
    first = next(each for each in reasons if each.is_unknown)
    assert all(each.is_unknown for each in reasons[reasons.index(first) :])
    assert f"From `{first.value}` on," in PAGE


def test_stages_page_names_each_stage_and_each_kind_of_evidence():
    for each in (*UpdateStage, *RebuildEvidence, *LinkEvidence):
        assert f"`{each.value}`" in PAGE


def test_stages_page_states_after_how_many_days_an_update_is_stuck():
    days = {stage: after.days for stage, after in STUCK_AFTER.items()}
    assert days == {None: 7, UpdateStage.PROPOSED: 7, UpdateStage.MERGED: 1, UpdateStage.REBUILT: 1}
    assert "more than a day after it was merged or rebuilt" in PAGE
    assert "more than seven days" in PAGE


@pytest.mark.parametrize("name", ["dockerfile", "kubernetes", "helm", "kustomize", "compose", "gitlab-ci"])
def test_format_of_a_file_determines_if_its_references_are_built_or_deployed(name):
    kinds = {"dockerfile": UseKind.BUILD, "compose": UseKind.OTHER, "gitlab-ci": UseKind.OTHER}
    assert get_use_kind(name) is kinds.get(name, UseKind.WORKLOAD)
