"""Reading files on GitHub: many in one query, verified by their blob names, and by REST if necessary."""

from __future__ import annotations

import base64

import pytest
from support.forges.github.graphql import GraphQL
from support.forges.github.stand import GitHubAppStand, GitHubStand
from support.forges.hosted_stand import open_only_tree, read_all_files
from support.forges.server import ForgeReply
from support.git import LINK, TreeFile

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
def test_many_files_are_read_with_one_query(make, kind):
    stand = make(FILES, kind)
    stand.repository.private = True
    contents, lines = read_all_files(stand)
    assert contents == {path: text.encode() for path, text in FILES.items()}
    assert lines == ["POST /graphql"]


def test_files_are_read_byte_for_byte_and_binary_files_by_rest(make):
    contents, lines = read_all_files(make(AWKWARD))
    assert contents == AWKWARD
    assert [line.partition(" ")[0] for line in lines].count("POST") == 1
    assert len([line for line in lines if "/git/blobs/" in line]) == 3


def test_content_that_files_share_is_requested_once(make):
    stand = make({"a/Dockerfile": "FROM x\n", "b/Dockerfile": "FROM x\n", "c/Dockerfile": "FROM y\n"})
    contents, _ = read_all_files(stand)
    assert len(contents) == 3
    (query,) = [each.request for each in stand.server.exchanges if each.target == "/graphql"]
    assert len(query["variables"]) == 4


def test_query_reads_a_limited_number_of_files_and_bytes(make, monkeypatch):
    monkeypatch.setattr(github_tree, "MAX_FILES", 4)
    contents, lines = read_all_files(make(FILES))
    assert (len(contents), lines) == (6, ["POST /graphql"] * 2)
    monkeypatch.setattr(github_tree, "MAX_BYTES", 30)
    contents, lines = read_all_files(make(FILES))
    assert (len(contents), lines) == (6, ["POST /graphql"] * 3)


def test_single_file_is_read_by_rest(make):
    contents, lines = read_all_files(make({"Dockerfile": "FROM x\n"}))
    assert contents == {"Dockerfile": b"FROM x\n"}
    assert [line.rpartition("/")[0] for line in lines] == ["GET /repos/acme/web/git/blobs"]


def list_batch_sizes(stand):
    return [len(each.request["variables"]) - 2 for each in stand.server.exchanges if each.target == "/graphql"]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_batch_is_halved_after_gateway_error(make, status):
    stand = make(FILES)
    stand.server.fail("POST /graphql", stand.server.problem(status, "No"))
    contents, _ = read_all_files(stand)
    assert contents == {path: text.encode() for path, text in FILES.items()}
    assert list_batch_sizes(stand) == [6, 3, 3]


def test_files_that_server_omits_are_requested_again_in_halves(make):
    stand = make(FILES)
    part = {"b0": {"text": "FROM node:0\r\n"}, "b1": None}
    error = {"type": "RESOURCE_LIMITS_EXCEEDED", "message": "Resource limits for this query exceeded.", "path": ["b1"]}
    stand.server.fail("POST /graphql", ForgeReply(200, {"data": {"repository": part}, "errors": [error]}))
    contents, lines = read_all_files(stand)
    assert contents == {path: text.encode() for path, text in FILES.items()}
    assert list_batch_sizes(stand) == [6, 2, 3]
    assert len(lines) == 3


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(ForgeReply(403, {"message": "Fine-grained tokens do not support GraphQL"}), id="refused"),
        pytest.param(
            ForgeReply(200, {"data": None, "errors": [{"type": "RATE_LIMITED", "message": "No"}]}), id="limit"
        ),
        pytest.param(ForgeReply(200, {"data": {"repository": {"b0": {"text": 5}}}}), id="another shape"),
        pytest.param(ForgeReply(200, {"data": {"repository": None}}), id="gone"),
        pytest.param(ForgeReply(200, []), id="no answer of GraphQL"),
        pytest.param(None, id="connection lost"),
    ],
)
def test_files_are_read_by_rest_if_graphql_fails(make, reply):
    stand = make(FILES)
    stand.server.fail("POST /graphql", reply)
    contents, lines = read_all_files(stand)
    assert contents == {path: text.encode() for path, text in FILES.items()}
    assert len([line for line in lines if "/git/blobs/" in line]) == 6


def test_graphql_content_that_does_not_match_object_id_is_read_again(make):
    stand = make(FILES)
    wrong = {f"b{index}": {"text": "FROM evil\n"} for index in range(6)}
    stand.server.fail("POST /graphql", ForgeReply(200, {"data": {"repository": wrong}}))
    contents, _ = read_all_files(stand)
    assert contents == {path: text.encode() for path, text in FILES.items()}


def test_rest_content_that_does_not_match_object_id_is_refused(make):
    stand = make({"Dockerfile": "FROM x\n"})
    tree = open_only_tree(stand)
    (entry,) = tree.list_entries()
    blob = stand.server.reply_of(f"/repos/acme/web/git/blobs/{entry.oid}").body
    other = {"content": base64.b64encode(b"FROM y\n").decode()}
    stand.server.fail("GET .*/git/blobs/", stand.server.reply(blob | other))
    (refused,) = tree.read([entry])
    assert isinstance(refused, TreeError)
    assert "object id" in str(refused)


def test_files_on_older_server_are_read_by_rest_after_one_failed_query(make):
    stand = make(FILES, graphql=GraphQL.NONE, enterprise=True)
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    for _ in range(2):
        tree = fleet.open_tree(repository)
        assert len(list(tree.read(list(tree.list_entries())))) == len(FILES)
    assert stand.server.lines.count("POST /api/graphql") == 1


def test_unreadable_file_yields_tree_error_and_others_are_read(make):
    stand = make(FILES)
    tree = open_only_tree(stand)
    entries = [*tree.list_entries(), TreeEntry(FilePath("gone"), 1, "0" * 40), TreeEntry(FilePath("foreign"), 1)]
    *contents, gone, foreign = tree.read(entries)
    assert contents == [text.encode() for text in FILES.values()]
    assert isinstance(gone, TreeError)
    assert isinstance(foreign, TreeError)


def test_symbolic_links_are_not_listed_in_tree(make):
    stand = make({"Dockerfile": "FROM x\n", "link": TreeFile(b"Dockerfile", LINK)})
    assert [entry.path for entry in open_only_tree(stand).list_entries()] == ["Dockerfile"]
