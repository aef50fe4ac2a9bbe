"""Reading files on GitLab: many in one query, verified by their blob names, and one by one if necessary."""

from __future__ import annotations

import pytest
from support.forges.gitlab.graphql import GraphQL
from support.forges.gitlab.stand import GitLabStand
from support.forges.hosted_stand import open_only_tree, read_all_files
from support.forges.server import ForgeReply
from support.git import LINK, TreeFile

from bot.model.errors import TreeError
from bot.model.forge import TreeEntry
from bot.model.source import FilePath

FILES = {f"app{number:02}/Dockerfile": f"FROM node:{number}\r\n" for number in range(12)}
CONTENTS = {path: text.encode() for path, text in FILES.items()}
AWKWARD = {
    "binary": b"a\0b",
    "bom": b"\xef\xbb\xbfFROM alpine\n",
    "empty": b"",
    "latin-1": "FROM x # größe\n".encode("latin-1"),
    "no-newline": b"FROM x\r",
    "umlaut/größe": "größe ☃ 🐳\n".encode(),
}
GRAPHQL = "POST /api/graphql"


@pytest.fixture
def make(tmp_path):
    stands = []

    def _make(files):
        stands.append(GitLabStand(tmp_path / f"gitlab-{len(stands)}", files))
        return stands[-1]

    yield _make
    for stand in stands:
        stand.end()


def list_batch_sizes(stand):
    return [len(each.request["variables"]["paths"]) for each in stand.server.exchanges if each.target == "/api/graphql"]


def list_single_requests(lines):
    return [line for line in lines if "/repository/blobs/" in line]


def test_many_files_are_read_with_one_query(make):
    stand = make(FILES)
    stand.project.private = True
    assert read_all_files(stand) == (CONTENTS, [GRAPHQL])


def test_files_are_read_byte_for_byte_and_binary_files_by_rest(make):
    contents, lines = read_all_files(make(AWKWARD))
    assert contents == AWKWARD
    assert (lines.count(GRAPHQL), len(list_single_requests(lines))) == (1, 2)


def test_batch_size_grows_if_query_complexity_is_below_limit(make):
    stand = make({f"{number:03}/Dockerfile": f"FROM node:{number}\n" for number in range(100)})
    stand.server.points_per_path = 1
    contents, _ = read_all_files(stand)
    assert len(contents) == 100
    assert list_batch_sizes(stand) == [15, 50, 35]


def test_batch_size_is_halved_for_rest_of_run_if_query_is_too_complex(make):
    stand = make({f"{number:03}/Dockerfile": f"FROM node:{number}\n" for number in range(41)})
    stand.server.points_per_path = 30
    contents, lines = read_all_files(stand)
    assert (len(contents), list_single_requests(lines)) == (41, [])
    assert list_batch_sizes(stand) == [15, 7, 8, 4, 4, 4, 4, 4, 4, 4, 4, 2]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_batch_is_halved_after_gateway_error(make, status):
    stand = make(FILES)
    stand.server.fail(GRAPHQL, stand.server.problem(status, "No"))
    contents, _ = read_all_files(stand)
    assert contents == CONTENTS
    assert list_batch_sizes(stand) == [12, 6, 6]


def test_single_file_is_read_by_rest_and_shared_content_is_requested_once(make):
    assert len(list_single_requests(read_all_files(make({"Dockerfile": "FROM x\n"}))[1])) == 1
    stand = make({"a/Dockerfile": "FROM x\n", "b/Dockerfile": "FROM x\n", "c/Dockerfile": "FROM y\n"})
    contents, lines = read_all_files(stand)
    assert (len(contents), lines, list_batch_sizes(stand)) == (3, [GRAPHQL], [2])


def _blobs(nodes):
    data = {"project": {"repository": {"blobs": {"nodes": nodes}}}, "queryComplexity": {"score": 9, "limit": 250}}
    return ForgeReply(200, {"data": data})


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(ForgeReply(403, {"message": "403 Forbidden"}), id="refused"),
        pytest.param(ForgeReply(429, b"Retry later"), id="limit"),
        pytest.param(ForgeReply(200, {"errors": [{"message": "Internal server error"}]}), id="error"),
        pytest.param(_blobs([{"rawTextBlob": 5}]), id="another shape"),
        pytest.param(_blobs([{"rawTextBlob": "FROM evil\n"}] * 12), id="the contents of others"),
        pytest.param(_blobs([]), id="nothing"),
        pytest.param(ForgeReply(200, {"data": {"project": None, "queryComplexity": None}}), id="gone"),
        pytest.param(ForgeReply(200, []), id="no answer of GraphQL"),
        pytest.param(None, id="connection lost"),
    ],
)
def test_files_are_read_by_rest_if_graphql_fails(make, reply):
    stand = make(FILES)
    stand.server.fail(GRAPHQL, reply)
    contents, lines = read_all_files(stand)
    assert contents == CONTENTS
    assert len(list_single_requests(lines)) == 12


def test_rest_content_that_does_not_match_object_id_is_refused(make):
    stand = make({"Dockerfile": "FROM x\n"})
    tree = open_only_tree(stand)
    stand.server.fail("GET .*/blobs/", ForgeReply(200, b"FROM y\n"))
    (refused,) = tree.read(list(tree.list_entries()))
    assert isinstance(refused, TreeError)
    assert "object id" in str(refused)


def test_server_without_graphql_receives_only_one_query(make):
    stand = make(FILES)
    stand.server.graphql = GraphQL.NONE
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    for _ in range(2):
        tree = fleet.open_tree(repository)
        assert len(list(tree.read(list(tree.list_entries())))) == len(FILES)
    assert stand.server.lines.count(GRAPHQL) == 1


def test_unreadable_file_yields_tree_error_and_others_are_read(make):
    stand = make(FILES)
    tree = open_only_tree(stand)
    entries = [*tree.list_entries(), TreeEntry(FilePath("gone"), 1, "0" * 40), TreeEntry(FilePath("foreign"), 1)]
    *contents, gone, foreign = tree.read(entries)
    assert contents == list(CONTENTS.values())
    assert isinstance(gone, TreeError)
    assert isinstance(foreign, TreeError)


def test_symbolic_links_are_not_listed_in_tree(make):
    stand = make({"Dockerfile": "FROM x\n", "link": TreeFile(b"Dockerfile", LINK)})
    assert [entry.path for entry in open_only_tree(stand).list_entries()] == ["Dockerfile"]
