"""Config files of repositories: they only make the policy stricter, and a broken file stops the repository."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from support.forges.stands import LocalStand
from support.runs.worlds import PresetScanner, build, list_outcomes
from support.values import finding

from bot.model.evidence import Severity
from bot.model.policy import PolicyRule, RuleMatch
from bot.model.rules import IntroducedLimit
from bot.pipeline.references.extract import REPOSITORY_CONFIG_PATHS
from bot.pipeline.references.file_reading import MAX_FILE_BYTES
from bot.reports.run.report_text import render_run_text

pytestmark = pytest.mark.real("git")

OLD = build("old").digest
FILES = {"Dockerfile": f"FROM python:3.12@{OLD}\nFROM redis:7@{OLD}\n"}


@pytest.fixture
def updated_registry(loopback):
    for content in ("old", "new"):
        loopback.move("python", "3.12", content)
        loopback.move("redis", "7", content)
    return loopback


def build_files(policy: str) -> dict[str, str]:
    return {**FILES, ".basebump.yaml": f"schema: 1\npolicy: {policy}\n"}


def list_statuses(report) -> dict[str, tuple[str, str | None]]:
    (repository,) = report.repositories
    return {each.reference.image.name: (each.status, each.reason) for each in repository.verdicts}


@pytest.mark.parametrize("path", REPOSITORY_CONFIG_PATHS)
def test_config_file_of_repository_can_exclude_images(tmp_path, updated_registry, path):
    text = "schema: 1\npolicy: [{match: {image: docker.io/library/redis}, ignore: true}]\n"
    report = updated_registry.run([LocalStand(tmp_path, {**FILES, path: text}).fleet()])
    assert list_statuses(report) == {"python": ("update", None), "redis": ("skipped", "ignored")}


def test_only_the_first_existing_config_file_of_a_repository_is_used(tmp_path, updated_registry):
    files = build_files("[{ignore: true}]") | {".github/basebump.yaml": "schema: 1\n"}
    assert list_outcomes(updated_registry.run([LocalStand(tmp_path, files).fleet()])) == ["opened", "opened"]


def test_config_file_of_repository_cannot_include_images_that_policy_ignores(tmp_path, updated_registry):
    updated_registry.rulebook = replace(updated_registry.rulebook, rules=(PolicyRule(ignore=True),))
    report = updated_registry.run([LocalStand(tmp_path, build_files("[{update: major, ignore: false}]")).fleet()])
    assert set(list_statuses(report).values()) == {("skipped", "ignored")}


def test_config_file_of_repository_can_group_but_not_ignore_mandatory_updates(tmp_path, updated_registry):
    mandatory = PolicyRule(match=RuleMatch(image=("docker.io/library/python",)), mandatory=True)
    updated_registry.rulebook = replace(updated_registry.rulebook, rules=(mandatory,))
    files = build_files("[{ignore: true, group: mine}]")
    files["Dockerfile"] = f"# basebump: ignore we know\n{FILES['Dockerfile']}"
    report = updated_registry.run([LocalStand(tmp_path, files).fleet()])
    assert list_statuses(report) == {"python": ("update", None), "redis": ("skipped", "ignored")}
    (proposal,) = report.repositories[0].proposals
    assert proposal.title.endswith(" (mine) (not scanned)")
    notes = report.repositories[0].verdicts[0].reference.notes
    assert re.match("The comment on line 1 .*mandatory", *notes)


def test_min_age_in_config_file_of_repository_holds_younger_update(tmp_path, updated_registry):
    updated_registry.rulebook = replace(updated_registry.rulebook, rules=(PolicyRule(labels=("docker",)),))
    stand = LocalStand(tmp_path, build_files("[{labels: [web, docker], min_age: 3d}]"))
    assert set(list_statuses(updated_registry.run([stand.fleet()])).values()) == {("held", "too-young")}


@pytest.mark.parametrize(
    ("outer", "inner", "became"),
    [
        ((IntroducedLimit(Severity.LOW, 9),), "{low: 1}", ("refused", "introduced")),
        ((IntroducedLimit(Severity.LOW, 1),), "{low: 9, critical: 0}", ("refused", "introduced")),
        ((), "{low: 1}", ("refused", "introduced")),
        ((IntroducedLimit(Severity.LOW, 2),), "{high: 0}", ("update", None)),
    ],
)
def test_stricter_of_operator_and_repository_limits_of_added_findings_applies(
    tmp_path, updated_registry, outer, inner, became
):
    updated_registry.rulebook = replace(
        updated_registry.rulebook, rules=(PolicyRule(allow_introduced=outer, mandatory=True),)
    )
    brought = tuple(finding(f"CVE-2026-{number}", Severity.LOW) for number in (1, 2))
    updated_registry.scanner = PresetScanner({OLD: (), build("new").digest: brought})
    stand = LocalStand(tmp_path, build_files(f"[{{allow_introduced: {inner}}}]"))
    assert list_statuses(updated_registry.run([stand.fleet()])) == {"python": became, "redis": became}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "schema: 1\npolicy: [{updates: none}]\n",
            "policy[0].updates: ",
        ),
        (
            "schema: 1\nregistries: []\n",
            "registries: ",
        ),
        ("schema: 1\npolicy: [{accept: []}]\n", "policy[0].accept: "),
        ("schema: 1\npolicy: [{match: {role: own}}]\n", "policy[0].match.role: "),
        ("schema: 2\n", "schema: must be 1"),
        ("{", "is not valid YAML"),
        ('schema: 1\npolicy: [{labels: ["\\uD800"]}]\n', "U+D800"),
        (f"schema: 1\n#{'x' * MAX_FILE_BYTES}\n", "not read"),
        ("", "mapping"),
    ],
)
def test_invalid_config_file_of_repository_prevents_writes_and_keeps_pull_requests(
    tmp_path, updated_registry, text, says
):
    stand = LocalStand(tmp_path, FILES)
    assert list_outcomes(updated_registry.run([stand.fleet()])) == ["opened", "opened"]
    before = stand.branches()
    stand.commit("main", {".basebump.yaml": text})
    report = updated_registry.run([stand.fleet()])
    (repository,) = report.repositories
    assert repository.note.startswith(
        "Nothing is done in this repository until its own config file is fixed. .basebump.yaml"
    )
    assert says in repository.note
    assert "No image references" in render_run_text(report)
    assert (repository.verdicts, report.failed, list_outcomes(report)) == ((), (), ["left-alone", "left-alone"])
    assert {branch: at for branch, at in stand.branches().items() if branch != "main"} == {
        branch: at for branch, at in before.items() if branch != "main"
    }
