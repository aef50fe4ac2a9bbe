"""A server that links each page of a list to a further page cannot keep a run busy."""

from __future__ import annotations

import json

import pytest
from support.forges.hosted_stand import no_pause
from support.listener import Listener, Reply

from bot.forges.azure.connection import AzureConnection
from bot.forges.gitea.connection import GiteaConnection
from bot.forges.github.connection import GitHubConnection, StaticToken
from bot.forges.gitlab.connection import GitLabConnection
from bot.forges.hosted import connection as hosted_connection
from bot.forges.hosted.refusal import RefusedError
from bot.net import ApiSession, HostPace, OversizedError, UnreachableError, call_budget
from bot.net.call_budget import CallBudget


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
    return connection.client.read_pages("list branches", "/repos/a/b/branches", "", lambda page: {"page": page}, 1)


def _list_on_azure(url):
    connection = AzureConnection(url, None, pause=no_pause)
    return connection.read("list branches", lambda client: list(client.list_values("a/_apis/git/repositories/b/refs")))


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
            return Reply(200, json.dumps({"count": 1, "value": page}).encode(), headers)
        link = {"Link": f'<{server.url}/page{number}?page=2>; rel="next"'} if number < PAGES else {}
        return Reply(200, json.dumps(page).encode(), link)

    server = Listener(answer)
    return server


@pytest.mark.parametrize("forge", LISTERS)
def test_list_whose_pages_never_end_is_refused_once(forge, monkeypatch):
    monkeypatch.setattr(call_budget, "MAX_CALL_REQUESTS", 5)
    with _serve_long_list(forge) as server:
        with pytest.raises(RefusedError, match="more than 5 pages"):
            LISTERS[forge](server.url)
        assert len(server.received) == 5


@pytest.mark.parametrize("forge", LISTERS)
def test_list_whose_pages_have_too_many_bytes_together_is_refused_once(forge, monkeypatch):
    monkeypatch.setattr(call_budget, "MAX_CALL_BYTES", 100)
    with _serve_long_list(forge) as server:
        with pytest.raises(RefusedError, match="more than 100 bytes"):
            LISTERS[forge](server.url)
        assert len(server.received) < 10


def test_call_ends_at_its_time_limit():
    now = 0.0
    budget = CallBudget(lambda: now)
    budget.take_request("forge.test")
    now = call_budget.MAX_CALL_SECONDS + 1
    with pytest.raises(OversizedError, match="900 seconds"):
        budget.take_request("forge.test")


def test_each_call_has_limits_of_its_own(monkeypatch):
    monkeypatch.setattr(call_budget, "MAX_CALL_REQUESTS", 2)
    with Listener(lambda _: Reply()) as server:
        session = ApiSession(server.url, limit=10, environment={})
        for _ in range(3):
            with session.limit_call():
                session.get(server.url, timeout=5)
                with session.limit_call():
                    session.get(server.url, timeout=5)
                session.get(server.url, timeout=5)
        assert len(server.received) == 9


def test_forge_is_not_contacted_again_when_slow_exchanges_used_up_their_time():
    now = 0.0

    def answer(_):
        nonlocal now
        now += 60
        return Reply()

    with Listener(answer) as server:
        pace = HostPace(server.host, no_pause, lambda: now, hosted_connection.MAX_SLOW_SECONDS)
        session = ApiSession(server.url, limit=10, environment={}, pace=pace)
        for _ in range(16):
            session.get(server.url, timeout=5)
        with pytest.raises(UnreachableError, match="not contacted again"):
            session.get(server.url, timeout=5)
        assert len(server.received) == 16
