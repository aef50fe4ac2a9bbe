"""The page on Azure Pipelines, and the pipeline that `basebump init` writes."""

from __future__ import annotations

import re

import pytest
from support.docs.written import list_code_blocks
from support.parts import ROOT
from support.witnesses.pipelines import list_pipeline_problems, read_pipeline

from bot.registries.azure_identity import PIPELINE_VARIABLES
from bot.settings import load
from bot.starter.workflow_text import WORKFLOWS

PAGE = (ROOT / "docs" / "azure-pipelines.md").read_text(encoding="utf-8")
BLOCKS = list_code_blocks(PAGE, "yaml")
WORKFLOW = WORKFLOWS["azure"]
PIPELINE = WORKFLOW.write_text("basebump.yaml")
GIT_PERMISSIONS = {"Contribute": 4, "Create branch": 16, "Contribute to pull requests": 16384}
"""https://learn.microsoft.com/en-us/azure/devops/organizations/security/namespace-reference"""


def get_step(name):
    (job,) = read_pipeline(PIPELINE)["jobs"]
    return next(step for step in job["steps"] if step.get("displayName") == name)


def test_azure_pipelines_page_shows_the_pipeline_written_by_the_init_command():
    _, _, text = PIPELINE.partition("\n")
    assert BLOCKS[0] == f"# {WORKFLOW.path}\n{text}"


def test_azure_pipeline_matches_the_schema_of_microsoft():
    assert list_pipeline_problems(PIPELINE) == []
    assert list_pipeline_problems(PIPELINE.replace("timeoutInMinutes:", "timeout-minutes:")) != []


def test_azure_pipeline_has_only_a_schedule_that_also_starts_without_new_commits():
    pipeline = read_pipeline(PIPELINE)
    assert (pipeline["trigger"], pipeline["pr"]) == ("none", "none")
    (schedule,) = pipeline["schedules"]
    assert schedule["always"] == "true"
    assert int(schedule["cron"].split()[0]) % 5, "most pipelines start at full and half hours"


def test_only_the_azure_pipeline_step_that_runs_basebump_gets_the_token():
    (job,) = read_pipeline(PIPELINE)["jobs"]
    with_variables = [step["displayName"] for step in job["steps"] if "env" in step]
    assert with_variables == ["Propose"]
    assert get_step("Propose")["env"] == {"SYSTEM_ACCESSTOKEN": "$(System.AccessToken)"}
    assert "persistCredentials" not in PIPELINE


def test_scripts_of_the_azure_pipeline_contain_no_expressions():
    (job,) = read_pipeline(PIPELINE)["jobs"]
    assert not [step["bash"] for step in job["steps"] if re.search(r"\$\(|\$\{\{|\$\[", step.get("bash", ""))]


@pytest.mark.parametrize("step", ["Install basebump", "Install Trivy"])
def test_azure_pipeline_installs_from_existing_lock_files_with_required_hashes(step):
    script = get_step(step)["bash"]
    assert script.startswith("set -e\n")
    paths = re.findall(r" basebump/(\S+)$", script, re.MULTILINE)
    assert paths
    assert all((ROOT / path).is_file() for path in paths)
    assert script.count(" -r ") == script.count(" --require-hashes ") == len(paths)


def test_azure_permission_bits_in_command_are_the_sum_of_permissions_on_the_page():
    (bits,) = re.findall(r"--allow-bit (\d+)", PAGE)
    assert int(bits) == sum(GIT_PERMISSIONS.values())
    assert all(f"{bit} (*{name}*)" in PAGE for name, bit in GIT_PERMISSIONS.items())


def test_config_on_azure_pipelines_page_reads_token_variable_that_the_pipeline_sets(tmp_path):
    path = tmp_path / "basebump.yaml"
    path.write_text(BLOCKS[1], encoding="utf-8")
    (forge,) = load(path, requires_forges=True).forges
    assert forge.token_env in get_step("Propose")["env"]


def test_azure_step_with_service_connection_has_same_script_as_step_without():
    (step,) = [each for block in BLOCKS[2:] if "AzureCLI" in block for each in read_pipeline(block)["steps"]]
    assert step["inputs"]["inlineScript"] == get_step("Propose")["bash"]
    assert step["env"].keys() <= {*PIPELINE_VARIABLES}
