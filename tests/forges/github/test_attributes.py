"""Labels, reviewers, assignees and milestones on GitHub: a refusal becomes a note and affects nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.github.scene import BRANCH, look, propose
from support.forges.github.stand import BOT

from bot.forges.hosted.attributes import LABEL_COLOUR, LABEL_DESCRIPTION
from bot.model.request_attributes import NO_ATTRIBUTES, RequestAttributes


def pull(stand):
    return stand.repository.open_pull(BRANCH)


# Labels


@pytest.mark.parametrize("adds_missing", [True, False])
def test_a_label_that_is_missing_is_made_with_a_colour_and_what_it_means(github, adds_missing):
    github.repository.adds_missing_labels = adds_missing
    github.repository.labels["docker"] = ("0db7ed", "Containers")
    assert propose(github, attributes=RequestAttributes(labels=("Docker", "dependencies"))).notes == ()
    assert github.repository.labels == {
        "docker": ("0db7ed", "Containers"),
        "dependencies": (LABEL_COLOUR, LABEL_DESCRIPTION),
    }
    assert pull(github).labels == ["docker", "dependencies"]


def test_a_label_is_looked_for_once_in_a_run(github):
    propose(github, attributes=RequestAttributes(labels=("docker",)))
    (seen,) = look(github)
    forge = github.forge()
    with github.server.watched() as lines:
        for _ in range(2):
            forge.update_request(seen, seen.title, seen.body, RequestAttributes(labels=("docker",)))
    assert lines.count("GET /repos/acme/web/labels/docker") == 1


def test_a_label_that_somebody_made_in_between_is_there(github):
    github.repository.labels["docker"] = ("0db7ed", "")
    github.server.fail("GET .*/labels/docker", github.server.problem(404, "Not Found"))
    assert propose(github, attributes=RequestAttributes(labels=("docker",))).notes == ()
    assert pull(github).labels == ["docker"]


def test_a_label_that_cannot_be_set_costs_no_other(github):
    github.server.fail("POST .*/issues/1/labels", github.server.problem(422, "Validation Failed"), times=2)
    (note,) = propose(github, attributes=RequestAttributes(labels=("bad", "good"))).notes
    assert "`bad`" in note
    assert pull(github).labels == ["good"]


def test_a_name_that_needs_quoting_is_found(github):
    github.repository.labels["kind/container image"] = ("0db7ed", "")
    assert propose(github, attributes=RequestAttributes(labels=("kind/container image",))).notes == ()
    assert pull(github).labels == ["kind/container image"]


# Reviewers


def test_people_and_teams_are_asked_for_reviews(github):
    assert propose(github, attributes=RequestAttributes(reviewers=("ada", "team:platform"))).notes == ()
    assert pull(github).reviewers == ["ada", "team:platform"]
    sent = [each.request for each in github.server.exchanges if each.line.endswith("/requested_reviewers")]
    assert sent == [{"reviewers": ["ada"], "team_reviewers": ["platform"]}]


@pytest.mark.parametrize("nobody", ["stranger", "team:nobody", BOT])
def test_who_cannot_review_is_left_out_and_named(github, nobody):
    (note,) = propose(github, attributes=RequestAttributes(reviewers=("ada", nobody, "team:platform"))).notes
    assert f"`{nobody}`" in note
    assert pull(github).reviewers == ["ada", "team:platform"]


def test_one_reviewer_who_cannot_is_asked_once(github):
    (note,) = propose(github, attributes=RequestAttributes(reviewers=("stranger",))).notes
    assert "collaborator" in note
    assert sum(line.endswith("/requested_reviewers") for line in github.server.lines) == 1


# Assignees


def test_people_are_assigned_and_whom_github_leaves_out_is_named(github):
    (note,) = propose(github, attributes=RequestAttributes(assignees=("ada", "stranger"))).notes
    assert "`stranger` could not be assigned" in note
    assert pull(github).assignees == ["ada"]


# Milestones


def test_a_milestone_is_found_by_its_title(github):
    github.repository.milestones |= {"Later": 1, "Next release": 2}
    assert propose(github, attributes=RequestAttributes(milestone="next release")).notes == ()
    assert pull(github).milestone == "Next release"


def test_a_milestone_that_is_not_there_is_not_made(github):
    (note,) = propose(github, attributes=RequestAttributes(milestone="Next release")).notes
    assert "milestone is called `Next release`" in note
    assert pull(github).milestone is None


# All of them


EVERYTHING = RequestAttributes(labels=("docker",), reviewers=("ada",), assignees=("ada",), milestone="Next")


def test_without_permission_each_refusal_is_a_note_and_the_request_is_open(github):
    github.repository.milestones["Next"] = 1
    github.token.can_label = False
    notes = propose(github, attributes=EVERYTHING).notes
    assert len(notes) == 3
    assert all("issues: write" in note for note in notes)
    assert pull(github).reviewers == ["ada"]


def test_nothing_besides_is_asked_for_where_nothing_is_wanted(github):
    with github.server.watched() as lines:
        propose(github)
    assert not any("/issues/" in line or "/labels" in line or "milestones" in line for line in lines)


def test_what_is_missing_is_set_later_without_touching_the_words(github):
    github.repository.milestones["Next"] = 1
    propose(github)
    (seen,) = look(github)
    with github.server.watched() as lines:
        assert github.forge().update_request(seen, seen.title, seen.body, EVERYTHING) == ()
    assert "PATCH /repos/acme/web/pulls/1" not in lines
    assert (pull(github).labels, pull(github).reviewers) == (["docker"], ["ada"])
    (after,) = look(github)
    assert after.ever_set == EVERYTHING
    assert replace(after, ever_set=NO_ATTRIBUTES) == seen
