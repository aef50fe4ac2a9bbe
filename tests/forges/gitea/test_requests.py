"""Pull requests on Gitea and Forgejo: attributes, drafts, approvals, histories and names of branches."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges.contract_scene import BRANCH, OTHER, look, one, open_one, proposal, propose, push
from support.forges.gitea.stand import BOT, TOKEN, ForgejoStand, GiteaStand
from support.forges.hosted_stand import no_pause

from bot.core.proposal.marks import COMMENT_MARK
from bot.forges.gitea.commits import GiteaCommits
from bot.forges.gitea.connection import GiteaConnection, GiteaRemote
from bot.forges.gitea.pull_requests import GiteaRequestReader
from bot.forges.hosted.attributes import LABEL_COLOUR
from bot.model.proposal import NO_DRAFTS, RequestState
from bot.model.request_attributes import RequestAttributes

FILES = {"Dockerfile": "FROM python:3.12-slim\n"}
EVERYTHING = RequestAttributes(
    labels=("docker", "Known"), reviewers=("ada", "team:platform"), assignees=("ada",), milestone="Next"
)


@pytest.fixture(params=[GiteaStand, ForgejoStand], ids=["gitea", "forgejo"])
def stand(request, tmp_path):
    stand = request.param(tmp_path, FILES)
    stand.repository.labels["known"] = 7
    stand.repository.milestones["next"] = 3
    yield stand
    stand.end()


def open_with(stand, attributes, **words):
    push(stand)
    return stand.forge().open(replace(proposal(), attributes=attributes, **words)).notes


def get_pull(stand):
    return stand.repository.open_pull(BRANCH)


def test_attributes_set_by_basebump_are_found_in_pull_request_history(stand):
    assert open_with(stand, EVERYTHING) == ()
    pull = get_pull(stand)
    assert (pull.labels, pull.reviewers, pull.assignees) == (["docker", "known"], ["ada", "team:platform"], ["ada"])
    assert pull.milestone == "next"
    created = next(each.request for each in stand.server.writes if each.line.endswith("/labels"))
    assert created["color"] == f"#{LABEL_COLOUR}"
    ever_set = open_one(stand).ever_set
    assert EVERYTHING.subtract(ever_set) == RequestAttributes()


def test_label_removed_by_user_is_still_listed_as_previously_set(stand):
    open_with(stand, EVERYTHING)
    get_pull(stand).labels.clear()
    assert "docker" in open_one(stand).ever_set.labels


def test_label_of_organization_is_used_and_not_created_in_repository(stand):
    stand.server.world.organization_labels["docker"] = 77
    assert open_with(stand, RequestAttributes(labels=("docker",))) == ()
    assert get_pull(stand).labels == ["docker"]
    assert "docker" not in stand.repository.labels


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        (RequestAttributes(reviewers=("ada", "nobody")), "A review of `nobody` could not be requested"),
        (RequestAttributes(assignees=("nobody",)), "The assignees could not be set"),
        (RequestAttributes(milestone="Never"), "no open milestone is called `Never`"),
    ],
)
def test_refused_reviewer_assignee_or_milestone_is_noted(stand, attributes, said):
    (note,) = open_with(stand, attributes)
    assert said in note
    assert get_pull(stand).reviewers == list(attributes.reviewers[:1])


def test_update_keeps_existing_assignees(stand):
    open_with(stand, RequestAttributes())
    get_pull(stand).assignees.append(BOT)
    stand.repository.collaborators = ("ada", BOT)
    seen = open_one(stand)
    stand.forge().update_request(seen, seen.title, seen.body, RequestAttributes(assignees=("ada",)))
    assert get_pull(stand).assignees == [BOT, "ada"]


def test_action_label_of_user_is_removed_by_update(stand):
    propose(stand)
    stand.label(BRANCH, "basebump-rebase")
    seen = open_one(stand)
    assert seen.requested_actions
    stand.forge().update_request(seen, seen.title, seen.body)
    assert get_pull(stand).labels == []


def test_draft_prefix_is_hidden_in_listed_title_and_kept_by_update(stand):
    open_with(stand, RequestAttributes(), is_draft=True)
    assert get_pull(stand).title == f"WIP: {proposal().title}"
    seen = open_one(stand)
    assert seen.title == proposal().title
    stand.forge().update_request(seen, "Other words", seen.body)
    assert get_pull(stand).title == "WIP: Other words"


def test_unsupported_draft_prefix_is_noted(stand):
    stand.repository.draft_prefixes = ("DRAFT:",)
    assert open_with(stand, RequestAttributes(), is_draft=True) == (NO_DRAFTS,)


def test_conflicts_of_draft_pull_request_are_not_reported(stand):
    open_with(stand, RequestAttributes(), is_draft=True)
    stand.commit("main", {"Dockerfile": "FROM python:3.13-slim\n"})
    assert not open_one(stand).has_conflicts
    get_pull(stand).title = proposal().title
    assert open_one(stand).has_conflicts


@pytest.mark.parametrize(
    ("reviews", "is_accepted"),
    [
        ([("ada", "APPROVED")], True),
        ([("ada", "APPROVED"), ("ada", "REQUEST_CHANGES")], False),
        ([("ada", "APPROVED"), ("ada", "COMMENT")], True),
        ([("eve", "APPROVED")], False),
    ],
)
def test_latest_official_review_of_each_user_decides_acceptance(stand, reviews, is_accepted):
    propose(stand)
    for login, state in reviews:
        stand.review(BRANCH, state, login, official=login != "eve")
    assert open_one(stand).is_accepted is is_accepted


def test_pull_request_that_has_no_reviews_causes_no_api_call_for_reviews(stand):
    propose(stand)
    with stand.server.watched() as lines:
        open_one(stand)
    assert not any("/reviews" in line for line in lines)


def test_pull_request_with_dismissed_approval_is_not_accepted(stand):
    propose(stand)
    stand.review(BRANCH, "APPROVED")
    get_pull(stand).reviews[0].dismissed = True
    assert not open_one(stand).is_accepted


def test_pull_request_closed_by_branch_deletion_is_not_declined(stand):
    propose(stand)
    stand.delete_branch(BRANCH)
    (vanished,) = look(stand)
    assert (vanished.state, vanished.is_closed_by_branch_deletion) == (RequestState.CLOSED, True)
    propose(stand, OTHER)
    stand.close_request(OTHER)
    assert not one(stand, RequestState.CLOSED, OTHER).is_closed_by_branch_deletion


def test_closed_pull_request_from_fork_does_not_count_as_declined(stand):
    propose(stand)
    stand.propose_from_fork(BRANCH, {"Dockerfile": "FROM scratch\n"})
    for pull in stand.repository.pulls[1:]:
        pull.close()
    assert [each.state for each in look(stand)] == [RequestState.OPEN]


def test_listing_closed_pull_requests_of_all_branches_takes_one_api_call(stand):
    propose(stand)
    stand.close_request(BRANCH)
    stand.delete_branch(BRANCH)
    with stand.server.watched() as lines:
        seen = stand.forge().list_requests("basebump/", frozenset({BRANCH, OTHER}))
    assert [each.state for each in seen] == [RequestState.CLOSED]
    assert sum("state=closed" in line for line in lines) == 1
    assert all(f"poster={BOT}" in line for line in lines if "state=closed" in line)


def test_branch_is_not_required_to_be_up_to_date_if_protection_is_hidden(stand):
    propose(stand)
    stand.commit("main", {"README.md": "Elsewhere.\n"})
    stand.repository.protected["ma*"] = {"block_on_outdated_branch": True}
    assert open_one(stand).must_be_current
    stand.server.shows_protections = False
    assert not open_one(stand).must_be_current


def test_comment_by_basebump_is_found_after_many_comments_of_users(stand):
    number = propose(stand).number
    connection = GiteaConnection(stand.server.url, TOKEN, pause=no_pause)
    requests = GiteaRequestReader(GiteaRemote(connection, stand.name))
    for _ in range(501):
        stand.repository.note(get_pull(stand), "comment", stand.server.world.ada, f"Hello! {COMMENT_MARK}")
    assert not requests.has_own_comment(number)
    stand.repository.note(get_pull(stand), "comment", stand.token.user, COMMENT_MARK)
    assert requests.has_own_comment(number)


def test_branch_comparison_reads_commits_from_all_pages(stand):
    stand.server.max_items = 1
    push(stand)
    stand.commit(BRANCH, {"README.md": "By hand.\n"})
    branches = stand.branches()
    connection = GiteaConnection(stand.server.url, TOKEN, pause=no_pause)
    comparison = GiteaCommits(GiteaRemote(connection, stand.name)).compare(branches["main"], branches[BRANCH])
    assert len(comparison.commits) == 2


def test_refused_push_to_protected_branch_quotes_message_of_server(stand):
    stand.repository.protected["basebump/*"] = {}
    with pytest.raises(Exception, match=r"Not allowed to push to protected branch .*hint: give the token .* rule"):
        push(stand)
    assert list(stand.branches()) == ["main"]
