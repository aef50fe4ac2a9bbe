"""Runs with an inventory over GitHub notice everything that people do there, as runs that read everything do.

On GitHub, people also label, review and reopen requests, and one list contains the activity of all repositories.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.forges.github.stand import GitHubStand
from support.forges.hosted_stand import HostedStand
from support.runs.fleet_changes import (
    Change,
    commit_new_image,
    decline,
    delete_branch,
    get_proposed,
    merge,
    move_tag,
    push_to_branch,
    settle_with_request,
    wait_three_days,
)
from support.runs.twins import BlindInventory, TwinFleets

from bot.inventory_ports import InventoryStore
from bot.model.proposal import RequestState

pytestmark = pytest.mark.real("git")


def open_twins(loopback, folder, wrap_inventory=lambda store: store) -> TwinFleets:
    """Return two equal repositories on two servers. The clock of the runs begins at the time of the servers."""
    return TwinFleets(loopback, folder, wrap_inventory, now=datetime.now(UTC), open_stand=GitHubStand)


def finish_ci(twins: TwinFleets) -> None:
    """Let CI pass on the request, because a run reads the repository until then."""
    twins.for_both(lambda stand: stand.report_check(stand.branches()[get_proposed(stand)], "passed"))


def ask_for_rebuild(twins: TwinFleets) -> None:
    twins.for_both(lambda stand: stand.label(get_proposed(stand), "basebump-rebase"))


def label(twins: TwinFleets) -> None:
    twins.for_both(lambda stand: stand.label(get_proposed(stand), "security"))


def tick_rebase(twins: TwinFleets) -> None:
    def tick(stand: HostedStand) -> None:
        body = stand.requests()[0].body
        stand.edit_body(get_proposed(stand), body.replace("- [ ]", "- [x]"))

    twins.for_both(tick)


def approve(twins: TwinFleets) -> None:
    twins.for_both(lambda stand: stand.approve(get_proposed(stand)))


def convert_to_draft(twins: TwinFleets) -> None:
    twins.for_both(lambda stand: stand.convert_to_draft(get_proposed(stand)))


def comment(twins: TwinFleets) -> None:
    twins.for_both(lambda stand: stand.comment(get_proposed(stand), "Who uses this image?"))


def reopen(twins: TwinFleets) -> None:
    """Open a declined request again, together with its branch."""
    twins.for_both(lambda stand: stand.reopen_request(get_proposed(stand)))


def require_open_request(change: Change) -> Change:
    """Return the change if there is an open request that it can change, or else no change."""

    def change_request(twins: TwinFleets) -> None:
        if any(each.state is RequestState.OPEN for each in twins.changing.stand.requests()):
            change(twins)

    change_request.__name__ = change.__name__
    return change_request


def require_declined_request(change: Change) -> Change:
    """Return the change if the newest request was closed and its branch is still there, or else no change."""

    def change_request(twins: TwinFleets) -> None:
        stand = twins.changing.stand
        newest = next(iter(stand.requests()), None)
        if newest is not None and newest.state is RequestState.CLOSED and newest.branch in stand.branches():
            change(twins)

    change_request.__name__ = change.__name__
    return change_request


CHANGES: tuple[Change, ...] = (
    *map(require_open_request, (finish_ci, ask_for_rebuild, label, tick_rebase, approve, convert_to_draft, comment)),
    *map(require_open_request, (decline, push_to_branch, delete_branch, merge)),
    require_declined_request(reopen),
    *(move_tag, commit_new_image, wait_three_days),
)


@pytest.mark.slow
@settings(
    max_examples=int(os.environ.get("BASEBUMP_SEQUENCES", "3")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(steps=st.lists(st.sampled_from(CHANGES) | st.none(), min_size=4, max_size=8))
def test_skipping_unchanged_repositories_on_github_never_changes_the_result(loopback, tmp_path_factory, steps):
    twins = open_twins(loopback, tmp_path_factory.mktemp("twins"))
    try:
        loopback.move("nginx", "1", "nginx 1")
        twins.run()
        for change in steps:
            if change is not None:
                change(twins)
            twins.run()
            twins.assert_equal()
    finally:
        twins.end()


def settle(twins: TwinFleets) -> None:
    """Settle with one open request on which CI passed."""
    twins.loopback.move("nginx", "1", "nginx 1")
    twins.run()
    finish_ci(twins)
    settle_with_request(twins)


@pytest.mark.parametrize("change", [ask_for_rebuild, tick_rebase, push_to_branch, delete_branch])
def test_change_of_branch_or_pull_request_is_missed_if_triage_ignores_activity(loopback, tmp_path, change):
    def ignore_activity(store: InventoryStore) -> InventoryStore:
        return BlindInventory(store, "activity")

    twins = open_twins(loopback, tmp_path, ignore_activity)
    settle(twins)
    change(twins)
    twins.run()
    assert twins.changing.describe() != twins.whole.describe()
    twins.end()


def test_unchanged_repository_on_github_is_not_read_again(loopback, tmp_path):
    twins = open_twins(loopback, tmp_path)
    settle(twins)
    reads = twins.changing.read_count
    twins.run()
    assert twins.changing.read_count == reads
    twins.assert_equal()
    twins.end()
