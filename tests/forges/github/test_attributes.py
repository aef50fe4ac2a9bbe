"""Labels, reviewers, assignees and milestones on GitHub: a refusal becomes a note and affects nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.github.scene import BRANCH, look, propose
from support.forges.github.stand import BOT

from bot.forges.hosted.attributes import LABEL_COLOUR, LABEL_DESCRIPTION
from bot.model.request_attributes import NO_ATTRIBUTES, RequestAttributes


def get_pull(stand):
    return stand.repository.open_pull(BRANCH)


# Labels


@pytest.mark.parametrize("adds_missing", [True, False])
def test_missing_label_is_created_with_colour_and_description(github, adds_missing):
    github.repository.adds_missing_labels = adds_missing
    github.repository.labels["docker"] = ("0db7ed", "Containers")
    assert propose(github, attributes=RequestAttributes(labels=("Docker", "dependencies"))).notes == ()
    assert github.repository.labels == {
        "docker": ("0db7ed", "Containers"),
        "dependencies": (LABEL_COLOUR, LABEL_DESCRIPTION),
    }
    assert get_pull(github).labels == ["docker", "dependencies"]


def test_existing_label_is_looked_up_once_per_run(github):
    propose(github, attributes=RequestAttributes(labels=("docker",)))
    (seen,) = look(github)
    forge = github.forge()
    with github.server.watched() as lines:
        for _ in range(2):
            forge.update_request(seen, seen.title, seen.body, RequestAttributes(labels=("docker",)))
    assert lines.count("GET /repos/acme/web/labels/docker") == 1


def test_label_that_another_run_creates_meanwhile_is_used(github):
    github.repository.labels["docker"] = ("0db7ed", "")
    github.server.fail("GET .*/labels/docker", github.server.problem(404, "Not Found"))
    assert propose(github, attributes=RequestAttributes(labels=("docker",))).notes == ()
    assert get_pull(github).labels == ["docker"]


def test_refused_label_is_noted_and_other_labels_are_set(github):
    github.server.fail("POST .*/issues/1/labels", github.server.problem(422, "Validation Failed"), times=2)
    (note,) = propose(github, attributes=RequestAttributes(labels=("bad", "good"))).notes
    assert "`bad`" in note
    assert get_pull(github).labels == ["good"]


def test_label_with_slash_and_space_in_name_is_set(github):
    github.repository.labels["kind/container image"] = ("0db7ed", "")
    assert propose(github, attributes=RequestAttributes(labels=("kind/container image",))).notes == ()
    assert get_pull(github).labels == ["kind/container image"]


# Reviewers


def test_reviews_of_users_and_teams_are_requested(github):
    assert propose(github, attributes=RequestAttributes(reviewers=("ada", "team:platform"))).notes == ()
    assert get_pull(github).reviewers == ["ada", "team:platform"]
    sent = [each.request for each in github.server.exchanges if each.line.endswith("/requested_reviewers")]
    assert sent == [{"reviewers": ["ada"], "team_reviewers": ["platform"]}]


@pytest.mark.parametrize("nobody", ["stranger", "team:nobody", BOT])
def test_invalid_reviewer_is_noted_and_others_are_requested(github, nobody):
    (note,) = propose(github, attributes=RequestAttributes(reviewers=("ada", nobody, "team:platform"))).notes
    assert f"`{nobody}`" in note
    assert get_pull(github).reviewers == ["ada", "team:platform"]


def test_review_request_is_not_repeated_if_only_reviewer_is_invalid(github):
    (note,) = propose(github, attributes=RequestAttributes(reviewers=("stranger",))).notes
    assert "collaborator" in note
    assert sum(line.endswith("/requested_reviewers") for line in github.server.lines) == 1


# Assignees


def test_assignee_that_github_ignores_is_noted_and_others_are_assigned(github):
    (note,) = propose(github, attributes=RequestAttributes(assignees=("ada", "stranger"))).notes
    assert "`stranger` could not be assigned" in note
    assert get_pull(github).assignees == ["ada"]


# Milestones


def test_milestone_is_found_by_title_ignoring_case(github):
    github.repository.milestones |= {"Later": 1, "Next release": 2}
    assert propose(github, attributes=RequestAttributes(milestone="next release")).notes == ()
    assert get_pull(github).milestone == "Next release"


def test_missing_milestone_is_noted(github):
    (note,) = propose(github, attributes=RequestAttributes(milestone="Next release")).notes
    assert "milestone is called `Next release`" in note
    assert get_pull(github).milestone is None


# All of them


EVERYTHING = RequestAttributes(labels=("docker",), reviewers=("ada",), assignees=("ada",), milestone="Next")


def test_refused_attributes_are_noted_and_reviewers_are_still_requested(github):
    github.repository.milestones["Next"] = 1
    github.token.can_label = False
    notes = propose(github, attributes=EVERYTHING).notes
    assert len(notes) == 3
    assert all("issues: write" in note for note in notes)
    assert get_pull(github).reviewers == ["ada"]


def test_pull_request_without_attributes_causes_no_attribute_api_calls(github):
    with github.server.watched() as lines:
        propose(github)
    assert not any("/issues/" in line or "/labels" in line or "milestones" in line for line in lines)


def test_update_sets_missing_attributes_without_writing_unchanged_text(github):
    github.repository.milestones["Next"] = 1
    propose(github)
    (seen,) = look(github)
    with github.server.watched() as lines:
        assert github.forge().update_request(seen, seen.title, seen.body, EVERYTHING) == ()
    assert "PATCH /repos/acme/web/pulls/1" not in lines
    assert (get_pull(github).labels, get_pull(github).reviewers) == (["docker"], ["ada"])
    (after,) = look(github)
    assert after.ever_set == EVERYTHING
    assert replace(after, ever_set=NO_ATTRIBUTES) == seen
