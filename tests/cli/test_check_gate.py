"""`basebump check --gate` with real git: nothing in a pull request can exclude an image."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.git import DiskRepository
from support.runs.worlds import write_tree

from bot.cli import gate_config

pytestmark = pytest.mark.real("git")

PINNED = "sha256:" + 64 * "a"
UNPINNED = "FROM python:3.12\n"
IGNORES_ALL = "schema: 1\npolicy: [{ignore: true}]\n"
BLOCKS = f"schema: 1\nblocked: [{{digest: '{PINNED}', reason: stolen}}]\n"


@pytest.fixture
def git(tmp_path, monkeypatch):
    git = DiskRepository.create(tmp_path / "tree", {"Dockerfile": f"FROM redis@{PINNED}\n"}, bare=False)
    monkeypatch.chdir(git.directory)
    return git


@pytest.fixture
def check_gate(basebump, git):
    """Run `check --gate --offline`, and return the kind and the path of each finding."""

    def go(*options: str) -> list[tuple[str, str]]:
        code, out, err = basebump("check", ".", "--offline", "--gate", "--format", "json", *options)
        found = [(each["finding"], each["path"]) for each in json.loads(out)["findings"]]
        assert (code, err) == (4 if found else 0, "")
        return found

    return go


@pytest.mark.parametrize(
    "files",
    [
        {"Dockerfile": f"# basebump: ignore\n{UNPINNED}"},
        {"Dockerfile": UNPINNED, ".basebump.yaml": "policy: [{ignore: true}]\n"},
        {"Dockerfile": UNPINNED, ".github/basebump.yaml": "policy: [{pin: false}]\n"},
        {"Dockerfile": UNPINNED, "basebump.yaml": IGNORES_ALL},
        {"Dockerfile": UNPINNED, ".basebump.yaml": "not a config"},
    ],
    ids=["comment", "own-file", "own-file-on-github", "found-config", "invalid-own-file"],
)
def test_gate_reports_unpinned_image_that_the_pull_request_excludes(git, check_gate, files):
    write_tree(git.directory, files)
    assert check_gate() == [("unpinned", "Dockerfile")]


def test_gate_does_not_use_rules_of_the_repository_around_the_folder(git, check_gate, basebump):
    write_tree(git.directory, {"web/Dockerfile": UNPINNED, ".basebump.yaml": "policy: [{ignore: true}]\n"})
    code, out, _ = basebump("check", "web", "--offline", "--gate")
    assert (code, "Dockerfile:1: unpinned" in out) == (4, True)


@pytest.mark.parametrize("folder", ["vendor", "tests", "docs/examples", "archive"])
def test_gate_judges_folders_of_tests_and_copies_like_all_others(git, check_gate, tmp_path, folder):
    config = tmp_path / "operator.yaml"
    config.write_text(BLOCKS)
    write_tree(
        git.directory, {f"{folder}/a/Dockerfile": UNPINNED, f"{folder}/b/Dockerfile": f"FROM nginx:1@{PINNED}\n"}
    )
    assert set(check_gate("--config", str(config))) == {
        ("blocked", "Dockerfile"),
        ("unpinned", f"{folder}/a/Dockerfile"),
        ("blocked", f"{folder}/b/Dockerfile"),
    }


def test_gate_names_the_rule_with_which_basebump_updates_a_folder_of_tests(git, basebump, tmp_path):
    write_tree(git.directory, {"tests/Dockerfile": UNPINNED})
    _, out, _ = basebump("check", ".", "--offline", "--gate")
    assert "has no digest; with `allow: [test-data]` in a rule, basebump scan . --write pins it" in out
    config = tmp_path / "operator.yaml"
    config.write_text("schema: 1\npolicy: [{allow: [test-data]}]\n")
    _, out, _ = basebump("check", ".", "--offline", "--gate", "--config", config)
    assert f"has no digest; basebump scan . --config {config} --write pins it" in out


def test_gate_is_strict(git, check_gate):
    write_tree(git.directory, {"web/Dockerfile": "FROM ${IMAGE}\n"})
    assert check_gate() == [("not-evaluated", "web/Dockerfile")]


def test_gate_accepts_ignore_comment_if_the_operator_says_that_updates_are_not_mandatory(git, check_gate, tmp_path):
    write_tree(git.directory, {"web/Dockerfile": f"# basebump: ignore\n{UNPINNED}"})
    config = tmp_path / "operator.yaml"
    config.write_text("schema: 1\npolicy: [{match: {path: 'web/**'}, mandatory: false}]\n")
    assert check_gate("--config", str(config)) == [("not-evaluated", "web/Dockerfile")]
    config.write_text("schema: 1\n")
    assert check_gate("--config", str(config)) == [("unpinned", "web/Dockerfile")]


def test_gate_reads_config_in_the_repository_from_the_base_revision(git, check_gate):
    git.commit("main", {"Dockerfile": f"FROM redis@{PINNED}\n", "ci/basebump.yaml": BLOCKS})
    git.run("reset", "--quiet", "--hard")
    assert check_gate("--config", "ci/basebump.yaml", "--base", "main") == [("blocked", "Dockerfile")]
    write_tree(git.directory, {"ci/basebump.yaml": IGNORES_ALL})
    assert check_gate("--config", "ci/basebump.yaml", "--base", "main") == [("blocked", "Dockerfile")]
    (git.directory / "ci/basebump.yaml").unlink()
    (git.directory / "ci/basebump.yaml").symlink_to("/dev/null")
    link = ("not-evaluated", "ci/basebump.yaml")
    assert check_gate("--config", "ci/basebump.yaml", "--base", "main") == [("blocked", "Dockerfile"), link]
    assert check_gate("--config", "ci/basebump.yaml", "--since", "main") == [link]


def test_gate_reads_files_that_the_config_names_from_the_base_revision(git, check_gate):
    config = "schema: 1\nblocked: [{path: lists/blocked.yaml}]\n"
    entries = f"schema: 1\nblocked: [{{digest: '{PINNED}', reason: stolen}}]\n"
    git.commit("main", {"Dockerfile": f"FROM redis@{PINNED}\n", "basebump.yaml": config, "lists/blocked.yaml": entries})
    git.run("reset", "--quiet", "--hard")
    write_tree(git.directory, {"lists/blocked.yaml": "schema: 1\nblocked: []\n"})
    assert check_gate("--config", "basebump.yaml", "--base", "main") == [("blocked", "Dockerfile")]


def test_gate_refuses_config_in_the_repository_without_a_base(git, basebump, tmp_path):
    write_tree(git.directory, {"basebump.yaml": IGNORES_ALL})
    (tmp_path / "link").symlink_to(git.directory)
    for config in ("basebump.yaml", str(tmp_path / "link" / "basebump.yaml")):
        code, out, err = basebump("check", ".", "--offline", "--gate", "--config", config)
        assert (code, out) == (2, "")
        assert "hint: name the commit on which the pull request is based with --base REV" in err
    code, _, err = basebump("check", ".", "--offline", "--gate", "--config", "basebump.yaml", "--base", "main")
    assert (code, "main does not contain basebump.yaml" in err) == (2, True)
    code, _, err = basebump("check", ".", "--offline", "--base", "main")
    assert (code, "--base needs --gate" in err) == (2, True)


def test_files_beside_the_config_are_bounded(git, tmp_path, monkeypatch):
    git.commit("main", {"ci/basebump.yaml": "schema: 1\n", "ci/a/b": "x" * 30, "ci/c": "x" * 200, "ci/d": "x" * 90})
    monkeypatch.setattr(gate_config, "MAX_FILE_BYTES", 100)
    monkeypatch.setattr(gate_config, "MAX_BYTES", 110)
    with gate_config.ExitStack() as stack:
        secured = gate_config.secure_config(Path("ci/basebump.yaml"), Path(), "main", stack)
        assert sorted(each.name for each in secured.parent.iterdir()) == ["basebump.yaml", "d"]
    assert not secured.parent.exists()
