"""Runs with an inventory leave out what is settled, and end with the same forge as runs that read everything."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.runs.fleet_changes import (
    Change,
    commit_new_image,
    decline,
    delete_branch,
    get_proposed,
    merge,
    move_tag,
    push_to_branch,
    require_proposal,
    settle_with_request,
    wait_three_days,
)
from support.runs.twins import BlindInventory, BrokenInventory, DatedScanner, TwinFleets, edit_stored, set_rules
from support.visits import build_visit

from bot.core.choice.blocklist import build_blocklist
from bot.model.blocklist import Block, BlockedDigest, Blocklist
from bot.model.image_name import ImageName
from bot.model.inventory import BranchKey
from bot.model.modes import UpdateMode
from bot.model.report import RunReport
from bot.model.run_scope import RunScope
from bot.reports.run.report_document import render_run_document
from bot.reports.run.report_text import render_run_text

pytestmark = pytest.mark.real("git")


@pytest.fixture
def twin_fleets(loopback, tmp_path):
    return TwinFleets(loopback, tmp_path)


def read_document(report: RunReport) -> object:
    """Return the JSON output without what only the inventory knows: other repositories, and the last visit."""
    return json.loads(render_run_document(report), object_hook=_drop_inventory_keys)


def _drop_inventory_keys(members: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in members.items() if key not in {"fleet", "read_at"}}


def test_unchanged_repository_is_not_read_again(twin_fleets):
    twin_fleets.settle()
    reads = twin_fleets.changing.read_count
    report, whole_report = twin_fleets.run()
    assert twin_fleets.changing.read_count == reads
    assert read_document(report) == read_document(whole_report)
    assert report.failed == ()


def test_unchanged_repository_with_open_pull_request_is_not_read_again(twin_fleets):
    twin_fleets.settle()
    twin_fleets.loopback.move("nginx", "1", "nginx 1")
    twin_fleets.run()
    twin_fleets.assert_equal()
    twin_fleets.settle()
    report, whole_report = twin_fleets.run()
    assert read_document(report) == read_document(whole_report)
    unread = "1 of 1 base branches were not read again, because nothing changed since the last visit. The oldest visit"
    assert render_run_text(report).count(unread) == 1
    as_read = tuple(replace(each, read_at=None) for each in report.repositories)
    assert render_run_text(replace(report, repositories=as_read)) == render_run_text(whole_report)
    twin_fleets.assert_equal()


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM tags",
        "UPDATE branch_tags SET digest = 999",
        "UPDATE branches SET read_at = 'yesterday'",
        "UPDATE settled_branches SET due_at = 5",
        "UPDATE held_digests SET first_seen = 5",
        "UPDATE requests SET targets = '{'",
        "UPDATE reports SET document = '{'",
        """UPDATE reports SET document = replace(document, '"acme"', '"other"')""",
        "UPDATE tag_descriptors SET digest = 'sha256:' || hex(zeroblob(32))",
        "UPDATE tag_descriptors SET digest = 'latest'",
        "UPDATE evidence SET document = 7",
    ],
)
def test_damaged_state_does_not_change_proposals(twin_fleets, statement):
    settle_with_request(twin_fleets)
    with closing(sqlite3.connect(twin_fleets.folder / "changing.db", isolation_level=None)) as connection:
        assert connection.execute(statement).rowcount
    report, whole_report = twin_fleets.run()
    twin_fleets.assert_equal()
    assert [each.proposals for each in report.repositories] == [each.proposals for each in whole_report.repositories]
    assert {each.subject for each in report.failed} <= {"state"}


def tick_rebase(twins: TwinFleets) -> None:
    twins.for_both(lambda stand: edit_stored(stand, get_proposed(stand), lambda body: body.replace("- [ ]", "- [x]")))


def publish_tag(twins: TwinFleets) -> None:
    twins.loopback.move("nginx", "1.9", "nginx 1.9")


def build_new_database(twins: TwinFleets) -> None:
    twins.scanner = DatedScanner(twins.now, findings=3)


def pause(twins: TwinFleets) -> None:
    set_rules(twins, ignore=True)


def block_newest(twins: TwinFleets) -> None:
    """Block the digest that the tag of nginx points to, which files contain or a request proposes."""
    digest = twins.loopback.store.list_tags("library/nginx")["1"]
    blocklist = build_blocklist([BlockedDigest(digest, Block("malware"))])
    twins.policy_config = replace(twins.policy_config, blocklist=blocklist)


def unblock(twins: TwinFleets) -> None:
    twins.policy_config = replace(twins.policy_config, blocklist=Blocklist())


def settle_with_blocked_digest(twins: TwinFleets) -> None:
    """Settle with a request that replaces a blocked digest of nginx by an earlier one."""
    twins.run()
    digest = twins.loopback.move("nginx", "1", "nginx 1")
    twins.run()
    twins.for_both(lambda stand: stand.commit("main", {"Dockerfile": f"FROM nginx:1@{digest}\n"}))
    block_newest(twins)
    twins.settle()
    assert get_proposed(twins.changing.stand)


def settle_with_young_digest(twins: TwinFleets) -> None:
    """Settle with a request for a digest of nginx, while a newer digest waits for its minimum age."""
    set_rules(twins, min_age=timedelta(days=2))
    twins.settle()
    twins.loopback.move("nginx", "1", "nginx 1")
    twins.run()
    wait_three_days(twins)
    twins.settle()
    twins.loopback.move("nginx", "1", "nginx 2")
    twins.settle()


def settle_with_other_tags(twins: TwinFleets) -> None:
    """Settle with a rule that lets nginx change its tag."""
    digest = twins.loopback.move("nginx", "1.1", "nginx 1.1")
    twins.for_both(lambda stand: stand.commit("main", {"Dockerfile": f"FROM nginx:1.1@{digest}\n"}))
    set_rules(twins, update=UpdateMode.MINOR)
    twins.settle()


def settle_with_comment(twins: TwinFleets) -> None:
    """Settle with a newer digest of nginx that a comment ignores until tomorrow."""
    tomorrow = twins.now.date() + timedelta(days=1)
    comment = f"# basebump: ignore until={tomorrow}\nFROM nginx:1@{twins.digests['nginx']}\n"
    twins.for_both(lambda stand: stand.commit("main", {"Dockerfile": comment}))
    twins.loopback.move("nginx", "1", "nginx 1")
    twins.settle()


def settle_plainly(twins: TwinFleets) -> None:
    """Settle without a request."""
    twins.settle()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settle", "change"),
    [
        (settle_plainly, commit_new_image),
        (settle_plainly, move_tag),
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
        (settle_with_young_digest, wait_three_days),
        (settle_with_other_tags, publish_tag),
        (settle_with_comment, wait_three_days),
        (settle_plainly, block_newest),
        (settle_with_request, block_newest),
        (settle_with_blocked_digest, unblock),
        (settle_with_blocked_digest, move_tag),
    ],
)
def test_run_after_a_change_has_the_same_result_as_reading_every_repository(twin_fleets, settle, change):
    settle(twin_fleets)
    change(twin_fleets)
    for _ in range(2):
        twin_fleets.run()
        twin_fleets.assert_equal()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("omitted", "settle", "change"),
    [
        ("head", settle_with_request, commit_new_image),
        ("activity", settle_with_request, tick_rebase),
        ("activity", settle_with_request, delete_branch),
        ("rules", settle_with_request, pause),
        ("rules", settle_with_request, block_newest),
        ("evidence", settle_with_request, build_new_database),
        ("tags", settle_plainly, move_tag),
        ("tag_lists", settle_with_other_tags, publish_tag),
        ("due_at", settle_with_comment, wait_three_days),
    ],
)
def test_change_is_missed_if_triage_does_not_compare_the_changed_fact(loopback, tmp_path, omitted, settle, change):
    twins = TwinFleets(loopback, tmp_path, lambda store: BlindInventory(store, omitted))
    settle(twins)
    change(twins)
    twins.run()
    assert twins.changing.describe() != twins.whole.describe()


def test_new_release_of_basebump_reads_every_repository_again(twin_fleets):
    twin_fleets.settle()
    reads = twin_fleets.changing.read_count
    twin_fleets.reader = "another release"
    twin_fleets.run()
    assert twin_fleets.changing.read_count == reads + 1


def update_file(twins: TwinFleets) -> None:
    """Pin nginx to its present digest by hand."""
    digest = twins.loopback.store.list_tags("library/nginx")["1"]
    twins.for_both(lambda stand: stand.commit("main", {"Dockerfile": f"FROM nginx:1@{digest}\n"}))


def commit_same_files(twins: TwinFleets) -> None:
    twins.for_both(lambda stand: stand.commit("main", {"README.md": "# A repository\n"}))


def move_other_tag(twins: TwinFleets) -> None:
    twins.loopback.move("python", "1", f"python {twins.now}")


def move_tag_back(twins: TwinFleets) -> None:
    twins.loopback.move("nginx", "1", "nginx 0")


def require_age(twins: TwinFleets) -> None:
    set_rules(twins, min_age=timedelta(days=2))


def allow_other_tags(twins: TwinFleets) -> None:
    set_rules(twins, update=UpdateMode.MINOR)


def drop_rules(twins: TwinFleets) -> None:
    twins.policy_config = replace(twins.policy_config, rules=())


def label_everything(twins: TwinFleets) -> None:
    set_rules(twins, labels=("security",))


def toggle_dashboard(twins: TwinFleets) -> None:
    twins.has_dashboards = not twins.has_dashboards


def write_own_config(twins: TwinFleets) -> None:
    twins.for_both(lambda stand: stand.commit("main", {".basebump.yaml": "policy: [{ignore: true}]\n"}))


def wait_an_hour(twins: TwinFleets) -> None:
    twins.now += timedelta(hours=1)


CHANGES: tuple[Change, ...] = (
    *map(require_proposal, (tick_rebase, decline, push_to_branch, delete_branch, merge)),
    *(commit_new_image, update_file, commit_same_files, write_own_config),
    *(move_tag, move_other_tag, move_tag_back, publish_tag),
    *(pause, require_age, allow_other_tags, drop_rules, label_everything, toggle_dashboard),
    *(block_newest, unblock, build_new_database, wait_an_hour, wait_three_days),
)


@pytest.mark.slow
@settings(
    max_examples=int(os.environ.get("BASEBUMP_SEQUENCES", "12")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(steps=st.lists(st.sampled_from(CHANGES) | st.none(), min_size=3, max_size=9))
def test_skipping_unchanged_repositories_never_changes_the_result(loopback, tmp_path_factory, steps):
    twins = TwinFleets(loopback, tmp_path_factory.mktemp("twins"))
    for change in steps:
        if change is not None:
            change(twins)
        twins.run()
        twins.assert_equal()


def test_unchanged_repository_is_read_again_within_a_week(twin_fleets):
    twin_fleets.settle()
    reads = twin_fleets.changing.read_count
    for _ in range(14):
        twin_fleets.now += timedelta(hours=12)
        twin_fleets.run()
    assert twin_fleets.changing.read_count - reads in {1, 2}


def test_change_missed_by_triage_is_reported_as_a_bug_at_the_regular_visit(loopback, tmp_path):
    twins = TwinFleets(loopback, tmp_path, lambda store: BlindInventory(store, "activity"))
    settle_with_request(twins)
    delete_branch(twins)
    assert twins.run()[0].failed == ()
    twins.now += timedelta(days=8)
    report, _ = twins.run()
    assert [failure.subject for failure in report.failed] == ["acme (main)"]
    assert "report this as a bug" in report.failed[0].error
    twins.assert_equal()


def test_unchanged_repository_is_read_if_the_user_names_the_repository(twin_fleets):
    twin_fleets.settle()
    reads = twin_fleets.changing.read_count
    twin_fleets.run(RunScope(names=frozenset({"acme"})))
    assert twin_fleets.changing.read_count == reads + 1


@pytest.mark.parametrize(
    ("image", "is_read"),
    [("nginx", True), ("nginx:1", True), ("docker.io/library/nginx:1", True), ("nginx:2", False), ("busybox", False)],
)
def test_run_for_an_image_reads_only_repositories_that_use_the_image(twin_fleets, image, is_read):
    twin_fleets.settle()
    reads = twin_fleets.changing.read_count
    twin_fleets.run(RunScope(image=ImageName.parse(image)))
    assert twin_fleets.changing.read_count - reads == int(is_read)


def test_run_for_an_image_reads_repositories_with_new_commits(twin_fleets):
    twin_fleets.settle()
    commit_new_image(twin_fleets)
    reads = twin_fleets.changing.read_count
    twin_fleets.run(RunScope(image=ImageName.parse("busybox")))
    assert twin_fleets.changing.read_count == reads + 1


def test_failed_lookup_of_a_tag_leads_to_a_visit_that_reports_the_failure(twin_fleets):
    twin_fleets.settle()
    twin_fleets.loopback.store.remove("library/nginx", twin_fleets.digests["nginx"])
    report, whole_report = twin_fleets.run()
    assert read_document(report) == read_document(whole_report)
    twin_fleets.assert_equal()


def test_full_run_deletes_old_branches_from_the_inventory(twin_fleets):
    old = BranchKey("local", "", "removed long ago", "main")
    inventory = twin_fleets.changing.state.inventory
    inventory.record_visits([build_visit(key=old)], {}, twin_fleets.now - timedelta(days=401))
    assert inventory.load_branches([old])
    twin_fleets.run()
    assert not inventory.load_branches([old])


def test_every_repository_is_read_if_the_state_is_unreadable(loopback, tmp_path):
    twins = TwinFleets(loopback, tmp_path, BrokenInventory)
    report, _ = twins.run()
    assert {(failure.subject, failure.error) for failure in report.failed} == {("state", "the state is broken")}
    assert twins.changing.read_count == 1
    twins.assert_equal()
