"""`basebump init`, as somebody runs it first in a folder."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from support.git import DiskRepository
from support.runs.worlds import write_tree
from support.witnesses.workflows import run_actionlint, run_zizmor

DOCKERFILE = "FROM node:22\nFROM contoso.azurecr.io/base:1\n"
RENOVATE = {"extends": ["config:recommended"], "labels": ["deps"]}
DEPENDABOT = "version: 2\nupdates:\n- package-ecosystem: docker\n  directory: /\n  schedule: {interval: weekly}\n"


@pytest.fixture
def folder(tmp_path):
    return write_tree(tmp_path / "tree", {"Dockerfile": DOCKERFILE})


def list_statuses(basebump, folder):
    code, out, _ = basebump("scan", folder, "--offline", "--format", "json", "--config", folder / "basebump.yaml")
    assert code == 0, out
    return [(each["status"], each["reason"]) for each in json.loads(out)["references"]]


def test_init_writes_valid_config_with_the_registries_of_the_folder(folder, basebump):
    code, out, _ = basebump("init", folder)
    assert code == 0
    assert "Found 2 image references in 1 file.\n" in out
    assert basebump("config", "check", folder / "basebump.yaml")[0] == 0
    assert list_statuses(basebump, folder) == [("not-checked", "offline")] * 2


def test_init_writes_config_with_the_repository_of_the_git_remote(folder, basebump):
    DiskRepository(folder).run("init", "--quiet")
    DiskRepository(folder).run("remote", "add", "origin", "https://x:secret@github.com/acme/web.git")
    code, _, _ = basebump("init", folder)
    text = (folder / "basebump.yaml").read_text(encoding="utf-8")
    assert code == 0
    assert "repositories: [acme/web]" in text.replace('"', "")
    assert "secret" not in text.replace("never the token", "")


@pytest.mark.parametrize(
    ("workflow", "existing"),
    [
        ("github", "basebump.yaml"),
        ("github", ".github/workflows/basebump.yml"),
        ("azure", "basebump.yaml"),
        ("azure", ".azure-pipelines/basebump.yml"),
    ],
)
def test_init_never_overwrites_existing_files(folder, basebump, workflow, existing):
    write_tree(folder, {existing: "mine\n"})
    code, _, err = basebump("init", folder, "--workflow", workflow)
    assert code == 2
    assert existing in err
    assert [(path.name, path.read_text(encoding="utf-8")) for path in folder.rglob("basebump.y*ml")] == [
        (existing.rpartition("/")[2], "mine\n")
    ]


def test_init_does_not_write_through_a_dangling_symbolic_link(folder, basebump, tmp_path):
    (folder / "basebump.yaml").symlink_to(tmp_path / "elsewhere")
    assert basebump("init", folder)[0] == 2
    assert not (tmp_path / "elsewhere").exists()


def test_github_workflow_written_by_init_command_uses_the_new_config_and_state(folder, basebump):
    assert basebump("init", folder, "--workflow", "github")[0] == 0
    workflow = (folder / ".github/workflows/basebump.yml").read_text(encoding="utf-8")
    config = (folder / "basebump.yaml").read_text(encoding="utf-8")
    assert "config: basebump.yaml" in workflow
    assert "\nstate: sqlite:///.basebump/state.db\n" in config
    assert "state: .basebump/state.db" in workflow


CI = "on:\n  pull_request:\n  workflow_dispatch:\njobs: {}\n"


def init_on_github(folder, basebump, **workflows):
    """Write workflows and run `init`; return the written workflow, the text of the config, and the output."""
    write_tree(folder, {f".github/workflows/{name}.yml": text for name, text in workflows.items()})
    add_remote(folder, "https://github.com/acme/web")
    code, out, err = basebump("init", folder, "--workflow", "github")
    assert code == 0, err
    assert basebump("config", "check", folder / "basebump.yaml")[0] == 0
    workflow = yaml.safe_load((folder / ".github/workflows/basebump.yml").read_text(encoding="utf-8"))
    return workflow, (folder / "basebump.yaml").read_text(encoding="utf-8"), out


def test_github_workflow_starts_ci_if_ci_workflow_has_a_dispatch_trigger(folder, basebump):
    deploy = CI.replace("  pull_request:\n", "  push:\n")
    needs_input = CI.replace("dispatch:\n", "dispatch:\n    inputs: {version: {required: true}}\n")
    workflow, config, out = init_on_github(
        folder, basebump, ci=CI, deploy=deploy, special=needs_input, lint="on: [pull_request, workflow_dispatch]\n"
    )
    assert "    dispatch: [ci.yml, lint.yml]\n" in config
    assert workflow["jobs"]["propose"]["permissions"]["actions"] == "write"
    assert "No CI will run" not in out


def test_github_workflow_has_no_permission_to_start_workflows_if_none_can_be_started(folder, basebump):
    workflow, config, out = init_on_github(folder, basebump, ci=CI.replace("  workflow_dispatch:\n", ""))
    assert "dispatch" not in config
    assert workflow["jobs"]["propose"]["permissions"].keys() == {"contents", "pull-requests", "statuses"}
    assert "No CI will run for proposals: " in out


def test_github_workflow_installs_trivy(folder, basebump):
    workflow, _, _ = init_on_github(folder, basebump)
    assert workflow["jobs"]["propose"]["steps"][1]["with"]["scanner"] == "trivy"


@pytest.mark.parametrize("service", ["github", "azure"])
def test_workflow_runs_while_the_translated_schedule_is_open(folder, basebump, service):
    write_tree(folder, {"renovate.json": json.dumps({"extends": ["schedule:earlyMondays"]})})
    assert basebump("init", folder, "--workflow", service)[0] == 0
    path = {"github": ".github/workflows/basebump.yml", "azure": ".azure-pipelines/basebump.yml"}[service]
    text = (folder / path).read_text(encoding="utf-8")
    assert '- cron: "17 2 * * 1-5" # UTC; chosen for the schedules in basebump.yaml\n' in text


@pytest.mark.real("actionlint")
@pytest.mark.real("zizmor")
@pytest.mark.parametrize("check", [run_actionlint, run_zizmor])
@pytest.mark.parametrize("workflows", [{}, {"ci": CI}])
def test_linters_report_no_problems_in_the_written_github_workflow(folder, basebump, check, workflows):
    init_on_github(folder, basebump, **workflows)
    path = folder / ".github/workflows/basebump.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("OWNER/basebump@COMMIT", f"acme/basebump@{'1' * 40}"))
    done = check(path)
    assert done.returncode == 0, done.stdout + done.stderr


def add_remote(folder, url):
    DiskRepository(folder).run("init", "--quiet")
    DiskRepository(folder).run("remote", "add", "origin", url)


def test_azure_pipeline_written_by_init_command_uses_the_new_config_and_job_token(folder, basebump):
    add_remote(folder, "https://acme@dev.azure.com/acme/Web%20Shop/_git/web")
    code, out, _ = basebump("init", folder, "--workflow", "azure")
    assert (code, "--workflow" in out) == (0, False)
    assert "docs/azure-pipelines.md in basebump's repository describes the next steps" in out
    pipeline = (folder / ".azure-pipelines/basebump.yml").read_text(encoding="utf-8")
    config = (folder / "basebump.yaml").read_text(encoding="utf-8")
    assert "--config self/basebump.yaml " in pipeline
    assert "SYSTEM_ACCESSTOKEN: $(System.AccessToken)\n" in pipeline
    assert "token_env: SYSTEM_ACCESSTOKEN\n" in config
    assert "path: $(Pipeline.Workspace)/self/.basebump\n" in pipeline
    assert "\nstate: sqlite:///.basebump/state.db\n" in config
    assert 'repositories: ["Web Shop/web"]\n' in config
    assert basebump("config", "check", folder / "basebump.yaml")[0] == 0


def test_init_suggests_pipeline_for_a_repository_on_azure_repos(folder, basebump):
    add_remote(folder, "git@ssh.dev.azure.com:v3/acme/shop/web")
    code, out, _ = basebump("init", folder)
    assert code == 0
    assert "To run basebump in Azure Pipelines, delete this config and run `basebump init --workflow azure`.\n" in out
    assert "auth: azure\n" in (folder / "basebump.yaml").read_text(encoding="utf-8")


def test_init_states_that_software_of_git_server_is_unknown(folder, basebump):
    add_remote(folder, "https://git.example.com/acme/web.git")
    code, out, _ = basebump("init", folder)
    assert code == 0
    assert "The software of https://git.example.com is unknown, so `forges` in the config is a comment" in out
    assert basebump("config", "check", folder / "basebump.yaml")[0] == 0


@pytest.mark.parametrize(
    ("remote", "hint"),
    [("https://github.com/acme/web", "use `--workflow github`"), ("https://gitlab.com/acme/web", "omit `--workflow`")],
)
def test_init_refuses_azure_pipeline_for_repository_on_another_forge(folder, basebump, remote, hint):
    add_remote(folder, remote)
    code, _, err = basebump("init", folder, "--workflow", "azure")
    assert code == 2
    assert "is not on Azure Repos" in err
    assert hint in err
    assert not (folder / "basebump.yaml").exists()


def test_init_prints_rule_that_stops_renovate_from_updating_images(folder, basebump):
    write_tree(folder, {"renovate.json": json.dumps(RENOVATE)})
    _, out, _ = basebump("init", folder)
    assert list_statuses(basebump, folder) == [("skipped", "other-writer")] * 2
    rule = next(line for line in out.splitlines() if line.startswith("{"))
    write_tree(folder, {"renovate.json": json.dumps({**RENOVATE, "packageRules": [json.loads(rule)]})})
    assert list_statuses(basebump, folder) == [("not-checked", "offline")] * 2


def test_init_creates_state_folder_that_git_ignores(tmp_path, basebump):
    renovate = json.dumps({**RENOVATE, "minimumReleaseAge": "3 days"})
    folder = write_tree(tmp_path / "tree", {"Dockerfile": "FROM scratch\n", "renovate.json": renovate})
    DiskRepository(folder).run("init", "--quiet")
    _, out, _ = basebump("init", folder)
    assert "Wrote .basebump/.gitignore.\n" in out
    code, _, err = basebump("scan", folder, "-c", folder / "basebump.yaml")
    assert (code, (folder / ".basebump/state.db").exists()) == (0, True), err
    untracked = DiskRepository(folder).run("status", "--short", "--untracked-files", ".basebump")
    assert untracked.split() == [b"??", b".basebump/.gitignore"]


def test_init_prints_lines_that_stop_dependabot_from_updating_images(folder, basebump):
    write_tree(folder, {".github/dependabot.yml": DEPENDABOT})
    _, out, _ = basebump("init", folder)
    assert list_statuses(basebump, folder) == [("skipped", "other-writer")] * 2
    lines = out[out.index("    ignore:") :].replace("    ", "  ", 1).replace("      -", "  -", 1)
    write_tree(folder, {".github/dependabot.yml": DEPENDABOT + lines})
    assert list_statuses(basebump, folder) == [("not-checked", "offline")] * 2


@pytest.mark.parametrize("days", ["3", '"3"'])
def test_init_translates_delay_that_is_a_number(folder, basebump, days):
    write_tree(folder, {"renovate.json": f'{{"automerge": true, "stabilityDays": {days}}}'})
    assert basebump("init", folder)[0] == 0
    rules = yaml.safe_load((folder / "basebump.yaml").read_text())["policy"]
    assert rules[0] == {"min_age": "3d", "automerge": {"max_update": "major"}}


def test_init_reads_boolean_of_renovate_that_is_a_text(folder, basebump):
    write_tree(folder, {"renovate.json": '{"automerge": "true", "enabled": "false"}'})
    assert basebump("init", folder)[0] == 0
    rules = yaml.safe_load((folder / "basebump.yaml").read_text())["policy"]
    assert rules[0] == {"ignore": True, "automerge": {"max_update": "major"}}


@pytest.mark.parametrize("arguments", [(), ("--workflow", "github")])
def test_scan_that_init_suggests_accepts_the_config_that_it_wrote(folder, basebump, monkeypatch, arguments):
    _, out, _ = basebump("init", folder, *arguments)
    commands = [each.split() for each in re.findall(r"`basebump ((?:scan|doctor) [^`]*)`", out)]
    assert [each[0] for each in commands] == ["scan", "doctor"]
    monkeypatch.chdir(folder)
    assert basebump(*commands[0], "--offline")[0] == 0


def test_init_names_unreadable_configs_of_other_bots_and_ignores_all_images(folder, basebump):
    write_tree(folder, {"renovate.json": "{", ".github/dependabot.yml": "a: [\n"})
    code, out, _ = basebump("init", folder)
    assert code == 0
    assert out.count("the file could not be parsed, so all images are ignored") == 2
    assert (folder / "basebump.yaml").read_text().count("ignore: true") == 2


def test_init_refuses_path_that_is_not_a_folder(folder, basebump):
    assert basebump("init", folder / "Dockerfile")[0] == 2
