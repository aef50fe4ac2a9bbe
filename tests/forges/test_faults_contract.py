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
def watched(kind, tmp_path):
    stand = kind.stand(tmp_path / "server", {"Dockerfile": "FROM python:3.12-slim\n"})
    yield WatchedStand(stand)
    stand.end()


def _limit(watched, kind, request, **headers):
    status, words = kind.limit
    watched.fail(request, status, words, times=headers.pop("times", 1), **headers)


# Questions


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_failed_read_is_retried_after_pause(watched, kind, status):
    watched.fail(kind.find, status, times=len(BACKOFF_SECONDS))
    assert isinstance(watched.look(), GitRepository)
    assert watched.pauses == list(BACKOFF_SECONDS)


def test_persistent_read_failure_is_reported(watched, kind):
    watched.fail(kind.find, 502, times=10)
    failed = watched.look()
    assert "502" in failed.error
    assert "rerun basebump" in failed.error
    assert len(watched.server.lines) == 1 + len(BACKOFF_SECONDS)


def test_read_with_lost_answer_is_retried(watched, kind):
    watched.fail(kind.find, None)
    assert isinstance(watched.look(), GitRepository)
    assert watched.pauses == [BACKOFF_SECONDS[0]]


def test_unreachable_server_is_failure_with_hint(watched, kind):
    failed = watched.look("http://127.0.0.1:9")
    assert "the network" in failed.error
    assert kind.token not in failed.error


@pytest.mark.parametrize("status", [401, 403, 404])
def test_refused_read_is_not_retried(watched, kind, status):
    watched.fail(kind.find, status, "No", times=10)
    assert isinstance(watched.look(), RunFailure)
    assert watched.pauses == []
    assert len(watched.server.lines) == 1


def test_failed_page_is_retried(watched, kind):
    watched.push()
    watched.open()
    watched.stand.git.commit("feature", {"README.md": "A person's.\n"})
    for _ in range(101):
        watched.stand.propose_by_hand("feature")
    watched.fail(kind.second_page, 502)
    assert watched.seen().state is RequestState.OPEN
    assert watched.pauses == [BACKOFF_SECONDS[0]]


def test_unreadable_file_is_tree_error(watched, kind):
    fleet = watched.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    tree = fleet.open_tree(repository)
    (entry,) = tree.list_entries()
    watched.fail(kind.file, 502, times=10)
    (refused,) = tree.read([entry])
    assert isinstance(refused, TreeError)
    assert "Dockerfile" in str(refused)


def test_unlistable_tree_is_tree_error(watched, kind):
    fleet = watched.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    watched.fail(kind.tree, 502, times=10)
    with pytest.raises(TreeError, match="502"):
        fleet.open_tree(repository).list_entries()


# Limits


def test_short_limit_causes_pause(watched, kind):
    _limit(watched, kind, kind.find, retry_after="7")
    assert isinstance(watched.look(), GitRepository)
    assert watched.pauses == [7.0]


def test_limit_with_reset_time_causes_pause(watched, kind):
    soon = str(int(time.time()) + 30)
    _limit(watched, kind, kind.find, **{name: word or soon for name, word in kind.reset.items()})
    assert isinstance(watched.look(), GitRepository)
    (pause,) = watched.pauses
    assert 0 < pause <= 31


@pytest.mark.parametrize("wait", [str(int(MAX_WAIT) + 1), "9" * 30])
def test_long_limit_is_failure_without_pause(watched, kind, wait):
    _limit(watched, kind, kind.find, retry_after=wait)
    failed = watched.look()
    assert watched.pauses == []
    assert "used up until 20" in failed.error
    assert "UTC" in failed.error


def test_write_refused_by_short_limit_is_retried(watched, kind):
    watched.push()
    _limit(watched, kind, kind.open, retry_after="3")
    assert watched.open().number == 1
    assert watched.pauses == [3.0]
    assert len(watched.stand.requests()) == 1


def test_write_refused_by_long_limit_is_not_retried(watched, kind):
    watched.push()
    _limit(watched, kind, kind.open, retry_after="3600", times=10)
    with pytest.raises(ForgeError, match="used up until"):
        watched.open()
    assert len(watched.sent(kind.open)) == 1


# Writes that failed after they worked


@pytest.mark.parametrize("status", [502, None])
def test_request_with_lost_answer_is_found_and_not_duplicated(watched, kind, status):
    watched.push()
    watched.fail(kind.open, status, works=True)
    assert watched.open().number == 1
    assert [request.state for request in watched.stand.requests()] == [RequestState.OPEN]
    assert len(watched.sent(kind.open)) == 1


@pytest.mark.parametrize("status", [502, None])
@pytest.mark.parametrize("is_new", [True, False])
def test_push_with_lost_answer_is_found(watched, kind, status, is_new):
    old = None if is_new else watched.push()
    request = kind.create if is_new else kind.move
    before = len(watched.sent(request))
    watched.fail(request, status, works=True)
    made = watched.push(NEWER_CHANGES, old, "3" * 16)
    assert watched.stand.branches()[BRANCH] == made
    assert len(watched.sent(request)) - before == 1


def test_deletion_with_lost_answer_is_done(watched, kind):
    watched.push()
    seen = watched.seen()
    watched.fail(kind.delete, 502, works=True)
    watched.forge().delete_branch(seen)
    assert BRANCH not in watched.stand.branches()


# Writes that failed


@pytest.mark.parametrize(("kind", "write"), WRITES, indirect=["kind"])
@pytest.mark.parametrize("status", [502, None])
def test_failed_write_is_not_retried(watched, kind, write, status):
    watched.push()
    watched.open()
    seen = watched.seen()
    before = watched.stand.branches(), watched.stand.requests()
    request, expected, act = kind.writes[write]
    watched.fail(request, status, times=10)
    exchanges = len(watched.server.exchanges)
    with pytest.raises(ForgeError, match=r"hint: (rerun basebump later|check the network)"):
        act(watched, seen)
    assert (watched.stand.branches(), watched.stand.requests()) == before
    tried = [each for each in watched.server.exchanges[exchanges:] if watched.server.changes(each.asked)]
    assert len(tried) == expected
    watched.server.mend()
    assert watched.seen() == seen


def test_failed_branch_creation_is_not_retried(watched, kind):
    watched.fail(kind.create, 502)
    with pytest.raises(ForgeError, match="rerun basebump later"):
        watched.push()
    assert BRANCH not in watched.stand.branches()
    assert len(watched.sent(kind.create)) == 1


def test_failed_request_creation_is_not_retried(watched, kind):
    watched.push()
    watched.fail(kind.open, 502)
    with pytest.raises(ForgeError, match="rerun basebump later"):
        watched.open()
    assert watched.stand.requests() == []
    assert len(watched.sent(kind.open)) == 1


def test_comment_with_lost_answer_is_not_duplicated(watched, kind):
    watched.push()
    watched.open()
    request, _, act = kind.writes["the comment"]
    watched.fail(request, 502, works=True)
    with pytest.raises(ForgeError):
        act(watched, watched.seen())
    (made,) = watched.stand.requests()
    assert len(made.comments) == 1


@pytest.mark.parametrize("works", [True, False])
def test_request_with_unknown_result_is_error(watched, kind, works):
    watched.push()
    watched.fail(kind.open, 502, works=works)
    forge = watched.forge()
    watched.fail(kind.look_for_open, 503, times=10)
    with pytest.raises(ForgeError, match="502"):
        forge.open(proposal())


# Answers that are none


def test_answer_that_is_not_json_is_failure(watched, kind):
    headers = {"Content-Type": "application/json"}
    with HttpListener(lambda _: HttpReply(200, b'{"id": ', headers)) as broken:
        failed = watched.look(broken.url)
    assert failed.subject == watched.stand.name
    assert kind.no_json in failed.error


@pytest.mark.parametrize(("kind", "path", "body"), ODD, indirect=["kind"])
def test_malformed_answer_is_failure(watched, kind, path, body, monkeypatch):
    monkeypatch.setattr(kind.server, "violations", lambda _: iter(()))  # they are what this is about
    watched.push()
    watched.open()
    watched.server.fail(f"GET .*{path}", watched.server.reply(body), times=30)
    errors = []
    try:
        fleet = watched.fleet()
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
