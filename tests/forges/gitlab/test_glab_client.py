"""glab, GitLab's own client in Debian's build, reads the requests that basebump creates."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace

import pytest
from support.forges.contract_scene import BODY, BRANCH, proposal, push
from support.forges.gitlab.stand import TOKEN
from support.parts import find_glab

from bot.model.request_attributes import RequestAttributes

pytestmark = pytest.mark.real("glab")


@pytest.fixture
def glab(gitlab, tmp_path, monkeypatch):
    """Run glab against the stand, in a home of its own; return what it prints."""
    host = gitlab.server.host
    folder = tmp_path / "glab"
    folder.mkdir()
    settings = folder / "config.yml"
    account = {"token": TOKEN, "api_host": host, "api_protocol": "http", "git_protocol": "http"}
    quiet = {"check_update": False, "telemetry": False, "display_hyperlinks": False}
    settings.write_text(json.dumps(quiet | {"host": host, "hosts": {host: account}}))
    settings.chmod(0o600)

    def run(*arguments):
        command = [str(find_glab()), *arguments]
        environment = {"GLAB_CONFIG_DIR": str(folder), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "NO_COLOR": "1"}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_glab_reads_merge_request_that_basebump_opened(gitlab, glab):
    push(gitlab)
    gitlab.forge().open(
        replace(proposal(), attributes=RequestAttributes(labels=("dependencies", "docker")), is_draft=True)
    )
    listed = json.loads(glab("mr", "list", "--repo", "acme/shop/web", "--output", "json"))
    assert [(each["iid"], each["source_branch"], each["draft"]) for each in listed] == [(1, BRANCH, True)]
    seen = json.loads(glab("mr", "view", "1", "--repo", "acme/shop/web", "--output", "json"))
    assert (seen["title"], seen["description"]) == (f"Draft: {proposal().title}", BODY)
    assert seen["labels"] == ["dependencies", "docker"]
    assert seen["sha"] == gitlab.branches()[BRANCH]
    assert seen["target_branch"] == "main"


def test_glab_reads_commit_that_basebump_pushed(gitlab, glab):
    head = push(gitlab)
    path = f"projects/{gitlab.project.id}/repository/branches/{BRANCH.replace('/', '%2F')}"
    branch = json.loads(glab("api", path))
    assert branch["commit"]["id"] == head
    assert branch["commit"]["parent_ids"] == [gitlab.branches()["main"]]
