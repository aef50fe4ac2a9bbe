"""The inventory: everything that a run stores about base branches is read back, and history is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from support.values import finding, scan
from support.visits import (
    API,
    NEW,
    OLD,
    PYTHON,
    WEB,
    build_request,
    build_settled,
    build_verdict,
    build_visit,
)

from bot.model.ci import FailedCheck
from bot.model.decision import Transition
from bot.model.evidence import Evidence, VulnerabilityDelta
from bot.model.image_name import ImageName
from bot.model.inventory import BranchKey, StoredBranch
from bot.model.proposal import ProposedImage, RequestState
from bot.model.report import ProposalReport
from bot.model.source import EditSlot, FilePath, NotEditable, Span, UnsupportedText
from bot.model.vocabulary import ProposalOutcome, Reason, ReferenceStatus
from bot.state.after_merge.failed_checks import DatabaseFailedChecks
from bot.state.inventory import store as inventory_store
from bot.state.tables.inventory import BRANCH_DETAILS, BRANCHES, EVIDENCE, REQUESTS

MOVE = Transition(PYTHON, OLD, NEW, ("linux/amd64",))
HOUR = timedelta(hours=1)


def count_rows(location, table) -> int:
    with location.database().open_for_reading() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_settled_branch_is_loaded_as_stored(inventory, state_location):
    lists, due_at = {"docker.io/library/python": "f1", "ghcr.io/acme/base": "f2"}, state_location.now + HOUR
    state = build_settled(tag_lists=lists, due_at=due_at)
    inventory.record_visits(
        [build_visit(requests=(build_request(),), settled=state, has_unread_files=True)], {}, state_location.now
    )
    stored = StoredBranch("c0ffee", "reader 1", state_location.now, True, state, {"basebump/python": None})
    assert inventory.load_branches([WEB, API]) == {WEB: stored}


def test_later_visit_replaces_the_stored_branch(inventory, state_location):
    inventory.record_visits(
        [build_visit(settled=build_settled(tag_lists={"ghcr.io/acme/base": "f"}))], {}, state_location.now
    )
    inventory.record_visits([build_visit(head="beef", reader="reader 2")], {}, state_location.now + HOUR)
    assert inventory.load_branches([WEB]) == {WEB: StoredBranch("beef", "reader 2", state_location.now + HOUR)}


def test_visit_of_a_run_that_started_earlier_does_not_replace_a_later_visit(inventory, state_location):
    inventory.record_visits(
        [build_visit(build_verdict(f"python:3.12@{NEW}"), settled=build_settled())], {}, state_location.now
    )
    before = inventory.load_branches([WEB]), inventory.load_reports([WEB])
    inventory.record_visits(
        [build_visit(build_verdict(f"python:3.12@{OLD}"), head="beef")], {}, state_location.now - HOUR
    )
    assert (inventory.load_branches([WEB]), inventory.load_reports([WEB])) == before


def test_stored_visit_with_a_future_time_is_replaced(inventory, state_location):
    inventory.record_visits([build_visit(settled=build_settled())], {}, state_location.now + 1000 * 24 * HOUR)
    inventory.record_visits([build_visit(head="beef")], {}, state_location.now)
    assert inventory.load_branches([WEB]) == {WEB: StoredBranch("beef", "reader 1", state_location.now)}


def test_branches_are_stored_separately_by_forge_and_name(inventory, state_location):
    keys = [BranchKey("gitea", host, "acme/web", base) for host in ("git.one", "git.two") for base in ("main", "1.x")]
    inventory.record_visits([build_visit(key=key, head=str(n)) for n, key in enumerate(keys)], {}, state_location.now)
    assert {key: each.head for key, each in inventory.load_branches(keys).items()} == dict(
        zip(keys, "0123", strict=True)
    )


def test_branch_is_not_settled_if_the_settled_commit_differs_from_the_visited_commit(inventory, state_location):
    inventory.record_visits([build_visit(head="beef", settled=build_settled())], {}, state_location.now)
    assert inventory.load_branches([WEB])[WEB].settled is None


def test_report_is_loaded_without_the_replacement_bytes_of_edits(inventory, state_location):
    slot = EditSlot(Span(3, 5), b"\xff\xfe", b"@")
    update = build_verdict(
        f"python:3.12@{OLD}",
        ReferenceStatus.UPDATE,
        new_digest=NEW,
        transition=MOVE,
        digest_slot=slot,
        tag_slot=NotEditable(Reason.SHARED_ARGUMENT, slot),
        owners=("@acme/web",),
        usages=((FilePath("compose.yaml"), 3),),
    )
    image = ProposedImage("python:3.12", "docker.io/library/python", "3.12", OLD, NEW)
    proposal = ProposalReport(
        "basebump/python", ProposalOutcome.OPENED, "Update", (image,), (FilePath("a"),), "https://x"
    )
    unsupported = UnsupportedText(FilePath("b"), 2, "$X", Reason.TEMPLATED)
    made = build_visit(update)
    report = replace(made.report, proposals=(proposal,), unsupported=(unsupported,), files_url="https://x/")
    inventory.record_visits([replace(made, report=report)], {}, state_location.now)
    bare = EditSlot(Span(3, 5), b"")
    place_read = replace(update.reference, digest_slot=bare, tag_slot=NotEditable(Reason.SHARED_ARGUMENT, bare))
    assert inventory.load_reports([WEB, API]) == {
        WEB: replace(report, verdicts=(replace(update, reference=place_read),))
    }


def test_report_with_invalid_unicode_leaves_the_branch_unsettled(inventory, state_location):
    odd = build_verdict(f"python:3.12@{OLD}", path="\udcff/Docker\0file")
    inventory.record_visits(
        [build_visit(odd, settled=build_settled()), build_visit(key=API, settled=build_settled())],
        {},
        state_location.now,
    )
    stored = inventory.load_branches([WEB, API])
    assert stored[WEB].settled is None
    assert stored[API].settled is not None
    assert inventory.load_reports([WEB]) == {}
    assert inventory.list_users(ImageName.parse("python")) == {WEB}


def test_branch_with_invalid_unicode_in_the_name_is_not_stored(inventory, state_location):
    odd = BranchKey("local", "", "web", "ma\udcffin")
    inventory.record_visits([build_visit(key=odd), build_visit()], {}, state_location.now)
    inventory.record_seen([odd], state_location.now)
    assert inventory.load_branches([odd, WEB]).keys() == {WEB}


def test_evidence_of_an_update_is_stored_once_until_no_settled_branch_needs_it(inventory, state_location):
    found = finding("CVE-2026-1")
    evidence = {MOVE: Evidence(scan(found), scan(), VulnerabilityDelta((found,), (), ()), frozenset({"CVE-2026-1"}))}
    moved = build_verdict(f"python:3.12@{OLD}", ReferenceStatus.HELD, transition=MOVE)
    both = [build_visit(moved, key=key, settled=build_settled()) for key in (WEB, API)]
    inventory.record_visits(both, evidence, state_location.now)
    assert inventory.load_evidence([MOVE, replace(MOVE, old=None)]) == evidence
    assert count_rows(state_location, EVIDENCE) == 1
    inventory.record_visits([build_visit()], {}, state_location.now + HOUR)
    assert inventory.load_evidence([MOVE]) == evidence
    inventory.record_visits([build_visit(moved, key=API)], evidence, state_location.now + HOUR)
    assert inventory.load_evidence([MOVE]) == {}
    assert count_rows(state_location, EVIDENCE) == 0


def test_later_evidence_replaces_earlier_evidence(inventory, state_location):
    moved = build_visit(
        build_verdict(f"python:3.12@{OLD}", ReferenceStatus.HELD, transition=MOVE), settled=build_settled()
    )
    first, second = Evidence(None, scan(), None), Evidence(None, scan(finding("CVE-2026-2")), None)
    inventory.record_visits([moved], {MOVE: first}, state_location.now)
    inventory.record_visits([moved], {MOVE: second}, state_location.now + HOUR)
    assert inventory.load_evidence([MOVE]) == {MOVE: second}


def test_evidence_with_invalid_unicode_leaves_the_branch_unsettled(inventory, state_location):
    moved = build_verdict(f"python:3.12@{OLD}", ReferenceStatus.HELD, transition=MOVE)
    evidence = {MOVE: Evidence(None, scan(finding("CVE-2026-1", title="\udcff")), None)}
    inventory.record_visits([build_visit(moved, settled=build_settled())], evidence, state_location.now)
    assert inventory.load_branches([WEB])[WEB].settled is None
    assert inventory.load_evidence([MOVE]) == {}


@pytest.mark.parametrize(
    ("image", "users"),
    [
        ("python:3.12", {WEB}),
        ("python", {WEB, API}),
        ("docker.io/library/python:3.12", {WEB}),
        ("python:3.13", set()),
        ("ghcr.io/acme/python", set()),
    ],
)
def test_branches_that_use_an_image_are_found_by_canonical_name(inventory, state_location, image, users):
    skipped = build_verdict("python:3.12", ReferenceStatus.SKIPPED, reason=Reason.IGNORED)
    untagged = build_verdict(f"docker.io/library/python@{OLD}", ReferenceStatus.SKIPPED, reason=Reason.NO_TAG)
    inventory.record_visits([build_visit(skipped), build_visit(untagged, key=API)], {}, state_location.now)
    assert inventory.list_users(ImageName.parse(image)) == users


def test_only_branches_that_used_the_image_at_the_last_visit_are_found(inventory, state_location):
    inventory.record_visits([build_visit(build_verdict("python:3.12"))], {}, state_location.now)
    inventory.record_visits([build_visit(build_verdict("node:22"))], {}, state_location.now + HOUR)
    assert inventory.list_users(ImageName.parse("python:3.12")) == frozenset()
    assert inventory.list_users(ImageName.parse("node")) == {WEB}


def load_requests(location) -> list:
    columns = (REQUESTS.c.number, REQUESTS.c.state, REQUESTS.c.opened_at, REQUESTS.c.ended_at, REQUESTS.c.fixes)
    with location.database().open_for_reading() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(REQUESTS.c.number))]


def test_pull_request_missing_from_the_listing_is_stored_as_closed(inventory, state_location):
    opened_at, later = state_location.now - HOUR, state_location.now + HOUR
    inventory.record_visits(
        [build_visit(requests=(build_request(opened_at=opened_at, fixes={"high": 2}),))], {}, state_location.now
    )
    inventory.record_visits([build_visit(requests=None)], {}, state_location.now + HOUR / 2)
    assert load_requests(state_location) == [(1, "open", opened_at, None, '{"high": 2}')]
    inventory.record_visits([build_visit()], {}, later)
    assert load_requests(state_location) == [(1, "closed", opened_at, later, '{"high": 2}')]
    inventory.record_visits([build_visit()], {}, later + HOUR)
    assert load_requests(state_location) == [(1, "closed", opened_at, later, '{"high": 2}')]
    assert inventory.load_branches([WEB])[WEB].open_request_heads == {}


def test_merged_pull_request_keeps_opening_time_and_fixes(inventory, state_location):
    opened_at, merged_at = state_location.now - HOUR, state_location.now + HOUR
    inventory.record_visits(
        [build_visit(requests=(build_request(opened_at=opened_at, fixes={"high": 2}),))], {}, state_location.now
    )
    merged = build_request(state=RequestState.MERGED, ended_at=merged_at)
    inventory.record_visits([build_visit(requests=(merged, build_request(2)))], {}, state_location.now + 2 * HOUR)
    assert load_requests(state_location) == [
        (1, "merged", opened_at, merged_at, '{"high": 2}'),
        (2, "open", None, None, None),
    ]


def test_publication_date_of_fixes_is_kept_until_fixes_are_determined_again(inventory, state_location):
    published_at = state_location.now - 9 * HOUR
    for fixes, published, expected in (
        ({"high": 2}, published_at, published_at),
        (None, None, published_at),
        ({"critical": 1}, None, None),
    ):
        request = build_request(fixes=fixes, fix_published_at=published)
        inventory.record_visits([build_visit(f"python:3.12@{OLD}", requests=(request,))], {}, state_location.now)
        (found,) = inventory.load_requests([PYTHON.repository], state_location.now - HOUR)
        assert found.request.fix_published_at == expected


def test_merged_pull_request_without_targets_keeps_the_stored_targets(inventory, state_location):
    inventory.record_visits([build_visit(requests=(build_request(),))], {}, state_location.now)
    merged = build_request(state=RequestState.MERGED, targets=())
    inventory.record_visits(
        [build_visit(requests=(merged, build_request(2, targets=())))], {}, state_location.now + HOUR
    )
    with state_location.database().open_for_reading() as connection:
        targets = connection.scalars(select(REQUESTS.c.targets).order_by(REQUESTS.c.number))
        assert [json.loads(each) for each in targets] == [[f"{PYTHON}@{NEW}"], []]


def test_merged_pull_request_without_end_time_ends_when_first_seen_as_merged(inventory, state_location):
    inventory.record_visits([build_visit(requests=(build_request(),))], {}, state_location.now)
    for hours in (1, 2):
        merged = build_visit(requests=(build_request(state=RequestState.MERGED),))
        inventory.record_visits([merged], {}, state_location.now + hours * HOUR)
    assert load_requests(state_location) == [(1, "merged", None, state_location.now + HOUR, None)]


def test_reopened_pull_request_has_no_end_time(inventory, state_location):
    inventory.record_visits(
        [build_visit(requests=(build_request(state=RequestState.CLOSED, ended_at=state_location.now),))],
        {},
        state_location.now,
    )
    inventory.record_visits([build_visit(requests=(build_request(),))], {}, state_location.now + HOUR)
    assert load_requests(state_location) == [(1, "open", None, None, None)]


def test_unlisted_branches_are_deleted_with_all_dependent_rows(inventory, state_location):
    moved = build_verdict(f"python:3.12@{OLD}", ReferenceStatus.HELD, transition=MOVE)
    state = build_settled(tag_lists={"ghcr.io/acme/base": "f"})
    gone = build_visit(moved, requests=(build_request(),), settled=state)
    inventory.record_visits([gone, build_visit(key=API)], {MOVE: Evidence(None, scan(), None)}, state_location.now)
    DatabaseFailedChecks(state_location.database()).record_checks({WEB: FailedCheck("build")}, {WEB: gone.head})
    inventory.record_seen([API], state_location.now + timedelta(days=399))
    assert inventory.load_branches([WEB, API]).keys() == {WEB, API}
    inventory.record_seen([API], state_location.now + timedelta(days=401))
    assert inventory.load_branches([WEB, API]).keys() == {API}
    assert count_rows(state_location, BRANCHES) == 1
    assert [count_rows(state_location, table) for table in (*BRANCH_DETAILS, EVIDENCE)] == [0] * 7 + [1, 0, 0]


def test_earlier_listing_does_not_move_back_the_time_when_a_branch_was_last_listed(inventory, state_location):
    inventory.record_visits([build_visit()], {}, state_location.now)
    inventory.record_seen([WEB], state_location.now - timedelta(days=300))
    inventory.record_seen([], state_location.now)
    inventory.record_seen([API], state_location.now + timedelta(days=350))
    assert inventory.load_branches([WEB]).keys() == {WEB}
    inventory.record_visits([build_visit()], {}, state_location.now + timedelta(days=360))
    inventory.record_seen([WEB], state_location.now + timedelta(days=350))
    with state_location.database().open_for_reading() as connection:
        seen_at = connection.execute(select(BRANCHES.c.seen_at)).scalar_one()
    assert seen_at == state_location.now + timedelta(days=360)


def test_visits_are_stored_in_several_transactions_if_too_many_for_one(inventory, state_location, monkeypatch):
    monkeypatch.setattr(inventory_store, "VISITS_PER_TRANSACTION", 2)
    keys = [replace(WEB, repository=f"acme/{number}") for number in range(5)]
    moved = build_verdict(f"python:3.12@{OLD}", ReferenceStatus.HELD, transition=MOVE)
    evidence = {MOVE: Evidence(None, scan(), None)}
    inventory.record_visits(
        [build_visit(moved, key=key, settled=build_settled()) for key in keys], evidence, state_location.now
    )
    assert [each.settled for each in inventory.load_branches(keys).values()] == [build_settled()] * 5
    assert inventory.load_evidence([MOVE]) == evidence
