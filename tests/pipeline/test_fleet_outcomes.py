"""Runs over a fleet keep how CI ended on their requests, say so in the next ones, and stop if a digest breaks CI."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from support.forges.github.stand import GitHubStand
from support.runs.worlds import build, list_outcomes

from bot.core.inventory.settle import MAX_CI_DURATION, MAX_CI_START
from bot.model.ci import CiOutcome
from bot.model.image_name import ImageName
from bot.model.policy import PolicyRule
from bot.model.rules import AcceptedHold
from bot.model.vocabulary import Reason, ReferenceStatus
from bot.state.database import Database

pytestmark = pytest.mark.real("git")

YESTERDAY = datetime.now(UTC) - timedelta(days=1)
OLD = build("old").digest
FILES = {"Dockerfile": f"FROM nginx:1@{OLD}\n"}
NUMBER_BROKEN = 3


class OutcomeFleet:
    """Repositories on GitHub servers of their own, and the state that all runs over them share."""

    def __init__(self, loopback, folder, *, has_state=True):
        self.loopback, self.folder = loopback, folder
        self.stands: list[GitHubStand] = []
        if has_state:
            loopback.remember(Database.sqlite(folder / "state.db"))
        loopback.now = datetime.now(UTC)
        for content in ("old", "new"):
            loopback.move("nginx", "1", content)

    def add(self, count=1) -> list[GitHubStand]:
        added = [GitHubStand(self.folder / f"server-{len(self.stands) + index}", FILES) for index in range(count)]
        self.stands += added
        return added

    def run(self, stands=None):
        return self.loopback.run([each.fleet() for each in (self.stands if stands is None else stands)])

    def finish_ci(self, stand, state, base="passed"):
        """Let CI end on the request and on the base branch."""
        heads = stand.branches()
        stand.report_check(heads[get_branch(stand)], state)
        if base is not None:
            stand.report_check(heads["main"], base)

    def break_ci(self, count=NUMBER_BROKEN) -> None:
        """Let runs propose the new digest to some repositories, and see that CI fails there."""
        broken = self.add(count)
        assert list_outcomes(self.run(broken)) == ["opened"] * count
        for each in broken:
            self.finish_ci(each, "failed")
        assert list_outcomes(self.run(broken)) == ["unchanged"] * count

    def load_requests(self):
        requests = self.loopback.state.inventory.load_requests(["docker.io/library/nginx"], YESTERDAY)
        return [each.request for each in requests]


def get_branch(stand: GitHubStand) -> str:
    return next(branch for branch in stand.branches() if branch.startswith("basebump/"))


def get_verdict(report):
    (repository,) = report.repositories
    (verdict,) = repository.verdicts
    return verdict


@pytest.fixture
def fleet(loopback, tmp_path):
    made = OutcomeFleet(loopback, tmp_path)
    yield made
    for each in made.stands:
        each.end()


def test_new_pull_request_states_ci_results_of_other_repositories_of_the_fleet(fleet):
    passed, failed = fleet.add(2)
    fleet.run()
    fleet.finish_ci(passed, "passed")
    fleet.finish_ci(failed, "failed")
    fleet.run()
    passed.merge_request(get_branch(passed))
    passed.delete_branch(get_branch(passed))
    fleet.run()
    before = [each.body for each in failed.requests()]
    (new,) = fleet.add()
    assert "opened" in list_outcomes(fleet.run())
    assert "CI passed in 1 of 2 repositories of this fleet, merged in 1 ·" in new.requests()[0].body
    assert [each.body for each in failed.requests()] == before


def test_ci_result_is_recorded_for_pull_request_merged_before_the_next_run(fleet):
    (stand,) = fleet.add()
    fleet.run()
    fleet.finish_ci(stand, "passed")
    stand.merge_request(get_branch(stand))
    stand.delete_branch(get_branch(stand))
    fleet.run()
    (request,) = fleet.load_requests()
    assert (request.state.value, request.ci) == ("merged", CiOutcome.PASSED)


def test_digest_that_breaks_ci_is_held_for_the_rest_of_the_fleet(fleet):
    fleet.break_ci()
    broken = list(fleet.stands)
    bodies = [each.requests()[0].body for each in broken]
    (rest,) = fleet.add()
    report = fleet.run([rest])
    verdict = get_verdict(report)
    assert (verdict.status, verdict.reason) == (ReferenceStatus.HELD, Reason.FAILING_ELSEWHERE)
    assert "in 3 of 3 repositories of this fleet, and passes there without this digest" in verdict.detail
    assert rest.requests() == []
    for each in broken:  # the next run reads them again
        each.commit("main", {"README.md": "# Somebody's work\n"})
    report = fleet.run(broken)
    assert list_outcomes(report) == ["left-alone"] * NUMBER_BROKEN
    (proposal,) = report.repositories[0].proposals
    assert proposal.note == "CI fails with the newer digest in several repositories of the fleet (`failing-elsewhere`)."
    assert [each.requests()[0].body for each in broken] == bodies
    fleet.loopback.move("nginx", "1", "repaired")
    assert list_outcomes(fleet.run([rest])) == ["opened"]


def test_digest_is_not_held_if_ci_fails_in_only_two_repositories(fleet):
    fleet.break_ci(NUMBER_BROKEN - 1)
    (rest,) = fleet.add()
    assert list_outcomes(fleet.run([rest])) == ["opened"]
    assert "CI passed in 0 of 2 repositories of this fleet, merged in none" in rest.requests()[0].body


def test_accepted_hold_in_policy_allows_update_that_fails_ci_in_other_repositories(fleet):
    fleet.break_ci()
    (rest,) = fleet.add()
    accepted = AcceptedHold(Reason.FAILING_ELSEWHERE, "ada", "The tests were wrong", date.max)
    rule = PolicyRule(accept=(accepted,))
    fleet.loopback.rulebook = replace(fleet.loopback.rulebook, rules=(rule,))
    assert list_outcomes(fleet.run([rest])) == ["opened"]
    assert "ada answers until 9999-12-31" in rest.requests()[0].body


def test_ci_failure_on_commit_of_a_user_is_not_counted(fleet):
    (stand,) = fleet.add()
    fleet.run()
    stand.commit(get_branch(stand), {"README.md": "# Somebody's work\n"})
    fleet.finish_ci(stand, "failed")
    fleet.run()
    (request,) = fleet.load_requests()
    assert request.ci is not CiOutcome.FAILED


def test_runs_read_pull_request_again_until_ci_ends(fleet):
    (stand,) = fleet.add()
    fleet.run()
    stand.report_check(stand.branches()[get_branch(stand)], "pending")
    fleet.run()
    fleet.finish_ci(stand, "passed")  # no forge reports this as activity
    fleet.run()
    assert fleet.load_requests()[0].ci is CiOutcome.PASSED


@pytest.mark.parametrize(("state", "wait"), [("pending", MAX_CI_DURATION), (None, MAX_CI_START)])
def test_repository_becomes_settled_after_waiting_limit_although_ci_never_ends(fleet, state, wait):
    (stand,) = fleet.add()
    fleet.run()
    if state is not None:
        stand.report_check(stand.branches()[get_branch(stand)], state)
    fleet.run()
    assert load_settled(fleet) == [False]
    fleet.loopback.now += wait + timedelta(minutes=5)
    fleet.run()
    assert load_settled(fleet) == [True]


def load_settled(fleet):
    keys = fleet.loopback.state.inventory.list_users(ImageName.parse("nginx"))
    return [each.settled is not None for each in fleet.loopback.state.inventory.load_branches(keys).values()]


def test_ci_checks_are_not_read_without_a_state_database(loopback, tmp_path):
    fleet = OutcomeFleet(loopback, tmp_path, has_state=False)
    (stand,) = fleet.add()
    fleet.run()
    fleet.finish_ci(stand, "failed")
    fleet.run()
    assert not any("statusCheckRollup" in str(each.asked.body) for each in stand.server.exchanges)
    stand.end()
