"""Reading files on GitHub: many in one query, verified by their blob names, and by REST if necessary."""

from __future__ import annotations

import base64

import pytest
from support.forges.github.graphql import GraphQL
from support.forges.github.stand import GitHubAppStand, GitHubStand
from support.forges.hosted_stand import open_only_tree, read_all_files
from support.forges.server import Reply
from support.git import LINK, File

from bot.forges.github import tree as github_tree
from bot.model.errors import TreeError
from bot.model.forge import TreeEntry
from bot.model.source import FilePath

FILES = {f"app{number}/Dockerfile": f"FROM node:{number}\r\n" for number in range(6)}
AWKWARD = {
    "binary": b"a\0b",
    "bom": b"\xef\xbb\xbfFROM alpine\n",
    "empty": b"",
    "latin-1": "FROM x # größe\n".encode("latin-1"),
    "long": b"FROM x\n" * 100_000,
    "no-newline": b"FROM x\r",
    "umlaut": "größe ☃ 🐳\n".encode(),
}


@pytest.fixture
def make(tmp_path):
    stands = []

    def _make(files, kind=GitHubStand, **more):
        stands.append(kind(tmp_path / f"github-{len(stands)}", files, **more))
        return stands[-1]

    yield _make
    for stand in stands:
        stand.end()


@pytest.mark.parametrize("kind", [GitHubStand, GitHubAppStand])
def test_many_files_take_one_request(make, kind):
    stand = make(FILES, kind)
    stand.repository.private = True
    contents, lines = read_all_files(stand)
    assert contents == {path: text.encode() for path, text in FILES.items()}
    assert lines == ["POST /graphql"]


def test_every_byte_is_as_it_was_and_what_text_cannot_carry_comes_by_rest(make):
    contents, lines = read_all_files(make(AWKWARD))
    assert contents == AWKWARD
    assert [line.partition(" ")[0] for line in lines].count("POST") == 1
    assert len([line for line in lines if "/git/blobs/" in line]) == 3


def test_the_same_content_is_asked_for_once(make):
    stand = make({"a/Dockerfile": "FROM x\n", "b/Dockerfile": "FROM x\n", "c/Dockerfile": "FROM y\n"})
    contents, _ = read_all_files(stand)
    assert len(contents) == 3
    (query,) = [each.request for each in stand.server.exchanges if each.target == "/graphql"]
    assert len(query["variables"]) == 4


def test_a_query_has_no_more_files_and_bytes_than_a_server_gets_done(make, monkeypatch):
    monkeypatch.setattr(github_tree, "MAX_FILES", 4)
    contents, lines = read_all_files(make(FILES))
    assert (len(contents), lines) == (6, ["POST /graphql"] * 2)
    monkeypatch.setattr(github_tree, "MAX_BYTES", 30)
    contents, lines = read_all_files(make(FILES))
    assert (len(contents), lines) == (6, ["POST /graphql"] * 3)


def test_a_single_file_is_read_by_rest(make):
    contents, lines = read_all_files(make({"Dockerfile": "FROM x\n"}))
    assert contents == {"Dockerfile": b"FROM x\n"}
    assert [line.rpartition("/")[0] for line in lines] == ["GET /repos/acme/web/git/blobs"]


def _sizes(stand):
    return [len(each.request["variables"]) - 2 for each in stand.server.exchanges if each.target == "/graphql"]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_slow_server_is_asked_for_half(make, status):
    stand = make(FILES)
    stand.server.fail("POST /graphql", stand.server.problem(status, "No"))
    contents, _ = read_all_files(stand)
    assert contents == {path: text.encode() for path, text in FILES.items()}
    assert _sizes(stand) == [6, 3, 3]


def test_what_a_server_left_out_because_it_was_too_much_is_asked_for_again_in_halves(make):
    stand = make(FILES)
    part = {"b0": {"text": "FROM node:0\r\n"}, "b1": None}
    error = {"type": "RESOURCE_LIMITS_EXCEEDED", "message": "Resource limits for this query exceeded.", "path": ["b1"]}
    stand.server.fail("POST /graphql", Reply(200, {"data": {"repository": part}, "errors": [error]}))
    contents, lines = read_all_files(stand)
    assert contents == {path: text.encode() for path, text in FILES.items()}
    assert _sizes(stand) == [6, 2, 3]
    assert len(lines) == 3


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(403, {"message": "Fine-grained tokens do not support GraphQL"}), id="refused"),
        pytest.param(Reply(200, {"data": None, "errors": [{"type": "RATE_LIMITED", "message": "No"}]}), id="limit"),
        pytest.param(Reply(200, {"data": {"repository": {"b0": {"text": 5}}}}), id="another shape"),
        pytest.param(Reply(200, {"data": {"repository": None}}), id="gone"),
        pytest.param(Reply(200, []), id="no answer of GraphQL"),
        pytest.param(None, id="connection lost"),
    ],
)
def test_where_graphql_does_not_answer_every_file_comes_by_rest(make, reply):
    stand = make(FILES)
    stand.server.fail("POST /graphql", reply)
    contents, lines = read_all_files(stand)
    assert contents == {path: text.encode() for path, text in FILES.items()}
    assert len([line for line in lines if "/git/blobs/" in line]) == 6


def test_a_text_that_is_another_files_is_not_believed(make):
    stand = make(FILES)
    wrong = {f"b{index}": {"text": "FROM evil\n"} for index in range(6)}
    stand.server.fail("POST /graphql", Reply(200, {"data": {"repository": wrong}}))
    contents, _ = read_all_files(stand)
    assert contents == {path: text.encode() for path, text in FILES.items()}


def test_a_file_that_rest_sends_other_than_it_is_stored_is_not_believed(make):
    stand = make({"Dockerfile": "FROM x\n"})
    tree = open_only_tree(stand)
    (entry,) = tree.list_entries()
    blob = stand.server.reply_of(f"/repos/acme/web/git/blobs/{entry.oid}").body
    other = {"content": base64.b64encode(b"FROM y\n").decode()}
    stand.server.fail("GET .*/git/blobs/", stand.server.reply(blob | other))
    (refused,) = tree.read([entry])
    assert isinstance(refused, TreeError)
    assert "object name" in str(refused)


def test_an_older_server_is_read_by_rest_and_asked_once_for_what_it_does_not_have(make):
    stand = make(FILES, graphql=GraphQL.NONE, enterprise=True)
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    for _ in range(2):
        tree = fleet.open_tree(repository)
        assert len(list(tree.read(list(tree.list_entries())))) == len(FILES)
    assert stand.server.lines.count("POST /api/graphql") == 1


def test_a_file_that_cannot_be_read_costs_no_other(make):
    stand = make(FILES)
    tree = open_only_tree(stand)
    entries = [*tree.list_entries(), TreeEntry(FilePath("gone"), 1, "0" * 40), TreeEntry(FilePath("foreign"), 1)]
    *contents, gone, foreign = tree.read(entries)
    assert contents == [text.encode() for text in FILES.values()]
    assert isinstance(gone, TreeError)
    assert isinstance(foreign, TreeError)


def test_links_are_no_files(make):
    stand = make({"Dockerfile": "FROM x\n", "link": File(b"Dockerfile", LINK)})
    assert [entry.path for entry in open_only_tree(stand).list_entries()] == ["Dockerfile"]
