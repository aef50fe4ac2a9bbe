"""Contract of all servers for failures: lost answers, rate limits, and writes that fail after they were done."""

from __future__ import annotations

import time

import pytest
from support.forges.contract_scene import BRANCH, NEWER_CHANGES, PREFIX, proposal
from support.forges.server_kinds import KINDS
from support.forges.watched import WatchedStand
from support.listener import HttpListener, HttpReply

from bot.forges.hosted.connection import BACKOFF_SECONDS, MAX_WAIT
from bot.model.errors import ForgeError, TreeError
from bot.model.forge import GitRepository
from bot.model.proposal import RequestState
from bot.model.report import RunFailure

pytestmark = [
    pytest.mark.slow,
    pytest.mark.over_forges(
        local="it is no server",
        github_app="tokens aside, it is asked as with a token",
        forgejo="files aside, it is asked as a Gitea",
    ),
]

WRITES = [pytest.param(kind, write, id=f"{name}-{write}") for name, kind in KINDS.items() for write in kind.writes]
ODD = [
    pytest.param(kind, path, body, id=f"{name}-{path}-{body}")
    for name, kind in KINDS.items()
    for path in kind.asked
    for body in kind.odd
]


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def watched_stand(kind, tmp_path):
    stand = kind.stand(tmp_path / "server", {"Dockerfile": "FROM python:3.12-slim\n"})
    yield WatchedStand(stand)
    stand.end()


def _limit(watched, kind, request, **headers):
    status, words = kind.limit
    watched.fail(request, status, words, times=headers.pop("times", 1), **headers)


# Questions


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_read_is_retried_with_backoff_after_server_error(watched_stand, kind, status):
    watched_stand.fail(kind.find, status, times=len(BACKOFF_SECONDS))
    assert isinstance(watched_stand.look(), GitRepository)
    assert watched_stand.pauses == list(BACKOFF_SECONDS)


def test_read_failure_is_reported_with_hint_to_rerun_after_all_retries(watched_stand, kind):
    watched_stand.fail(kind.find, 502, times=10)
    failed = watched_stand.look()
    assert "502" in failed.error
    assert "rerun basebump" in failed.error
    assert len(watched_stand.server.lines) == 1 + len(BACKOFF_SECONDS)


def test_read_is_retried_if_response_is_lost(watched_stand, kind):
    watched_stand.fail(kind.find, None)
    assert isinstance(watched_stand.look(), GitRepository)
    assert watched_stand.pauses == [BACKOFF_SECONDS[0]]


def test_unreachable_server_is_reported_with_hint_and_without_token(watched_stand, kind):
    failed = watched_stand.look("http://127.0.0.1:9")
    assert "the network" in failed.error
    assert kind.token not in failed.error


@pytest.mark.parametrize("status", [401, 403, 404])
def test_read_refused_with_401_403_or_404_is_not_retried(watched_stand, kind, status):
    watched_stand.fail(kind.find, status, "No", times=10)
    assert isinstance(watched_stand.look(), RunFailure)
    assert watched_stand.pauses == []
    assert len(watched_stand.server.lines) == 1


def test_failed_second_page_of_list_is_retried(watched_stand, kind):
    watched_stand.push()
    watched_stand.open()
    watched_stand.stand.git.commit("feature", {"README.md": "A person's.\n"})
    for _ in range(101):
        watched_stand.stand.propose_by_hand("feature")
    watched_stand.fail(kind.second_page, 502)
    assert watched_stand.seen().state is RequestState.OPEN
    assert watched_stand.pauses == [BACKOFF_SECONDS[0]]


def test_file_that_cannot_be_fetched_yields_tree_error(watched_stand, kind):
    fleet = watched_stand.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    tree = fleet.open_tree(repository)
    (entry,) = tree.list_entries()
    watched_stand.fail(kind.file, 502, times=10)
    (refused,) = tree.read([entry])
    assert isinstance(refused, TreeError)
    assert "Dockerfile" in str(refused)


def test_tree_that_cannot_be_listed_raises_tree_error(watched_stand, kind):
    fleet = watched_stand.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    watched_stand.fail(kind.tree, 502, times=10)
    with pytest.raises(TreeError, match="502"):
        fleet.open_tree(repository).list_entries()


# Limits


def test_read_is_retried_after_seconds_in_short_retry_after_header(watched_stand, kind):
    _limit(watched_stand, kind, kind.find, retry_after="7")
    assert isinstance(watched_stand.look(), GitRepository)
    assert watched_stand.pauses == [7.0]


def test_read_is_retried_after_rate_limit_that_resets_soon(watched_stand, kind):
    soon = str(int(time.time()) + 30)
    _limit(watched_stand, kind, kind.find, **{name: word or soon for name, word in kind.reset.items()})
    assert isinstance(watched_stand.look(), GitRepository)
    (pause,) = watched_stand.pauses
    assert 0 < pause <= 31


@pytest.mark.parametrize("wait", [str(int(MAX_WAIT) + 1), "9" * 30])
def test_read_fails_without_pause_if_rate_limit_lasts_longer_than_maximum_wait(watched_stand, kind, wait):
    _limit(watched_stand, kind, kind.find, retry_after=wait)
    failed = watched_stand.look()
    assert watched_stand.pauses == []
    assert "used up until 20" in failed.error
    assert "UTC" in failed.error


def test_write_refused_by_short_rate_limit_is_retried_after_pause(watched_stand, kind):
    watched_stand.push()
    _limit(watched_stand, kind, kind.open, retry_after="3")
    assert watched_stand.open().number == 1
    assert watched_stand.pauses == [3.0]
    assert len(watched_stand.stand.requests()) == 1


def test_write_refused_by_long_rate_limit_is_not_retried(watched_stand, kind):
    watched_stand.push()
    _limit(watched_stand, kind, kind.open, retry_after="3600", times=10)
    with pytest.raises(ForgeError, match="used up until"):
        watched_stand.open()
    assert len(watched_stand.sent(kind.open)) == 1


# Writes that failed after they worked


@pytest.mark.parametrize("status", [502, None])
def test_pull_request_is_not_opened_twice_if_response_is_lost(watched_stand, kind, status):
    watched_stand.push()
    watched_stand.fail(kind.open, status, works=True)
    assert watched_stand.open().number == 1
    assert [request.state for request in watched_stand.stand.requests()] == [RequestState.OPEN]
    assert len(watched_stand.sent(kind.open)) == 1


@pytest.mark.parametrize("status", [502, None])
@pytest.mark.parametrize("is_new", [True, False])
def test_pushed_branch_is_found_and_not_pushed_again_if_response_is_lost(watched_stand, kind, status, is_new):
    old = None if is_new else watched_stand.push()
    request = kind.create if is_new else kind.move
    before = len(watched_stand.sent(request))
    watched_stand.fail(request, status, works=True)
    made = watched_stand.push(NEWER_CHANGES, old, "3" * 16)
    assert watched_stand.stand.branches()[BRANCH] == made
    assert len(watched_stand.sent(request)) - before == 1


def test_branch_deletion_succeeds_if_response_is_lost(watched_stand, kind):
    watched_stand.push()
    seen = watched_stand.seen()
    watched_stand.fail(kind.delete, 502, works=True)
    watched_stand.forge().delete_branch(seen)
    assert BRANCH not in watched_stand.stand.branches()


# Writes that failed


@pytest.mark.parametrize(("kind", "write"), WRITES, indirect=["kind"])
@pytest.mark.parametrize("status", [502, None])
def test_failed_write_is_not_retried_and_changes_nothing(watched_stand, kind, write, status):
    watched_stand.push()
    watched_stand.open()
    seen = watched_stand.seen()
    before = watched_stand.stand.branches(), watched_stand.stand.requests()
    request, expected, act = kind.writes[write]
    watched_stand.fail(request, status, times=10)
    exchanges = len(watched_stand.server.exchanges)
    with pytest.raises(ForgeError, match=r"hint: (rerun basebump later|check the network)"):
        act(watched_stand, seen)
    assert (watched_stand.stand.branches(), watched_stand.stand.requests()) == before
    tried = [each for each in watched_stand.server.exchanges[exchanges:] if watched_stand.server.changes(each.asked)]
    assert len(tried) == expected
    watched_stand.server.mend()
    assert watched_stand.seen() == seen


def test_failed_branch_creation_is_not_retried(watched_stand, kind):
    watched_stand.fail(kind.create, 502)
    with pytest.raises(ForgeError, match="rerun basebump later"):
        watched_stand.push()
    assert BRANCH not in watched_stand.stand.branches()
    assert len(watched_stand.sent(kind.create)) == 1


def test_failed_pull_request_creation_is_not_retried(watched_stand, kind):
    watched_stand.push()
    watched_stand.fail(kind.open, 502)
    with pytest.raises(ForgeError, match="rerun basebump later"):
        watched_stand.open()
    assert watched_stand.stand.requests() == []
    assert len(watched_stand.sent(kind.open)) == 1


def test_comment_is_not_posted_twice_if_response_is_lost(watched_stand, kind):
    watched_stand.push()
    watched_stand.open()
    request, _, act = kind.writes["the comment"]
    watched_stand.fail(request, 502, works=True)
    with pytest.raises(ForgeError):
        act(watched_stand, watched_stand.seen())
    (made,) = watched_stand.stand.requests()
    assert len(made.comments) == 1


@pytest.mark.parametrize("works", [True, False])
def test_opening_pull_request_fails_if_neither_response_nor_list_is_readable(watched_stand, kind, works):
    watched_stand.push()
    watched_stand.fail(kind.open, 502, works=works)
    forge = watched_stand.forge()
    watched_stand.fail(kind.look_for_open, 503, times=10)
    with pytest.raises(ForgeError, match="502"):
        forge.open(proposal())


# Answers that are none


def test_invalid_json_response_is_reported_as_failure_of_repository(watched_stand, kind):
    headers = {"Content-Type": "application/json"}
    with HttpListener(lambda _: HttpReply(200, b'{"id": ', headers)) as broken:
        failed = watched_stand.look(broken.url)
    assert failed.subject == watched_stand.stand.name
    assert kind.no_json in failed.error


@pytest.mark.parametrize(("kind", "path", "body"), ODD, indirect=["kind"])
def test_malformed_response_raises_only_forge_and_tree_errors(watched_stand, kind, path, body, monkeypatch):
    monkeypatch.setattr(kind.server, "violations", lambda _: iter(()))  # they are what this is about
    watched_stand.push()
    watched_stand.open()
    watched_stand.server.fail(f"GET .*{path}", watched_stand.server.reply(body), times=30)
    errors = []
    try:
        fleet = watched_stand.fleet()
        (repository,) = fleet.list_repositories(frozenset())
        if isinstance(repository, RunFailure):
            errors.append(repository.error)
        else:
            tree = fleet.open_tree(repository)
            errors += [content for content in tree.read(list(tree.list_entries())) if isinstance(content, TreeError)]
            fleet.get_forge(repository).list_requests(PREFIX, frozenset({BRANCH}))
    except (ForgeError, TreeError) as error:
        errors.append(error)
    assert all(str(error) for error in errors)
