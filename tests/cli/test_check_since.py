"""`basebump check --since REV` with real git: only changed references are checked, whatever git is set to."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess

import pytest
from support.git import LINK, DiskRepository, TreeFile
from support.runs.worlds import write_tree

pytestmark = pytest.mark.real("git")

GIT_VERSION = tuple(map(int, re.findall(r"\d+", subprocess.check_output(["git", "version"], text=True))[:2]))
START = {"Dockerfile": "FROM python:3.12\n", "web/Dockerfile": "FROM redis:7\n"}


@pytest.fixture
def git(tmp_path):
    return DiskRepository.create(tmp_path / "tree", START, bare=False)


@pytest.fixture
def check_offline(basebump, git):
    """Run `check --offline` in a checkout, and return the path and the line of each finding."""

    def go(revision: str = "main", folder=git.directory) -> list[tuple[str, int]]:
        code, out, err = basebump("check", folder, "--offline", "--since", revision, "--format", "json")
        document = json.loads(out)
        places = [(each["path"], each["line"]) for each in document["findings"]]
        assert (code, err, document["since"]) == (4 if places else 0, "", revision)
        return places

    return go


def test_check_with_since_option_ignores_unchanged_references(git, check_offline):
    assert check_offline() == []
    write_tree(git.directory, {"Dockerfile": "FROM python:3.12\nFROM node:22\n"})
    assert check_offline() == [("Dockerfile", 2)]


def test_check_with_since_option_includes_committed_staged_and_unstaged_changes(git, check_offline):
    start = git.head("main")
    write_tree(git.directory, {"Dockerfile": "FROM python:3.13\n"})
    assert check_offline(start) == [("Dockerfile", 1)]
    git.run("add", "Dockerfile")
    assert check_offline(start) == [("Dockerfile", 1)]
    git.run("commit", "--quiet", "--message", "Newer")
    assert check_offline(start) == [("Dockerfile", 1)]
    assert check_offline("HEAD") == []


def test_check_with_since_option_includes_untracked_files(git, check_offline):
    write_tree(git.directory, {"new/Dockerfile": "FROM node:22\n", "clone/Dockerfile": "FROM golang:1\n"})
    DiskRepository.create(git.directory / "inner", {"Dockerfile": "FROM alpine:3\n"}, bare=False)
    assert check_offline() == [("clone/Dockerfile", 1), ("inner/Dockerfile", 1), ("new/Dockerfile", 1)]


def test_check_with_since_option_includes_ignored_folder_if_named(git, check_offline):
    write_tree(git.directory, {".gitignore": "build\n", "build/Dockerfile": "FROM node:22\n"})
    assert check_offline() == []
    assert check_offline(folder=git.directory / "build") == [("Dockerfile", 1)]


def test_check_with_since_option_reads_only_the_given_subfolder_of_a_checkout(git, check_offline):
    write_tree(git.directory, {"Dockerfile": "FROM python:3.13\n", "web/Dockerfile": "FROM redis:8\n"})
    assert check_offline(folder=git.directory / "web") == [("Dockerfile", 1)]


def test_check_with_since_option_includes_references_that_use_a_changed_argument(git, check_offline):
    before = "ARG IMAGE=python:3.12\nARG TAG=7\nFROM ${IMAGE}\nFROM redis:${TAG}\n"
    git.commit("main", {"Dockerfile": before})
    git.run("reset", "--quiet", "--hard")
    write_tree(git.directory, {"Dockerfile": before.replace("3.12", "3.13")})
    assert check_offline() == [("Dockerfile", 3)]
    write_tree(git.directory, {"Dockerfile": before.replace("=7", "=8")})
    assert check_offline() == [("Dockerfile", 4)]


@pytest.mark.parametrize(
    ("files", "old", "new"),
    [
        ("ARG HUB=quay.io\nARG FROM_HUB=${HUB}/x\nARG TAG=3\nFROM ${FROM_HUB}/python:${TAG}\n", "quay.io", "ghcr.io"),
        ("ARG HUB=\\\n# why\nquay.io\nARG TAG=3\nFROM ${HUB}/python:${TAG}\n", "quay.io", "ghcr.io"),
    ],
    ids=["through-another", "on-the-next-line"],
)
def test_check_with_since_option_follows_arguments_that_use_a_changed_argument(git, check_offline, files, old, new):
    git.commit("main", {"Dockerfile": files})
    git.run("reset", "--quiet", "--hard")
    write_tree(git.directory, {"Dockerfile": files + "RUN x\n"})
    assert check_offline() == []
    write_tree(git.directory, {"Dockerfile": files.replace(old, new)})
    assert check_offline() == [("Dockerfile", files[: files.index("FROM ${")].count("\n") + 1)]


def test_check_with_since_option_includes_references_to_a_changed_bake_variable(git, check_offline):
    bake = (
        'variable "HUB" {\n  default = "quay.io"\n}\nvariable "TAG" {\n  default = "3"\n}\n'
        'target "a" {\n  contexts = {\n    b = "docker-image://${HUB}/python:${TAG}"\n  }\n}\n'
    )
    git.commit("main", {"docker-bake.hcl": bake})
    git.run("reset", "--quiet", "--hard")
    assert check_offline() == []
    write_tree(git.directory, {"docker-bake.hcl": bake.replace("quay.io", "ghcr.io")})
    assert check_offline() == [("docker-bake.hcl", 9)]


def test_check_with_since_option_includes_image_if_file_that_sets_the_tag_changed(git, check_offline):
    compose = "services:\n  a:\n    image: redis:${TAG}\n  b:\n    image: redis:${TAG}\n"
    git.commit("main", {"compose.yaml": compose, ".env": "TAG=7\n"})
    git.run("reset", "--quiet", "--hard")
    assert check_offline() == []
    write_tree(git.directory, {"compose.yaml": compose.replace("redis", "valkey/valkey")})
    assert check_offline() == [(".env", 1)]
    write_tree(git.directory, {"compose.yaml": compose + "  c:\n    image: redis:${TAG}\n"})
    assert check_offline() == [(".env", 1)]
    write_tree(git.directory, {"compose.yaml": compose, ".env": "TAG=8\n"})
    assert check_offline() == [(".env", 1)]


PINNED = "sha256:" + 64 * "a"
KUSTOMIZED = {
    "kustomization.yaml": f"resources: [web.yaml]\nimages:\n- name: nginx\n  newTag: '1.27'\n  digest: {PINNED}\n",
    "web.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - image: nginx:1.27\n",
}


@pytest.mark.parametrize(
    ("before", "removed", "expected"),
    [
        (KUSTOMIZED, ("kustomization.yaml", f"  digest: {PINNED}\n"), [("kustomization.yaml", 3)]),
        (
            KUSTOMIZED,
            ("kustomization.yaml", KUSTOMIZED["kustomization.yaml"].partition("\n")[2]),
            [("web.yaml", 6)],
        ),
        (
            {"Dockerfile": f"FROM redis@{PINNED}\nRUN echo \\\nFROM node:22\n"},
            ("Dockerfile", "RUN echo \\\n"),
            [("Dockerfile", 2)],
        ),
        (
            {"Dockerfile": f"FROM redis@{PINNED}\nRUN cat <<EOF\nFROM node:22\nEOF\n"},
            ("Dockerfile", "RUN cat <<EOF\n"),
            [("Dockerfile", 2)],
        ),
    ],
    ids=["digest", "images-entry", "continuation", "heredoc"],
)
def test_check_with_since_option_reports_reference_that_a_removed_line_unpins(
    git, check_offline, before, removed, expected
):
    git.commit("main", before)
    git.run("reset", "--quiet", "--hard")
    assert check_offline() == []
    path, text = removed
    assert text in before[path]
    write_tree(git.directory, {path: before[path].replace(text, "")})
    assert check_offline() == expected


def test_check_with_since_option_ignores_equal_reference_at_another_position(git, check_offline):
    write_tree(git.directory, {"Dockerfile": f"FROM redis@{PINNED} AS cache\nFROM python:3.12\n"})
    assert check_offline() == []
    write_tree(git.directory, {"Dockerfile": "FROM python:3.12\nFROM python:3.12\n"})
    assert check_offline() == [("Dockerfile", 2)]


def test_check_with_since_option_reports_unparsable_file_only_if_content_changed(git, basebump):
    git.commit("main", {"a/compose.yaml": "services: {image: x\n }}", "b/compose.yaml": "services: {image: x\n }}"})
    git.run("reset", "--quiet", "--hard")
    write_tree(git.directory, {"b/compose.yaml": "services: {image: y\n }}"})
    code, out, _ = basebump("check", git.directory, "--offline", "--strict", "--since", "main", "--format", "json")
    assert (code, [each["path"] for each in json.loads(out)["findings"]]) == (4, ["b/compose.yaml"])


def test_check_with_since_option_reports_links_that_changed(git, check_offline, basebump):
    git.commit("main", {"a/Dockerfile": TreeFile(b"../Dockerfile", LINK), "b/Dockerfile": TreeFile(b"/gone", LINK)})
    git.run("reset", "--quiet", "--hard")
    write_tree(git.directory, {"other": "FROM node:22\n"})
    assert check_offline() == []
    (git.directory / "Dockerfile").unlink()
    (git.directory / "Dockerfile").symlink_to("other")
    assert check_offline() == [("other", 1)]
    (git.directory / "c").mkdir()
    (git.directory / "c" / "Dockerfile").symlink_to("/gone")
    (git.directory / "a" / "Dockerfile").unlink()
    (git.directory / "a" / "Dockerfile").symlink_to("/gone")
    _, out, _ = basebump("check", git.directory, "--offline", "--strict", "--since", "main", "--format", "json")
    assert [each["path"] for each in json.loads(out)["findings"]] == ["other", "a/Dockerfile", "c/Dockerfile"]


def test_check_with_since_option_reads_the_commit_itself_and_not_a_replacement(git, check_offline):
    write_tree(git.directory, {"Dockerfile": "FROM node:22\n"})
    git.run("add", ".")
    git.run("commit", "--quiet", "--message", "Newer")
    git.run("replace", "HEAD~1", "HEAD")
    assert check_offline(git.run("rev-parse", "HEAD~1").decode().strip()) == [("Dockerfile", 1)]


def test_check_with_since_option_ignores_line_below_an_inserted_line(git, check_offline):
    write_tree(git.directory, {"Dockerfile": "# a comment\n\nFROM python:3.12\n"})
    assert check_offline() == []


def test_check_with_since_option_includes_lines_of_an_unresolved_merge_conflict(git, check_offline):
    git.commit("other", {"Dockerfile": "FROM python:3.14\n"})
    git.commit("main", {"Dockerfile": "FROM python:3.13\n"})
    git.run("reset", "--quiet", "--hard")
    assert git._run(("merge", "--quiet", "other")).returncode == 1
    assert "<<<<<<<" in (git.directory / "Dockerfile").read_text()
    assert ("Dockerfile", 4) in check_offline("HEAD")


def test_check_with_since_option_includes_files_in_a_folder_that_replaced_a_file(git, check_offline):
    git.commit("main", {"x": "FROM python:3.12\n"})
    write_tree(git.directory, {"x/Dockerfile": "FROM node:22\n"})
    git.run("reset", "--quiet")
    assert check_offline() == [("x/Dockerfile", 1)]


@pytest.mark.parametrize("attribute", ["-diff", "binary", "diff=own", "filter=own", "working-tree-encoding=UTF-16LE"])
def test_git_attributes_and_config_cannot_hide_changes_or_start_programs(git, check_offline, tmp_path, attribute):
    ran = tmp_path / "ran"
    for key in ("diff.external", "diff.own.command", "diff.own.textconv", "filter.own.clean", "core.fsmonitor"):
        git.run("config", key, f"touch {ran}; cat")
    for key, value in {
        "filter.own.required": "true",
        "diff.noprefix": "true",
        "diff.mnemonicPrefix": "true",
        "diff.context": "9",
        "diff.interHunkContext": "99",
        "color.ui": "always",
        "diff.wordRegex": ".",
        "diff.orderFile": "nowhere",
        "diff.relative": "false",
        "core.quotePath": "true",
    }.items():
        git.run("config", key, value)
    write_tree(
        git.directory, {".gitattributes": f"* {attribute}\n", "Dockerfile": "FROM python:3.12\nRUN x\nFROM node:22\n"}
    )
    assert check_offline() == [("Dockerfile", 3)]
    assert not ran.exists()


def test_check_with_since_option_finds_changes_in_paths_that_git_quotes(git, check_offline):
    names = ['a"b', "a\tb", "a b", "\\", "ä", ":(top)x", "*", os.fsdecode(b"caf\xe9")]
    git.commit("main", {os.fsdecode(os.fsencode(f"{name}/Dockerfile")): "FROM python:3.12\n" for name in names[:-1]})
    git.run("reset", "--quiet", "--hard")
    assert check_offline() == []
    for name in names:
        (git.directory / name).mkdir(exist_ok=True)
        (git.directory / name / "Dockerfile").write_text("FROM python:3.12\nFROM node:22\n")
    assert set(check_offline()) == {(f"{name}/Dockerfile", 2) for name in names} | {(f"{names[-1]}/Dockerfile", 1)}


def test_check_with_since_option_reads_lines_that_look_like_diff_headers_as_content(git, check_offline):
    hostile = "RUN <<E\n-- a/x\n++ b/web/Dockerfile\n@@ -1 +1 @@\nE\n"
    git.commit("main", {"Dockerfile": f"FROM python:3.12\n{hostile}"})
    git.run("reset", "--quiet", "--hard")
    write_tree(git.directory, {"Dockerfile": f"FROM python:3.12\nFROM node:22\n{hostile}{hostile}"})
    assert check_offline() == [("Dockerfile", 2)]


def test_check_with_since_option_handles_more_files_than_fit_into_one_git_command(git, check_offline):
    files = {f"{number}/Dockerfile": "FROM python:3.12\n" for number in range(450)}
    git.commit("main", files)
    git.run("reset", "--quiet", "--hard")
    assert check_offline() == []
    write_tree(git.directory, dict.fromkeys(files, "FROM python:3.13\n"))
    assert len(check_offline()) == 450


def test_check_with_since_option_counts_only_changed_references(git, basebump):
    write_tree(git.directory, {"web/Dockerfile": "FROM redis:8\n", "broken/compose.yaml": "services: {image: x\n }}"})
    _, out, _ = basebump("check", git.directory, "--offline", "--since", "main")
    assert re.match("1 image reference added or changed since main: 0 pinned, 1 unpinned", out.splitlines()[-2])
    assert "broken/compose.yaml:" in out
    git.run("add", ".")
    git.run("commit", "--quiet", "--message", "Broken")
    _, out, _ = basebump("check", git.directory, "--offline", "--since", "main")
    assert re.search("0 image references .* main", out)


def test_check_with_since_option_looks_up_only_changed_references(git, basebump, config, loopback):
    loopback.move("redis", "8", "now")
    write_tree(git.directory, {"web/Dockerfile": "FROM redis:8\n"})
    code, out, _ = basebump("check", git.directory, "--config", config(), "--since", "main", "--format", "json")
    assert code == 4
    assert [each["reference"] for each in json.loads(out)["findings"]] == ["redis:8"]
    assert not [each for each in loopback.registry.served_requests if "python" in each.path]


@pytest.mark.parametrize(
    "revision", ["", "-x", "--output=x", "nowhere", "main..HEAD", "main:Dockerfile", "0" * 40, "a b"]
)
def test_check_with_since_option_and_unknown_revision_is_wrong_usage(git, basebump, revision):
    code, out, err = basebump("check", git.directory, "--offline", f"--since={revision}")
    assert (code, out) == (2, "")
    assert repr(revision) in err


def test_check_with_since_option_in_a_folder_without_git_is_wrong_usage(basebump, tmp_path):
    code, _, err = basebump("check", tmp_path, "--offline", "--since", "main")
    assert code == 2
    assert "--since" in err


def test_check_with_since_option_without_git_program_is_wrong_usage(basebump, git, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    code, _, err = basebump("check", git.directory, "--offline", "--since", "main")
    assert code == 2
    assert "--since needs git" in err


def test_check_with_since_option_in_checkout_of_another_user_fails_with_a_hint(basebump, git, monkeypatch, tmp_path):
    program = f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec "{shutil.which("git")}" "$@"\n'
    (write_tree(tmp_path / "programs", {"git": program}) / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}:{os.environ['PATH']}")
    code, out, err = basebump("check", git.directory, "--offline", "--since", "main")
    assert (code, out) == (1, "")
    assert f"safe.directory {git.directory}" in err


@pytest.mark.skipif(GIT_VERSION < (2, 44), reason="before 2.44 git cannot be told to fetch nothing")
def test_check_with_since_option_fails_in_partial_clone_without_fetching_objects(git, basebump, tmp_path):
    git.run("config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    git.run("clone", "--quiet", "--filter=blob:none", f"file://{git.directory}", str(partial))
    git.commit("main", {"Dockerfile": "FROM python:3.13\n"})
    inner = DiskRepository(partial)
    inner.run("fetch", "--quiet", "--filter=blob:none")
    code, _, err = basebump("check", partial, "--offline", "--since", "origin/main")
    assert code == 1
    assert "the changes in" in err


def test_check_with_since_option_counts_only_added_texts_that_are_not_read(git, basebump):
    write_tree(git.directory, {"a.yaml": "x: ghcr.io/acme/web:1\n"})
    git.run("add", ".")
    git.run("commit", "--quiet", "--message", "add a text")
    write_tree(git.directory, {"a.yaml": "y: ghcr.io/acme/web:2\nx: ghcr.io/acme/web:1\n"})
    _, out, _ = basebump("check", git.directory, "--offline", "--since", "HEAD", "--format", "json")
    assert json.loads(out)["unread_texts"] == [{"path": "a.yaml", "line": 1, "text": "ghcr.io/acme/web:2"}]
