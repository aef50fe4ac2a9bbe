"""What the pages on deployment and on the loop show besides what every page is held to."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest
import yaml
from support.docs.written import list_code_blocks, list_command_lines
from support.parts import ROOT
from support.runs.worlds import write_tree
from support.values import digest

from bot.model.update_stages import STUCK_AFTER, StageScope, UpdateStage, UseKind
from bot.settings import load

LOOP = (ROOT / "docs" / "loop.md").read_text(encoding="utf-8")
DEPLOYMENT = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
SCRIPTS = list_code_blocks(LOOP, "sh")
DEPLOYED = [text for text in list_code_blocks(LOOP, "yaml") if text.startswith("apiVersion")]
WEB = "contoso.azurecr.io/apps/web"


def test_every_pipeline_on_the_loop_page_runs_basebump_for_the_pushed_image():
    for heading in ("azure-pipelines.yml", ".gitlab-ci.yml", "Jenkinsfile", "workflow"):
        (example,) = (
            text for text in re.findall(r"```\w+\n(.*?)```", LOOP, re.DOTALL) if heading in text.partition("\n")[0]
        )
        (line,) = list_command_lines(example)
        assert re.search(r"^run .*--level propose --image \S+$", line), heading


@pytest.mark.parametrize("page", [LOOP, DEPLOYMENT], ids=["loop", "deployment"])
def test_loop_and_deployment_pages_contain_no_made_up_digest(page):
    assert not re.search("sha256:[0-9a-f]", page)


def test_loop_page_has_a_section_for_each_stage():
    headings = re.findall(r"^## [0-9]\. (\w+)$", LOOP, re.MULTILINE)
    assert [each.lower() for each in headings] == [each.value for each in UpdateStage]


def test_first_table_on_the_loop_page_lists_the_stages_in_order():
    rows = re.findall(r"^\| (\w+) \|", LOOP.partition("\n\n## ")[0], re.MULTILINE)
    assert rows == ["stage", *(each.value for each in UpdateStage)]


def test_config_on_the_loop_page_enables_reports_of_all_stages(tmp_path):
    (tmp_path / "aks.yaml").write_text("", encoding="utf-8")
    config = tmp_path / "basebump.yaml"
    config.write_text(list_code_blocks(LOOP, "yaml")[0], encoding="utf-8")
    settings = load(config, requires_forges=True)
    scope = StageScope(bool(settings.builds), bool(settings.clusters))
    assert scope.list_stages(UseKind.BUILD) == tuple(UpdateStage)
    assert settings.state is not None


def test_loop_page_states_after_how_many_days_an_update_is_stuck():
    days = {stage: span.days for stage, span in STUCK_AFTER.items()}
    assert (days[UpdateStage.PROPOSED], days[UpdateStage.MERGED], days[UpdateStage.REBUILT]) == (7, 1, 1)
    assert "seven days for a merge, and one day for a build or a deployment." in LOOP


@pytest.mark.parametrize("script", SCRIPTS, ids=[each.split(" ", 2)[1] for each in SCRIPTS])
def test_scripts_on_the_loop_page_have_valid_shell_syntax(script):
    assert subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=True).stderr == ""


def test_images_updated_by_flux_or_argo_cd_on_the_loop_page_are_skipped(basebump, tmp_path):
    """The config lists no own images, so that only the marker in the file prevents the update."""
    policy, deployment, application = DEPLOYED
    folder = write_tree(
        tmp_path / "web", {"flux/web.yaml": deployment, "flux/policy.yaml": policy, "argocd.yaml": application}
    )
    config = tmp_path / "basebump.yaml"
    config.write_text("schema: 1\nown: []\n", encoding="utf-8")
    _, out, _ = basebump("scan", folder, "--offline", "--config", config, "--format", "json")
    document = json.loads(out)
    assert [(each["path"], each["reason"]) for each in document["references"]] == [
        ("argocd.yaml", "other-writer"),
        ("flux/web.yaml", "other-writer"),
    ]
    assert document["unsupported"] == []


def test_script_on_the_loop_page_deploys_digest_without_flux_or_argo_cd(tmp_path):
    (script,) = (each for each in SCRIPTS if each.startswith("digest="))
    new = digest("new")
    programs, log = tmp_path / "programs", tmp_path / "log"
    programs.mkdir()
    for name in ("kustomize", "kubectl", "git"):
        (programs / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {log}\n', encoding="utf-8")
        (programs / name).chmod(0o755)
    (programs / "jq").write_text(f"#!/bin/sh\necho {new}\n", encoding="utf-8")
    (programs / "jq").chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-eu"], input=script, text=True, env=environment, cwd=tmp_path, check=True)
    assert log.read_text(encoding="utf-8").splitlines() == [
        f"kustomize edit set image {WEB}={WEB}@{new}",
        f"git commit --all --message Deploy {new}",
        "git push origin HEAD:main",
        "kubectl apply --kustomize .",
        "kubectl rollout status deployment/web --namespace shop --timeout 5m",
    ]


def test_last_table_on_the_loop_page_lists_the_states_of_reports():
    table = LOOP.partition("| state | what to do |")[2].partition("\n\n")[0]
    for words in ("proposed, not merged", "merged, not rebuilt", "rebuilt, not running", "not known"):
        assert f"\n| {words}" in table


def test_kubernetes_manifests_on_the_loop_page_are_valid_yaml_of_the_expected_kinds():
    assert [yaml.safe_load(each)["kind"] for each in DEPLOYED] == ["ImagePolicy", "Deployment", "Application"]
