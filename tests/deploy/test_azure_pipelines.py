"""The pipeline that `basebump init` writes opens pull requests in Azure Repos with the token of its job."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.forges.azure.stand import BOT, AzureStand
from support.values import digest
from support.witnesses.pipelines import read_pipeline

from bot.starter.workflow_text import WORKFLOWS

JOB_TOKEN = "token-of-the-job"
BRANCH = "basebump/python-3.12-slim-06e5bb43"

pytestmark = pytest.mark.real("git")


@pytest.fixture
def stand(tmp_path):
    stand = AzureStand(tmp_path / "server", {"Dockerfile": f"FROM python:3.12-slim@{digest('old')}\n"})
    stand.server.world.add_token(JOB_TOKEN, BOT, is_bearer=True)
    yield stand
    stand.end()


@pytest.fixture
def run_pipeline(workspace, job, stand, loopback):
    """Run the last two steps of the pipeline in a folder with the config of the page; return the results."""
    (workspace / "self/.basebump").mkdir(parents=True)
    mirror = f'{{host: docker.io, mirror: "{loopback.registry.host}", insecure: true}}'
    login = f'kind: azure, url: "{stand.server.url}", token_env: SYSTEM_ACCESSTOKEN, repositories: [{stand.name}]'
    config = f"schema: 1\nforges: [{{{login}}}]\nregistries: [{mirror}]\nown: []\nscanners: [{{kind: none}}]\n"
    config += "state: sqlite:///.basebump/state.db\n"
    (workspace / "self/basebump.yaml").write_text(config, encoding="utf-8")
    programs = workspace / "temp/basebump"
    programs.mkdir(parents=True)
    (programs / "bin").symlink_to(workspace.parent / "bin")
    (pipeline_job,) = read_pipeline(WORKFLOWS["azure"].write_text("basebump.yaml"))["jobs"]
    steps = {step.get("displayName"): step["bash"] for step in pipeline_job["steps"] if "bash" in step}

    def run(token: str):
        variables = {"AGENT_TEMPDIRECTORY": str(workspace / "temp"), "TF_BUILD": "True"}
        done = job(steps["Propose"], **variables, SYSTEM_ACCESSTOKEN=token)
        return done, job(steps["Show the summary"], **variables)

    return run


def test_azure_pipeline_opens_a_pull_request_and_uploads_a_summary(run_pipeline, stand, workspace):
    done, summary = run_pipeline(JOB_TOKEN)
    assert done.returncode == 0, done.stdout + done.stderr
    (request,) = stand.requests()
    assert request.branch == BRANCH
    assert (workspace / "self/.basebump/state.db").is_file()
    path = Path(summary.stdout.strip().removeprefix("##vso[task.uploadsummary]"))
    assert "python:3.12-slim" in path.read_text(encoding="utf-8")


def test_azure_pipeline_without_write_permission_names_the_missing_permission(run_pipeline, stand):
    stand.server.world.tokens[JOB_TOKEN].can_write = False
    done, summary = run_pipeline(JOB_TOKEN)
    assert done.returncode == 1
    assert "TF401027: You need the Git 'GenericContribute' permission" in done.stdout + done.stderr
    assert "hint: give the account this permission in the security settings of the repository" in done.stdout
    assert "##vso[task.uploadsummary]" in summary.stdout


def test_azure_pipeline_names_the_missing_variable_if_token_is_not_mapped(run_pipeline, stand):
    done, summary = run_pipeline("$(System.AccessToken)")
    assert done.returncode == 2
    assert "SYSTEM_ACCESSTOKEN" in done.stderr
    assert (summary.returncode, summary.stdout) == (0, "")
    assert stand.writes == []
