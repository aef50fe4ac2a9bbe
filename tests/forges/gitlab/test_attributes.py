"""Reviewers, assignees and milestones on GitLab: set with the request, with notes about omissions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.contract_scene import BODY, BRANCH, look, open_one, proposal, propose, push
from support.forges.gitlab.state import Milestone

from bot.model.request_attributes import RequestAttributes

EVERYTHING = RequestAttributes(labels=("docker",), reviewers=("ada",), assignees=("ada",), milestone="Next")


@pytest.fixture
def stand(gitlab):
    """Return a GitLab where all of that can be set."""
    gitlab.project.milestones.append(Milestone(7, "Next"))
    gitlab.server.world.add_user("grace")
    return gitlab


def request(stand):
    return stand.project.open_request(BRANCH)


def opened(stand, extras):
    push(stand)
    return stand.forge().open(replace(proposal(), attributes=extras))


def amended(stand, extras):
    """Return the notes of setting `extras` later, and the requests that took."""
    seen, forge = open_one(stand), stand.forge()
    with stand.server.watched() as lines:
        notes = forge.update_request(seen, seen.title, seen.body, extras)
    return notes, [line.partition("?")[0].rpartition("/")[2] for line in lines]


def names(people) -> list[str]:
    return [each.username for each in people]


def what(stand) -> tuple:
    shown = request(stand)
    milestone = shown.milestone.title if shown.milestone else None
    return shown.labels, names(shown.reviewers), names(shown.assignees), milestone


# When it is opened


def test_all_of_it_goes_with_the_request_that_opens_it(stand):
    assert opened(stand, EVERYTHING).notes == ()
    assert what(stand) == (["docker"], ["ada"], ["ada"], "Next")
    assert [each.line.partition("merge_requests")[1:] for each in stand.server.writes[1:]] == [("merge_requests", "")]


def test_somebody_is_looked_for_once_in_a_run_whatever_the_case(stand):
    push(stand)
    forge = stand.forge()
    with stand.server.watched() as lines:
        forge.open(replace(proposal(), attributes=RequestAttributes(reviewers=("Ada",), assignees=("ada",))))
    assert sum(line.startswith("GET /users") for line in lines) == 1
    assert what(stand)[1:3] == (["ada"], ["ada"])


def test_who_is_not_there_is_named_and_costs_nobody_else(stand):
    notes = opened(stand, RequestAttributes(reviewers=("ada", "nobody"), assignees=("nobody", "grace"))).notes
    assert [each.partition(":")[0] for each in notes] == [
        "A review of `nobody` could not be requested",
        "`nobody` could not be assigned",
    ]
    assert what(stand)[1:3] == (["ada"], ["grace"])


def test_a_group_cannot_review_and_the_note_says_what_can(stand):
    (note,) = opened(stand, RequestAttributes(reviewers=("team:platform", "ada"))).notes
    assert "`team:platform`" in note
    assert "approval rule" in note
    assert what(stand)[1] == ["ada"]


def test_who_may_not_see_the_project_is_left_out_by_gitlab_and_named(stand):
    stand.project.private = True
    stand.project.members.add("ada")
    notes = opened(stand, RequestAttributes(reviewers=("ada", "grace"), assignees=("grace",))).notes
    assert [each.partition(":")[0] for each in notes] == [
        "A review of `grace` was not requested",
        "`grace` was not assigned",
    ]


def test_without_premium_one_reviews_and_the_others_are_named(stand):
    stand.project.takes_many = False
    (note,) = opened(stand, RequestAttributes(reviewers=("ada", "grace"))).notes
    assert "`grace`" in note
    assert "Premium" in note


def test_a_milestone_of_a_group_above_is_found(stand):
    stand.project.milestones[:] = [Milestone(8, "Next", is_groups=True)]
    assert opened(stand, RequestAttributes(milestone="Next")).notes == ()
    assert what(stand)[3] == "Next"


@pytest.mark.parametrize("there", [[], [Milestone(7, "Next", state="closed")], [Milestone(7, "Next release")]])
def test_a_milestone_that_is_not_there_is_not_made(stand, there):
    stand.project.milestones[:] = there
    (note,) = opened(stand, RequestAttributes(milestone="Next")).notes
    assert "milestone is called `Next`" in note
    assert what(stand)[3] is None


def test_who_may_set_neither_labels_nor_milestones_is_told_so(stand):
    stand.token.can_label = False
    notes = opened(stand, EVERYTHING).notes
    assert [each.partition(";")[0] for each in notes] == [
        "Label `docker` was not set",
        "The milestone was not set",
    ]


@pytest.mark.parametrize(
    ("question", "extras", "note"),
    [
        ("GET /users", RequestAttributes(reviewers=("ada",)), "A review of `ada` could not be requested"),
        ("GET /users", RequestAttributes(assignees=("ada",)), "`ada` could not be assigned"),
        ("GET .*/milestones", RequestAttributes(milestone="Next"), "The milestone could not be set"),
    ],
)
@pytest.mark.parametrize("status", [403, 404])
def test_what_cannot_be_looked_up_is_a_note_beside_an_open_request(stand, question, extras, note, status):
    stand.server.fail(question, stand.server.problem(status, "No"))
    (said,) = opened(stand, extras).notes
    assert said.startswith(note)
    assert f"{status}" in said or "No" in said or "does not exist" in said
    assert open_one(stand).title == proposal().title


def test_a_request_whose_answer_was_lost_has_all_of_it_and_gets_nothing_twice(stand):
    stand.server.fail("POST .*/merge_requests", stand.server.problem(502), works=True)
    assert opened(stand, EVERYTHING).notes == ()
    assert what(stand) == (["docker"], ["ada"], ["ada"], "Next")
    assert len(look(stand)) == 1


def test_a_person_who_proposed_our_branch_keeps_whom_they_asked(stand):
    push(stand)
    stand.propose_by_hand(BRANCH)
    request(stand).reviewers.append(stand.server.world.users["grace"])
    stand.forge().open(replace(proposal(), attributes=RequestAttributes(reviewers=("ada",))))
    assert what(stand)[1] == ["grace", "ada"]


# Later


def test_what_a_policy_asks_for_later_is_added_to_what_people_set(stand):
    propose(stand)
    request(stand).reviewers.append(stand.server.world.users["grace"])
    request(stand).labels.append("mine")
    notes, lines = amended(stand, EVERYTHING)
    assert notes == ()
    assert what(stand) == (["mine", "docker"], ["grace", "ada"], ["ada"], "Next")
    assert sorted(lines) == [
        *("1", "1", "milestones", "notes", "resource_label_events", "resource_milestone_events", "users"),
    ]


def test_what_people_took_off_stays_off(stand):
    opened(stand, EVERYTHING)
    shown = request(stand)
    shown.labels, shown.reviewers, shown.assignees, shown.milestone = [], [], [], None
    (note,), _ = amended(stand, EVERYTHING)
    assert note == "Attributes that users removed were not set again."
    assert what(stand) == ([], [], [], None)
    assert len(stand.writes) == 2  # the push and the request


def test_only_the_history_of_what_is_missing_is_read(stand):
    propose(stand)
    assert amended(stand, RequestAttributes(labels=("docker",)))[1] == ["1", "resource_label_events", "1"]
    assert amended(stand, RequestAttributes(milestone="Next"))[1] == [
        "1",
        "resource_milestone_events",
        "milestones",
        "1",
    ]
    assert amended(stand, RequestAttributes(assignees=("ada",)))[1] == ["1", "notes", "users", "1"]


def test_who_was_only_unassigned_or_named_by_somebody_else_was_never_asked_for_a_review(stand):
    opened(stand, RequestAttributes(assignees=("ada",)))
    request(stand).note(stand.server.world.ada, "mentioned in commit 123 of @grace")
    assert amended(stand, RequestAttributes(reviewers=("ada", "grace")))[0] == ()
    assert what(stand)[1] == ["ada", "grace"]


def test_a_label_that_was_deleted_since_hides_nothing(stand):
    propose(stand)
    request(stand).label_events.append(("add", None))
    assert amended(stand, RequestAttributes(labels=("docker",)))[0] == ()
    assert what(stand)[0] == ["docker"]


@pytest.mark.parametrize("history", ["resource_label_events", "resource_milestone_events", "notes"])
@pytest.mark.parametrize("status", [403, 404])
def test_where_nobody_can_say_what_was_taken_off_nothing_is_set(stand, history, status):
    propose(stand)
    stand.server.fail(f"GET .*/{history}", stand.server.problem(status, "No"))
    (note,), _ = amended(stand, EVERYTHING)
    assert note.startswith("No attributes were set")
    assert what(stand) == ([], [], [], None)


def test_words_that_are_what_they_were_are_not_sent_again(stand):
    propose(stand)
    assert amended(stand, RequestAttributes()) == ((), [])
    amended(stand, RequestAttributes(labels=("docker",)))
    assert stand.server.writes[-1].request == {"add_labels": "docker"}
    assert (open_one(stand).title, open_one(stand).body) == (proposal().title, BODY)
