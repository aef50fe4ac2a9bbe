"""The action does what a job asks of it: its steps, run as a runner of GitHub Actions runs them."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from support.forges.github.apps import private_key
from support.parts import ROOT
from support.values import digest

pytestmark = [pytest.mark.slow, pytest.mark.real("git")]

FILES = {"Dockerfile": f"FROM python:3.12-slim@{digest('old')}\n"}
BRANCH = "basebump/python-3.12-slim-06e5bb43"
NOBODY = "127.0.0.1:9"
"""Where no registry answers: https://www.iana.org/assignments/service-names-port-numbers."""
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))


LOCKS = {"requirements.lock", "deploy/image/everything.lock", "deploy/trivy.lock"}


def read_report(ended):
    return json.loads(Path(ended.outputs["report"]).read_bytes())


def test_action_opens_pull_request_and_sets_outputs_and_summary(runner, github, configure, loopback):
    moved = loopback.move("python", "3.12-slim", "now")
    ended = runner.use(config=configure())
    assert ended.success, ended.log
    (request,) = github.requests()
    (proposal,) = json.loads(ended.outputs["proposals"])
    assert proposal == {
        "repository": github.name,
        "branch": BRANCH,
        "outcome": "opened",
        "url": proposal["url"],
        "title": request.title,
    }
    assert proposal["url"].endswith("/pull/1")
    (update,) = json.loads(ended.outputs["updates"])
    assert (update["path"], update["line"], update["new_digest"]) == ("Dockerfile", 1, moved)
    assert ended.outputs["failed"] == "[]"
    assert read_report(ended)["level"] == "propose"
    assert "python:3.12-slim" in ended.summary
    assert ended.commands == []


def test_action_log_is_folded_per_repository_despite_stopped_workflow_commands(runner, github, configure):
    github.commit("main", {"Dockerfile": "FROM registry.acme.dev/web:1\n"})
    lines = runner.use(config=configure()).log.splitlines()
    fold = lines[lines.index(f"##[group]{github.name} (main)") : lines.index("##[endgroup]")]
    assert any("registry.acme.dev/web:1  skipped (unknown-registry)" in line for line in fold)
    assert not [line for line in lines if line.startswith(("::group::", "::endgroup::"))]


def test_second_job_of_action_leaves_pull_request_unchanged(runner, github, configure, loopback):
    loopback.move("python", "3.12-slim", "now")
    runner.use(config=configure())
    writes = list(github.writes)
    (proposal,) = json.loads(runner.use(config="basebump.yaml").outputs["proposals"])
    assert proposal["outcome"] == "unchanged"
    assert github.writes == writes


def test_action_at_level_report_writes_to_no_repository(runner, github, configure, loopback):
    loopback.move("python", "3.12-slim", "now")
    ended = runner.use(config=configure(), level="report")
    assert [each["outcome"] for each in json.loads(ended.outputs["proposals"])] == ["would-open"]
    assert github.writes == []


def test_action_without_config_runs_on_the_repository_of_the_workflow(runner, github):
    github.commit("main", {"Dockerfile": "FROM scratch\n"})
    ended = runner.use()
    assert ended.success, ended.log
    report = read_report(ended)
    assert [each["name"] for each in report["repositories"]] == [github.name]
    assert (ended.outputs["proposals"], ended.outputs["failed"]) == ("[]", "[]")


def test_action_with_github_app_opens_pull_requests_wherever_the_app_is_installed(runner, installed_on, loopback):
    runner.environment = dict(runner.environment) | {"GITHUB_API_URL": installed_on.server.url}
    installed_on.commit("main", {"Dockerfile": "FROM scratch\n"})
    words = {"app_id": str(installed_on.app.id), "app_private_key": private_key()}
    ended = runner.use(**words)
    assert [each["name"] for each in read_report(ended)["repositories"]] == [installed_on.name]
    installed_on.commit("main", FILES)
    moved = loopback.move("python", "3.12-slim", "now")
    login = f'kind: github, url: "{installed_on.server.url}", app: {{id: {words["app_id"]}, key_env: BASEBUMP_APP_KEY}}'
    registries = f'[{{host: docker.io, mirror: "{loopback.registry.host}", insecure: true}}]'
    config = runner.workspace / "basebump.yaml"
    config.write_text(
        f"schema: 1\nregistries: {registries}\nforges: [{{{login}}}]\nscanners: [{{kind: none}}]\n", encoding="utf-8"
    )
    ended = runner.use(config=config.name, app_private_key=private_key())
    assert ended.success, ended.log
    (request,) = installed_on.requests()
    assert [each["title"] for each in json.loads(ended.outputs["proposals"])] == [request.title]
    assert moved in request.body
    assert "CI has not run" not in request.body
    assert "PRIVATE KEY" not in ended.log


def test_action_with_failures_sets_outputs_and_fails_the_step(runner, configure):
    ended = runner.use(config=configure(mirror=NOBODY))
    assert ended.outcomes["Run basebump"] == "failure"
    assert json.loads(ended.outputs["failed"]) != []
    assert ended.summary != ""


@pytest.mark.parametrize("level", ["furthest", ""])
def test_action_with_missing_config_file_fails_and_sets_no_outputs(runner, level):
    ended = runner.use(config="nowhere.yaml", level=level)
    assert ended.outcomes["Run basebump"] == "failure"
    assert set(ended.outputs.values()) == {""}
    assert (level or "nowhere.yaml") in ended.log


def test_inputs_image_shard_and_repositories_limit_the_run(runner, configure, loopback):
    loopback.move("python", "3.12-slim", "now")
    report = {"config": configure(), "level": "report"}
    assert runner.use(**report, image="redis").outputs["proposals"] == "[]"
    assert runner.use(**report, shard="9/2").outcomes["Run basebump"] == "failure"
    ended = runner.use(**report, repositories="acme/other,\nacme/web")
    assert "acme/other" in ended.log


def test_action_caches_state_between_jobs_even_after_a_failed_job(runner, configure):
    config = configure("state: sqlite:///kept/state.db\n", mirror=NOBODY)
    assert not runner.use(config=config, state="kept/state.db").success
    (kept,) = runner.cache.entries.values()
    assert kept.startswith(b"SQLite")
    (runner.workspace / "kept" / "state.db").unlink()
    runner.use(config=config, state="kept/state.db", level="report")
    assert [key.partition("-state-")[2] for key in runner.cache.entries] == ["-1-1", "-2-1"]


def test_action_renames_unusable_state_from_the_cache_and_caches_a_new_state(runner, configure):
    config = configure("state: sqlite:///kept/state.db\n")
    inputs = {"config": config, "state": "kept/state.db", "level": "report"}
    assert runner.use(**inputs).commands == []
    (key,) = runner.cache.entries
    runner.cache.entries[key] = spoilt = b"words\n" * 1000
    ended = runner.use(**inputs)
    assert ended.success, ended.log
    assert [name for name, _ in ended.commands] == ["warning"]
    assert (runner.workspace / "kept" / "state.db.unusable").read_bytes() == spoilt
    assert list(runner.cache.entries.values())[-1].startswith(b"SQLite")
    assert runner.use(**inputs).commands == []


def test_action_uses_no_cache_when_config_has_no_state(runner, configure):
    ended = runner.use(config=configure(), level="report")
    assert (ended.outcomes["Restore the state"], ended.outcomes["Save the state"]) == ("skipped", "skipped")


@pytest.mark.parametrize("left_out", ["", "actions"])
def test_documented_workflow_grants_the_permissions_that_the_action_requires(
    runner, github, configure, loopback, left_out
):
    page = (ROOT / "docs" / "github-action.md").read_text(encoding="utf-8")
    workflow = yaml.safe_load(next(block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)))
    permissions = workflow["jobs"]["propose"]["permissions"]
    granted = {key.replace("-", "_"): level for key, level in permissions.items() if key != left_out}
    github.token.permissions = granted | {"metadata": "read"}
    github.token.is_app, github.token.account = True, github.server.world.add_account("github-actions[bot]", "Bot")
    github.commit("main", {".github/workflows/ci.yml": "on: {workflow_dispatch: {}}\njobs: {}\n"})
    loopback.move("python", "3.12-slim", "now")
    ended = runner.use(config=configure(dispatch="ci.yml"))
    assert ended.success, ended.log
    (request,) = github.requests()
    assert [run.commit for run in github.repository.runs] == ([] if left_out else [github.branches()[BRANCH]])
    assert ("CI has not run" in request.body) is bool(left_out)
    assert ("`actions: write`" in ended.log) is bool(left_out)


# ---- what it trusts ----------------------------------------------------------------------------------------------

OF_THE_SHELL = ('"; touch pwned; "', "'; touch pwned; '", "$(touch pwned)", "`touch pwned`", "${IFS}&&touch${IFS}pwned")
OF_THE_RUNNER = ("${{ github.token }}", "x\n::add-mask::x\n::set-output name=proposals::pwned\n##[add-mask]x")
HOSTILE = (*OF_THE_SHELL, *OF_THE_RUNNER, "--export=json=pwned")


def has_no_injection(runner, ended) -> bool:
    places = [*runner.workspace.rglob("pwned"), *runner.temporary.rglob("pwned")]
    return (
        not places and "pwned" not in ended.outputs["proposals"] and {each for each, _ in ended.commands} <= {"error"}
    )


@pytest.mark.parametrize("text", [*OF_THE_SHELL, OF_THE_RUNNER[1], HOSTILE[-1]])
def test_hostile_inputs_of_the_step_that_runs_basebump_are_not_executed(runner, github, text):
    github.commit("main", {"Dockerfile": "FROM scratch\n"})
    words = ("repositories", "image", "shard", "level", "dispatch", "app_id", "app_private_key")
    assert has_no_injection(runner, runner.use(**dict.fromkeys(words, text)))
    assert github.writes == []


@pytest.mark.parametrize("keys", [("config",), ("python",), ("scanner", "state", "token", "extras")], ids="-".join)
def test_hostile_inputs_for_config_python_and_installation_are_not_executed(runner, github, keys):
    github.commit("main", {"Dockerfile": "FROM scratch\n"})
    assert has_no_injection(runner, runner.use(**dict.fromkeys(keys, " ".join(HOSTILE))))


def test_scripts_of_the_action_contain_no_workflow_expressions():
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_external_actions_are_pinned_by_commit_and_have_a_comment_with_the_release():
    used = re.findall(r"uses: (\S+)(.*)", (ROOT / "action.yml").read_text(encoding="utf-8"))
    assert used
    for name, comment in used:
        assert re.fullmatch(r"[\w-]+/[\w./-]+@[0-9a-f]{40}", name), name
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), name


def test_file_names_in_repositories_are_not_executed_as_workflow_commands(runner, github, configure, loopback):
    loopback.move("python", "3.12-slim", "now")
    hostile = "::add-mask::x/Dockerfile", "a\n::add-mask::y/Dockerfile", "##[add-mask]z/Dockerfile"
    github.commit("main", dict.fromkeys(hostile, "FROM python:3.12-slim\n"))
    ended = runner.use(config=configure(), level="report")
    assert ended.success, ended.log
    assert len(json.loads(ended.outputs["updates"])) == 4
    assert ended.commands == []


def test_action_imports_no_python_modules_from_the_workspace(runner, configure):
    for name in ("bot", "yaml", "click", "venv", "pip", "json", "sitecustomize", "ensurepip"):
        (runner.workspace / f"{name}.py").write_text("raise SystemExit('imported')\n", encoding="utf-8")
    ended = runner.use(config=configure(), level="report")
    assert ended.success, ended.log
    assert "imported" not in ended.log


def test_action_refuses_dependency_if_hash_differs_from_the_lock_file(runner, changed_lock, github):
    lock, write = changed_lock
    write(re.sub("sha256:.{8}", "sha256:00000000", lock))
    ended = runner.use()
    assert ended.outcomes["Install basebump"] == "failure"
    assert ended.outcomes["Run basebump"] == "skipped"
    assert "DO NOT MATCH THE HASHES" in ended.log
    assert github.server.lines == []


def test_action_refuses_dependency_that_has_no_hash_in_the_lock_file(runner, changed_lock):
    _, write = changed_lock
    write("dependencies==1\n")
    assert runner.use().outcomes["Install basebump"] == "failure"


def test_action_installs_only_from_lock_files_of_the_project():
    script = ACTION["runs"]["steps"][0]["run"]
    assert set(re.findall(r"[\w./-]+\.lock", script)) == LOCKS
    assert all((ROOT / lock).exists() for lock in LOCKS)


def test_lock_file_with_all_extras_is_installed_if_the_input_extras_is_true(runner, changed_lock):
    lock, write = changed_lock
    write("nothing==1 --hash=sha256:" + "0" * 64)
    (runner.action / "deploy" / "image").mkdir(parents=True)
    (runner.action / "deploy" / "image" / "everything.lock").write_text(lock, encoding="utf-8")
    assert runner.use(extras="true", config="nowhere.yaml").outcomes["Install basebump"] == "success"
    assert runner.use(config="nowhere.yaml").outcomes["Install basebump"] == "failure"


def test_action_installs_trivy_from_the_lock_file(runner, trivy_lock):
    ended = runner.use(scanner="trivy", config="nowhere.yaml")
    assert ended.outcomes["Install basebump"] == "success", ended.log
    (program,) = runner.temporary.glob("basebump-*/programs/trivy")
    assert subprocess.run([program], capture_output=True, text=True, check=True).stdout == "from its wheel\n"


def test_action_refuses_trivy_if_hash_differs_from_the_lock_file(runner, trivy_lock):
    trivy_lock.write_text(re.sub("sha256:.{8}", "sha256:00000000", trivy_lock.read_text("utf-8")), encoding="utf-8")
    ended = runner.use(scanner="trivy", config="nowhere.yaml")
    assert ended.outcomes["Install basebump"] == "failure"
    assert "DO NOT MATCH THE HASHES" in ended.log


def test_action_reports_python_version_that_is_too_old(runner, tmp_path):
    old = tmp_path / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    old.chmod(0o755)
    ended = runner.use(python=str(old))
    assert ended.outcomes["Install basebump"] == "failure"
    assert [name for name, _ in ended.commands] == ["error"]
