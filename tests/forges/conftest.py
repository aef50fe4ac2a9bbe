"""Where a forge joins the contract: one line in STANDS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from support.git import EXECUTABLE, LINK, SUBMODULE, Content, File
from support.github import scene
from support.github.stand import GitHubStand
from support.stands import LocalStand, Stand

STANDS: Mapping[str, Callable[[Path, Mapping[str, Content]], Stand]] = {
    "local": LocalStand,
    "github": GitHubStand,
}
"""Each makes a forge with one repository that holds the files given, in a folder of its own."""

FILES: Mapping[str, Content] = {
    "Dockerfile": "FROM python:3.12-slim\n",
    "app/Dockerfile": "FROM node:22\r\nRUN true",
    "app/build.sh": File(b"#!/bin/sh\ndocker build .\n", EXECUTABLE),
    "größe/Dockerfile": b"\xef\xbb\xbfFROM alpine\n",
    "README.md": "Nothing to see.\n",
    "current": File(b"app/Dockerfile", LINK),
    "vendor": File(b"5" * 40, SUBMODULE),
}
"""What the repository of a stand holds at first."""


@pytest.fixture(params=STANDS)
def new_stand(request, tmp_path):
    """Return what makes a stand, each in a folder of its own."""
    numbers = count()
    with ExitStack() as stands:

        def make():
            stand = STANDS[request.param](tmp_path / f"forge-{next(numbers)}", FILES)
            stands.callback(stand.end)
            return stand

        yield make


@pytest.fixture
def stand(new_stand):
    return new_stand()


@pytest.fixture
def make_stand(tmp_path):
    """Return what makes a GitHub with one repository on it, of whatever kind."""
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
