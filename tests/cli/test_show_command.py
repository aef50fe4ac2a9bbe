"""`basebump show` and `close`: proposals of the local forge, named as `run` and `show` print them."""

from __future__ import annotations

import pytest
from support.git import DiskRepository

pytestmark = pytest.mark.real("git")


@pytest.fixture
def run_on_proposals(tmp_path, basebump, config, loopback):
    """Open proposals in a local repository, and return a function that calls a command with the config."""
    old, _ = (loopback.move("python", "3.12", content) for content in ("old", "now"))
    loopback.move("redis", "7", "now")
    files = {"Dockerfile": f"FROM python:3.12@{old}\n", "cache/Dockerfile": "FROM redis:7\n"}
    DiskRepository.create(tmp_path / "repositories" / "web.git", files)
    path = config(f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\n")
    assert basebump("run", "--config", path, "--level", "propose")[0] == 0
    return lambda command, *arguments: basebump(command, *arguments, "-c", path)


def _list_branches(out: str) -> list[str]:
    return [line.split()[0] for line in out.splitlines()]


def test_show_command_lists_branch_and_state_of_each_proposal(run_on_proposals):
    code, out, _ = run_on_proposals("show", "web")
    assert code == 0
    assert [line.split()[1:3] for line in out.splitlines()] == [["#1", "open"], ["#2", "open"]]
    assert [branch.rpartition("-")[0] for branch in _list_branches(out)] == ["basebump/python-3.12", "basebump/redis-7"]


def test_show_command_prints_title_and_changes_of_proposal_without_hidden_html(run_on_proposals):
    branch = _list_branches(run_on_proposals("show", "web")[1])[0]
    code, out, _ = run_on_proposals("show", "web", branch)
    title, heading, *_ = out.splitlines()
    assert code == 0
    assert title.startswith("Update python:3.12 to ")
    assert heading == f"{branch} → main (open)"
    assert "-FROM python:3.12@sha256:" in out
    assert "+FROM python:3.12@sha256:" in out
    assert "<!--" not in out
    assert "<details>" not in out


@pytest.mark.parametrize("repository", ["web", "web.git", "web (main)"])
def test_close_command_accepts_proposals_and_branches_printed_by_the_show_command(
    run_on_proposals, basebump, repository
):
    listed = run_on_proposals("show", repository)[1].splitlines()
    first, second = (line.split(maxsplit=3) for line in listed)
    assert run_on_proposals("close", repository, first[0].removeprefix("basebump/"))[0] == 0
    assert run_on_proposals("show", repository, second[1]) == run_on_proposals("show", repository, second[0])
    assert run_on_proposals("close", repository, second[3])[1].startswith(f"Declined {second[0]} of web. ")
    assert [line.split()[2] for line in run_on_proposals("show", repository)[1].splitlines()] == ["closed", "closed"]


@pytest.mark.parametrize("command", ["show", "close"])
def test_show_and_close_commands_refuse_unknown_proposal_and_list_the_branches(run_on_proposals, command):
    code, out, err = run_on_proposals(command, "web", "basebump/nothing")
    assert (code, out) == (2, "")
    assert "there is no proposal 'basebump/nothing'\nhint: use one of these branches: basebump/python-3.12-" in err


def test_show_command_refuses_unknown_repository(run_on_proposals):
    code, _, err = run_on_proposals("show", "api")
    assert (code, "no local forge has a repository 'api'" in err) == (2, True)


def test_show_command_prints_no_escape_sequences_or_workflow_commands_from_files(tmp_path, basebump, config, loopback):
    loopback.move("redis", "7", "now")
    hostile = "# ##vso[task.x]y \x1b[31m\n#\n::error::x\nFROM redis:7\n".replace("::error", "# x\n# ::error")
    DiskRepository.create(tmp_path / "repositories" / "web.git", {"Dockerfile": hostile})
    path = config(f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\n")
    basebump("run", "--config", path, "--level", "propose")
    (branch,) = _list_branches(basebump("show", "web", "-c", path)[1])
    out = basebump("show", "web", branch, "-c", path)[1]
    assert "+FROM redis:7@" in out
    assert "\x1b" not in out
    assert "##vso[" not in out
