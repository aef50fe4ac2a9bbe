"""What breaks in a run ends it as the page on troubleshooting says, and leaves alone what it says."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest
import yaml
from support.docs.policy_stage import PolicyStage
from support.docs.written import read_page
from support.git import DiskRepository
from support.parts import ROOT
from support.runs.worlds import LoopbackHub

from bot.cli.app import main
from bot.demo.images import ImageStore
from bot.demo.loopback_registry import LoopbackRegistry

pytestmark = pytest.mark.real("git")

TABLE = read_page(ROOT / "docs" / "troubleshooting.md").partition("## When something breaks")[2].partition("\n## ")[0]
CODES = {row[0]: row[1] for row in re.findall(r"^\| ([^|]+) \| [^|]+ \| (\d*) ?\|$", TABLE, re.MULTILINE)}
DOWN = "127.0.0.1:9"
KILLED = "The run is killed at any moment."
"""Tried at every write, in `tests/pipeline/test_killed_runs.py`."""


@pytest.fixture
def stage(tmp_path, capsys, no_pauses):
    def command(*arguments):
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    store = ImageStore()
    with LoopbackRegistry(store) as registry:
        stage = PolicyStage(tmp_path, LoopbackHub(registry, store), command)
        stage.policies.append({})
        stage.scanned(old={"CVE-2026-0001": "High"}, new={})
        stage.repository({"Dockerfile": f"FROM {stage.behind('python:3.12-slim')}\n"})
        stage.behind("redis:7")
        assert "1 proposal: 1 opened." in stage.run()
        stage.command = command
        yield stage


def run_again(stage, **more):
    """Run again with some of the config changed; return exit code, what is printed, and what moved."""
    path = stage.configure()
    config = yaml.safe_load(path.read_text(encoding="utf-8")) | more
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    git = DiskRepository(stage.folder / "repositories" / "web.git")
    before = git.refs()
    code, out, err = stage.command("run", "--config", path, "--level", "propose")
    moved = {ref for ref, oid in git.refs().items() if before.get(ref) != oid}
    return code, out + err, moved | (before.keys() - git.refs().keys())


def commit(stage, **files):
    DiskRepository(stage.folder / "repositories" / "web.git").commit("main", files)


def break_registry(stage):
    code, said, moved = run_again(stage, registries=[{"host": "docker.io", "mirror": DOWN, "insecure": True}])
    assert "unresolved (unreachable)" in said
    assert "1 proposal: 1 left-alone." in said
    return code, moved


def break_repository(stage):
    commit(stage, **{"cache/Dockerfile": "FROM redis:7\n"})
    code, said, moved = run_again(
        stage, forges=[{"kind": "local", "url": "repositories", "repositories": ["web", "gone"]}]
    )
    assert "gone (survey)" in said
    assert "2 proposals: 1 opened, 1 unchanged." in said
    return code, {ref for ref in moved if "python" in ref}


def break_file(stage):
    pod = "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: 'python:3.12-slim'}\n"
    commit(stage, **{"pod.yaml": pod, "Dockerfile": "FROM scratch\n"})
    code, said, moved = run_again(stage)
    assert "unparsable" in said
    assert "1 proposal: 1 left-alone." in said
    return code, moved


def break_own_file(stage):
    commit(stage, **{".basebump.yaml": "schema: 1\npolcy: []\n"})
    code, said, moved = run_again(stage)
    assert "its own config file" in said
    return code, {ref for ref in moved if "dashboard" not in ref}


def break_scanner(stage):
    commit(stage, **{"cache/Dockerfile": f"FROM redis:7@{stage.tag('redis:7', 'older', 'old')[0]}\n"})
    code, said, moved = run_again(stage, scanners=[{"kind": "trivy", "binary": "nowhere"}])
    assert "1 unchanged, 1 deferred." in said
    return code, moved


def remove_scanners(stage):
    code, said, moved = run_again(stage, scanners=[{"kind": "auto", "osv": "none"}])
    assert "Nothing was scanned" in said
    return code, moved


def break_list(stage):
    code, said, moved = run_again(stage, enrichment={"kev": "nowhere.json"})
    assert "nowhere.json" in said
    return code, moved


def break_state(stage):
    assert run_again(stage, state="sqlite:///state.db")[0] == 0
    with closing(sqlite3.connect(stage.folder / "state.db")) as database, database:
        database.execute("UPDATE schema_version SET version = 99")
    code, said, moved = run_again(stage, state="sqlite:///state.db")
    assert "have version 99" in said
    assert "web" not in said
    return code, moved


FAULTS = [
    break_registry,
    break_repository,
    break_file,
    break_own_file,
    break_scanner,
    remove_scanners,
    break_list,
    break_state,
]


def test_every_fault_on_the_troubleshooting_page_is_provoked_by_a_test():
    assert [each for each in CODES if each != KILLED] == list(CODES)[: len(FAULTS)]
    assert list(CODES)[len(FAULTS) :] == [KILLED]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_fault_ends_run_with_documented_exit_code_and_changes_no_open_proposal(fault, stage, monkeypatch):
    monkeypatch.setattr("bot.scanners.trivy.find_trivy", lambda *_: None)
    monkeypatch.setattr("bot.scanners.grype.find_grype", lambda *_: None)
    code, moved = fault(stage)
    assert str(code) == list(CODES.values())[FAULTS.index(fault)]
    assert moved == set()
