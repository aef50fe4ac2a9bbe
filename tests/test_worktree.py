import json
import os
import re
import resource
import shutil
import subprocess
import sys

import pytest
from support.parts import ROOT
from support.runs.worlds import write_tree

from bot import worktree
from bot.model.errors import TreeError
from bot.model.forge import TreeEntry
from bot.worktree import WorkTree

IS_ROOT = os.geteuid() == 0


def _list_paths(folder):
    return sorted(entry.path for entry in WorkTree(folder).list_entries())


def _run_without_capabilities(capabilities, *arguments):
    """Run Python as this user, and where that is root without its power over files."""
    dropped = ",".join(f"-{capability}" for capability in capabilities)
    confined = ["setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}"] if IS_ROOT else []
    command = [*confined, sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def _scan(folder, capabilities=("dac_override", "dac_read_search")):
    """Scan as somebody whom the file system may refuse; return exit code, what was found, what failed, and stderr."""
    done = _run_without_capabilities(capabilities, "-m", "bot", "scan", folder, "--offline", "--format", "json")
    if not done.stdout:
        return done.returncode, [], [], done.stderr
    document = json.loads(done.stdout)
    found = [reference["path"] for reference in document["references"]]
    failed = [(each["subject"], each["stage"], each["error"]) for each in document["failed"]]
    return done.returncode, found, failed, done.stderr


def _run_git(folder, *arguments):
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path):
    write_tree(tmp_path, {".gitignore": "build/\n*.log\n", "Dockerfile": "FROM a\n", "build/Dockerfile": "FROM b\n"})
    _run_git(tmp_path, "init", "--quiet")
    _run_git(tmp_path, "add", "Dockerfile", ".gitignore")
    return tmp_path


@pytest.mark.real("git")
def test_git_history_of_folder_has_committed_contents_of_files(checkout):
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    for name in ("a", "b", "c"):
        write_tree(checkout, {"app/Dockerfile": f"FROM {name}\n"})
        _run_git(checkout, "add", "app")
        _run_git(checkout, *who, "commit", "--quiet", "--message", name)
    history = WorkTree(checkout / "app").history
    assert list(history.read_earlier("Dockerfile", 2)) == [b"FROM c\n", b"FROM b\n"]
    assert list(history.read_earlier("missing", 2)) == []


@pytest.mark.real("git")
def test_folder_without_commits_or_checkout_has_no_history(checkout, tmp_path_factory):
    for folder in (checkout, tmp_path_factory.mktemp("folder")):
        assert list(WorkTree(folder).history.read_earlier("Dockerfile", 2)) == []


@pytest.mark.real("git")
def test_checkout_lists_untracked_but_not_ignored_files(checkout):
    write_tree(checkout, {"new/Dockerfile": "FROM c\n", "x.log": ""})
    assert _list_paths(checkout) == [".gitignore", "Dockerfile", "new/Dockerfile"]


@pytest.mark.real("git")
def test_subfolder_of_checkout_is_listed_without_other_folders(checkout):
    write_tree(checkout, {"sub/Dockerfile": "FROM c\n"})
    assert _list_paths(checkout / "sub") == ["Dockerfile"]


@pytest.mark.real("git")
def test_deleted_tracked_file_is_not_listed(checkout):
    (checkout / "Dockerfile").unlink()
    assert _list_paths(checkout) == [".gitignore"]


@pytest.mark.real("git")
def test_file_with_a_merge_conflict_is_listed_once(checkout):
    hashed = subprocess.run(["git", "hash-object", "-w", "Dockerfile"], cwd=checkout, check=True, capture_output=True)
    stages = "".join(f"100644 {hashed.stdout.decode().strip()} {stage}\tDockerfile\n" for stage in (1, 2, 3))
    _run_git(checkout, "rm", "--cached", "Dockerfile")
    subprocess.run(["git", "update-index", "--index-info"], cwd=checkout, check=True, input=stages.encode())
    assert _list_paths(checkout) == [".gitignore", "Dockerfile"]


def test_files_are_listed_in_order_of_paths(tmp_path):
    names = ["b/x/2", "a.txt", "b/1", "c/1", "a/y/3", "a/y/1"]
    write_tree(tmp_path, dict.fromkeys(names, ""))
    assert [entry.path for entry in WorkTree(tmp_path).list_entries()] == [
        *("a.txt", "a/y/1", "a/y/3", "b/1", "b/x/2", "c/1")
    ]


@pytest.mark.real("git")
def test_unreadable_checkout_is_an_error(checkout):
    (checkout / ".git" / "index").write_bytes(b"no index")
    with pytest.raises(TreeError, match=r"fatal: .*index"):
        _list_paths(checkout)


@pytest.mark.real("git")
def test_git_file_with_missing_target_is_an_error(checkout):
    shutil.rmtree(checkout / ".git")
    (checkout / ".git").write_text("gitdir: /nowhere/.git/worktrees/x\n")
    with pytest.raises(TreeError, match="not a git repository: /nowhere"):
        _list_paths(checkout)


@pytest.mark.real("git")
@pytest.mark.parametrize("inside", [".", "sub"])
def test_checkout_of_other_user_is_an_error_with_hint(checkout, tmp_path_factory, monkeypatch, inside):
    write_tree(checkout, {"sub/Dockerfile": "FROM c\n"})
    programs = tmp_path_factory.mktemp("programs")
    git = f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec "{shutil.which("git")}" "$@"\n'
    (write_tree(programs, {"git": git}) / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    with pytest.raises(TreeError) as refused:
        _list_paths(checkout / inside)
    command = f"git config --global --add safe.directory {checkout}"
    assert f"`{command}`" in str(refused.value)
    subprocess.run(command.split(), check=True)
    assert "Dockerfile" in _list_paths(checkout / inside)


@pytest.mark.real("git")
def test_bare_repository_is_listed_as_plain_folder(tmp_path):
    _run_git(tmp_path, "init", "--quiet", "--bare")
    assert "HEAD" in _list_paths(tmp_path)
    _run_git(tmp_path, "config", "--global", "safe.bareRepository", "explicit")
    assert "HEAD" in _list_paths(tmp_path)


def test_checkout_is_listed_as_plain_folder_if_git_is_not_installed(checkout, monkeypatch):
    monkeypatch.setenv("PATH", str(checkout / "nothing"))
    assert _list_paths(checkout) == [".gitignore", "Dockerfile", "build/Dockerfile"]


# Folders that another checkout ignores, and checkouts inside of others


@pytest.mark.real("git")
@pytest.mark.parametrize("inside", ["build", "build/deep"])
def test_ignored_folder_of_checkout_is_listed_as_plain_folder(checkout, inside):
    write_tree(checkout, {"build/deep/Dockerfile": "FROM d\n"})
    assert _list_paths(checkout / inside) == (
        ["Dockerfile", "deep/Dockerfile"] if inside == "build" else ["Dockerfile"]
    )


@pytest.mark.real("git")
def test_empty_folder_of_checkout_has_no_files(checkout):
    (checkout / "empty").mkdir()
    assert _list_paths(checkout / "empty") == []


def _clone(folder):
    write_tree(folder, {".gitignore": "*.yaml\n", "Dockerfile": "FROM d\n", "ignored.yaml": ""})
    _run_git(folder, "init", "--quiet")


CLONED = [".gitignore", "Dockerfile"]


@pytest.mark.real("git")
def test_nested_checkout_in_a_checkout_is_listed_with_separate_ignore_rules(checkout):
    for folder in ("sub", "new/deep", "sub/sub", "build/ignored"):
        _clone(checkout / folder)
    nested = [f"{folder}/{path}" for folder in ("new/deep", "sub", "sub/sub") for path in CLONED]
    assert _list_paths(checkout) == sorted([*CLONED, *nested])
    assert _list_paths(checkout / "new") == [f"deep/{path}" for path in CLONED]


@pytest.mark.real("git")
def test_checkout_in_a_plain_folder_is_listed_with_separate_ignore_rules(tmp_path, checkout):
    _clone(checkout / "build" / "clone")
    assert _list_paths(checkout / "build") == ["Dockerfile", *(f"clone/{path}" for path in CLONED)]


@pytest.mark.real("git")
def test_files_of_submodule_are_not_listed(tmp_path, checkout):
    _clone(checkout / "sub")
    author = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    _run_git(checkout / "sub", *author, "commit", "--quiet", "--allow-empty", "--message=Start")
    _run_git(checkout, "add", "sub")
    assert _list_paths(checkout) == [".gitignore", "Dockerfile"]


@pytest.mark.real("git")
def test_unreadable_nested_checkout_is_reported_and_other_files_are_listed(checkout):
    _clone(checkout / "sub")
    _run_git(checkout / "sub", "add", "Dockerfile")
    (checkout / "sub" / ".git" / "index").write_bytes(b"no index")
    tree = WorkTree(checkout)
    assert sorted(entry.path for entry in tree.list_entries()) == CLONED
    ((folder, why),) = tree.unlisted_folders
    assert folder == "sub"
    assert "knows the ignored files" in str(why)


@pytest.mark.real("git")
def test_nested_checkouts_beyond_the_limit_are_reported_as_unlisted(tmp_path, monkeypatch):
    monkeypatch.setattr(worktree, "MAX_CHECKOUTS", 3)
    for number in range(4):
        _clone(tmp_path / f"clone-{number}")
    tree = WorkTree(tmp_path)
    assert len(list(tree.list_entries())) == 2 * len(CLONED)
    assert len(tree.unlisted_folders) == 2
    assert all("more than 3 checkouts" in str(why) for _, why in tree.unlisted_folders)


# Folders that cannot be looked into


@pytest.mark.real("git")
@pytest.mark.parametrize("mode", [0o000, 0o400])
@pytest.mark.parametrize("kind", ["folder", "checkout", "tracked"])
def test_unreadable_folder_is_reported_and_other_files_are_listed(tmp_path, kind, mode):
    write_tree(tmp_path, dict.fromkeys(["s/Dockerfile", "s/no/Dockerfile", "s/yes/Dockerfile"], "FROM a:1\n"))
    if kind != "folder":
        _run_git(tmp_path, "init", "--quiet")
    if kind == "tracked":
        _run_git(tmp_path, "add", ".")
    (tmp_path / "s" / "no").chmod(mode)
    for root, inside in ((tmp_path, "s/"), (tmp_path / "s", "")):
        code, found, failed, _ = _scan(root)
        ((subject, stage, error),) = failed
        assert (code, found) == (1, [f"{inside}Dockerfile", f"{inside}yes/Dockerfile"])
        assert (subject, stage) == (f"{inside}no", "survey")
        assert re.match(f"{tmp_path / 's' / 'no'} .*: Permission denied", error)
    (tmp_path / "s" / "no").chmod(0o700)


def test_unreadable_scanned_folder_is_an_error(tmp_path):
    folder = write_tree(tmp_path / "tree", {"Dockerfile": "FROM a:1\n"})
    folder.chmod(0o400)
    code, found, failed, errors = _scan(folder)
    folder.chmod(0o700)
    assert (code, found, failed) == (1, [], [])
    assert f"{folder} " in errors


def test_next_listing_resets_the_list_of_unreadable_folders(tmp_path):
    folder = write_tree(tmp_path, {"no/Dockerfile": "FROM a:1\n"})
    program = (
        "import os, sys; from pathlib import Path; from bot.worktree import WorkTree\n"
        "tree = WorkTree(Path(sys.argv[1])); locked = Path(sys.argv[1], 'no')\n"
        "for mode in (0, 0o700):\n"
        "    locked.chmod(mode)\n"
        "    print(len(list(tree.list_entries())), len(tree.unlisted_folders))\n"
    )
    done = _run_without_capabilities(("dac_override", "dac_read_search"), "-c", program, folder)
    assert (done.stdout.split(), done.stderr) == (["0", "1", "1", "0"], "")


def test_plain_folder_is_listed(tmp_path):
    write_tree(tmp_path, {"b/Dockerfile": "FROM b\n", "a": "", "caf\u00e9.yaml": ""})
    assert _list_paths(tmp_path) == ["a", "b/Dockerfile", "caf\u00e9.yaml"]


def test_symbolic_links_are_neither_listed_nor_read(tmp_path):
    write_tree(tmp_path / "outside", {"Dockerfile": "FROM secret\n"})
    folder = write_tree(tmp_path / "tree", {"real/Dockerfile": "FROM a\n"})
    (folder / "Dockerfile").symlink_to(tmp_path / "outside" / "Dockerfile")
    (folder / "linked").symlink_to(tmp_path / "outside")
    assert _list_paths(folder) == ["real/Dockerfile"]
    (refused,) = WorkTree(folder).read([TreeEntry("Dockerfile", None)])
    assert isinstance(refused, TreeError)


@pytest.mark.real("git")
def test_texts_of_symbolic_links_are_returned_apart_from_files(checkout, tmp_path_factory):
    (checkout / "link").symlink_to("Dockerfile")
    _run_git(checkout, "add", "link")
    (checkout / "untracked").symlink_to("../outside")
    assert _list_links(checkout) == {"link": "Dockerfile", "untracked": "../outside"}
    assert _list_paths(checkout) == [".gitignore", "Dockerfile"]
    folder = tmp_path_factory.mktemp("folder")
    (folder / "sub").mkdir()
    (folder / "sub" / "link").symlink_to("/etc")
    assert _list_links(folder) == {"sub/link": "/etc"}


def _list_links(folder):
    tree = WorkTree(folder)
    list(tree.list_entries())
    return tree.links


@pytest.mark.real("git")
def test_git_config_of_checkout_cannot_start_programs(checkout):
    trap = checkout / "trap"
    trap.write_text("#!/bin/sh\ntouch sprung\n")
    trap.chmod(0o755)
    _run_git(checkout, "config", "core.fsmonitor", str(trap))
    assert "Dockerfile" in _list_paths(checkout)
    assert not (checkout / "sprung").exists()


def test_written_file_keeps_mode(tmp_path):
    write_tree(tmp_path, {"run.sh": "old"})
    (tmp_path / "run.sh").chmod(0o750)
    WorkTree(tmp_path).write("run.sh", b"old", b"new\r\n")
    assert (tmp_path / "run.sh").read_bytes() == b"new\r\n"
    assert (tmp_path / "run.sh").stat().st_mode & 0o777 == 0o750
    assert [path.name for path in tmp_path.iterdir()] == ["run.sh"]


@pytest.mark.skipif(not IS_ROOT, reason="only root gives files away")
def test_written_file_keeps_owner_group_and_special_bits(tmp_path):
    file = write_tree(tmp_path, {"run.sh": "old"}) / "run.sh"
    os.chown(file, 1234, 5678)
    file.chmod(0o6755)
    WorkTree(tmp_path).write("run.sh", b"old", b"new")
    status = file.stat()
    assert (file.read_bytes(), status.st_uid, status.st_gid, status.st_mode & 0o7777) == (b"new", 1234, 5678, 0o6755)


@pytest.mark.skipif(not IS_ROOT, reason="only root gives files away")
def test_file_is_not_written_when_owner_cannot_be_kept(tmp_path):
    file = write_tree(tmp_path, {"Dockerfile": "old"}) / "Dockerfile"
    os.chown(file, 1234, 5678)
    program = (
        "import sys; from pathlib import Path; from bot.worktree import WorkTree\n"
        "WorkTree(Path(sys.argv[1])).write('Dockerfile', b'old', b'new')"
    )
    done = _run_without_capabilities(("chown",), "-c", program, tmp_path)
    assert re.search("TreeError: .*1234 .*5678", done.stderr)
    assert (file.read_text(), file.stat().st_uid) == ("old", 1234)
    assert [path.name for path in tmp_path.iterdir()] == ["Dockerfile"]


@pytest.mark.parametrize("new", [b"newer than old", b"new"])
def test_hard_linked_file_is_written_under_both_names(tmp_path, new):
    write_tree(tmp_path, {"Dockerfile": "old old"})
    (tmp_path / "other").hardlink_to(tmp_path / "Dockerfile")
    WorkTree(tmp_path).write("Dockerfile", b"old old", new)
    assert (tmp_path / "other").read_bytes() == (tmp_path / "Dockerfile").read_bytes() == new
    assert (tmp_path / "other").samefile(tmp_path / "Dockerfile")


def test_failed_write_keeps_file_unchanged_and_leaves_no_temporary_file(tmp_path):
    (tmp_path / "Dockerfile").write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8, limits[1]))
    try:
        with pytest.raises(TreeError, match="written"):
            WorkTree(tmp_path).write("Dockerfile", b"old", b"longer than eight bytes")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"Dockerfile": b"old"}


def test_file_is_replaced_atomically(tmp_path):
    write_tree(tmp_path, {"Dockerfile": "old"})
    with (tmp_path / "Dockerfile").open() as reader:
        WorkTree(tmp_path).write("Dockerfile", b"old", b"new")
        assert reader.read() == "old"


def test_file_changed_after_reading_is_not_written(tmp_path):
    write_tree(tmp_path, {"Dockerfile": "a person was here"})
    with pytest.raises(TreeError, match="run basebump again"):
        WorkTree(tmp_path).write("Dockerfile", b"old", b"new")
    assert (tmp_path / "Dockerfile").read_text() == "a person was here"


@pytest.mark.parametrize("content", [b"", b"a", b"a" * (3 * worktree.READ_CHUNK_BYTES + 1)], ids=len)
def test_file_is_read_whole_when_size_changed_after_listing(tmp_path, content):
    (tmp_path / "a").write_bytes(b"four")
    tree = WorkTree(tmp_path)
    entries = list(tree.list_entries())
    (tmp_path / "a").write_bytes(content)
    assert [*tree.read(entries), *tree.read([TreeEntry("a", None)])] == [content, content]


def test_file_is_read_by_single_call_when_size_is_unchanged(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"four")
    tree = WorkTree(tmp_path)
    entries = list(tree.list_entries())
    sizes = []
    read = os.read
    monkeypatch.setattr(os, "read", lambda descriptor, size: sizes.append(size) or read(descriptor, size))
    assert list(tree.read(entries)) == [b"four"]
    assert sizes == [5]


def test_nested_checkouts_are_listed_without_git_folders_if_git_is_not_installed(tmp_path, monkeypatch):
    write_tree(tmp_path, {"a/b/c": "", "clone/.git/HEAD": "", "clone/d/e": "", "f": "", ".git/x": ""})
    monkeypatch.setattr(worktree, "run_git", lambda *_, **__: None)  # as if git were not installed
    assert _list_paths(tmp_path) == ["a/b/c", "clone/d/e", "f"]
    monkeypatch.chdir(tmp_path / "a")
    assert _list_paths(worktree.Path()) == ["b/c"]
    assert _list_paths(worktree.Path("../clone")) == ["d/e"]
