"""The stuck updates of each base branch, as dashboards show them."""

from __future__ import annotations

from datetime import timedelta

from support.stage_scene import CHECK, CHECKOUT, SHOP, build_scene

from bot.core.inventory.stuck_updates import group_stuck_updates


def group(later: timedelta = timedelta()):
    report = build_scene()
    return group_stuck_updates(report.stages, report.now + later)


def test_stuck_updates_are_grouped_by_base_branch_without_open_pull_requests():
    states = {key.repository: [each.state for each in updates] for key, updates in group().items()}
    assert states == {
        "acme/checkout": ["merged, not rebuilt"],
        "acme/shop": ["merged, not running", "rebuilt, not running"],
    }


def test_stuck_update_names_failed_check_missing_image_or_old_workloads():
    (failed,), (proxy, shop) = group()[CHECKOUT], group()[SHOP]
    assert (failed.check_name, failed.check_url) == (CHECK.name, CHECK.url)
    assert (failed.images, failed.reason) == (("contoso.azurecr.io/apps/checkout",), "build-failed")
    assert (proxy.workloads, shop.workloads) == (
        ("prod/payments/Deployment/proxy",),
        ("prod/payments/Deployment/shop",),
    )


def test_stuck_updates_do_not_change_while_time_passes():
    assert group(timedelta(days=30)) == group()
