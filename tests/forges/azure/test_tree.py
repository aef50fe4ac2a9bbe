"""Trees and files of Azure Repos: answers that leave out something, archives, and reading with git."""

from __future__ import annotations

import io
import tracemalloc
import zipfile

import pytest
from support.forges.contract_scene import push
from support.forges.server import ForgeReply
from support.git import EXECUTABLE, LINK, TreeFile

from bot.forges.azure import tree as azure_tree
from bot.forges.hosted import rest
from bot.forges.hosted.folders import TreeNode, compute_tree_id
from bot.model.errors import ForgeError, TreeError

FILES = {f"app-{number}/Dockerfile": f"FROM image-{number}\n" for number in range(30)}


def open_tree(stand):
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    return fleet.open_tree(repository)


def read(tree):
    entries = list(tree.list_entries())
    return dict(zip([entry.path for entry in entries], tree.read(entries), strict=True))


def list_expected_files(stand):
    files = stand.files("main").items()
    return {path: file.content for path, file in files if file.mode in ("100644", "100755")}


def list_requests_with(stand, part):
    return [line for line in stand.server.lines if part in line]


def test_computed_tree_id_equals_tree_id_of_git(stand):
    stand.commit("main", {**FILES, "a.b": "x\n", "a/b": "y\n", "a-b": "z\n", "run.sh": TreeFile(b"", EXECUTABLE)})
    stand.commit("main", {"link": TreeFile(b"a/b", LINK), "größe/x": "x\n"})
    listed = stand.git.run("ls-tree", "-z", "main").decode().split("\0")[:-1]
    nodes = {}
    for line in listed:
        attributes, _, name = line.partition("\t")
        mode, _, oid = attributes.split()
        nodes[name] = TreeNode(mode.lstrip("0"), oid)
    assert compute_tree_id(nodes) == stand.git.run("rev-parse", "main^{tree}").decode().strip()


def test_many_files_are_read_in_several_archives_of_limited_size(stand, monkeypatch):
    monkeypatch.setattr(azure_tree, "MAX_BATCH_FILES", 10)
    stand.commit("main", FILES)
    assert read(open_tree(stand)) == list_expected_files(stand)
    assert len(list_requests_with(stand, "POST")) == 4
    assert list_requests_with(stand, "/blobs/") == []


def test_files_in_archive_are_identified_by_hash_if_names_differ(stand):
    stand.server.world.assumptions.are_zips_named_by_object = False
    stand.commit("main", FILES)
    assert read(open_tree(stand)) == list_expected_files(stand)
    assert list_requests_with(stand, "/blobs/") == []


def build_archive(content: bytes, compression: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        archive.writestr("name", content)
    return packed.getvalue()


def build_damaged_archive(position: int, damaged: bytes) -> bytes:
    """Return an archive with other bytes at a position, which counts from its end if it is negative."""
    archive = bytearray(build_archive(bytes(range(256)), zipfile.ZIP_DEFLATED))
    start = position % len(archive)
    archive[start : start + len(damaged)] = damaged
    return bytes(archive)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"no archive", id="other-file"),
        pytest.param(b"PK\x05\x06" + bytes(18), id="empty"),
        pytest.param(build_damaged_archive(34, b"\xff" * 20), id="damaged-content"),
        pytest.param(
            build_damaged_archive(-26, b"\xff\xfe\xff\xfe").replace(b"\x14\x00\x00\x00\x08", b"\x14\x00\x00\x08\x08"),
            id="name",
        ),
        pytest.param(build_archive(b"x" * 99, zipfile.ZIP_DEFLATED)[20:], id="without-its-beginning"),
        pytest.param(build_archive(b"x" * 99, zipfile.ZIP_LZMA), id="other-compression"),
    ],
)
def test_files_are_read_individually_if_archive_is_unusable(stand, answer):
    stand.server.fail("POST .*/blobs", ForgeReply(200, answer, {"Content-Type": "application/zip"}), times=9)
    assert read(open_tree(stand)) == list_expected_files(stand)


def test_archive_with_more_bytes_than_listed_files_is_not_unpacked(stand, monkeypatch):
    packed = build_archive(bytes(10_000_000), zipfile.ZIP_DEFLATED)
    stand.server.fail("POST .*/blobs", ForgeReply(200, packed, {"Content-Type": "application/zip"}), times=9)
    hashed = []
    monkeypatch.setattr(azure_tree, "hash_blob", lambda content: hashed.append(len(content)))
    assert read(open_tree(stand)) == list_expected_files(stand)
    assert hashed == []


def test_unpacking_archive_with_extreme_compression_uses_bounded_memory(stand):
    packed = build_archive(bytes(200_000_000), zipfile.ZIP_BZIP2)
    stand.server.fail("POST .*/blobs", ForgeReply(200, packed, {"Content-Type": "application/zip"}), times=9)
    tree = open_tree(stand)
    entries = list(tree.list_entries())
    tracemalloc.start()
    contents = list(tree.read(entries))
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert dict(zip([entry.path for entry in entries], contents, strict=True)) == list_expected_files(stand)
    assert most_bytes < 50_000_000


def test_content_that_does_not_match_object_id_is_refused(stand):
    stand.server.fail("POST .*/blobs", ForgeReply(400, {"message": "No"}), times=9)
    stand.server.fail("GET .*/blobs/", ForgeReply(200, b"something else"), times=9)
    refused = list(read(open_tree(stand)).values())
    assert refused
    assert all(isinstance(each, TreeError) and "does not match its object id" in str(each) for each in refused)


def test_tree_is_listed_with_git_if_api_truncates_list(stand):
    stand.server.world.assumptions.lists_whole_trees = False
    stand.commit("main", FILES)
    tree = open_tree(stand)
    assert {entry.path for entry in tree.list_entries()} == list_expected_files(stand).keys()
    assert tree.is_complete
    assert list_requests_with(stand, "_git/web/git-upload-pack")


def test_truncated_tree_is_marked_as_incomplete_if_git_is_unavailable(stand):
    stand.server.world.assumptions.lists_whole_trees = False
    stand.server.has_git = False
    stand.commit("main", FILES)
    tree = open_tree(stand)
    assert not tree.is_complete
    assert 0 < len(list(tree.list_entries())) < len(FILES)


def test_push_is_refused_if_api_truncates_folder_list(stand):
    stand.server.world.assumptions.lists_whole_trees = False
    with pytest.raises(ForgeError, match="do not match its id"):
        push(stand)
    assert stand.writes == []


def test_files_above_api_limit_are_fetched_with_git(stand, monkeypatch):
    monkeypatch.setattr(azure_tree, "FILES_BY_API", 20)
    stand.commit("main", FILES)
    assert read(open_tree(stand)) == list_expected_files(stand)
    assert list_requests_with(stand, "git-upload-pack")
    assert list_requests_with(stand, "POST /Acme Shop/_apis") == []


def test_api_reads_many_files_if_git_is_unavailable(stand, monkeypatch):
    monkeypatch.setattr(azure_tree, "FILES_BY_API", 20)
    stand.server.has_git = False
    stand.commit("main", FILES)
    assert read(open_tree(stand)) == list_expected_files(stand)


def test_tree_is_listed_with_git_if_api_response_is_too_large(stand, monkeypatch):
    monkeypatch.setattr(rest, "MAX_ANSWER", 4_000)
    stand.commit("main", FILES)
    tree = open_tree(stand)
    assert {entry.path for entry in tree.list_entries()} == list_expected_files(stand).keys()
