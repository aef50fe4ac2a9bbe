"""GitLab at its worst: answers that are lost, limits, servers that fail after they did it."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from support.contract_scene import BRANCH, CHANGES, NEWER_CHANGES, PREFIX, message_of, proposal
from support.gitlab.server import GitLabServer
from support.gitlab.stand import TOKEN, GitLabStand
from support.listener import Listener, Reply

from bot.forges._gitlab_errors import LIMIT_WAIT
from bot.forges._refusal import BACKOFF, MAX_WAIT
from bot.forges.gitlab import GitLabFleet
from bot.model.errors import ForgeError, TreeError
from bot.model.proposal import RequestState
from bot.model.report import Failed
from bot.ports import GitRepository

PROJECT = "GET /projects/acme/shop/web$"


class Watched:
    """A stand whose fleet tells how long it waits."""

    def __init__(self, stand: GitLabStand) -> None:
        self.stand = stand
        self.server = stand.server
        self.pauses: list[float] = []

    def fleet(self) -> GitLabFleet:
        return GitLabFleet(self.server.url, TOKEN, names=[self.stand.name], pause=self.pauses.append)

    def look(self):
        (found,) = self.fleet().repositories(frozenset())
        return found

    def forge(self):
        fleet = self.fleet()
        (repository,) = fleet.repositories(frozenset())
        assert isinstance(repository, GitRepository)
        return fleet.forge(repository)

    def push(self, changes=CHANGES, over=None, intent="1" * 16):
        return self.forge().push(BRANCH, changes, message_of(intent), over)

    def open(self):
        return self.forge().open(proposal())

    def seen(self):
        (seen,) = self.forge().seen(PREFIX, frozenset({BRANCH}))
        return seen

    def fail(self, request, status, message="500 Internal Server Error", *, works=False, times=1, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = replace(self.server.problem(status, message), headers=named)
        self.server.fail(request, reply, works=works, times=times)

    def sent(self, request):
        return [line for line in self.server.lines if line.startswith(request)]


@pytest.fixture
def gitlab(tmp_path):
    stand = GitLabStand(tmp_path / "gitlab", {"Dockerfile": "FROM python:3.12-slim\n"})
    yield Watched(stand)
    stand.end()


# Questions


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_question_that_fails_is_asked_again_a_little_later(gitlab, status):
    gitlab.fail(PROJECT, status, times=len(BACKOFF))
    assert isinstance(gitlab.look(), GitRepository)
    assert gitlab.pauses == list(BACKOFF)


def test_a_question_that_goes_on_failing_is_given_up(gitlab):
    gitlab.fail(PROJECT, 502, times=10)
    failed = gitlab.look()
    assert "502" in failed.error
    assert "again" in failed.error
    assert len(gitlab.server.lines) == 1 + len(BACKOFF)


def test_a_question_whose_answer_is_lost_is_asked_again(gitlab):
    gitlab.server.fail(PROJECT, None)
    assert isinstance(gitlab.look(), GitRepository)
    assert gitlab.pauses == [BACKOFF[0]]


def test_a_server_that_is_not_there_is_a_failure_that_says_what_to_check(gitlab):
    fleet = GitLabFleet("http://127.0.0.1:9", TOKEN, names=["acme/web"], pause=gitlab.pauses.append)
    (failed,) = fleet.repositories(frozenset())
    assert "check the network and the URL" in failed.error
    assert TOKEN not in failed.error


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_question_that_is_refused_is_not_asked_again(gitlab, status):
    gitlab.fail(PROJECT, status, "No", times=10)
    gitlab.look()
    assert gitlab.pauses == []
    assert len(gitlab.server.lines) == 1


def test_a_page_in_the_middle_that_fails_leaves_nothing_out(gitlab):
    gitlab.push()
    gitlab.open()
    project, world = gitlab.stand.project, gitlab.server.world
    gitlab.stand.git.commit("feature", {"README.md": "A person's.\n"})
    for _ in range(101):
        world.propose(project, project, "feature", world.ada)
    gitlab.fail("GET .*/merge_requests.*page=2", 502)
    assert gitlab.seen().state is RequestState.OPEN


def test_a_file_that_cannot_be_read_is_a_tree_error(gitlab):
    fleet = gitlab.fleet()
    (repository,) = fleet.repositories(frozenset())
    tree = fleet.tree(repository)
    (entry,) = tree.entries()
    gitlab.fail("GET .*/repository/blobs/", 502, times=10)
    (refused,) = tree.read([entry])
    assert isinstance(refused, TreeError)
    assert "Dockerfile" in str(refused)


def test_a_file_that_is_sent_otherwise_than_it_is_stored_is_a_tree_error(gitlab):
    fleet = gitlab.fleet()
    (repository,) = fleet.repositories(frozenset())
    tree = fleet.tree(repository)
    (entry,) = tree.entries()
    gitlab.server.fail("GET .*/repository/blobs/", gitlab.server.reply(b"FROM python:3.12-slim\r\n"))
    (refused,) = tree.read([entry])
    assert isinstance(refused, TreeError)
    assert "other than it is stored" in str(refused)


def test_a_tree_that_cannot_be_listed_is_a_tree_error(gitlab):
    fleet = gitlab.fleet()
    (repository,) = fleet.repositories(frozenset())
    gitlab.fail("GET .*/repository/tree", 502, times=10)
    with pytest.raises(TreeError, match="502"):
        fleet.tree(repository).entries()


# Limits


def test_a_short_limit_is_waited_for(gitlab):
    gitlab.fail(PROJECT, 429, "Retry later", Retry_After="7")
    assert isinstance(gitlab.look(), GitRepository)
    assert gitlab.pauses == [7.0]


def test_a_limit_that_says_when_it_ends_is_waited_for(gitlab):
    gitlab.fail(PROJECT, 429, "Retry later", RateLimit_Reset=str(int(time.time()) + 5))
    assert isinstance(gitlab.look(), GitRepository)
    (pause,) = gitlab.pauses
    assert 0 < pause <= 6.0


def test_a_limit_that_says_nothing_is_waited_for_a_minute(gitlab):
    gitlab.fail(PROJECT, 429, {"error": "This endpoint has been requested too many times."})
    assert isinstance(gitlab.look(), GitRepository)
    assert gitlab.pauses == [LIMIT_WAIT]


@pytest.mark.parametrize("wait", [str(int(MAX_WAIT) + 1), "9" * 30])
def test_a_long_limit_is_not_waited_for_but_said(gitlab, wait):
    gitlab.fail(PROJECT, 429, "Retry later", Retry_After=wait)
    failed = gitlab.look()
    assert gitlab.pauses == []
    assert "used up until 20" in failed.error
    assert "UTC" in failed.error


def test_a_write_that_a_limit_refused_is_made_again(gitlab):
    gitlab.push()
    gitlab.fail("POST .*/merge_requests$", 429, "Retry later", Retry_After="3")
    assert gitlab.open().number == 1
    assert gitlab.pauses == [3.0]
    assert len(gitlab.stand.requests()) == 1


def test_a_write_that_a_long_limit_refused_is_not(gitlab):
    gitlab.push()
    gitlab.fail("POST .*/merge_requests$", 429, "Retry later", Retry_After="3600", times=10)
    with pytest.raises(ForgeError, match="used up until"):
        gitlab.open()
    assert len(gitlab.sent("POST")) == 2


def test_writes_wait_for_each_other_as_long_as_was_asked_for(gitlab):
    server = gitlab.server
    fleet = GitLabFleet(
        server.url, TOKEN, names=[gitlab.stand.name], seconds_between_writes=30.0, pause=gitlab.pauses.append
    )
    (repository,) = fleet.repositories(frozenset())
    fleet.forge(repository).push(BRANCH, CHANGES, message_of(), None)
    assert gitlab.pauses == []
    fleet.forge(repository).open(proposal())
    (pause,) = gitlab.pauses
    assert 25.0 < pause <= 30.0


# Writes that failed after they worked


@pytest.mark.parametrize("status", [502, None])
def test_a_request_that_was_made_before_the_answer_was_lost_is_found_and_not_doubled(gitlab, status):
    gitlab.push()
    lost = gitlab.server.problem(status, "Bad Gateway") if status else None
    gitlab.server.fail("POST .*/merge_requests$", lost, works=True)
    assert gitlab.open().number == 1
    assert [request.state for request in gitlab.stand.requests()] == [RequestState.OPEN]
    assert len(gitlab.sent("POST")) == 2


@pytest.mark.parametrize("status", [502, None])
@pytest.mark.parametrize("is_new", [True, False])
def test_a_push_that_worked_before_the_answer_was_lost_is_found(gitlab, status, is_new):
    old = None if is_new else gitlab.push()
    lost = gitlab.server.problem(status, "Bad Gateway") if status else None
    gitlab.server.fail("POST .*/repository/commits", lost, works=True)
    made = gitlab.push(NEWER_CHANGES, old, "3" * 16)
    assert gitlab.stand.branches()[BRANCH] == made
    assert len(gitlab.sent("POST")) == (1 if is_new else 2)


def test_a_push_whose_answer_was_lost_and_that_somebody_else_was_faster_than_is_an_error(gitlab):
    gitlab.fail("POST .*/repository/commits", 502)
    forge = gitlab.forge()
    gitlab.stand.commit(BRANCH, {"Dockerfile": "FROM scratch\n"}, message_of())
    with pytest.raises(ForgeError, match="run basebump again"):
        forge.push(BRANCH, CHANGES, message_of(), None)


def test_a_branch_that_was_deleted_before_the_answer_was_lost_is_gone(gitlab):
    gitlab.push()
    seen = gitlab.seen()
    gitlab.fail("DELETE .*/branches/", 502, works=True)
    gitlab.forge().drop(seen)
    assert BRANCH not in gitlab.stand.branches()


def test_a_branch_that_goes_before_it_is_deleted_is_gone(gitlab):
    gitlab.push()
    seen = gitlab.seen()
    gitlab.fail("DELETE .*/branches/", 404, "404 Branch Not Found")
    gitlab.forge().drop(seen)
    assert gitlab.pauses == []


# Writes that failed


WRITES = {
    "the push": ("POST .*/commits", lambda gitlab, seen: gitlab.push(NEWER_CHANGES, seen.head)),
    "the edit": ("PUT .*/merge_requests/1", lambda gitlab, seen: gitlab.forge().amend(seen, "Other words", "")),
    "the close": ("PUT .*/merge_requests/1", lambda gitlab, seen: gitlab.forge().close(seen)),
    "the note": ("POST .*/notes", lambda gitlab, seen: gitlab.forge().tell(seen, "Hands off.")),
    "the deletion": ("DELETE .*/branches", lambda gitlab, seen: gitlab.forge().drop(seen)),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("status", [502, None])
def test_a_write_that_failed_is_an_error_and_never_made_again(gitlab, write, status):
    gitlab.push()
    gitlab.open()
    seen = gitlab.seen()
    before = gitlab.stand.branches(), gitlab.stand.requests()
    request, act = WRITES[write]
    gitlab.server.fail(request, gitlab.server.problem(status, "Bad Gateway") if status else None, times=10)
    writes = len(gitlab.stand.writes)
    with pytest.raises(ForgeError, match=r"again later|check the network"):
        act(gitlab, seen)
    assert (gitlab.stand.branches(), gitlab.stand.requests()) == before
    assert len([each for each in gitlab.server.exchanges if each.method not in ("GET", "HEAD")]) - writes == 1
    assert gitlab.seen() == seen


def test_a_request_that_could_not_be_opened_is_not_opened_again(gitlab):
    gitlab.push()
    gitlab.fail("POST .*/merge_requests$", 502)
    with pytest.raises(ForgeError, match="again later"):
        gitlab.open()
    assert gitlab.stand.requests() == []


@pytest.mark.parametrize("request_", ["POST .*/merge_requests$", "POST .*/commits"])
def test_where_nobody_can_say_what_became_of_a_write_its_failure_stands(gitlab, request_):
    old = gitlab.push()
    gitlab.fail(request_, 502, works=True)
    forge = gitlab.forge()
    gitlab.fail("GET .*/merge_requests", 503, times=10)
    if "commits" in request_:
        gitlab.server.fail("GET .*/branches/", gitlab.server.reply_of(_branch(gitlab)))  # which comes first
        gitlab.fail("GET .*/branches/", 503, times=10)
    with pytest.raises(ForgeError, match="502"):
        forge.open(proposal()) if "merge" in request_ else forge.push(BRANCH, NEWER_CHANGES, message_of(), old)


def _branch(gitlab):
    return f"/projects/{gitlab.stand.project.id}/repository/branches/{BRANCH.replace('/', '%2F')}"


# Answers that are none


def test_an_answer_that_is_no_json_is_a_failure(gitlab):
    headers = {"Content-Type": "application/json"}
    with Listener(lambda _: Reply(200, b'{"id": ', headers)) as broken:
        fleet = GitLabFleet(broken.url, TOKEN, names=["acme/web"], pause=gitlab.pauses.append)
        (failed,) = fleet.repositories(frozenset())
    assert failed.subject == "acme/web"
    assert "not GitLab's" in failed.error


ODD_ANSWERS = [{}, [], "text", None, [[]], [{}], {"id": None, "commit": None}, [{"name": "basebump/x", "commit": {}}]]
ASKED = ["/projects/acme/shop/web$", "/branches/", "/branches[?]", "/tree", "/blobs/", "/merge_requests", "/user"]


@pytest.mark.parametrize("body", ODD_ANSWERS)
@pytest.mark.parametrize("path", ASKED)
def test_an_answer_that_is_not_gitlabs_is_a_failure_and_no_bug(gitlab, path, body, monkeypatch):
    monkeypatch.setattr(GitLabServer, "violations", lambda _: iter(()))  # they are what this is about
    gitlab.push()
    gitlab.open()
    gitlab.server.fail(f"GET .*{path}", gitlab.server.reply(body), times=30)
    errors = []
    try:
        fleet = gitlab.fleet()
        (repository,) = fleet.repositories(frozenset())
        if isinstance(repository, Failed):
            errors.append(repository.error)
        else:
            tree = fleet.tree(repository)
            errors += [content for content in tree.read(list(tree.entries())) if isinstance(content, TreeError)]
            fleet.forge(repository).seen(PREFIX, frozenset({BRANCH}))
    except (ForgeError, TreeError) as error:
        errors.append(error)
    assert all(str(error) for error in errors)


def test_a_date_that_is_none_is_a_failure(gitlab):
    gitlab.push()
    reply = gitlab.server.reply_of(f"/projects/{gitlab.stand.project.id}/repository/branches")
    reply.body[0]["commit"] |= {"committed_date": "yesterday"}
    gitlab.server.fail("GET .*/branches[?]", reply)
    with pytest.raises(ForgeError, match="no date"):
        gitlab.seen()
