"""What runs store in the inventory, as `usage` and `history` show it."""

from __future__ import annotations

import json
import re

import pytest
from support.forges.azure.stand import AzureStand
from support.git import DiskRepository

pytestmark = pytest.mark.real("git")


@pytest.fixture
def fleet(tmp_path, basebump, config, loopback):
    """Propose an update to a local repository, and return the repository, the config and both digests."""
    old, new = (loopback.move("python", "3.12", content) for content in ("old", "now"))
    git = DiskRepository.create(tmp_path / "repositories" / "web.git", {"Dockerfile": f"FROM python:3.12@{old}\n"})
    path = config(f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\nstate: sqlite:///state.db\n")
    for _ in range(2):  # the second run lists the request that the first one opened
        assert basebump("run", "--config", path, "--level", "propose")[0] == 0
    return git, path, old, new


def test_usage_and_history_commands_show_merged_update_after_the_next_run(basebump, fleet):
    git, path, old, new = fleet
    (usage,) = json.loads(basebump("usage", "python:3.12", "-c", path, "--format", "json")[1])["usages"]
    assert (usage["repository"], usage["path"], usage["digest"], usage["status"]) == (
        "web",
        "Dockerfile",
        old,
        "update",
    )
    assert len(usage["requests"]) == 1
    branch = git.run("for-each-ref", "--format=%(refname)", "refs/heads/basebump/").split()[0]
    git.run("update-ref", "refs/heads/main", branch)
    assert basebump("run", "--config", path, "--level", "propose")[0] == 0
    (usage,) = json.loads(basebump("usage", "python:3.12", "-c", path, "--format", "json")[1])["usages"]
    assert (usage["digest"], usage["since_first_visit"], usage["requests"]) == (new, False, [])
    assert basebump("usage", f"python:3.12@{old}", "-c", path)[1].startswith("No base branch uses")
    moves = json.loads(basebump("history", "web", "-c", path, "--format", "json")[1])["moves"]
    assert [each["digest"] for each in moves] == [new, old]
    assert moves[0]["first_seen"] is not None
    assert [each["moved_by"] for each in moves] == ["basebump", "first-visit"]


def test_next_proposal_of_an_image_keeps_the_record_of_the_merged_proposal(basebump, fleet, loopback):
    git, path, old, new = fleet
    branch = git.run("for-each-ref", "--format=%(refname)", "refs/heads/basebump/").split()[0]
    git.run("update-ref", "refs/heads/main", branch)
    newest = loopback.move("python", "3.12", "newest")
    for _ in range(2):
        assert basebump("run", "--config", path, "--level", "propose")[0] == 0
    moves = json.loads(basebump("history", "web", "-c", path, "--format", "json")[1])["moves"]
    assert [(each["digest"], each["moved_by"]) for each in moves] == [(new, "basebump"), (old, "first-visit")]
    (usage,) = json.loads(basebump("usage", "python:3.12", "-c", path, "--format", "json")[1])["usages"]
    assert [each["number"] for each in usage["requests"]] == [2]
    assert newest.encode() in git.run("show", f"{branch.decode()}:Dockerfile")


def test_declined_proposal_does_not_hide_the_next_open_proposal_of_an_image(basebump, fleet, loopback):
    _, path, _, _ = fleet
    assert basebump("close", "web", "#1", "-c", path)[0] == 0
    loopback.move("python", "3.12", "newest")
    for _ in range(2):
        assert basebump("run", "--config", path, "--level", "propose")[0] == 0
    (usage,) = json.loads(basebump("usage", "python:3.12", "-c", path, "--format", "json")[1])["usages"]
    assert [each["number"] for each in usage["requests"]] == [2]


def test_usage_command_explains_that_a_person_declined_the_update(basebump, fleet):
    _, path, _, _ = fleet
    assert basebump("close", "web", "#1", "-c", path)[0] == 0
    assert basebump("run", "--config", path, "--level", "propose")[0] == 0
    out = basebump("usage", "python:3.12", "-c", path)[1]
    assert re.search(r"  declined on \d{4}-\d\d-\d\d: pull request #1 was closed without a merge", out)
    assert "basebump does not propose this digest again." in out
    assert "no pull request for it is open" not in out
    (usage,) = json.loads(basebump("usage", "python:3.12", "-c", path, "--format", "json")[1])["usages"]
    assert (usage["requests"], usage["declined"]["number"], usage["declined"]["scope"]) == ([], 1, "digest")
    assert usage["updates"][-1]["waits_for"]["reason"] == "declined"


def test_usage_command_does_not_call_a_newer_digest_declined(basebump, fleet, loopback):
    _, path, _, _ = fleet
    assert basebump("close", "web", "#1", "-c", path)[0] == 0
    assert basebump("run", "--config", path, "--level", "propose")[0] == 0
    loopback.move("python", "3.12", "newest")
    assert basebump("run", "--config", path, "--level", "report")[0] == 0
    (usage,) = json.loads(basebump("usage", "python:3.12", "-c", path, "--format", "json")[1])["usages"]
    assert (usage["declined"], usage["updates"][-1]["waits_for"]["reason"]) == (None, "not-proposed")


def test_history_command_names_the_merged_pull_request_on_azure_repos(basebump, configure, serve, loopback):
    old, new = (loopback.move("python", "3.12", content) for content in ("old", "now"))
    azure = serve(AzureStand, {"Dockerfile": f"FROM python:3.12@{old}\n"})
    path = configure(azure, more="state: sqlite:///state.db\n")
    for _ in range(2):
        assert basebump("run", "--config", path, "--level", "propose")[0] == 0
    azure.merge_request(azure.requests()[0].branch)
    assert basebump("run", "--config", path, "--level", "propose")[0] == 0
    newest, _ = json.loads(basebump("history", azure.name, "-c", path, "--format", "json")[1])["moves"]
    assert (newest["digest"], newest["moved_by"], newest["request"]["number"]) == (new, "basebump", 1)


@pytest.mark.parametrize(
    ("change", "is_read_again"),
    [
        ("forges: [{kind: local, url: FOLDER, repositories: [web, api]}]", False),
        ("limits: {new_per_window: 7}", True),
        ("policy: [{labels: [security]}]", True),
        ("scanners: [{kind: none}]", True),
        ("files: [{format: dockerfile, path: docker/*.txt}]", True),
        ("proposals: {branch_prefix: images/}", True),
    ],
)
def test_repositories_are_read_again_after_any_config_change_but_new_repositories(
    basebump, tmp_path, config, loopback, change, is_read_again
):
    digest = loopback.move("python", "3.12", "now")
    folder = tmp_path / "repositories"
    for name in ("web", "api"):
        DiskRepository.create(folder / f"{name}.git", {"Dockerfile": f"FROM python:3.12@{digest}\n"})
    base = {"forges": f"[{{kind: local, url: {folder}, repositories: [web]}}]", "state": "sqlite:///state.db"}
    for more in ({}, dict([change.replace("FOLDER", str(folder)).split(": ", 1)])):
        path = config("".join(f"{key}: {value}\n" for key, value in (base | more).items()))
        code, out, err = basebump("run", "-c", path)
        assert (code, err) == (0, "")
    assert ("were not read again" in out) is not is_read_again
