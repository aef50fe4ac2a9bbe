"""The page on plan and apply: its workflow, pipeline and configs are valid, and give each job only its own rights."""

from __future__ import annotations

import re

import pytest
from support.docs.written import list_code_blocks
from support.parts import ROOT
from support.witnesses.pipelines import list_pipeline_problems, read_pipeline
from support.witnesses.workflows import COMMIT, RELEASES, list_problems, read_yaml, run_zizmor

from bot.settings import load

PAGE = (ROOT / "docs" / "plan-and-apply.md").read_text(encoding="utf-8")
BLOCKS = list_code_blocks(PAGE, "yaml")
(WORKFLOW,) = (each.replace("OWNER", "acme").replace("COMMIT", COMMIT) for each in BLOCKS if ".github/" in each)
(PIPELINE,) = (each for each in BLOCKS if ".azure-pipelines/" in each)
CONFIGS = [each for each in BLOCKS if each.startswith("# basebump.yaml")]


def get_github_step(job, name):
    return next(each for each in read_yaml(WORKFLOW)["jobs"][job]["steps"] if each.get("name") == name)


def get_azure_stage(name):
    return next(each for each in read_pipeline(PIPELINE)["stages"] if each["stage"] == name)


def get_azure_steps(stage):
    (job,) = get_azure_stage(stage)["jobs"]
    return job["steps"]


def test_workflow_on_the_plan_page_matches_the_schema_of_github():
    assert list_problems("workflow", WORKFLOW) == []
    assert list_problems("workflow", WORKFLOW.replace("runs-on:", "runs-of:")) != []


@pytest.mark.real("zizmor")
def test_zizmor_reports_no_problems_in_the_workflow_on_the_plan_page(tmp_path):
    path = tmp_path / ".github" / "workflows" / "basebump.yml"
    path.parent.mkdir(parents=True)
    path.write_text(WORKFLOW, encoding="utf-8")
    done = run_zizmor(path)
    assert done.returncode == 0, done.stdout


def test_workflow_on_the_plan_page_pins_actions_to_recorded_commits():
    used = re.findall(r"uses: (\S+)@(\S+) # (\S+)", WORKFLOW)
    assert {name: (commit, version) for name, commit, version in used}.items() <= RELEASES.items()
    assert len(used) == len(re.findall(r"\buses: ", WORKFLOW))


def test_only_the_apply_job_of_the_workflow_on_the_plan_page_has_write_permissions():
    jobs = read_yaml(WORKFLOW)["jobs"]
    assert set(jobs["plan"]["permissions"].values()) == {"read"}
    assert set(jobs["apply"]["permissions"].values()) == {"write"}
    assert "environment" not in jobs["plan"]
    assert jobs["apply"]["environment"] == "basebump"
    assert read_yaml(WORKFLOW)["permissions"] == {}
    for job in jobs.values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")
            assert step.get("with", {}).get("persist-credentials", False) is False


def test_apply_job_of_the_workflow_downloads_exactly_the_plan_of_the_plan_job():
    jobs = read_yaml(WORKFLOW)["jobs"]
    (upload,) = (each for each in jobs["plan"]["steps"] if each.get("id") == "upload")
    (download,) = (each for each in jobs["apply"]["steps"] if "download-artifact" in each.get("uses", ""))
    assert jobs["plan"]["outputs"] == {"plan": "${{ steps.upload.outputs.artifact-id }}"}
    assert download["with"]["artifact-ids"] == "${{ needs.plan.outputs.plan }}"
    assert f"--out {upload['with']['path']} " in get_github_step("plan", "Plan")["run"]
    assert f"apply {download['with']['path']}/plan.json " in get_github_step("apply", "Apply")["run"]


def test_plan_and_apply_jobs_on_the_plan_page_have_the_same_install_step():
    assert get_github_step("plan", "Install basebump") == get_github_step("apply", "Install basebump")
    installs = [each["bash"] for stage in ("plan", "apply") for each in get_azure_steps(stage) if "venv" in str(each)]
    assert len(installs) == 2
    assert len(set(installs)) == 1


def test_azure_pipeline_on_the_plan_page_is_valid():
    assert list_pipeline_problems(PIPELINE) == []
    assert list_pipeline_problems(PIPELINE.replace("timeoutInMinutes:", "timeout-minutes:")) != []


def test_azure_plan_and_apply_stages_share_neither_variables_nor_service_connection():
    plan, apply = get_azure_stage("plan"), get_azure_stage("apply")
    assert plan["variables"] != apply["variables"]
    assert "azureSubscription" in str(plan)
    assert "azureSubscription" not in str(apply)
    with_variables = [each for stage in ("plan", "apply") for each in get_azure_steps(stage) if "env" in each]
    assert [each["displayName"] for each in with_variables] == ["Plan", "Apply"]
    assert [each["env"]["BASEBUMP_TOKEN"] for each in with_variables] == ["$(token)", "$(token)"]


def test_apply_stage_of_the_pipeline_downloads_the_plan_of_the_plan_stage():
    (published,) = (each for each in get_azure_steps("plan") if "publish" in each)
    (downloaded,) = (each for each in get_azure_steps("apply") if "download" in each)
    assert published["artifact"] == downloaded["artifact"] == "plan"
    assert published["publish"] == "$(Agent.TempDirectory)/plan.json"
    (plan,) = (each for each in get_azure_steps("plan") if "task" in each)
    assert '--out "$AGENT_TEMPDIRECTORY/plan.json"' in plan["inputs"]["inlineScript"]


@pytest.mark.parametrize("config", CONFIGS)
def test_configs_on_the_plan_page_read_the_token_variable_that_both_jobs_set(config, tmp_path):
    path = tmp_path / "basebump.yaml"
    path.write_text(config, encoding="utf-8")
    (forge,) = load(path, requires_forges=True).forges
    assert forge.token_env == "BASEBUMP_TOKEN"
    assert get_github_step("plan", "Plan")["env"].keys() == get_github_step("apply", "Apply")["env"].keys()
