"""Reviewers, assignees and milestones on GitLab: set with the request, with notes about omissions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.contract_scene import BODY, BRANCH, look, open_one, proposal, propose, push
from support.forges.gitlab.state import GitLabMilestone

from bot.model.request_attributes import RequestAttributes

EVERYTHING = RequestAttributes(labels=("docker",), reviewers=("ada",), assignees=("ada",), milestone="Next")


@pytest.fixture
def stand(gitlab):
    """Return a GitLab where all of that can be set."""
    gitlab.project.milestones.append(GitLabMilestone(7, "Next"))
    gitlab.server.world.add_user("grace")
    return gitlab


def get_request(stand):
    return stand.project.open_request(BRANCH)


def open_with(stand, extras):
    push(stand)
    return stand.forge().open(replace(proposal(), attributes=extras))


def update_with(stand, extras):
    """Return the notes of setting `extras` later, and the requests that took."""
    seen, forge = open_one(stand), stand.forge()
    with stand.server.watched() as lines:
        notes = forge.update_request(seen, seen.title, seen.body, extras)
    return notes, [line.partition("?")[0].rpartition("/")[2] for line in lines]


def list_usernames(people) -> list[str]:
    return [each.username for each in people]


def get_attributes(stand) -> tuple:
    shown = get_request(stand)
    milestone = shown.milestone.title if shown.milestone else None
    return shown.labels, list_usernames(shown.reviewers), list_usernames(shown.assignees), milestone


# When it is opened


def test_attributes_are_sent_with_opening_request(stand):
    assert open_with(stand, EVERYTHING).notes == ()
    assert get_attributes(stand) == (["docker"], ["ada"], ["ada"], "Next")
    assert [each.line.partition("merge_requests")[1:] for each in stand.server.writes[1:]] == [("merge_requests", "")]


def test_user_is_looked_up_once_per_run_ignoring_case(stand):
    push(stand)
    forge = stand.forge()
    with stand.server.watched() as lines:
        forge.open(replace(proposal(), attributes=RequestAttributes(reviewers=("Ada",), assignees=("ada",))))
    assert sum(line.startswith("GET /users") for line in lines) == 1
    assert get_attributes(stand)[1:3] == (["ada"], ["ada"])


def test_missing_user_is_a_note_and_does_not_affect_others(stand):
    notes = open_with(stand, RequestAttributes(reviewers=("ada", "nobody"), assignees=("nobody", "grace"))).notes
    assert [each.partition(":")[0] for each in notes] == [
        "A review of `nobody` could not be requested",
        "`nobody` could not be assigned",
    ]
    assert get_attributes(stand)[1:3] == (["ada"], ["grace"])


def test_group_as_reviewer_is_a_note_about_approval_rules(stand):
    (note,) = open_with(stand, RequestAttributes(reviewers=("team:platform", "ada"))).notes
    assert "`team:platform`" in note
    assert "approval rule" in note
    assert get_attributes(stand)[1] == ["ada"]


def test_user_without_access_is_a_note(stand):
    stand.project.private = True
    stand.project.members.add("ada")
    notes = open_with(stand, RequestAttributes(reviewers=("ada", "grace"), assignees=("grace",))).notes
    assert [each.partition(":")[0] for each in notes] == [
        "A review of `grace` was not requested",
        "`grace` was not assigned",
    ]


def test_second_reviewer_is_a_note_without_premium(stand):
    stand.project.takes_many = False
    (note,) = open_with(stand, RequestAttributes(reviewers=("ada", "grace"))).notes
    assert "`grace`" in note
    assert "Premium" in note


def test_milestone_of_parent_group_is_found(stand):
    stand.project.milestones[:] = [GitLabMilestone(8, "Next", is_groups=True)]
    assert open_with(stand, RequestAttributes(milestone="Next")).notes == ()
    assert get_attributes(stand)[3] == "Next"


@pytest.mark.parametrize(
    "there", [[], [GitLabMilestone(7, "Next", state="closed")], [GitLabMilestone(7, "Next release")]]
)
def test_missing_milestone_is_a_note(stand, there):
    stand.project.milestones[:] = there
    (note,) = open_with(stand, RequestAttributes(milestone="Next")).notes
    assert "milestone is called `Next`" in note
    assert get_attributes(stand)[3] is None


def test_refused_labels_and_milestone_are_notes(stand):
    stand.token.can_label = False
    notes = open_with(stand, EVERYTHING).notes
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
def test_failed_look_up_is_a_note_of_open_request(stand, question, extras, note, status):
    stand.server.fail(question, stand.server.problem(status, "No"))
    (said,) = open_with(stand, extras).notes
    assert said.startswith(note)
    assert f"{status}" in said or "No" in said or "does not exist" in said
    assert open_one(stand).title == proposal().title


def test_request_with_lost_answer_has_attributes_once(stand):
    stand.server.fail("POST .*/merge_requests", stand.server.problem(502), works=True)
    assert open_with(stand, EVERYTHING).notes == ()
    assert get_attributes(stand) == (["docker"], ["ada"], ["ada"], "Next")
    assert len(look(stand)) == 1


def test_existing_request_of_user_keeps_reviewers(stand):
    push(stand)
    stand.propose_by_hand(BRANCH)
    get_request(stand).reviewers.append(stand.server.world.users["grace"])
    stand.forge().open(replace(proposal(), attributes=RequestAttributes(reviewers=("ada",))))
    assert get_attributes(stand)[1] == ["grace", "ada"]


# Later


def test_later_attributes_are_added_to_those_of_users(stand):
    propose(stand)
    get_request(stand).reviewers.append(stand.server.world.users["grace"])
    get_request(stand).labels.append("mine")
    notes, lines = update_with(stand, EVERYTHING)
    assert notes == ()
    assert get_attributes(stand) == (["mine", "docker"], ["grace", "ada"], ["ada"], "Next")
    assert sorted(lines) == [
        *("1", "1", "milestones", "notes", "resource_label_events", "resource_milestone_events", "users"),
    ]


def test_removed_attributes_are_not_set_again(stand):
    open_with(stand, EVERYTHING)
    shown = get_request(stand)
    shown.labels, shown.reviewers, shown.assignees, shown.milestone = [], [], [], None
    (note,), _ = update_with(stand, EVERYTHING)
    assert note == "Attributes that users removed were not set again."
    assert get_attributes(stand) == ([], [], [], None)
    assert len(stand.writes) == 2  # the push and the request


def test_history_is_read_only_for_missing_attributes(stand):
    propose(stand)
    assert update_with(stand, RequestAttributes(labels=("docker",)))[1] == ["1", "resource_label_events", "1"]
    assert update_with(stand, RequestAttributes(milestone="Next"))[1] == [
        "1",
        "resource_milestone_events",
        "milestones",
        "1",
    ]
    assert update_with(stand, RequestAttributes(assignees=("ada",)))[1] == ["1", "notes", "users", "1"]


def test_assignment_and_mention_are_not_review_requests(stand):
    open_with(stand, RequestAttributes(assignees=("ada",)))
    get_request(stand).note(stand.server.world.ada, "mentioned in commit 123 of @grace")
    assert update_with(stand, RequestAttributes(reviewers=("ada", "grace")))[0] == ()
    assert get_attributes(stand)[1] == ["ada", "grace"]


def test_deleted_label_in_history_is_ignored(stand):
    propose(stand)
    get_request(stand).label_events.append(("add", None))
    assert update_with(stand, RequestAttributes(labels=("docker",)))[0] == ()
    assert get_attributes(stand)[0] == ["docker"]


@pytest.mark.parametrize("history", ["resource_label_events", "resource_milestone_events", "notes"])
@pytest.mark.parametrize("status", [403, 404])
def test_attributes_are_not_set_when_history_is_unreadable(stand, history, status):
    propose(stand)
    stand.server.fail(f"GET .*/{history}", stand.server.problem(status, "No"))
    (note,), _ = update_with(stand, EVERYTHING)
    assert note.startswith("No attributes were set")
    assert get_attributes(stand) == ([], [], [], None)


def test_unchanged_text_is_not_sent_again(stand):
    propose(stand)
    assert update_with(stand, RequestAttributes()) == ((), [])
    update_with(stand, RequestAttributes(labels=("docker",)))
    assert stand.server.writes[-1].request == {"add_labels": "docker"}
    assert (open_one(stand).title, open_one(stand).body) == (proposal().title, BODY)
