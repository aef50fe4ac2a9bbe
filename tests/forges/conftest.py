"""The stands of all forges, for the contract tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import count

import pytest
from support.forges.forge_stands import STANDS
from support.forges.github import scene
from support.forges.github.stand import GitHubStand
from support.forges.gitlab.stand import GitLabStand
from support.forges.local_scene import OLD
from support.git import EXECUTABLE, LINK, SUBMODULE, Content, DiskRepository, TreeFile

FILES: Mapping[str, Content] = {
    "Dockerfile": "FROM python:3.12-slim\n",
    "app/Dockerfile": "FROM node:22\r\nRUN true",
    "app/build.sh": TreeFile(b"#!/bin/sh\ndocker build .\n", EXECUTABLE),
    "größe/Dockerfile": b"\xef\xbb\xbfFROM alpine\n",
    "README.md": "Nothing to see.\n",
    "current": TreeFile(b"app/Dockerfile", LINK),
    "vendor": TreeFile(b"5" * 40, SUBMODULE),
}
"""What the repository of a stand holds at first."""


@pytest.fixture(params=STANDS)
def stand(request, tmp_path):
    """A stand of each forge."""
    stand = STANDS[request.param](tmp_path / "forge", FILES)
    yield stand
    stand.end()


@pytest.fixture
def make_stand(tmp_path):
    """Return a function that creates a GitHub stand of any kind with one repository."""
    numbers = count()
    with ExitStack() as stands:

        def make(**more):
            stand = GitHubStand(tmp_path / f"github-{next(numbers)}", scene.FILES, **more)
            stands.callback(stand.end)
            return stand

        yield make


@pytest.fixture
def github(make_stand):
    """Return github.com with one repository on it."""
    return make_stand()


@pytest.fixture
def gitlab(tmp_path):
    """Return a GitLab with one project on it."""
    stand = GitLabStand(tmp_path / "gitlab", scene.FILES)
    yield stand
    stand.end()


@pytest.fixture
def root(tmp_path):
    """Return the folder of a local forge."""
    return tmp_path / "fleet"


@pytest.fixture(params=["bare", "checked-out"])
def git(request, root):
    """Return a repository in it, of either kind."""
    is_bare = request.param == "bare"
    return DiskRepository.create(root / ("acme.git" if is_bare else "acme"), {"Dockerfile": OLD}, bare=is_bare)


@pytest.fixture
def run_before_git(tmp_path, monkeypatch):
    """Return a function that puts shell commands before whatever git does next; `$git` is the real one."""

    def put(commands):
        wrapper = tmp_path / "bin" / "git"
        wrapper.parent.mkdir()
        wrapper.write_text(f'#!/bin/sh\ngit="{shutil.which("git")}"\n{commands}\nexec "$git" "$@"\n')
        wrapper.chmod(0o755)
        monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")

    return put
