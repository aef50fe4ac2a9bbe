"""GitHub at its worst: answers that are lost, limits, servers that fail after they did it."""

from __future__ import annotations

import time

import pytest
from support.github.graphql import GraphQL
from support.github.server import GitHubServer
from support.github.stand import TOKEN, GitHubStand
from support.listener import Listener, Reply

from bot.core.mark import trailer
from bot.forges._github_errors import SECONDARY_WAIT
from bot.forges._refusal import BACKOFF, MAX_WAIT
from bot.forges.github import GitHubFleet
from bot.model.errors import ForgeError, TreeError
from bot.model.proposal import Proposal, RequestState
from bot.model.report import Failed
from bot.model.source import Change, FilePath
from bot.ports import GitRepository

PREFIX = "basebump/"
BRANCH = "basebump/python-3.12-slim-06e5bb43"
MESSAGE = f"Update python\n\n{trailer('1' * 16)}\n"
CHANGES = [Change(FilePath("Dockerfile"), b"FROM python:3.12-slim@sha256:1\n")]
NEWER = [Change(FilePath("Dockerfile"), b"FROM python:3.12-slim@sha256:2\n")]
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


class Watched:
    """A stand whose fleet tells how long it waits."""

    def __init__(self, stand: GitHubStand) -> None:
        self.stand = stand
        self.server = stand.server
        self.pauses: list[float] = []

    def fleet(self) -> GitHubFleet:
        return GitHubFleet(self.server.url, TOKEN, selected=["acme/web"], pause=self.pauses.append)

    def look(self):
        return list(self.fleet().repositories(frozenset()))

    def forge(self):
        fleet = self.fleet()
        (repository,) = fleet.repositories(frozenset())
        assert isinstance(repository, GitRepository)
        return fleet.forge(repository)

    def push(self, changes=CHANGES, over=None):
        return self.forge().push(BRANCH, changes, MESSAGE, over)

    def open(self, title="Update python"):
        return self.forge().open(Proposal(BRANCH, title, "Body.", MESSAGE, (), (), (), "1" * 16, "2" * 16))

    def seen(self):
        (seen,) = self.forge().seen(PREFIX, frozenset({BRANCH}))
        return seen

    def fail(self, request, status, message="Server Error", *, works=False, times=1, **headers):
        self.server.fail(request, self.server.problem(status, message, **headers), works=works, times=times)

    def sent(self, request):
        return [line for line in self.server.lines if line.startswith(request)]


@pytest.fixture
def github(tmp_path):
    stand = GitHubStand(tmp_path / "github", {"Dockerfile": "FROM python:3.12-slim\n"})
    yield Watched(stand)
    stand.end()


@pytest.fixture
def old_github(tmp_path):
    stand = GitHubStand(tmp_path / "github", {"Dockerfile": "FROM python:3.12-slim\n"}, graphql=GraphQL.NONE)
    yield Watched(stand)
    stand.end()


# Questions


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_question_that_fails_is_asked_again_a_little_later(github, status):
    github.fail("GET /repos/acme/web$", status, times=len(BACKOFF))
    (repository,) = github.look()
    assert isinstance(repository, GitRepository)
    assert github.pauses == list(BACKOFF)


def test_a_question_that_goes_on_failing_is_given_up(github):
    github.fail("GET /repos/acme/web$", 502, times=10)
    (failed,) = github.look()
    assert "502" in failed.error
    assert "again" in failed.error
    assert len(github.sent("GET /repos/acme/web")) == 1 + len(BACKOFF)


def test_a_question_whose_answer_is_lost_is_asked_again(github):
    github.server.fail("GET /repos/acme/web$", None)
    (repository,) = github.look()
    assert isinstance(repository, GitRepository)
    assert github.pauses == [BACKOFF[0]]


def test_a_server_that_is_not_there_is_a_failure_that_says_what_to_check(github):
    fleet = GitHubFleet("http://127.0.0.1:9", TOKEN, selected=["acme/web"], pause=github.pauses.append)
    (failed,) = fleet.repositories(frozenset())
    assert "check the network and the URL" in failed.error
    assert TOKEN not in failed.error


@pytest.mark.parametrize("status", [401, 404])
def test_a_question_that_is_refused_is_not_asked_again(github, status):
    github.fail("GET /repos/acme/web$", status, "No", times=10)
    github.look()
    assert github.pauses == []
    assert len(github.server.lines) == 1


def test_a_page_in_the_middle_that_fails_leaves_nothing_out(github):
    github.push()
    github.open()
    github.stand.git.commit("feature", {"README.md": "A person's.\n"})
    ada = github.server.world.accounts["ada"]
    for _ in range(101):
        github.server.world.propose(github.stand.repository, github.stand.repository, "feature", ada)
    github.fail("GET /repos/acme/web/pulls.*page=2", 502)
    assert github.seen().state is RequestState.OPEN


def test_a_file_that_cannot_be_read_is_a_tree_error(github):
    fleet = github.fleet()
    (repository,) = fleet.repositories(frozenset())
    tree = fleet.tree(repository)
    (entry,) = tree.entries()
    github.fail("GET .*/git/blobs/", 502, times=10)
    (refused,) = tree.read([entry])
    assert isinstance(refused, TreeError)
    assert "Dockerfile" in str(refused)


def test_a_tree_that_cannot_be_listed_is_a_tree_error(github):
    fleet = github.fleet()
    (repository,) = fleet.repositories(frozenset())
    github.fail("GET .*/git/trees/", 502, times=10)
    with pytest.raises(TreeError, match="502"):
        fleet.tree(repository).entries()


# Limits


def test_a_short_limit_is_waited_for(github):
    github.fail("GET /repos/acme/web$", 403, SECONDARY, retry_after="7")
    (repository,) = github.look()
    assert isinstance(repository, GitRepository)
    assert github.pauses == [7.0]


@pytest.mark.parametrize("status", [403, 429])
def test_a_limit_that_does_not_say_how_long_is_waited_for_a_minute(github, status):
    github.fail("GET /repos/acme/web$", status, SECONDARY)
    (repository,) = github.look()
    assert isinstance(repository, GitRepository)
    assert github.pauses == [SECONDARY_WAIT]


def test_a_long_limit_is_not_waited_for_but_said(github):
    github.fail("GET /repos/acme/web$", 429, SECONDARY, retry_after=str(int(MAX_WAIT) + 1))
    (failed,) = github.look()
    assert github.pauses == []
    assert "used up until 20" in failed.error
    assert "UTC" in failed.error


def test_a_used_up_quota_says_when_it_comes_back(github):
    reset = 1_900_000_000
    github.fail(
        "GET /repos/acme/web$",
        403,
        "API rate limit exceeded for user ID 1.",
        x_ratelimit_remaining="0",
        x_ratelimit_reset=str(reset),
    )
    (failed,) = github.look()
    assert github.pauses == []
    assert "2030-03-17 17:46:41 UTC" in failed.error


def test_a_quota_that_comes_back_soon_is_waited_for(github):
    soon = str(int(time.time()) + 5)
    github.fail("GET /repos/acme/web$", 403, "", x_ratelimit_remaining="0", x_ratelimit_reset=soon)
    (repository,) = github.look()
    assert isinstance(repository, GitRepository)
    (pause,) = github.pauses
    assert 0 < pause <= 6.0


def test_a_refused_permission_is_no_limit_though_the_status_is_the_same(github):
    github.fail("GET /repos/acme/web$", 403, "Resource not accessible by integration", times=10)
    (failed,) = github.look()
    assert github.pauses == []
    assert "`metadata: read`" in failed.error


def test_a_write_that_a_limit_refused_is_made_again(github):
    github.push()
    github.fail("POST .*/pulls$", 403, SECONDARY, retry_after="3")
    assert github.open().number == 1
    assert github.pauses == [3.0]
    assert len(github.stand.requests()) == 1


def test_a_write_that_a_long_limit_refused_is_not(github):
    github.push()
    github.fail("POST .*/pulls$", 403, SECONDARY, retry_after="3600", times=10)
    with pytest.raises(ForgeError, match="used up until"):
        github.open()
    assert len(github.sent("POST /repos/acme/web/pulls")) == 1


# Writes that failed after they worked


@pytest.mark.parametrize("reply", [502, None])
def test_a_request_that_was_made_before_the_answer_was_lost_is_found_and_not_doubled(github, reply):
    github.push()
    lost = github.server.problem(reply, "Server Error") if reply else None
    github.server.fail("POST .*/pulls$", lost, works=True)
    opened = github.open()
    assert opened.number == 1
    assert [request.state for request in github.stand.requests()] == [RequestState.OPEN]
    assert len(github.sent("POST /repos/acme/web/pulls")) == 1


def test_a_branch_that_was_made_before_the_answer_was_lost_is_ours(github):
    github.fail("POST .*/git/refs$", 502, works=True)
    commit = github.push()
    assert github.stand.branches()[BRANCH] == commit


@pytest.mark.parametrize("reply", [502, None])
def test_a_branch_that_was_moved_before_the_answer_was_lost_is_moved(github, reply):
    old = github.push()
    lost = github.server.problem(reply, "Server Error") if reply else None
    github.server.fail("POST /graphql", lost, works=True)
    new = github.push(NEWER, over=old)
    assert github.stand.branches()[BRANCH] == new
    assert len(github.sent("POST /graphql")) == 1


def test_a_branch_that_was_deleted_before_the_answer_was_lost_is_gone(github):
    github.push()
    seen = github.seen()
    github.fail("POST /graphql", 502, works=True)
    github.forge().drop(seen)
    assert BRANCH not in github.stand.branches()


@pytest.mark.parametrize("verb", ["PATCH", "DELETE"])
def test_an_older_server_that_fails_after_it_worked_is_believed_by_its_branches(old_github, verb):
    old = old_github.push()
    old_github.fail(f"{verb} .*/git/refs/", 502, works=True)
    if verb == "PATCH":
        new = old_github.push(NEWER, over=old)
        assert old_github.stand.branches()[BRANCH] == new
    else:
        old_github.forge().drop(old_github.seen())
        assert BRANCH not in old_github.stand.branches()


# Writes that failed


WRITES = {
    "the tree": ("POST .*/git/trees", lambda github, seen: github.push(NEWER, over=seen.head)),
    "the commit": ("POST .*/git/commits", lambda github, seen: github.push(NEWER, over=seen.head)),
    "the move": ("POST /graphql", lambda github, seen: github.push(NEWER, over=seen.head)),
    "the edit": ("PATCH .*/pulls/1", lambda github, seen: github.forge().amend(seen, "Other words", "")),
    "the close": ("PATCH .*/pulls/1", lambda github, seen: github.forge().close(seen)),
    "the comment": ("POST .*/comments", lambda github, seen: github.forge().tell(seen, "Hands off.")),
    "the deletion": ("POST /graphql", lambda github, seen: github.forge().drop(seen)),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("reply", [502, None])
def test_a_write_that_failed_is_an_error_and_never_made_again(github, write, reply):
    github.push()
    github.open()
    seen = github.seen()
    before = github.stand.branches(), github.stand.requests()
    request, act = WRITES[write]
    lost = github.server.problem(reply, "Server Error") if reply else None
    github.server.fail(request, lost, times=10)
    writes = len(github.sent(request.partition(" ")[0]))
    with pytest.raises(ForgeError, match=r"again later|check the network"):
        act(github, seen)
    assert (github.stand.branches(), github.stand.requests()) == before
    tried = len(github.sent(request.partition(" ")[0])) - writes
    assert tried == {"the commit": 2, "the move": 3}.get(write, 1)  # what comes before it worked
    github.server.mend()
    assert github.seen() == seen


def test_a_branch_that_could_not_be_made_is_not_made_again(github):
    github.fail("POST .*/git/refs$", 502)
    with pytest.raises(ForgeError, match="again later"):
        github.push()
    assert BRANCH not in github.stand.branches()
    assert len(github.sent("POST /repos/acme/web/git/refs")) == 1


def test_a_request_that_could_not_be_opened_is_not_opened_again(github):
    github.push()
    github.fail("POST .*/pulls$", 502)
    with pytest.raises(ForgeError, match="again later"):
        github.open()
    assert github.stand.requests() == []
    assert len(github.sent("POST /repos/acme/web/pulls")) == 1


def test_a_comment_that_may_have_been_made_is_not_made_twice(github):
    github.push()
    github.open()
    github.fail("POST .*/comments", 502, works=True)
    with pytest.raises(ForgeError):
        github.forge().tell(github.seen(), "Hands off.")
    (request,) = github.stand.requests()
    assert len(request.comments) == 1


def test_where_nobody_can_say_what_became_of_a_write_its_failure_stands(github):
    old = github.push()
    github.fail("POST /graphql", 502, works=True)
    github.fail("GET .*/git/ref/heads/basebump", 503, times=10)
    with pytest.raises(ForgeError, match="502"):
        github.push(NEWER, over=old)


def test_a_request_that_could_not_be_opened_is_reported_though_nobody_can_say_whether_it_was(github):
    github.push()
    github.fail("POST .*/pulls$", 502)
    github.fail("GET .*/pulls", 503, times=10)
    with pytest.raises(ForgeError, match="502"):
        github.open()


# Answers that are none


def test_an_answer_that_is_no_json_is_a_failure(github):
    with Listener(lambda _: Reply(200, b'{"full_name": ')) as broken:
        fleet = GitHubFleet(broken.url, TOKEN, selected=["acme/web"], pause=github.pauses.append)
        (failed,) = fleet.repositories(frozenset())
    assert failed.subject == "acme/web"


def test_a_file_that_is_sent_broken_is_a_tree_error(github):
    fleet = github.fleet()
    (repository,) = fleet.repositories(frozenset())
    tree = fleet.tree(repository)
    (entry,) = tree.entries()
    blob = github.server.reply_of(f"/repos/acme/web/git/blobs/{entry.oid}")
    github.server.fail("GET .*/git/blobs/", github.server.reply(blob.body | {"content": "x"}))
    (refused,) = tree.read([entry])
    assert isinstance(refused, TreeError)
    assert "encoding" in str(refused)


def test_a_limit_of_graphql_is_a_limit(github):
    old = github.push()
    errors = [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]
    github.server.fail("POST /graphql", github.server.reply({"errors": errors}))
    new = github.push(NEWER, over=old)
    assert github.stand.branches()[BRANCH] == new
    assert github.pauses == [SECONDARY_WAIT]


def test_graphql_without_the_permission_names_it(github):
    old = github.push()
    errors = [{"type": "FORBIDDEN", "message": "Resource not accessible by personal access token"}]
    github.server.fail("POST /graphql", github.server.reply({"data": {"updateRefs": None}, "errors": errors}))
    with pytest.raises(ForgeError, match="give the token the permission `contents: write`"):
        github.push(NEWER, over=old)


ODD_ANSWERS = [{}, [], "text", None, {"object": None, "tree": None, "sha": None}]
ASKED = ["/repos/acme/web$", "/git/ref/", "/git/trees/", "/git/blobs/", "/matching-refs/", "/pulls"]


@pytest.mark.parametrize("body", ODD_ANSWERS)
@pytest.mark.parametrize("path", ASKED)
def test_an_answer_that_is_not_githubs_is_a_failure_and_no_bug(github, path, body, monkeypatch):
    monkeypatch.setattr(GitHubServer, "violations", lambda _: iter(()))  # they are what this is about
    github.push()
    github.server.fail(f"GET .*{path}", github.server.reply(body), times=9)
    errors = []
    try:
        fleet = github.fleet()
        (repository,) = fleet.repositories(frozenset())
        if isinstance(repository, Failed):
            errors.append(repository.error)
        else:
            tree = fleet.tree(repository)
            errors += [content for content in tree.read(list(tree.entries())) if isinstance(content, TreeError)]
            fleet.forge(repository).seen("basebump/", frozenset({BRANCH}))
    except (ForgeError, TreeError) as error:
        errors.append(error)
    assert all(str(error) for error in errors)


def test_a_reset_in_milliseconds_is_still_a_message(github):
    limited = github.server.problem(403, "API rate limit exceeded", **{"X-RateLimit-Reset": "1795600000000"})
    limited.headers["X-RateLimit-Remaining"] = "0"
    github.server.fail("GET /repos/acme/web", limited, times=9)
    (failed,) = github.fleet().repositories(frozenset())
    assert "limit of requests is used up" in failed.error
