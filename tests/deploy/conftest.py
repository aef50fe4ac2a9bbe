from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from support.git import DiskRepository
from support.parts import ROOT

FILES = {"Dockerfile": "FROM python:3.12-slim\n"}
REPOSITORIES = ("web", "api", "shop", "mail")


@pytest.fixture
def workspace(tmp_path, loopback):
    """Return a job's folder: a config of some repositories in a folder, and a `basebump` on PATH that is this one."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    for name in REPOSITORIES:
        DiskRepository.create(tmp_path / "repositories" / f"{name}.git", FILES, bare=True)
    loopback.move("python", "3.12-slim", "now")
    mirror = f'{{host: docker.io, mirror: "{loopback.registry.host}", insecure: true}}'
    config = (
        f"schema: 1\nforges: [{{kind: local, url: ../repositories}}]\nregistries: [{mirror}]\nown: []\n"
        "scanners: [{kind: none}]\n"
    )
    (folder / "basebump.yaml").write_text(config, encoding="utf-8")
    programs = tmp_path / "bin"
    programs.mkdir()
    command = programs / "basebump"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m bot "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    return folder


@pytest.fixture
def job(workspace):
    """Run the script of a job as its service does, with these variables, and return the result."""

    def run(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        path = f"{workspace.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment = {"PATH": path, "HOME": os.environ["HOME"], **variables}
        command = ["bash", "-eo", "pipefail", "-c", script]
        return subprocess.run(
            command, cwd=workspace, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    return run


@pytest.fixture
def list_proposals(workspace):
    """Return the repositories that have a proposal."""

    def look() -> set[str]:
        folder = workspace.parent / "repositories"
        refs = ["for-each-ref", "--format=%(refname)", "refs/basebump/proposals"]
        return {
            name
            for name in REPOSITORIES
            if subprocess.run(
                ["git", "-C", str(folder / f"{name}.git"), *refs], capture_output=True, check=True
            ).stdout.strip()
        }

    return look


@pytest.fixture
def report(workspace):
    """Return the JSON that a job exported."""
    return lambda: json.loads((workspace / "basebump.json").read_text(encoding="utf-8"))
