import subprocess

import pytest
from support.worlds import write_tree

from bot.model.errors import TreeError
from bot.ports import Entry
from bot.worktree import WorkTree


def _paths(folder):
    return [entry.path for entry in WorkTree(folder).entries()]


def _git(folder, *arguments):
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path):
    write_tree(tmp_path, {".gitignore": "build/\n*.log\n", "Dockerfile": "FROM a\n", "build/Dockerfile": "FROM b\n"})
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", "Dockerfile", ".gitignore")
    return tmp_path


@pytest.mark.real("git")
def test_in_a_checkout_untracked_files_belong_and_ignored_ones_do_not(checkout):
    write_tree(checkout, {"new/Dockerfile": "FROM c\n", "x.log": ""})
    assert _paths(checkout) == [".gitignore", "Dockerfile", "new/Dockerfile"]


@pytest.mark.real("git")
def test_a_folder_inside_a_checkout_is_a_tree_of_its_own(checkout):
    write_tree(checkout, {"sub/Dockerfile": "FROM c\n"})
    assert _paths(checkout / "sub") == ["Dockerfile"]


@pytest.mark.real("git")
def test_a_tracked_file_that_was_deleted_is_not_there(checkout):
    (checkout / "Dockerfile").unlink()
    assert _paths(checkout) == [".gitignore"]


def test_any_folder_is_a_tree(tmp_path):
    write_tree(tmp_path, {"b/Dockerfile": "FROM b\n", "a": "", "caf\u00e9.yaml": ""})
    assert _paths(tmp_path) == ["a", "b/Dockerfile", "caf\u00e9.yaml"]


def test_links_are_not_followed(tmp_path):
    write_tree(tmp_path / "outside", {"Dockerfile": "FROM secret\n"})
    folder = write_tree(tmp_path / "tree", {"real/Dockerfile": "FROM a\n"})
    (folder / "Dockerfile").symlink_to(tmp_path / "outside" / "Dockerfile")
    (folder / "linked").symlink_to(tmp_path / "outside")
    assert _paths(folder) == ["real/Dockerfile"]
    (refused,) = WorkTree(folder).read([Entry("Dockerfile", None)])
    assert isinstance(refused, TreeError)


@pytest.mark.real("git")
def test_tracked_links_are_not_followed(checkout):
    (checkout / "link").symlink_to("Dockerfile")
    _git(checkout, "add", "link")
    assert _paths(checkout) == [".gitignore", "Dockerfile"]


@pytest.mark.real("git")
def test_a_checkouts_config_starts_no_program(checkout):
    trap = checkout / "trap"
    trap.write_text("#!/bin/sh\ntouch sprung\n")
    trap.chmod(0o755)
    _git(checkout, "config", "core.fsmonitor", str(trap))
    assert "Dockerfile" in _paths(checkout)
    assert not (checkout / "sprung").exists()


def test_what_is_written_keeps_its_mode(tmp_path):
    write_tree(tmp_path, {"run.sh": "old"})
    (tmp_path / "run.sh").chmod(0o750)
    WorkTree(tmp_path).write("run.sh", b"old", b"new\r\n")
    assert (tmp_path / "run.sh").read_bytes() == b"new\r\n"
    assert (tmp_path / "run.sh").stat().st_mode & 0o777 == 0o750
    assert [path.name for path in tmp_path.iterdir()] == ["run.sh"]


def test_a_file_that_changed_in_between_is_not_written(tmp_path):
    write_tree(tmp_path, {"Dockerfile": "a person was here"})
    with pytest.raises(TreeError, match="run it again"):
        WorkTree(tmp_path).write("Dockerfile", b"old", b"new")
    assert (tmp_path / "Dockerfile").read_text() == "a person was here"
