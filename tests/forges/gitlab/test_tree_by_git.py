"""Reading large projects on GitLab with git, in a temporary folder that is deleted afterwards."""

from __future__ import annotations

import tempfile
from base64 import b64encode
from dataclasses import replace

import pytest
from support.forges.gitlab.stand import TOKEN, GitLabStand
from support.git import EXECUTABLE, LINK, SUBMODULE, DiskRepository, TreeFile

from bot.forges.git.remote import GitOrigin
from bot.forges.gitlab import tree as gitlab_tree
from bot.forges.hosted.refusal import RefusedError
from bot.model.errors import TreeError
from bot.model.forge import TreeEntry
from bot.model.source import FilePath

pytestmark = pytest.mark.real("git")

FILES = {
    "Dockerfile": b"FROM python:3.12-slim\r\n",
    "binary": b"a\0b",
    "empty": b"",
    "latin-1": "FROM x # größe\n".encode("latin-1"),
    "umlaut/größe": "größe ☃ 🐳\n".encode(),
    "build.sh": TreeFile(b"#!/bin/sh\n", EXECUTABLE),
    "link": TreeFile(b"Dockerfile", LINK),
    "vendor": TreeFile(b"5" * 40, SUBMODULE),
}
CONTENTS = {path: each.content if isinstance(each, TreeFile) else each for path, each in FILES.items()}
CONTENTS = {path: content for path, content in CONTENTS.items() if path not in ("link", "vendor")}
LOGIN = f"oauth2:{TOKEN}".encode()


@pytest.fixture
def gitlab(tmp_path, monkeypatch):
    """Return a GitLab with a private project, too large to be read by requests; temporary folders lie in `scratch`."""
    monkeypatch.setattr(gitlab_tree, "FILES_BY_API", 2)
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    stand = GitLabStand(tmp_path / "gitlab", FILES)
    stand.project.private = True
    yield stand
    stand.end()


def _tree(stand):
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    return fleet.open_tree(repository)


def _read(tree, entries):
    return {each.path: content for each, content in zip(entries, tree.read(entries), strict=True)}


def test_many_files_are_read_from_git_clone_that_is_deleted_afterwards(gitlab, tmp_path):
    gitlab.commit("main", {f"many/{number:03}": f"{number}\n" for number in range(300)})
    tree = _tree(gitlab)
    entries = list(tree.list_entries())
    with gitlab.server.watched() as lines:
        contents = _read(tree, entries)
    assert contents == CONTENTS | {f"many/{number:03}": f"{number}\n".encode() for number in range(300)}
    assert len(lines) <= 7
    assert all(".git/" in line for line in lines)
    assert list((tmp_path / "scratch").iterdir()) == []


def test_git_downloads_only_requested_files(gitlab):
    gitlab.commit("main", {"large": b"\xff\0" + bytes(range(256)) * 8_000})
    tree = _tree(gitlab)
    entries = [each for each in tree.list_entries() if each.path != "large"]
    before = len(gitlab.server.exchanges)
    assert _read(tree, entries) == CONTENTS
    sent = [len(each.response) for each in gitlab.server.exchanges[before:]]
    assert sum(sent) < 10_000


def test_git_reads_listed_commit_even_if_branch_moved(gitlab):
    tree = _tree(gitlab)
    entries = list(tree.list_entries())
    gitlab.commit("main", {"Dockerfile": "FROM other\n"})
    gitlab.amend_commit("main", {"Dockerfile": "FROM another\n"})
    assert _read(tree, entries) == CONTENTS


def test_few_files_are_read_by_api_without_git_clone(gitlab):
    tree = _tree(gitlab)
    entries = list(tree.list_entries())[:2]
    with gitlab.server.watched() as lines:
        _read(tree, entries)
    assert not any(".git/" in line for line in lines)


def test_tree_above_entry_limit_of_api_is_listed_with_git(gitlab, monkeypatch):
    listed = {(each.path, each.oid) for each in _tree(gitlab).list_entries()}
    monkeypatch.setattr(gitlab_tree, "ENTRIES_BY_API", 3)
    monkeypatch.setattr(gitlab_tree, "MAX_ENTRIES", 3)
    tree = _tree(gitlab)
    assert {(each.path, each.oid) for each in tree.list_entries()} == listed
    assert tree.is_complete


@pytest.fixture(params=["refused", "broken", "connection lost", "no pack"])
def without_git(request, gitlab, run_before_git):
    """Let git fail in one way or the other."""
    match request.param:
        case "refused":
            gitlab.server.has_git = False
        case "broken":
            run_before_git('[ -z "$GIT_NO_LAZY_FETCH" ] || exit 9')
        case "connection lost":
            gitlab.server.fail(r"GET .*\.git/", None, times=99)
        case "no pack":
            gitlab.server.fail(r"POST .*\.git/", gitlab.server.reply("hello"), times=99)


@pytest.mark.usefixtures("without_git")
def test_tree_and_files_are_read_by_api_if_git_fails(gitlab, tmp_path, monkeypatch):
    monkeypatch.setattr(gitlab_tree, "ENTRIES_BY_API", 3)
    tree = _tree(gitlab)
    assert _read(tree, list(tree.list_entries())) == CONTENTS
    assert tree.is_complete
    assert list((tmp_path / "scratch").iterdir()) == []


def test_unreadable_file_yields_tree_error_and_others_are_read(gitlab):
    tree = _tree(gitlab)
    entries = [
        *tree.list_entries(),
        TreeEntry(FilePath("foreign"), 1),
        TreeEntry(FilePath("odd"), 1, "--upload-pack=evil"),
    ]
    *contents, foreign, odd = tree.read(entries)
    assert contents == [CONTENTS[each.path] for each in entries[:-2]]
    assert isinstance(foreign, TreeError)
    assert isinstance(odd, TreeError)


# What git is told


@pytest.fixture
def origin(gitlab):
    return GitOrigin(f"{gitlab.server.url}/{gitlab.name}.git", LOGIN.decode())


def test_file_that_git_does_not_return_yields_tree_error(origin, gitlab, tmp_path):
    with origin.clone(gitlab.branches()["main"]) as clone:
        files = [TreeEntry(path, each.size, each.oid) for path, each in clone.list_files().files.items()]
        elsewhere = DiskRepository.create(tmp_path / "elsewhere.git", {"Dockerfile": FILES["Dockerfile"]}, bare=True)
        found = replace(clone, local_git=replace(clone.local_git, directory=elsewhere.directory)).fetch_files(files)
        contents = {each.path: content for each, content in zip(files, found, strict=True)}
    assert contents.pop("Dockerfile") == CONTENTS["Dockerfile"]
    assert contents
    assert all(isinstance(each, TreeError) for each in contents.values())


def test_token_is_neither_in_git_arguments_nor_in_clone(origin, gitlab, run_before_git, tmp_path):
    run_before_git(f'echo "$*" >> {tmp_path}/told')
    assert origin.read_default_branch() == ("main", gitlab.branches()["main"])
    with origin.clone(gitlab.branches()["main"]) as clone:
        files = [each.read_bytes() for each in clone.local_git.directory.rglob("*") if each.is_file()]
    told = (tmp_path / "told").read_text(encoding="utf-8")
    assert "ls-remote" in told
    assert not any(secret in told + repr(origin) + repr(clone) for secret in (TOKEN, b64encode(LOGIN).decode()))
    assert not any(secret in content for content in files for secret in (TOKEN.encode(), b64encode(LOGIN)))


def test_configured_ca_replaces_ca_in_ssl_cert_file_for_git(origin, run_before_git, tmp_path, monkeypatch):
    run_before_git(f'echo "$GIT_SSL_CAINFO" >> {tmp_path}/told')
    monkeypatch.setenv("SSL_CERT_FILE", "/usual.pem")
    origin.read_default_branch()
    replace(origin, ca=tmp_path / "ca.pem").read_default_branch()
    assert (tmp_path / "told").read_text(encoding="utf-8").split() == ["/usual.pem", f"{tmp_path}/ca.pem"]


def test_git_config_and_netrc_of_user_have_no_effect(origin, gitlab, isolated_home):
    trap = isolated_home / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {isolated_home}/sprung\n")
    trap.chmod(0o755)
    (isolated_home / ".netrc").write_text("machine 127.0.0.1 login ada password secret\n")
    (isolated_home / ".gitconfig").write_text(
        f'[url "http://127.0.0.1:9/"]\n insteadOf = http://127.0.0.1\n[credential]\n helper = {trap}\n'
        f"[core]\n hooksPath = {isolated_home}\n askPass = {trap}\n"
    )
    assert origin.read_default_branch() is not None
    with pytest.raises(RefusedError):
        GitOrigin(origin.url).read_default_branch()
    assert not (isolated_home / "sprung").exists()
    assert gitlab.server.exchanges[-1].headers.get("authorization") is None


def test_git_does_not_follow_redirect(origin, gitlab):
    moved = type(gitlab.server.reply(None))(302, None, {"Location": f"{gitlab.server.url}/other.git/info/refs"})
    gitlab.server.fail(r"GET .*/web\.git/", moved)
    with pytest.raises(RefusedError, match="git"):
        origin.read_default_branch()
    assert not any("/other.git" in line for line in gitlab.server.lines)


def test_git_refuses_protocols_other_than_http(gitlab):
    for url in (f"file://{gitlab.project.git.directory}", str(gitlab.project.git.directory), "ext::sh -c id"):
        with pytest.raises(RefusedError):
            GitOrigin(url).read_default_branch()


def test_git_error_about_refused_login_does_not_contain_secret(gitlab):
    with pytest.raises(RefusedError) as raised:
        GitOrigin(f"{gitlab.server.url}/{gitlab.name}.git", "oauth2:wrong-secret").read_default_branch()
    assert "wrong-secret" not in str(raised.value)
    assert "could not read" in str(raised.value)


def test_git_error_about_unreachable_server_has_hint_about_proxy():
    with pytest.raises(RefusedError, match=r"; hint: check the network and the URL, and set HTTPS_PROXY"):
        GitOrigin("http://127.0.0.1:9/acme/web.git").read_default_branch()


def test_git_finds_no_default_branch_in_repository_without_commits(gitlab):
    gitlab.server.world.add_project("acme/empty", None)
    assert GitOrigin(f"{gitlab.server.url}/acme/empty.git").read_default_branch() is None


def test_clone_of_invalid_commit_id_is_refused_without_request(origin, gitlab):
    with pytest.raises(RefusedError, match="not a commit"), origin.clone("--upload-pack=evil"):
        pass
    assert gitlab.server.lines == []
