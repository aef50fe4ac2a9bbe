"""A server that links each page of a list to a further page cannot keep a run busy."""

from __future__ import annotations

import json
import os
from contextlib import suppress

import pytest
from support.forges import git_http
from support.forges.hosted_stand import no_pause
from support.forges.server import ApiRequest
from support.git import DiskRepository
from support.listener import HttpListener, HttpReply

from bot.forges.azure.connection import AzureConnection
from bot.forges.git.push import GitPush
from bot.forges.git.remote import GitOrigin
from bot.forges.gitea.connection import GiteaConnection
from bot.forges.github.connection import GitHubConnection, StaticToken
from bot.forges.gitlab.connection import GitLabConnection
from bot.forges.hosted import rest as hosted_rest
from bot.forges.hosted.heads import BranchTip
from bot.forges.hosted.refusal import RefusedError
from bot.model.forge import TreeEntry
from bot.net import ApiSession, HostPace, OversizedError, UnreachableError
from bot.net import pace as host_pace
from bot.net import session as call_budget
from bot.net.deadlines import SLOWEST_RATE
from bot.net.session import CallBudget

pytestmark = pytest.mark.slow


def _list_on_github(url):
    connection = GitHubConnection(url, StaticToken(None), pause=no_pause)
    return connection.read("list branches", lambda client: list(client.get_repo("a/b").get_git_matching_refs("heads/")))


def _list_on_gitlab(url):
    connection = GitLabConnection(url, None, pause=no_pause)
    return connection.read(
        "list branches", lambda client: list(client.projects.get(1, lazy=True).branches.list(iterator=True))
    )


def _list_on_gitea(url):
    connection = GiteaConnection(url, None, pause=no_pause)
    return connection.read_until(
        "list branches", "/repos/a/b/branches", lambda page: {"page": page}, lambda answer: not answer.value
    )


def _list_on_azure(url):
    connection = AzureConnection(url, None, pause=no_pause)
    return connection.list_values("list branches", "/a/_apis/git/repositories/b/refs")


LISTERS = {
    "GitHub": _list_on_github,
    "GitLab": _list_on_gitlab,
    "Azure DevOps": _list_on_azure,
    "Gitea": _list_on_gitea,
}


PAGES = 50
"""More pages than the tests allow. The list ends, so that the tests fail instead of running forever."""


def _serve_long_list(forge):
    def answer(_):
        number = len(server.received)
        page = [{"name": f"b{number}", "ref": f"b{number}"}]
        if forge == "Azure DevOps":
            headers = {"Content-Type": "application/json", "x-ms-continuationtoken": str(number)}
            return HttpReply(200, json.dumps({"count": 1, "value": page}).encode(), headers)
        link = {"Link": f'<{server.url}/page{number}?page=2>; rel="next"'} if number < PAGES else {}
        return HttpReply(200, json.dumps(page).encode(), link)

    server = HttpListener(answer)
    return server


@pytest.mark.parametrize("forge", LISTERS)
def test_endless_list_is_refused_at_page_limit_without_retry(forge, monkeypatch):
    monkeypatch.setattr(call_budget, "MAX_CALL_REQUESTS", 5)
    with _serve_long_list(forge) as server:
        with pytest.raises(RefusedError, match="more than 5 pages"):
            LISTERS[forge](server.url)
        assert len(server.received) == 5


@pytest.mark.parametrize("forge", LISTERS)
def test_list_is_refused_without_retry_if_pages_together_exceed_byte_limit(forge, monkeypatch):
    monkeypatch.setattr(call_budget, "MAX_CALL_BYTES", 100)
    with _serve_long_list(forge) as server:
        with pytest.raises(RefusedError, match="more than 100 bytes"):
            LISTERS[forge](server.url)
        assert len(server.received) < 10


def test_call_budget_refuses_requests_after_time_limit_of_the_call():
    now = 0.0
    budget = CallBudget(lambda: now)
    budget.take_request("forge.test")
    now = call_budget.MAX_CALL_SECONDS + 1
    with pytest.raises(OversizedError, match="900 seconds"):
        budget.take_request("forge.test")


def test_request_budget_starts_again_for_each_nested_or_later_call(monkeypatch):
    monkeypatch.setattr(call_budget, "MAX_CALL_REQUESTS", 2)
    with HttpListener(lambda _: HttpReply()) as server:
        session = ApiSession(server.url, limit=10, environment={})
        for _ in range(3):
            with session.limit_call():
                session.get(server.url, timeout=5)
                with session.limit_call():
                    session.get(server.url, timeout=5)
                session.get(server.url, timeout=5)
        assert len(server.received) == 9


def test_forge_is_not_contacted_again_after_too_many_slow_exchanges():
    now = 0.0

    def answer(_):
        nonlocal now
        now += 60
        return HttpReply()

    with HttpListener(answer) as server:
        pace = HostPace(server.host, no_pause, lambda: now)
        session = ApiSession(server.url, limit=10, environment={}, pace=pace)
        for _ in range(5):
            session.get(server.url, timeout=5)
        with pytest.raises(UnreachableError, match="not contacted again"):
            session.get(server.url, timeout=5)
        assert len(server.received) == 5
    assert now <= 300


@pytest.mark.parametrize("reply", [{"status": 200}, {"status": 429}], ids=["delayed", "refused"])
@pytest.mark.parametrize("connection_class", [AzureConnection, GiteaConnection])
def test_forge_is_not_contacted_again_after_too_many_waits_for_retry_after(connection_class, reply, monkeypatch):
    now = 0.0

    def sleep(seconds):
        nonlocal now
        now += seconds

    monkeypatch.setattr(
        hosted_rest,
        "create_pace",
        lambda url, pause: HostPace(url, pause, lambda: now),
    )
    answer = HttpReply(reply["status"], b"{}", {"Content-Type": "application/json", "Retry-After": "60"})
    with HttpListener(lambda _: answer) as server:
        connection = connection_class(server.url, None, pause=sleep)
        for _ in range(100):
            with suppress(RefusedError):
                connection.read("look", "/x")
        assert len(server.received) < 100
    assert now < 4_000


def test_forge_is_not_contacted_again_after_too_many_slow_git_exchanges():
    now = 0.0

    def answer(_):
        nonlocal now
        now += 60
        return HttpReply(503)

    with HttpListener(answer) as server:
        pace = HostPace(server.host, no_pause, lambda: now, max_slow_seconds=100)
        origin = GitOrigin(f"{server.url}/a/b.git", pace=pace)
        for _ in range(2):
            with pytest.raises(RefusedError, match="503"):
                origin.read_default_branch()
        with pytest.raises(RefusedError, match="not contacted again"):
            origin.read_default_branch()
        push = GitPush(origin, "a/b", "Gitea", "a scope", lambda _: BranchTip("0" * 40, None))
        with pytest.raises(RefusedError, match="not contacted again"):
            push.delete_branch("basebump/x", "0" * 40)
        assert len(server.received) == 2


def test_git_download_faster_than_slowest_rate_is_not_a_slow_exchange(tmp_path):
    now = 0.0
    git = DiskRepository.create(tmp_path / "b.git", {"large": os.urandom(4 * 1024 * 1024)})

    def answer(request):
        nonlocal now
        path, _, query = request.path.partition("?")
        asked = ApiRequest(request.method, path, query, request.body, request.headers)
        reply = git_http.serve(git.directory, path.removeprefix("/b.git"), asked)
        now += len(reply.body) / (2 * SLOWEST_RATE)
        return HttpReply(reply.status, reply.body, reply.headers)

    with HttpListener(answer) as server:
        pace = HostPace(server.host, no_pause, lambda: now, max_slow_seconds=0)
        origin = GitOrigin(f"{server.url}/b.git", pace=pace)
        for _ in range(2):
            with origin.clone(git.need("main")) as clone:
                (entry,) = (TreeEntry(path, None, each.oid) for path, each in clone.list_files().files.items())
                assert [len(content) for content in clone.fetch_files([entry])] == [4 * 1024 * 1024]


@pytest.mark.parametrize("connection_class", [AzureConnection, GiteaConnection, GitLabConnection])
def test_git_and_api_share_one_limit_for_slow_exchanges(connection_class, monkeypatch):
    monkeypatch.setattr(host_pace, "MAX_SLOW_SECONDS", -1)
    with HttpListener(lambda _: HttpReply()) as server:
        origin = connection_class(server.url, None, pause=no_pause).build_origin("a/b")
        with pytest.raises(RefusedError, match="not contacted again"):
            origin.read_default_branch()
        assert not server.received
