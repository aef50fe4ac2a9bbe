"""The hooks for pre-commit do what they say, run as it runs them: from the top of a repository, before a commit."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib

import pytest
import yaml
from support.git import DiskRepository
from support.parts import ROOT, find_pre_commit
from support.runs.worlds import LoopbackHub, write_tree
from support.values import digest

from bot.demo.images import ImageStore
from bot.demo.loopback_registry import LoopbackRegistry
from bot.formats import load_all_formats
from bot.model.path_index import index_paths

pytestmark = pytest.mark.slow

HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
PINNED = f"FROM python:3.12@{digest('some')}\n"


def test_pre_commit_hooks_are_one_offline_hook_and_one_online_hook():
    assert list(HOOKS) == ["basebump-pinned", "basebump-current", "pinned", "current"]
    assert "--offline" in HOOKS["basebump-pinned"]["entry"]
    assert "--offline" not in HOOKS["basebump-current"]["entry"]


@pytest.mark.parametrize("name", ["pinned", "current"])
def test_former_name_of_a_pre_commit_hook_runs_the_renamed_hook(name):
    assert HOOKS[name] | {"id": f"basebump-{name}"} == HOOKS[f"basebump-{name}"]


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_pre_commit_hook_does_not_use_a_config_of_the_repository(hook):
    assert "--no-config" in shlex.split(hook["entry"])


def test_pre_commit_hook_runs_for_every_file_selected_by_a_format():
    pattern = re.compile(HOOKS["basebump-pinned"]["files"])
    cases = (ROOT / "tests" / "formats").glob("*/*/before")
    paths = [str(path.relative_to(case)) for case in cases for path in case.rglob("*") if path.is_file()] + [
        ".basebump.yaml",
        "WORKSPACE",
        "old.WORKSPACE.bzlmod",
        "web.Containerfile",
        "a/b.container.d/10-image.conf",
    ]
    index = index_paths(paths)
    selected = {path for each in load_all_formats() for path in each.select_paths(index)}
    assert len(selected) > 300
    assert [path for path in selected if not pattern.search(path)] == []


@pytest.mark.parametrize("path", ["README.md", "src/main.py", "go.sum", "docs/image.png", "environment", "a/text.txt"])
def test_pre_commit_hook_does_not_run_for_files_that_no_format_selects(path):
    assert not re.search(HOOKS["basebump-pinned"]["files"], path)


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_pre_commit_hook_runs_the_basebump_command_without_file_names(hook):
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert shlex.split(hook["entry"])[0] in scripts
    assert set(hook) == {"id", "name", "description", "entry", "language", "pass_filenames", "files", "types_or"}
    assert (hook["language"], hook["pass_filenames"]) == ("python", False)


@pytest.fixture
def install_hook(tmp_path):
    """Make a repository in which git runs a hook before each commit; return what commits files there."""
    git = DiskRepository.create(tmp_path / "tree", {"README.md": "A project.\n"}, bare=False)

    def install(identifier: str, *arguments: str):
        program, *words = shlex.split(HOOKS[identifier]["entry"])
        assert program == "basebump"
        command = shlex.join([sys.executable, "-m", "bot", *words, *arguments])
        hook = git.directory / ".git" / "hooks" / "pre-commit"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {command}\n")
        hook.chmod(0o755)

        def commit(files: dict[str, str]) -> tuple[int, str]:
            write_tree(git.directory, files)
            git.run("add", "--all")
            done = git._run(("commit", "--quiet", "--message", "A change"))
            return done.returncode, (done.stdout + done.stderr).decode()

        return commit

    return install


@pytest.mark.real("git")
def test_pre_commit_hook_rejects_a_commit_of_an_unpinned_image(install_hook):
    commit = install_hook("basebump-pinned")
    code, said = commit({"web/Dockerfile": "FROM python:3.12\n"})
    assert code == 1
    assert "web/Dockerfile:1: unpinned: python:3.12 has no digest; basebump scan . --write pins it\n" in said
    code, said = commit({"web/Dockerfile": PINNED})
    assert (code, "1 image reference" in said) == (0, True)


@pytest.mark.real("git")
def test_configured_args_of_pre_commit_hook_are_passed_to_basebump(install_hook):
    commit = install_hook("basebump-pinned", "--since", "HEAD")
    assert commit({"Dockerfile": "# basebump: ignore\nFROM python:3.12\n"})[0] == 0
    code, said = commit({"web/Dockerfile": PINNED})
    assert (code, "1 image reference added or changed since HEAD" in said) == (0, True)


@pytest.mark.real("git")
def test_pre_commit_hook_rejects_a_commit_of_an_image_missing_in_registry(install_hook, tmp_path):
    store = ImageStore()
    with LoopbackRegistry(store) as registry:
        now = LoopbackHub(registry, store).move("python", "3.12", "now")
        mirror = f'{{host: docker.io, mirror: "{registry.host}", insecure: true}}'
        (tmp_path / "basebump.yaml").write_text(f"schema: 1\nregistries: [{mirror}]\nown: []\n")
        commit = install_hook("basebump-current", "--config", str(tmp_path / "basebump.yaml"))
        code, said = commit({"Dockerfile": PINNED})
        assert code == 1
        assert "Dockerfile:1: gone: " in said
        assert commit({"Dockerfile": f"FROM python:3.12@{now}\n"})[0] == 0


# By pre-commit itself


SHIPPED = (
    ".pre-commit-hooks.yaml",
    "LICENSE",
    "README.md",
    "hatch_build.py",
    "pyproject.toml",
    "bot",
    "config",
    "templates",
)


@pytest.fixture
def published_repository(tmp_path):
    """Return a repository with what a wheel is made of, and its commit."""
    git = DiskRepository.create(tmp_path / "basebump", {}, bare=False)
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, git.directory / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, git.directory)
    git.run("add", "--all")
    git.run("commit", "--quiet", "--message", "A release")
    return git.directory, git.run("rev-parse", "HEAD").decode().strip()


@pytest.fixture
def pre_commit(tmp_path):
    """Run the real pre-commit, which finds what a build and basebump itself need where these tests have it."""
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_CONFIG_FILE": os.devnull}
    inherited = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    own = {"PRE_COMMIT_HOME": str(tmp_path / "home"), "PYTHONPATH": sysconfig.get_path("purelib")}

    def run(folder, *arguments: str) -> tuple[int, str]:
        command = [find_pre_commit(), "run", "--all-files", *arguments]
        done = subprocess.run(
            command, cwd=folder, env=inherited | offline | own, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.slow
@pytest.mark.real("git")
@pytest.mark.real("pre-commit")
def test_pre_commit_program_installs_the_hooks_and_fails_on_findings(
    tmp_path, published_repository, pre_commit, loopback
):
    where, commit = published_repository
    now = loopback.move("python", "3.12", "now")
    mirror = f'{{host: docker.io, mirror: "{loopback.registry.host}", insecure: true}}'
    current = {"id": "basebump-current", "args": ["--config", "basebump.yaml"], "stages": ["pre-push"]}
    wanted = {"repos": [{"repo": str(where), "rev": commit, "hooks": [{"id": "basebump-pinned"}, current]}]}
    files = {
        ".pre-commit-config.yaml": yaml.safe_dump(wanted),
        "basebump.yaml": f"schema: 1\nregistries: [{mirror}]\nown: []\n",
        "Dockerfile": "FROM python:3.12\n",
    }
    git = DiskRepository.create(tmp_path / "tree", files, bare=False)
    code, said = pre_commit(git.directory)
    assert code == 1, said
    assert "Dockerfile:1: unpinned: python:3.12 has no digest" in said
    assert HOOKS["basebump-current"]["name"] not in said
    (git.directory / "Dockerfile").write_text(PINNED, encoding="utf-8")
    assert pre_commit(git.directory)[0] == 0
    code, said = pre_commit(git.directory, "--hook-stage", "pre-push")
    assert code == 1, said
    assert "Dockerfile:1: gone: " in said
    (git.directory / "Dockerfile").write_text(f"FROM python:3.12@{now}\n", encoding="utf-8")
    assert pre_commit(git.directory, "--hook-stage", "pre-push")[0] == 0
