"""Reading files on GitLab: many in one query, verified by their blob names, and one by one if necessary."""

from __future__ import annotations

import pytest
from support.forges.gitlab.graphql import GraphQL
from support.forges.gitlab.stand import GitLabStand
from support.forges.hosted_stand import open_only_tree, read_all_files
from support.forges.server import Reply
from support.git import LINK, File

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


def _sizes(stand):
    return [len(each.request["variables"]["paths"]) for each in stand.server.exchanges if each.target == "/api/graphql"]


def _alone(lines):
    return [line for line in lines if "/repository/blobs/" in line]


def test_many_files_take_one_request(make):
    stand = make(FILES)
    stand.project.private = True
    assert read_all_files(stand) == (CONTENTS, [GRAPHQL])


def test_every_byte_is_as_it_was_and_what_text_cannot_carry_comes_alone(make):
    contents, lines = read_all_files(make(AWKWARD))
    assert contents == AWKWARD
    assert (lines.count(GRAPHQL), len(_alone(lines))) == (1, 2)


def test_a_server_that_takes_more_at_once_is_asked_for_more(make):
    stand = make({f"{number:03}/Dockerfile": f"FROM node:{number}\n" for number in range(100)})
    stand.server.points_per_path = 1
    contents, _ = read_all_files(stand)
    assert len(contents) == 100
    assert _sizes(stand) == [15, 50, 35]


def test_a_server_that_finds_it_too_complex_is_asked_for_half_and_never_again_for_as_many(make):
    stand = make({f"{number:03}/Dockerfile": f"FROM node:{number}\n" for number in range(41)})
    stand.server.points_per_path = 30
    contents, lines = read_all_files(stand)
    assert (len(contents), _alone(lines)) == (41, [])
    assert _sizes(stand) == [15, 7, 8, 4, 4, 4, 4, 4, 4, 4, 4, 2]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_slow_server_is_asked_for_half(make, status):
    stand = make(FILES)
    stand.server.fail(GRAPHQL, stand.server.problem(status, "No"))
    contents, _ = read_all_files(stand)
    assert contents == CONTENTS
    assert _sizes(stand) == [12, 6, 6]


def test_a_single_file_and_one_content_take_one_request(make):
    assert len(_alone(read_all_files(make({"Dockerfile": "FROM x\n"}))[1])) == 1
    stand = make({"a/Dockerfile": "FROM x\n", "b/Dockerfile": "FROM x\n", "c/Dockerfile": "FROM y\n"})
    contents, lines = read_all_files(stand)
    assert (len(contents), lines, _sizes(stand)) == (3, [GRAPHQL], [2])


def _blobs(nodes):
    data = {"project": {"repository": {"blobs": {"nodes": nodes}}}, "queryComplexity": {"score": 9, "limit": 250}}
    return Reply(200, {"data": data})


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(403, {"message": "403 Forbidden"}), id="refused"),
        pytest.param(Reply(429, b"Retry later"), id="limit"),
        pytest.param(Reply(200, {"errors": [{"message": "Internal server error"}]}), id="error"),
        pytest.param(_blobs([{"rawTextBlob": 5}]), id="another shape"),
        pytest.param(_blobs([{"rawTextBlob": "FROM evil\n"}] * 12), id="the contents of others"),
        pytest.param(_blobs([]), id="nothing"),
        pytest.param(Reply(200, {"data": {"project": None, "queryComplexity": None}}), id="gone"),
        pytest.param(Reply(200, []), id="no answer of GraphQL"),
        pytest.param(None, id="connection lost"),
    ],
)
def test_where_graphql_does_not_tell_every_file_comes_alone(make, reply):
    stand = make(FILES)
    stand.server.fail(GRAPHQL, reply)
    contents, lines = read_all_files(stand)
    assert contents == CONTENTS
    assert len(_alone(lines)) == 12


def test_a_file_that_comes_alone_other_than_it_is_stored_is_not_believed(make):
    stand = make({"Dockerfile": "FROM x\n"})
    tree = open_only_tree(stand)
    stand.server.fail("GET .*/blobs/", Reply(200, b"FROM y\n"))
    (refused,) = tree.read(list(tree.list_entries()))
    assert isinstance(refused, TreeError)
    assert "object name" in str(refused)


def test_a_server_without_graphql_is_asked_once_for_what_it_does_not_have(make):
    stand = make(FILES)
    stand.server.graphql = GraphQL.NONE
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    for _ in range(2):
        tree = fleet.open_tree(repository)
        assert len(list(tree.read(list(tree.list_entries())))) == len(FILES)
    assert stand.server.lines.count(GRAPHQL) == 1


def test_a_file_that_cannot_be_read_costs_no_other(make):
    stand = make(FILES)
    tree = open_only_tree(stand)
    entries = [*tree.list_entries(), TreeEntry(FilePath("gone"), 1, "0" * 40), TreeEntry(FilePath("foreign"), 1)]
    *contents, gone, foreign = tree.read(entries)
    assert contents == list(CONTENTS.values())
    assert isinstance(gone, TreeError)
    assert isinstance(foreign, TreeError)


def test_links_are_no_files(make):
    stand = make({"Dockerfile": "FROM x\n", "link": File(b"Dockerfile", LINK)})
    assert [entry.path for entry in open_only_tree(stand).list_entries()] == ["Dockerfile"]
