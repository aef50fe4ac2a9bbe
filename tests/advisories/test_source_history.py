"""Lookups of commits and release notes: real HTTP to a server on loopback that answers like the public forges."""

from __future__ import annotations

import json

import pytest
from support.listener import HttpListener, HttpReply

from bot.advisories import source_history
from bot.advisories.source_history import COMMITS_PER_PAGE, MAX_LINE_LENGTH, MAX_LINES, ForgeSourceHistory
from bot.model.source_changes import (
    GITHUB_HOST,
    GITLAB_HOST,
    ReleaseNotes,
    SourceChanges,
    SourceComparison,
    UnknownSourceChanges,
)

OLD, NEW = "a" * 40, "b" * 40
ON_GITHUB = SourceComparison(GITHUB_HOST, "acme/web", OLD, NEW)
ON_GITLAB = SourceComparison(GITLAB_HOST, "acme/tools/web", OLD, NEW)
COMPARE = f"/repos/acme/web/compare/{OLD}...{NEW}?per_page=1&page=2"
COUNTS = {"total_commits": 12, "ahead_by": 12, "behind_by": 0, "commits": []}
TOKEN = "a-token"


@pytest.fixture
def look_up_source():
    """Return a function that looks a source up on a server with these answers, and returns the result and requests."""

    def look_up(answers, comparison=ON_GITHUB, version=None, token=None, times=1):
        def answer(received):
            found = answers.get(received.path, HttpReply(404, b"{}"))
            found = found() if callable(found) else found
            return found if isinstance(found, HttpReply) else HttpReply(200, json.dumps(found).encode())

        with HttpListener(answer) as listener:
            addresses = {GITHUB_HOST: listener.url, GITLAB_HOST: f"{listener.url}/api/v4"}
            history = ForgeSourceHistory({}, token, addresses)
            found = [history.fetch_changes(comparison, version) for _ in range(times)]
        return found[-1], listener.received

    return look_up


def test_number_of_commits_is_fetched_from_github_with_one_anonymous_request(look_up_source):
    found, received = look_up_source({COMPARE: COUNTS | {"behind_by": 3}})
    assert found == SourceChanges(12, dropped_commits=3)
    assert [each.path for each in received] == [COMPARE]
    assert "authorization" not in received[0].headers


def test_release_notes_of_the_new_version_are_fetched_from_github(look_up_source):
    notes = {"name": "Web 1.2", "body": "## Fixed\r\n\r\n* one\r\n* two\r\n", "html_url": "https://evil.example/"}
    found, received = look_up_source({COMPARE: COUNTS, "/repos/acme/web/releases/tags/v1.2.0": notes}, version="1.2.0")
    page = "https://github.com/acme/web/releases/tag/v1.2.0"
    assert found.release == ReleaseNotes("Web 1.2", page, ("## Fixed", "* one", "* two"), 0)
    assert len(received) == 2


def test_release_notes_are_looked_up_with_v_prefix_and_then_without(look_up_source):
    found, received = look_up_source(
        {COMPARE: COUNTS, "/repos/acme/web/releases/tags/1.2.0": {"body": None}}, version="v1.2.0"
    )
    assert found.release == ReleaseNotes("1.2.0", "https://github.com/acme/web/releases/tag/1.2.0", (), 0)
    assert [each.path.rpartition("/")[2] for each in received[1:]] == ["v1.2.0", "1.2.0"]
    assert look_up_source({COMPARE: COUNTS}, version="1.2.0")[0] == SourceChanges(12)


@pytest.mark.parametrize("version", ["", "v", "v..", "../../user", "a b", "1/2", "v1\n", "x" * 200])
def test_invalid_version_causes_no_release_lookup(look_up_source, version):
    found, received = look_up_source({COMPARE: COUNTS}, version=version)
    assert found == SourceChanges(12)
    assert len(received) == 1


def test_long_release_notes_are_cut_to_limits(look_up_source):
    body = "\n".join("x" * 1000 for _ in range(MAX_LINES + 5))
    answers = {COMPARE: COUNTS, "/repos/acme/web/releases/tags/v1": {"name": " ", "body": body}}
    release = look_up_source(answers, version="1")[0].release
    assert (release.name, len(release.lines), release.cut) == ("v1", MAX_LINES, 5)
    assert {len(line) for line in release.lines} == {MAX_LINE_LENGTH}


def test_number_of_commits_and_release_are_fetched_from_gitlab_without_token(look_up_source):
    project = "/api/v4/projects/acme%2Ftools%2Fweb"
    commits = f"{project}/repository/commits?ref_name={OLD}..{NEW}&per_page={COMMITS_PER_PAGE}"
    notes = {"name": "Web 2", "description": "All new"}
    found, received = look_up_source({commits: [{}] * 7, f"{project}/releases/v2": notes}, ON_GITLAB, "2", TOKEN)
    page = "https://gitlab.com/acme/tools/web/-/releases/v2"
    assert found == SourceChanges(7, release=ReleaseNotes("Web 2", page, ("All new",), 0))
    assert not any("authorization" in each.headers for each in received)
    full = HttpReply(200, json.dumps([{}] * 100).encode(), {"x-next-page": "2"})
    assert look_up_source({commits: full}, ON_GITLAB)[0] == SourceChanges(100, is_lower_bound=True)


def test_configured_token_is_sent_to_github(look_up_source):
    _, received = look_up_source({COMPARE: COUNTS}, token=TOKEN)
    assert received[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_redirect_of_renamed_repository_is_followed_only_on_same_host(look_up_source):
    inside = {COMPARE: HttpReply(301, b"", {"Location": "/repositories/1/compare"}), "/repositories/1/compare": COUNTS}
    assert look_up_source(inside)[0] == SourceChanges(12)
    with HttpListener(lambda _: HttpReply(200, b"{}")) as other:
        outside = {COMPARE: HttpReply(301, b"", {"Location": f"{other.url}/steal"})}
        assert look_up_source(outside, token=TOKEN)[0] == UnknownSourceChanges("github.com redirects to another host")
    assert other.received == []
    loop = {COMPARE: HttpReply(301, b"", {"Location": COMPARE})}
    assert look_up_source(loop)[0] == UnknownSourceChanges("github.com answered 301")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (HttpReply(404), "github.com has no public repository with these commits"),
        (HttpReply(451), "github.com answered 451"),
        (HttpReply(200, b"{"), "the response is not JSON"),
        (HttpReply(200, b"[" * 100_000), "the response is not JSON"),
        (HttpReply(200, b"[]"), "the response is not a JSON object"),
        (HttpReply(200, b'{"ahead_by": -1, "behind_by": 0}'), "the response does not contain the number of commits"),
        (HttpReply(200, b'{"ahead_by": true, "behind_by": 0}'), "the response does not contain the number of commits"),
        (HttpReply(200, b" " * (source_history.MAX_RESPONSE + 1)), "more than"),
    ],
)
def test_changes_are_unknown_with_reason_if_response_of_forge_is_unusable(look_up_source, reply, reason):
    found, _ = look_up_source({COMPARE: reply})
    assert isinstance(found, UnknownSourceChanges)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (HttpReply(403, b"{}", {"x-ratelimit-remaining": "0"}), "github.com allows no more requests at the moment"),
        (HttpReply(403, b"{}", {"retry-after": "60"}), "github.com allows no more requests at the moment"),
        (HttpReply(401), "github.com refuses the token"),
    ],
)
def test_forge_that_refuses_or_limits_requests_gets_one_request_per_run(look_up_source, reply, reason):
    found, received = look_up_source({COMPARE: reply}, times=3)
    assert found == UnknownSourceChanges(reason)
    assert len(received) == 1


def test_failed_release_lookup_does_not_hide_the_number_of_commits(look_up_source):
    found, _ = look_up_source({COMPARE: COUNTS, "/repos/acme/web/releases/tags/v1": HttpReply(451)}, version="1")
    assert found == SourceChanges(12, release_failure="github.com answered 451")


@pytest.mark.parametrize(
    "reply",
    [
        HttpReply(200, b" " * (source_history.MAX_RESPONSE + 1)),
        HttpReply(301, b"", {"Location": "http://["}),
        HttpReply(301, b"", {"Location": "file:///etc/passwd"}),
    ],
)
def test_unusable_response_does_not_stop_later_source_lookups(look_up_source, reply):
    replies = [reply, HttpReply(200, json.dumps(COUNTS).encode())]
    found, received = look_up_source({COMPARE: lambda: replies.pop(0)}, times=2)
    assert found == SourceChanges(12)
    assert len(received) == 2


def test_source_lookups_stop_after_maximum_number_per_run(look_up_source, monkeypatch):
    monkeypatch.setattr(source_history, "MAX_LOOKUPS", 2)
    found, received = look_up_source({COMPARE: COUNTS}, times=4)
    assert found == UnknownSourceChanges("this run has already looked up 2 sources, the limit")
    assert len(received) == 2
