"""Contract of all forges for several base branches: proposals of one do not affect those of another."""

from __future__ import annotations

import pytest
from support.forges.contract_scene import BODY, BRANCH, CHANGES, INTENT, OTHER, PREFIX, message_of, proposal
from support.forges.forge_stands import STANDS, select_stands
from support.forges.github.stand import GitHubStand
from support.forges.gitlab.stand import GitLabStand
from support.forges.hosted_stand import HostedStand

from bot.core.proposal.marks import append_trailers
from bot.model.forge import GitRepository
from bot.model.proposal import Proposal, RequestState
from bot.model.report import RunFailure

pytestmark = pytest.mark.over_forges

RELEASE = "release/1"
OF_RELEASE = "basebump/python-3.12-slim-c0ffee00"
SERVERS = select_stands(without=("local",))
FILES = {"Dockerfile": "FROM python:3.12-slim\n"}


@pytest.fixture(params=STANDS)
def stand(request, tmp_path):
    """Return a forge with a repository of three branches, of which two are base branches."""
    stand = STANDS[request.param](tmp_path, FILES)
    for branch in (RELEASE, "feature"):
        stand.commit(branch, {"README.md": f"This is {branch}.\n"})
    stand.base_branches = ("main", "release/*")
    yield stand
    stand.end()


def _message(base):
    return append_trailers("Update python", INTENT, (), None if base == "main" else base)


def _push(stand, branch, base):
    return stand.forge(base).push(branch, CHANGES, _message(base), None)


def _propose(stand, branch, base):
    _push(stand, branch, base)
    words = proposal(branch)
    stand.forge(base).open(Proposal(branch, words.title, BODY, _message(base), CHANGES, (), (), INTENT, ""))


def list_seen_states(stand, base, *wanted):
    return {(each.branch, each.state) for each in stand.forge(base).list_requests(PREFIX, frozenset(wanted))}


# Which there are


def test_repository_is_listed_once_per_base_branch(stand):
    found = list(stand.fleet().list_repositories(frozenset()))
    heads = stand.branches()
    assert [(each.name, each.base_branch, each.commit) for each in found] == [
        (stand.name, "main", heads["main"]),
        (stand.name, RELEASE, heads[RELEASE]),
    ]
    assert [(each.is_default_base, each.non_default_base) for each in found] == [(True, None), (False, RELEASE)]


def test_tree_of_each_base_branch_lists_files_of_that_branch(stand):
    fleet = stand.fleet()
    trees = [fleet.open_tree(each) for each in fleet.list_repositories(frozenset())]
    assert [[entry.path for entry in tree.list_entries()] for tree in trees] == [
        ["Dockerfile"],
        ["Dockerfile", "README.md"],
    ]


def test_default_branch_is_the_only_base_branch_if_no_globs_are_configured(stand):
    stand.base_branches = ()
    (found,) = stand.fleet().list_repositories(frozenset())
    assert (found.base_branch, found.is_default_base) == ("main", True)


def test_default_branch_is_not_a_base_branch_unless_a_glob_matches(stand):
    stand.base_branches = ("release/*",)
    (found,) = stand.fleet().list_repositories(frozenset())
    assert (found.base_branch, found.non_default_base) == (RELEASE, RELEASE)


def test_repository_is_listed_without_base_branch_if_no_branch_matches_globs(stand):
    stand.base_branches = ("trunk", "v*")
    (found,) = stand.fleet().list_repositories(frozenset())
    assert isinstance(found, GitRepository)
    assert not isinstance(found, RunFailure)
    assert (found.name, found.base_branch, found.commit) == (stand.name, None, None)


# Proposals


def test_proposal_starts_from_and_targets_non_default_base_branch(stand):
    _propose(stand, OF_RELEASE, RELEASE)
    (commit, *_) = stand.git.log(f"refs/heads/{OF_RELEASE}", without=f"refs/heads/{RELEASE}")
    assert commit.parents == (stand.branches()[RELEASE],)
    assert stand.files(OF_RELEASE)["README.md"].content == b"This is release/1.\n"
    if isinstance(stand, HostedStand):
        assert stand.targets() == [RELEASE]


def test_open_pull_request_is_listed_only_for_target_branch(stand):
    _propose(stand, BRANCH, "main")
    _propose(stand, OF_RELEASE, RELEASE)
    assert list_seen_states(stand, "main", BRANCH) == {(BRANCH, RequestState.OPEN)}
    assert list_seen_states(stand, RELEASE, OF_RELEASE) == {(OF_RELEASE, RequestState.OPEN)}


def test_pull_request_of_unnamed_branch_is_listed_only_for_target_branch(stand):
    _propose(stand, BRANCH, "main")
    _propose(stand, OF_RELEASE, RELEASE)
    assert list_seen_states(stand, "main") == {(BRANCH, RequestState.OPEN)}
    assert list_seen_states(stand, RELEASE) == {(OF_RELEASE, RequestState.OPEN)}


def test_branch_without_pull_request_is_listed_only_for_base_branch_in_trailer(stand):
    _push(stand, BRANCH, "main")
    _push(stand, OF_RELEASE, RELEASE)
    for wanted in ((), (BRANCH, OTHER)):
        assert list_seen_states(stand, "main", *wanted) == {(BRANCH, RequestState.BRANCH)}
    for wanted in ((), (OF_RELEASE,)):
        assert list_seen_states(stand, RELEASE, *wanted) == {(OF_RELEASE, RequestState.BRANCH)}


def test_declined_pull_request_is_listed_only_for_target_branch(stand):
    _propose(stand, OF_RELEASE, RELEASE)
    stand.close_request(OF_RELEASE)
    assert (OF_RELEASE, RequestState.CLOSED) in list_seen_states(stand, RELEASE, OF_RELEASE)
    assert list_seen_states(stand, "main", BRANCH) == set()


def test_branch_with_user_commit_has_no_intent_for_any_base_branch(stand):
    _propose(stand, OF_RELEASE, RELEASE)
    _push(stand, BRANCH, "main")
    for branch in (OF_RELEASE, BRANCH):
        stand.commit(branch, {"README.md": "A person was here.\n"})
    found = [each for base in ("main", RELEASE) for each in stand.forge(base).list_requests(PREFIX, frozenset())]
    assert sorted((each.branch, each.intent) for each in found) == [(BRANCH, None), (OF_RELEASE, None)]


def test_merge_into_non_default_base_branch_marks_proposal_as_merged(stand):
    _propose(stand, OF_RELEASE, RELEASE)
    stand.merge_request(OF_RELEASE, RELEASE)
    assert (OF_RELEASE, RequestState.MERGED) in list_seen_states(stand, RELEASE, OF_RELEASE)
    assert (OF_RELEASE, RequestState.OPEN) not in list_seen_states(stand, "main")


# Servers


@pytest.fixture(params=SERVERS)
def server(request, tmp_path):
    """Return the same where the forge is a server."""
    stand = SERVERS[request.param](tmp_path, FILES)
    stand.commit(RELEASE, {"README.md": "This is release/1.\n"})
    stand.base_branches = ("main", "release/*")
    yield stand
    stand.end()


@pytest.fixture
def github(tmp_path):
    stand = GitHubStand(tmp_path, FILES)
    yield stand
    stand.end()


@pytest.fixture
def gitlab(tmp_path):
    stand = GitLabStand(tmp_path, FILES)
    yield stand
    stand.end()


def test_retargeted_pull_request_has_no_intent_for_either_base_branch(server):
    _propose(server, BRANCH, "main")
    server.point_to(BRANCH, RELEASE)
    (seen,) = server.forge("main").list_requests(PREFIX, frozenset({BRANCH}))
    assert (seen.state, seen.intent) == (RequestState.OPEN, None)
    assert server.forge("main").list_requests(PREFIX, frozenset()) == ()
    assert server.forge(RELEASE).list_requests(PREFIX, frozenset()) == ()


def test_pull_request_that_user_opens_from_own_branch_to_other_base_is_ignored(server):
    _propose(server, BRANCH, "main")
    server.propose_by_hand(BRANCH, RELEASE)
    assert list_seen_states(server, "main") == {(BRANCH, RequestState.OPEN)}
    assert list_seen_states(server, RELEASE) == set()


def test_github_lists_only_branches_that_start_with_literal_prefix_of_a_glob(github):
    github.base_branches = ("main", "release/*", "rel*/2")
    list(github.fleet().list_repositories(frozenset()))
    asked = [line for line in github.server.lines if "matching-refs" in line]
    assert [line.partition("?")[0].rpartition("matching-refs/")[2] for line in asked] == [
        "heads/main",
        "heads/release/",
        "heads/rel",
    ]


def test_gitlab_searches_only_branches_that_start_with_literal_prefix_of_glob(gitlab):
    gitlab.base_branches = ("main", "rel*/2")
    list(gitlab.fleet().list_repositories(frozenset()))
    asked = [exchange.asked.words.get("search") for exchange in gitlab.server.exchanges if "/branches" in exchange.line]
    assert asked == ["^main", "^rel"]


def test_gitlab_lists_all_branches_if_glob_starts_with_wildcard(gitlab):
    gitlab.base_branches = ("*",)
    (found,) = gitlab.fleet().list_repositories(frozenset())
    assert found.base_branch == "main"
    assert "search" not in gitlab.server.exchanges[-1].asked.words


def test_retry_after_lost_response_ignores_merge_request_to_other_base_branch(gitlab):
    gitlab.commit(RELEASE, {"README.md": "This is release/1.\n"})
    _push(gitlab, BRANCH, "main")
    gitlab.propose_by_hand(BRANCH, RELEASE)
    gitlab.server.fail("POST .*/merge_requests", gitlab.server.problem(502), works=True)
    words = proposal(BRANCH)
    assert gitlab.forge("main").open(words).number == 2
    assert [each.title for each in gitlab.project.requests] == ["A change", words.title]


def test_intent_is_read_from_commit_message_that_has_base_branch_trailer(server):
    assert message_of().count("Basebump-Intent") == 1
    _push(server, OF_RELEASE, RELEASE)
    (seen,) = server.forge(RELEASE).list_requests(PREFIX, frozenset())
    assert seen.intent == INTENT
