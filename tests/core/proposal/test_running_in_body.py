"""The body of a proposal shows where the image runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from support.core.bodies import MOVE, PIN, build_evidence, render_proposal_body

from bot.core.proposal.fingerprint import compute_fingerprint
from bot.model.workload import RunningPlace, RunningUse


def build_running_evidence(*uses):
    return {move: replace(found, running=uses) for move, found in build_evidence().items()}


PAYMENTS, SHOP = RunningPlace("prod", "payments", 12), RunningPlace("prod", "shop", 1)


@pytest.mark.parametrize(
    ("uses", "text"),
    [
        ([RunningUse(None, (PAYMENTS,))], "`prod/payments` (12 pods)"),
        ([RunningUse(None, (PAYMENTS, SHOP))], "`prod/payments` (12 pods), `prod/shop` (1 pod)"),
        (
            [RunningUse(None, (replace(SHOP, as_of=datetime(2026, 11, 20, tzinfo=UTC)),))],
            "`prod/shop` (1 pod on 2026-11-20)",
        ),
        (
            [RunningUse(None, (PAYMENTS,)), RunningUse("r.example.com/web", (SHOP,))],
            "`prod/payments` (12 pods) · `r.example.com/web`, which was built on it, in `prod/shop` (1 pod)",
        ),
        ([RunningUse(None, (SHOP,) * 8)], f"{', '.join(['`prod/shop` (1 pod)'] * 5)} and 3 more"),
        ([RunningUse(None, (RunningPlace("@prod", "`x`|y", 2),))], "`` @prod/`x`¦y `` (2 pods)"),
    ],
)
def test_body_states_namespaces_and_pods_that_run_image(uses, text):
    assert f"\n| Runs in | {text} |\n" in render_proposal_body(known=build_running_evidence(*uses))
    several = {**build_running_evidence(*uses), **build_evidence(None, None, PIN)}
    assert " Runs in " in render_proposal_body((MOVE, PIN), several)


def test_row_about_namespaces_is_omitted_unless_image_is_known_to_run():
    for uses in ((), None):
        known = {move: replace(found, running=uses) for move, found in build_evidence().items()}
        assert "Runs in" not in render_proposal_body(known=known)


def test_fingerprint_ignores_namespaces_and_pods_that_run_image():
    fingerprints = {
        compute_fingerprint((MOVE,), known)
        for known in (
            build_evidence(),
            build_running_evidence(),
            build_running_evidence(RunningUse(None, (PAYMENTS,))),
            build_running_evidence(RunningUse(None, (replace(PAYMENTS, pods=13), SHOP))),
        )
    }
    assert len(fingerprints) == 1
