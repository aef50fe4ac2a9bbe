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


def test_attributes_are_set_by_same_api_call_that_opens_merge_request(stand):
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


def test_missing_user_is_noted_and_other_users_are_set(stand):
    notes = open_with(stand, RequestAttributes(reviewers=("ada", "nobody"), assignees=("nobody", "grace"))).notes
    assert [each.partition(":")[0] for each in notes] == [
        "A review of `nobody` could not be requested",
        "`nobody` could not be assigned",
    ]
    assert get_attributes(stand)[1:3] == (["ada"], ["grace"])


def test_group_as_reviewer_is_noted_with_hint_about_approval_rules(stand):
    (note,) = open_with(stand, RequestAttributes(reviewers=("team:platform", "ada"))).notes
    assert "`team:platform`" in note
    assert "approval rule" in note
    assert get_attributes(stand)[1] == ["ada"]


def test_reviewer_or_assignee_without_project_access_is_noted(stand):
    stand.project.private = True
    stand.project.members.add("ada")
    notes = open_with(stand, RequestAttributes(reviewers=("ada", "grace"), assignees=("grace",))).notes
    assert [each.partition(":")[0] for each in notes] == [
        "A review of `grace` was not requested",
        "`grace` was not assigned",
    ]


def test_second_reviewer_is_noted_as_unset_if_gitlab_is_not_premium(stand):
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
def test_missing_or_closed_milestone_is_noted(stand, there):
    stand.project.milestones[:] = there
    (note,) = open_with(stand, RequestAttributes(milestone="Next")).notes
    assert "milestone is called `Next`" in note
    assert get_attributes(stand)[3] is None


def test_refused_labels_and_milestone_are_noted(stand):
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
def test_failed_lookup_of_user_or_milestone_is_noted_on_open_merge_request(stand, question, extras, note, status):
    stand.server.fail(question, stand.server.problem(status, "No"))
    (said,) = open_with(stand, extras).notes
    assert said.startswith(note)
    assert f"{status}" in said or "No" in said or "does not exist" in said
    assert open_one(stand).title == proposal().title


def test_merge_request_is_opened_once_with_attributes_if_response_is_lost(stand):
    stand.server.fail("POST .*/merge_requests", stand.server.problem(502), works=True)
    assert open_with(stand, EVERYTHING).notes == ()
    assert get_attributes(stand) == (["docker"], ["ada"], ["ada"], "Next")
    assert len(look(stand)) == 1


def test_merge_request_that_user_opened_keeps_reviewers(stand):
    push(stand)
    stand.propose_by_hand(BRANCH)
    get_request(stand).reviewers.append(stand.server.world.users["grace"])
    stand.forge().open(replace(proposal(), attributes=RequestAttributes(reviewers=("ada",))))
    assert get_attributes(stand)[1] == ["grace", "ada"]


# Later


def test_update_adds_attributes_to_those_that_users_set(stand):
    propose(stand)
    get_request(stand).reviewers.append(stand.server.world.users["grace"])
    get_request(stand).labels.append("mine")
    notes, lines = update_with(stand, EVERYTHING)
    assert notes == ()
    assert get_attributes(stand) == (["mine", "docker"], ["grace", "ada"], ["ada"], "Next")
    assert sorted(lines) == [
        *("1", "1", "milestones", "notes", "resource_label_events", "resource_milestone_events", "users"),
    ]


def test_attributes_removed_by_user_are_not_set_again(stand):
    open_with(stand, EVERYTHING)
    shown = get_request(stand)
    shown.labels, shown.reviewers, shown.assignees, shown.milestone = [], [], [], None
    (note,), _ = update_with(stand, EVERYTHING)
    assert note == "Attributes that users removed were not set again."
    assert get_attributes(stand) == ([], [], [], None)
    assert len(stand.writes) == 2  # the push and the request


def test_update_reads_only_history_that_concerns_missing_attribute(stand):
    propose(stand)
    assert update_with(stand, RequestAttributes(labels=("docker",)))[1] == ["1", "resource_label_events", "1"]
    assert update_with(stand, RequestAttributes(milestone="Next"))[1] == [
        "1",
        "resource_milestone_events",
        "milestones",
        "1",
    ]
    assert update_with(stand, RequestAttributes(assignees=("ada",)))[1] == ["1", "notes", "users", "1"]


def test_assignment_or_mention_in_history_does_not_count_as_review_request(stand):
    open_with(stand, RequestAttributes(assignees=("ada",)))
    get_request(stand).note(stand.server.world.ada, "mentioned in commit 123 of @grace")
    assert update_with(stand, RequestAttributes(reviewers=("ada", "grace")))[0] == ()
    assert get_attributes(stand)[1] == ["ada", "grace"]


def test_history_event_about_deleted_label_is_ignored(stand):
    propose(stand)
    get_request(stand).label_events.append(("add", None))
    assert update_with(stand, RequestAttributes(labels=("docker",)))[0] == ()
    assert get_attributes(stand)[0] == ["docker"]


@pytest.mark.parametrize("history", ["resource_label_events", "resource_milestone_events", "notes"])
@pytest.mark.parametrize("status", [403, 404])
def test_update_sets_no_attributes_if_history_is_unreadable(stand, history, status):
    propose(stand)
    stand.server.fail(f"GET .*/{history}", stand.server.problem(status, "No"))
    (note,), _ = update_with(stand, EVERYTHING)
    assert note.startswith("No attributes were set")
    assert get_attributes(stand) == ([], [], [], None)


def test_update_does_not_send_unchanged_title_and_body(stand):
    propose(stand)
    assert update_with(stand, RequestAttributes()) == ((), [])
    update_with(stand, RequestAttributes(labels=("docker",)))
    assert stand.server.writes[-1].request == {"add_labels": "docker"}
    assert (open_one(stand).title, open_one(stand).body) == (proposal().title, BODY)
