"""Runs with an inventory leave out what is settled, and end with the same forge as runs that read everything."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from support.forges.stands import LocalStand
from support.runs.twins import DatedScanner, Twins, edit_stored, set_rules

from bot.model.report import RunReport
from bot.reports.json_document import render_run_document
from bot.reports.text import render_run_text

pytestmark = pytest.mark.real("git")


@pytest.fixture
def twins(loopback, tmp_path):
    return Twins(loopback, tmp_path)


def read_document(report: RunReport) -> object:
    return json.loads(render_run_document(report))


def test_unchanged_repository_is_not_read_again(twins):
    twins.settle()
    reads = twins.changing.read_count
    report, whole_report = twins.run()
    assert twins.changing.read_count == reads
    assert read_document(report) == read_document(whole_report)
    assert report.failed == ()


def test_repository_with_an_open_request_is_not_read_again_either(twins):
    twins.settle()
    twins.loopback.move("nginx", "1", "nginx 1")
    twins.run()
    twins.assert_equal()
    twins.settle()
    report, whole_report = twins.run()
    assert read_document(report) == read_document(whole_report)
    assert render_run_text(report) == render_run_text(whole_report)
    twins.assert_equal()


Change = Callable[[Twins], None]


def commit_new_image(twins: Twins) -> None:
    twins.for_both(lambda stand: stand.commit("main", {"new/Dockerfile": "FROM nginx:1\n"}))


def tick_rebase(twins: Twins) -> None:
    twins.for_both(lambda stand: edit_stored(stand, get_proposed(stand), lambda body: body.replace("- [ ]", "- [x]")))


def decline(twins: Twins) -> None:
    twins.for_both(lambda stand: stand.close_request(get_proposed(stand)))


def push_to_branch(twins: Twins) -> None:
    twins.for_both(lambda stand: stand.commit(get_proposed(stand), {"README.md": "# Somebody's work\n"}))


def delete_branch(twins: Twins) -> None:
    twins.for_both(lambda stand: stand.delete_branch(get_proposed(stand)))


def merge(twins: Twins) -> None:
    def merge_and_delete(stand: LocalStand) -> None:
        branch = get_proposed(stand)
        stand.merge_request(branch)
        stand.delete_branch(branch)

    twins.for_both(merge_and_delete)


def move_tag(twins: Twins) -> None:
    twins.loopback.move("nginx", "1", "nginx 2")


def publish_tag(twins: Twins) -> None:
    twins.loopback.move("nginx", "1.9", "nginx 1.9")


def build_new_database(twins: Twins) -> None:
    twins.scanner = DatedScanner(twins.now, findings=3)


def pause(twins: Twins) -> None:
    set_rules(twins, ignore=True)


def wait_three_days(twins: Twins) -> None:
    twins.now += timedelta(days=3)


def get_proposed(stand: LocalStand) -> str:
    return next(branch for branch in stand.branches() if branch.startswith("basebump/"))


def settle_with_request(twins: Twins) -> None:
    """Settle with one open request, for nginx."""
    twins.loopback.move("nginx", "1", "nginx 1")
    twins.settle()
    assert get_proposed(twins.changing.stand)


@pytest.mark.parametrize(
    ("settle", "change"),
    [
        (None, commit_new_image),
        (None, move_tag),
        (settle_with_request, tick_rebase),
        (settle_with_request, decline),
        (settle_with_request, push_to_branch),
        (settle_with_request, delete_branch),
        (settle_with_request, merge),
        (settle_with_request, move_tag),
        (settle_with_request, build_new_database),
        (settle_with_request, pause),
        (settle_with_request, wait_three_days),
        (settle_with_request, commit_new_image),
    ],
)
def test_change_is_noticed(twins, settle, change):
    if settle is not None:
        settle(twins)
    else:
        twins.settle()
    change(twins)
    for _ in range(2):
        twins.run()
        twins.assert_equal()
