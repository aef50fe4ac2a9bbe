"""Tests of which proposals are opened now, and which have to wait."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.values import digest

from bot.core.proposal.limits import OpenQueue, defer_proposals, find_opening_time, is_schedule_open
from bot.core.proposal.opening import NEVER
from bot.model.due_date import DueClass, DueDate
from bot.model.limits import ProposalLimits, ProposalSchedule
from bot.model.proposal import DeferralReason, OpenStep, Proposal, ProposalPriority

MONDAY = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
NONE = ProposalLimits()


def build_open_request(name: str, **more) -> OpenStep:
    target = f"docker.io/library/{name}:1@{digest('new')}"
    return OpenStep(Proposal(name, name, "", "", (), (), (target,), "1" * 16, "2" * 16, **more), must_push=True)


def build_queue(
    limits: ProposalLimits, opens, is_open: int, wave: int | None = None, repository: str = ""
) -> OpenQueue:
    """Return a queue for a new repository, or for `repository` if it is given."""
    return OpenQueue(repository or object(), limits, opens, is_open, wave)


def list_deferrals(*queues: OpenQueue, now=MONDAY) -> list[dict[str, DeferralReason]]:
    return [{branch: step.reason for branch, step in each.items()} for each in defer_proposals(queues, now)]


def test_all_proposals_are_opened_if_no_limits_are_set():
    assert list_deferrals(build_queue(NONE, [build_open_request(name) for name in "abc"], 9)) == [{}]


def test_limit_of_new_proposals_per_repository_defers_further_proposals():
    limits = ProposalLimits(new_per_repository=2)
    queues = [
        build_queue(limits, [build_open_request(name) for name in "abc"], 9),
        build_queue(limits, [build_open_request("d")], 9),
    ]
    assert list_deferrals(*queues) == [{"c": DeferralReason.NEW_PER_REPOSITORY}, {}]


def test_limit_of_open_proposals_per_repository_counts_already_open_proposals():
    limits = ProposalLimits(open_per_repository=3)
    assert list_deferrals(build_queue(limits, [build_open_request(name) for name in "abc"], 1)) == [
        {"c": DeferralReason.OPEN_PER_REPOSITORY}
    ]
    assert list_deferrals(build_queue(limits, [build_open_request("a")], 3)) == [
        {"a": DeferralReason.OPEN_PER_REPOSITORY}
    ]


def test_limit_of_new_proposals_per_window_opens_the_most_urgent_of_all_repositories():
    limits = ProposalLimits(new_per_window=3)
    old, older = (datetime(2026, month, 1, tzinfo=UTC) for month in (6, 3))
    first = [
        build_open_request("low"),
        build_open_request("critical", priority=ProposalPriority(critical_fixed=2, oldest_built_at=old)),
        build_open_request("b", priority=ProposalPriority()),
    ]
    second = [
        build_open_request("exploited", priority=ProposalPriority(exploited_fixed=1)),
        build_open_request("old", priority=ProposalPriority(oldest_built_at=old)),
        build_open_request("older", priority=ProposalPriority(oldest_built_at=older)),
    ]
    assert list_deferrals(build_queue(limits, first, 0), build_queue(limits, second, 0)) == [
        {"low": DeferralReason.NEW_PER_WINDOW, "b": DeferralReason.NEW_PER_WINDOW},
        {"old": DeferralReason.NEW_PER_WINDOW},
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
def test_update_of_running_image_comes_first_among_equal_kinds_of_fixes(priorities):
    steps = [
        build_open_request(name, priority=ProposalPriority(**keys))
        for name, keys in zip(("z-first", "a-second"), priorities, strict=True)
    ]
    assert list_deferrals(build_queue(ProposalLimits(new_per_window=1), steps, 0)) == [
        {"a-second": DeferralReason.NEW_PER_WINDOW}
    ]


def test_repository_without_limit_per_window_uses_up_no_limit_of_others():
    queues = [
        build_queue(NONE, [build_open_request(name) for name in "abc"], 0),
        build_queue(ProposalLimits(new_per_window=1), [build_open_request("d")], 0),
    ]
    assert list_deferrals(*queues) == [{}, {}]


def test_base_branches_of_repository_share_limits():
    limits = ProposalLimits(new_per_repository=2, open_per_repository=3)
    both = [build_queue(limits, [build_open_request(name)], 1, repository="web") for name in "ab"]
    assert list_deferrals(*both) == [{}, {"b": DeferralReason.OPEN_PER_REPOSITORY}]
    three = [
        build_queue(ProposalLimits(new_per_repository=2), [build_open_request(name)], 0, repository="web")
        for name in "abc"
    ]
    assert list_deferrals(*three) == [{}, {}, {"c": DeferralReason.NEW_PER_REPOSITORY}]


def test_several_base_branches_count_as_one_repository_in_rollout():
    web = [build_queue(NONE, [build_open_request(name, is_onboarding=True)], 0, 1, "web") for name in "ab"]
    assert list_deferrals(*web, build_queue(NONE, [build_open_request("c", is_onboarding=True)], 0, 1, "api")) == [
        {},
        {},
        {"c": DeferralReason.ROLLOUT},
    ]


def test_replacement_of_gone_digest_ignores_limits_and_schedule():
    never = ProposalSchedule("* * 1 1 *")
    gone = [build_open_request(name, replaces_unusable_digest=True, schedules=(never,)) for name in "abc"]
    assert list_deferrals(build_queue(ProposalLimits(1, 1, 1), gone, 5)) == [{}]


def test_proposal_near_due_date_ignores_limits_and_schedule():
    never = ProposalSchedule("* * 1 1 *")
    proposals = [
        build_open_request("near", waits_until=MONDAY, schedules=(never,), opens_at=NEVER, awaits_evidence=True),
        build_open_request("later", waits_until=MONDAY + timedelta(seconds=1), schedules=(never,)),
    ]
    assert list_deferrals(build_queue(ProposalLimits(1, 1, 1), proposals, 0)) == [{"later": DeferralReason.SCHEDULE}]


def test_proposal_with_earlier_due_date_is_opened_first_among_equal_fixes():
    early, late = (DueDate(MONDAY + timedelta(days=days), DueClass.HIGH) for days in (1, 2))
    proposals = [build_open_request("a", due=late), build_open_request("b", due=early), build_open_request("c")]
    reason = DeferralReason.NEW_PER_WINDOW
    assert list_deferrals(build_queue(ProposalLimits(new_per_window=1), proposals, 0)) == [{"a": reason, "c": reason}]


def test_proposal_is_opened_only_if_all_schedules_are_open():
    morning, sunday = ProposalSchedule("* 6-9 * * *"), ProposalSchedule("* * * * SUN")
    only = build_queue(
        NONE, [build_open_request("a", schedules=(morning,)), build_open_request("b", schedules=(morning, sunday))], 0
    )
    assert list_deferrals(only) == [{"b": DeferralReason.SCHEDULE}]


@pytest.mark.parametrize(
    ("schedules", "expected"),
    [
        ([("* 6-9 * * MON", "UTC")], "2026-11-23T06:30+00:00"),
        ([("* 8-9 * * MON", "Europe/Berlin")], "2026-11-23T08:00+01:00"),
        ([("* 5-6 * * MON", "Europe/Berlin")], "2026-11-30T05:00+01:00"),
        ([("* 6 1 4 *", "Europe/Berlin")], "2027-04-01T06:00+02:00"),
        ([("* 6-9 * * *", "UTC"), ("* * * * SUN", "UTC")], "2026-11-29T06:00+00:00"),
        ([("* 6-9 * * *", "Europe/Berlin"), ("* * * * SUN", "UTC")], "2026-11-29T05:00+00:00"),
        ([("* * * * SUN", "UTC"), ("* * * * MON", "UTC")], None),
        ([("* * 29 2 *", "UTC")], None),
    ],
)
def test_opening_time_is_first_minute_in_all_schedules(schedules, expected):
    found = find_opening_time([ProposalSchedule(*each) for each in schedules], MONDAY.replace(second=59))
    assert (None if found is None else found.isoformat(timespec="minutes")) == expected


crons = st.builds(
    "* {} * * {}".format, st.sampled_from(["2", "3-4", "8-20", "*", "0,23"]), st.sampled_from(["*", "0", "1-5"])
)
zones = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"])


@given(
    st.lists(st.builds(ProposalSchedule, crons, zones), min_size=1, max_size=2),
    st.datetimes(datetime(2026, 10, 20), datetime(2026, 10, 30), timezones=st.just(UTC)),  # noqa: DTZ001 - see timezones
)
@settings(max_examples=20)
def test_no_minute_before_the_opening_time_is_in_all_schedules(schedules, time):
    now = time.replace(second=0, microsecond=0)
    found = find_opening_time(schedules, now)
    end = now + timedelta(days=2) if found is None else min(found, now + timedelta(days=2))
    assert found is None or all(is_schedule_open(each, found) for each in schedules)
    minutes = (now + timedelta(minutes=each) for each in range(0, (end - now) // timedelta(minutes=1), 7))
    assert not any(all(is_schedule_open(each, minute) for each in schedules) for minute in minutes)


@pytest.mark.parametrize(
    ("more", "detail"),
    [
        ({}, "The schedule next allows it on 2026-11-29 at 08:00 (Europe/Berlin)."),
        (
            {"waits_until": MONDAY + timedelta(days=2)},
            "Because of its due date, it can be opened from 2026-11-25 at 06:30 (UTC) on.",
        ),
        ({"schedules": (ProposalSchedule("* * 29 2 *"),)}, "No time within 366 days is in all of its schedules."),
    ],
)
def test_deferral_because_of_schedule_contains_the_next_opening_time(more, detail):
    schedules = (ProposalSchedule("* 8 * * SUN", "Europe/Berlin"),)
    step = build_open_request("a", **{"schedules": schedules, **more})
    (deferred,) = defer_proposals([build_queue(NONE, [step], 0)], MONDAY)
    assert (deferred["a"].reason, deferred["a"].detail) == (DeferralReason.SCHEDULE, detail)


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
def test_schedule_is_open_at_times_of_cron_in_time_zone_of_schedule(cron, zone, expected):
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


def test_deferred_step_contains_the_proposal():
    step = build_open_request("a")
    (deferred,) = defer_proposals([build_queue(replace(NONE, open_per_repository=1), [step], 1)], MONDAY)
    assert deferred["a"].proposal is step.proposal
