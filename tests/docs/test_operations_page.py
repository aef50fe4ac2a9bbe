"""What the page on operations says about stopping and uninstalling basebump is what happens."""

from __future__ import annotations

import pytest
import yaml
from support.docs.policy_stage import PolicyStage
from support.docs.written import list_code_blocks, read_page
from support.forges.github.stand import GitHubStand
from support.parts import ROOT
from support.runs.worlds import LoopbackHub

from bot.cli.app import main
from bot.demo.images import ImageStore
from bot.demo.loopback_registry import LoopbackRegistry

pytestmark = pytest.mark.real("git")

PAGE = read_page(ROOT / "docs" / "operations.md")
IMAGE = "python:3.12-slim"


def list_configs(heading):
    """Return the configs in a section of the page."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [yaml.safe_load(each) for each in list_code_blocks(section, "yaml")]


@pytest.fixture
def stage(tmp_path, capsys, monkeypatch):
    """A repository on GitHub with an open pull request and a dashboard."""

    def command(*arguments):
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    store = ImageStore()
    monkeypatch.setenv("ACME_TOKEN", "ghp_of-the-bot")
    with LoopbackRegistry(store) as registry:
        stage = PolicyStage(tmp_path, LoopbackHub(registry, store), command)
        stage.github = GitHubStand(tmp_path / "github", {"Dockerfile": f"FROM {stage.behind(IMAGE)}\n"})
        stage.policies.append({"proposals": {"dashboard": True}})
        assert "1 proposal: 1 opened." in stage.run()
        yield stage
        stage.github.end()


def test_run_with_config_of_section_about_stopping_changes_no_pull_request(stage):
    (config,) = list_configs("Stop everything now")
    stage.policies.append(stage.policies[0] | config)
    stage.tag(IMAGE, "newer")
    stage.tag("redis:7", "new")
    stage.github.commit("main", {"cache/Dockerfile": "FROM redis:7\n"})
    (pull,) = stage.github.repository.pulls
    before = pull.head, pull.body
    stage.run(1)
    (pull,) = stage.github.repository.pulls
    assert (pull.state, pull.head, pull.body) == ("open", *before)


def test_run_with_config_of_section_about_uninstalling_closes_all_proposals(stage):
    (config,) = list_configs("Uninstall")
    stage.policies.append(stage.policies[0] | config)
    stage.run(1)
    (pull,) = stage.github.repository.pulls
    assert pull.state == "closed"
    assert not pull.merged
    assert [each.state for each in stage.github.repository.issues] == ["closed"]
    assert [each for each in stage.github.repository.git.branches() if each.startswith("basebump/")] == []
