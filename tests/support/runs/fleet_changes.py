"""Changes that happen to two equal fleets between their runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from support.forges.stands import GitStand
from support.runs.twins import TwinFleets

Change = Callable[[TwinFleets], None]


def commit_new_image(twins: TwinFleets) -> None:
    twins.for_both(lambda stand: stand.commit("main", {"new/Dockerfile": "FROM nginx:1\n"}))


def decline(twins: TwinFleets) -> None:
    twins.for_both(lambda stand: stand.close_request(get_proposed(stand)))


def push_to_branch(twins: TwinFleets) -> None:
    twins.for_both(lambda stand: stand.commit(get_proposed(stand), {"README.md": "# Somebody's work\n"}))


def delete_branch(twins: TwinFleets) -> None:
    twins.for_both(lambda stand: stand.delete_branch(get_proposed(stand)))


def merge(twins: TwinFleets) -> None:
    def merge_and_delete(stand: GitStand) -> None:
        branch = get_proposed(stand)
        stand.merge_request(branch)
        stand.delete_branch(branch)

    twins.for_both(merge_and_delete)


def move_tag(twins: TwinFleets) -> None:
    twins.loopback.move("nginx", "1", "nginx 2")


def wait_three_days(twins: TwinFleets) -> None:
    twins.now += timedelta(days=3)


def get_proposed(stand: GitStand) -> str:
    return next(branch for branch in stand.branches() if branch.startswith("basebump/"))


def settle_with_request(twins: TwinFleets) -> None:
    """Settle with one open request, for nginx."""
    twins.loopback.move("nginx", "1", "nginx 1")
    twins.settle()
    assert get_proposed(twins.changing.stand)


def require_proposal(change: Change) -> Change:
    """Return the change if there is a request that it can change, or else no change."""

    def change_request(twins: TwinFleets) -> None:
        if any(branch.startswith("basebump/") for branch in twins.changing.stand.branches()):
            change(twins)

    change_request.__name__ = change.__name__
    return change_request
