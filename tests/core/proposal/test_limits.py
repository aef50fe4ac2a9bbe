"""Tests of which proposals are opened now, and which have to wait."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.values import digest

from bot.core.proposal.limits import OpenQueue, defer_proposals, is_schedule_open
from bot.core.proposal.opening import NEVER
from bot.model.due_date import DueClass, DueDate
from bot.model.limits import ProposalLimits, ProposalSchedule
from bot.model.proposal import DeferralReason, OpenRequest, Proposal, ProposalPriority

MONDAY = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
NONE = ProposalLimits()


def propose(name: str, **more) -> OpenRequest:
    target = f"docker.io/library/{name}:1@{digest('new')}"
    return OpenRequest(Proposal(name, name, "", "", (), (), (target,), "1" * 16, "2" * 16, **more), must_push=True)


def queue(limits: ProposalLimits, opens, is_open: int, wave: int | None = None, repository: str = "") -> OpenQueue:
    """Return a queue for a new repository, or for `repository` if it is given."""
    return OpenQueue(repository or object(), limits, opens, is_open, wave)


def waiting(*queues: OpenQueue, now=MONDAY) -> list[dict[str, DeferralReason]]:
    return [{branch: step.reason for branch, step in each.items()} for each in defer_proposals(queues, now)]


def test_all_proposals_are_opened_without_limits():
    assert waiting(queue(NONE, [propose(name) for name in "abc"], 9)) == [{}]


def test_new_proposals_per_repository_are_limited():
    limits = ProposalLimits(new_per_repository=2)
    queues = [queue(limits, [propose(name) for name in "abc"], 9), queue(limits, [propose("d")], 9)]
    assert waiting(*queues) == [{"c": DeferralReason.NEW_PER_REPOSITORY}, {}]


def test_open_proposals_count_when_limited():
    limits = ProposalLimits(open_per_repository=3)
    assert waiting(queue(limits, [propose(name) for name in "abc"], 1)) == [{"c": DeferralReason.OPEN_PER_REPOSITORY}]
    assert waiting(queue(limits, [propose("a")], 3)) == [{"a": DeferralReason.OPEN_PER_REPOSITORY}]


def test_run_limit_prefers_highest_priority_across_repositories():
    limits = ProposalLimits(new_per_run=3)
    old, older = (datetime(2026, month, 1, tzinfo=UTC) for month in (6, 3))
    first = [
        propose("low"),
        propose("critical", priority=ProposalPriority(critical_fixed=2, oldest_built_at=old)),
        propose("b", priority=ProposalPriority()),
    ]
    second = [
        propose("exploited", priority=ProposalPriority(exploited_fixed=1)),
        propose("old", priority=ProposalPriority(oldest_built_at=old)),
        propose("older", priority=ProposalPriority(oldest_built_at=older)),
    ]
    assert waiting(queue(limits, first, 0), queue(limits, second, 0)) == [
        {"low": DeferralReason.NEW_PER_RUN, "b": DeferralReason.NEW_PER_RUN},
        {"old": DeferralReason.NEW_PER_RUN},
    ]


@pytest.mark.parametrize(
    "priorities",
    [
        [{"exploited_fixed": 1, "is_running": True}, {"exploited_fixed": 9}],
        [{"exploited_fixed": 1}, {"critical_fixed": 9, "is_running": True}],
        [{"critical_fixed": 1, "is_running": True}, {"critical_fixed": 9}],
        [{"critical_fixed": 1}, {"is_running": True}],
        [{"is_running": True}, {"oldest_built_at": datetime(2020, 1, 1, tzinfo=UTC)}],
    ],
)
def test_image_that_runs_comes_first_among_fixes_of_the_same_kind(priorities):
    steps = [
        propose(name, priority=ProposalPriority(**keys))
        for name, keys in zip(("z-first", "a-second"), priorities, strict=True)
    ]
    assert waiting(queue(ProposalLimits(new_per_run=1), steps, 0)) == [{"a-second": DeferralReason.NEW_PER_RUN}]


def test_repository_without_run_limit_does_not_use_run_limit_of_others():
    queues = [
        queue(NONE, [propose(name) for name in "abc"], 0),
        queue(ProposalLimits(new_per_run=1), [propose("d")], 0),
    ]
    assert waiting(*queues) == [{}, {}]


def test_base_branches_share_limits_of_repository():
    limits = ProposalLimits(new_per_repository=2, open_per_repository=3)
    both = [queue(limits, [propose(name)], 1, repository="web") for name in "ab"]
    assert waiting(*both) == [{}, {"b": DeferralReason.OPEN_PER_REPOSITORY}]
    three = [queue(ProposalLimits(new_per_repository=2), [propose(name)], 0, repository="web") for name in "abc"]
    assert waiting(*three) == [{}, {}, {"c": DeferralReason.NEW_PER_REPOSITORY}]


def test_repository_with_several_base_branches_is_onboarded_once():
    web = [queue(NONE, [propose(name, is_onboarding=True)], 0, 1, "web") for name in "ab"]
    assert waiting(*web, queue(NONE, [propose("c", is_onboarding=True)], 0, 1, "api")) == [
        {},
        {},
        {"c": DeferralReason.ROLLOUT},
    ]


def test_replacement_of_gone_digest_does_not_wait():
    never = ProposalSchedule("* * 1 1 *")
    gone = [propose(name, replaces_unusable_digest=True, schedules=(never,)) for name in "abc"]
    assert waiting(queue(ProposalLimits(1, 1, 1), gone, 5)) == [{}]


def test_proposal_near_due_date_does_not_wait():
    never = ProposalSchedule("* * 1 1 *")
    proposals = [
        propose("near", waits_until=MONDAY, schedules=(never,), opens_at=NEVER, awaits_evidence=True),
        propose("later", waits_until=MONDAY + timedelta(seconds=1), schedules=(never,)),
    ]
    assert waiting(queue(ProposalLimits(1, 1, 1), proposals, 0)) == [{"later": DeferralReason.SCHEDULE}]


def test_earlier_due_date_comes_first_among_equal_fixes():
    early, late = (DueDate(MONDAY + timedelta(days=days), DueClass.HIGH) for days in (1, 2))
    proposals = [propose("a", due=late), propose("b", due=early), propose("c")]
    reason = DeferralReason.NEW_PER_RUN
    assert waiting(queue(ProposalLimits(new_per_run=1), proposals, 0)) == [{"a": reason, "c": reason}]


def test_all_schedules_of_proposal_must_allow_opening():
    morning, sunday = ProposalSchedule("* 6-9 * * *"), ProposalSchedule("* * * * SUN")
    only = queue(NONE, [propose("a", schedules=(morning,)), propose("b", schedules=(morning, sunday))], 0)
    assert waiting(only) == [{"b": DeferralReason.SCHEDULE}]


@pytest.mark.parametrize(
    ("cron", "zone", "expected"),
    [
        ("* * * * *", "UTC", True),
        ("* 6-9 * * MON", "UTC", True),
        ("* 6-9 * * 1-5", "UTC", True),
        ("* 7-9 * * MON", "UTC", False),
        ("* 7-9 * * MON", "Europe/Berlin", True),
        ("* 6-9 * * MON", "America/New_York", False),
        ("* 1 * * MON", "America/New_York", True),
        ("* * 23 * SUN", "UTC", True),
        ("* * 24 * SUN", "UTC", False),
    ],
)
def test_schedule_is_open_in_hours_of_own_time_zone(cron, zone, expected):
    assert is_schedule_open(ProposalSchedule(cron, zone), MONDAY.replace(second=59)) is expected


def test_schedule_is_open_in_repeated_hour_of_clock_change():
    twice = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    schedule = ProposalSchedule("* 2 * * *", "Europe/Berlin")
    assert [is_schedule_open(schedule, twice + timedelta(hours=hours)) for hours in (-1, 0, 1, 2)] == [
        False,
        True,
        True,
        False,
    ]


def test_deferred_step_keeps_proposal():
    step = propose("a")
    (deferred,) = defer_proposals([queue(replace(NONE, open_per_repository=1), [step], 1)], MONDAY)
    assert deferred["a"].proposal is step.proposal
