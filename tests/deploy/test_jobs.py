"""The jobs in `deploy/` for services that run pipelines: their scripts do what they say, and hold no secret."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess

import pytest
import yaml
from support.docs.written import DEPLOY_FILES
from support.parts import ROOT
from support.witnesses.pipelines import list_pipeline_problems

from bot import __version__
from bot.registries.azure_identity import PIPELINE_VARIABLES

DEPLOY = ROOT / "deploy"
GITLAB = (DEPLOY / "gitlab" / "basebump.gitlab-ci.yml").read_text(encoding="utf-8")
AZURE_PIPELINES = sorted((DEPLOY / "azure-pipelines").iterdir())
AZURE = "".join(path.read_text(encoding="utf-8") for path in AZURE_PIPELINES)
JENKINS = (DEPLOY / "jenkins" / "Jenkinsfile").read_text(encoding="utf-8")
SERVICE = (DEPLOY / "systemd" / "basebump.service").read_text(encoding="utf-8")
REPOSITORIES = {"web", "api", "shop", "mail"}

pytestmark = pytest.mark.real("git")


# GitLab


@pytest.fixture
def gitlab():
    return yaml.safe_load(GITLAB)


def test_gitlab_shards_contain_each_repository_of_the_fleet_once(gitlab, job, list_proposals, report):
    there = gitlab["basebump"]
    (script,), total = there["script"], there["parallel"]
    seen = []
    for index in range(1, total + 1):
        done = job(script, BASEBUMP_CONFIG="basebump.yaml", CI_NODE_INDEX=str(index), CI_NODE_TOTAL=str(total))
        assert done.returncode == 0, done.stderr
        seen += [each["name"] for each in report()["repositories"]]
    assert sorted(seen) == sorted(REPOSITORIES)
    assert list_proposals() == REPOSITORIES


def test_gitlab_config_job_reports_invalid_key(gitlab, job, workspace):
    (script,) = gitlab["basebump config"]["script"]
    assert job(script, BASEBUMP_CONFIG="basebump.yaml").returncode == 0
    (workspace / "basebump.yaml").write_text("schema: 1\nforge: []\n", encoding="utf-8")
    done = job(script, BASEBUMP_CONFIG="basebump.yaml")
    assert done.returncode == 2
    assert "forge" in done.stderr


def test_gitlab_job_runs_only_on_schedule_or_by_hand_and_once_at_a_time(gitlab):
    assert {rule["if"] for rule in gitlab["basebump"]["rules"]} == {
        f'$CI_PIPELINE_SOURCE == "{source}"' for source in ("schedule", "web")
    }
    assert "$CI_NODE_INDEX" in gitlab["basebump"]["resource_group"]
    assert gitlab["basebump"]["allow_failure"] == {"exit_codes": [1]}
    assert gitlab[".basebump"]["image"]["entrypoint"] == [""]


def test_scan_can_pin_the_basebump_image_in_the_gitlab_file(basebump, tmp_path):
    shutil.copytree(DEPLOY / "gitlab", tmp_path / "project")
    _, out, _ = basebump("scan", tmp_path / "project", "--offline", "--format", "json")
    (reference,) = json.loads(out)["references"]
    assert (reference["format"], reference["tag"]) == ("gitlab-ci", __version__)
    assert reference["digest_at"] is not None


# Azure Pipelines


def _read_pipeline(name):
    return yaml.safe_load((DEPLOY / "azure-pipelines" / name).read_text(encoding="utf-8"))


@pytest.fixture
def azure():
    return _read_pipeline("azure-pipelines.yml")


def get_step(azure):
    """Return the step that runs basebump."""
    (job,) = azure["jobs"]
    return next(step for step in job["steps"] if step.get("displayName") == "Propose")


DOCKER = """\
#!/bin/bash
# As much of `docker run` as the job needs: a container sees what is handed to it, and nothing else.
set -e
test "$1" = run && shift
given=() mounted=
while [[ $1 == --* ]]; do
    case $1 in
        --rm|--read-only) shift ;;
        --tmpfs) shift 2 ;;
        --env) given+=("$2=${!2}"); shift 2 ;;
        --volume) mounted=$2; shift 2 ;;
        *) echo "docker: $1?" >&2; exit 125 ;;
    esac
done
test "$1" = IMAGE && shift
from=${mounted%%:*} to=${mounted#*:}
test "${to##*:}" = ro
exec env -i PATH="$PATH" HOME="$HOME" "${given[@]}" basebump "${@/${to%:ro}/$from}"
"""


@pytest.fixture
def docker(workspace):
    """Put a `docker` in the PATH of jobs."""
    path = workspace.parent / "bin" / "docker"
    path.write_text(DOCKER, encoding="utf-8")
    path.chmod(0o755)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["azure-pipelines.yml", "azure-organization.yml"])
def test_shards_of_azure_pipeline_cover_the_whole_fleet(name, docker, job, list_proposals):
    pipeline = _read_pipeline(name)
    step = get_step(pipeline)
    total = int(pipeline["jobs"][0]["strategy"]["parallel"])
    variables = dict.fromkeys(PIPELINE_VARIABLES, "x") | {"IMAGE": "IMAGE", "GITHUB_TOKEN": "x", "TF_BUILD": "True"}
    before: set[str] = set()
    log = ""
    for position in range(1, total + 1):
        done = job(
            step["bash"] if "bash" in step else step["inputs"]["inlineScript"],
            **variables,
            SYSTEM_JOBPOSITIONINPHASE=str(position),
            SYSTEM_TOTALJOBSINPHASE=str(total),
        )
        assert done.returncode == 0, done.stderr
        assert before <= list_proposals()
        before = list_proposals()
        log += done.stdout
    assert before == REPOSITORIES
    assert set(re.findall(r"^##\[group\](\w+) ", log, re.MULTILINE)) == REPOSITORIES


@pytest.mark.parametrize("path", AZURE_PIPELINES, ids=lambda path: path.name)
def test_azure_pipelines_are_valid_by_schema_of_microsoft(path):
    text = path.read_text(encoding="utf-8")
    assert list_pipeline_problems(text) == []
    assert list_pipeline_problems(text.replace("timeoutInMinutes", "timeout-minutes")) != []


def test_azure_organization_pipeline_passes_service_connection_to_basebump():
    step = get_step(_read_pipeline("azure-organization.yml"))
    assert step["env"]["SYSTEM_ACCESSTOKEN"] == "$(System.AccessToken)"
    passed = re.findall(r"--env (\w+)", step["inputs"]["inlineScript"])
    assert [name for name in PIPELINE_VARIABLES if name not in passed] == []


@pytest.mark.parametrize("path", AZURE_PIPELINES, ids=lambda path: path.name)
def test_azure_pipeline_runs_only_on_schedule(path):
    pipeline = _read_pipeline(path.name)
    assert (pipeline["trigger"], pipeline["pr"]) == ("none", "none")
    (schedule,) = pipeline["schedules"]
    assert schedule["always"] is True
    assert int(schedule["cron"].split()[0]) % 15


def test_azure_pipeline_passes_secrets_to_the_step_by_name(azure):
    step = get_step(azure)
    assert step["env"]["GITHUB_TOKEN"] == "$(GITHUB_TOKEN)"
    assert {"group": "basebump"} in azure["variables"]
    assert "--env GITHUB_TOKEN " in step["bash"]


def test_azure_repos_pipeline_opens_pull_requests_with_job_token_alone(docker, job, list_proposals):
    pipeline = _read_pipeline("azure-repos.yml")
    step = get_step(pipeline)
    assert step["env"] == {"IMAGE": "$(image)", "SYSTEM_ACCESSTOKEN": "$(System.AccessToken)"}
    done = job(step["bash"], IMAGE="IMAGE", SYSTEM_ACCESSTOKEN="x", TF_BUILD="True")
    assert done.returncode == 0, done.stderr
    assert list_proposals() == REPOSITORIES
    assert "group" not in str(pipeline["variables"])


def test_azure_job_uses_every_repository_that_the_pipeline_lists():
    pipeline = _read_pipeline("azure-repos.yml")
    named = [each["repository"] for each in pipeline["resources"]["repositories"]]
    assert pipeline["jobs"][0]["uses"]["repositories"] == named


# Jenkins


def list_shell_commands(text):
    return re.findall(r"^\s*sh '(.*)'$", text, re.MULTILINE)


def test_jenkins_job_checks_the_config_and_opens_proposals(job, list_proposals, report):
    check, propose = list_shell_commands(JENKINS)
    assert job(check).returncode == 0
    done = job(propose)
    assert done.returncode == 0, done.stderr
    assert list_proposals() == REPOSITORIES
    assert report()["level"] == "propose"


def test_jenkinsfile_has_balanced_brackets_and_forbids_concurrent_builds():
    code = re.sub(r"'[^'\n]*'|\"[^\"\n]*\"|//[^\n]*", "", JENKINS)
    depth = 0
    for character in code:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert code.count("(") == code.count(")")
    assert "disableConcurrentBuilds()" in code
    assert "credentials('basebump-github')" in JENKINS


# systemd


@pytest.fixture
def units(tmp_path):
    """Return a folder with the units, whose program is one that is there."""
    folder = tmp_path / "units"
    shutil.copytree(DEPLOY / "systemd", folder)
    for unit in folder.glob("*.service"):
        unit.write_text(unit.read_text(encoding="utf-8").replace("/opt/basebump/bin/basebump", "/bin/true"))
    return folder


@pytest.mark.real("systemd-analyze")
def test_systemd_analyze_accepts_the_units(units):
    names = [str(unit) for unit in sorted(units.iterdir())]
    command = ["systemd-analyze", "verify", "--man=no", *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    service = units / "basebump.service"
    service.write_text(service.read_text().replace("ProtectSystem=strict", "ProtectSystem=rather"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "rather" in done.stderr


@pytest.mark.real("systemd-analyze")
@pytest.mark.parametrize("name", ["basebump.service", "basebump-serve.service"])
def test_exposure_of_services_rated_by_systemd_analyze_is_below_the_limit(units, name):
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(units / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_systemd_service_runs_basebump_with_secrets_from_a_file(job, list_proposals):
    settings = dict(re.findall(r"^(\w+)=(.*)$", SERVICE, re.MULTILINE))
    assert settings["EnvironmentFile"].startswith("/etc/")
    assert (settings["DynamicUser"], settings["ProtectSystem"], settings["StateDirectory"]) == (
        *("yes", "strict", "basebump"),
    )
    program, *arguments = shlex.split(settings["ExecStart"])
    assert program.endswith("/basebump")
    config = arguments.index("--config") + 1
    assert arguments[config] == "/etc/basebump/basebump.yaml"
    arguments[config] = "basebump.yaml"
    assert job(shlex.join(["basebump", *arguments])).returncode == 0
    assert list_proposals() == REPOSITORIES


def test_systemd_service_uses_paths_of_the_documented_install_commands(tmp_path):
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8").partition("## A machine")[2]
    (lines,) = re.findall(r"```sh\n(python3 .*?)```", page, re.DOTALL)
    program, lock, itself, check, *installs = lines.splitlines()
    folder = program.removeprefix("python3 -m venv ")
    assert f"\nExecStart={folder}/bin/basebump " in SERVICE
    assert [lock, itself, check] == [
        f"{folder}/bin/pip install --no-deps --require-hashes -r requirements.lock",
        f"{folder}/bin/pip install --no-deps .",
        f"{folder}/bin/pip check",
    ]
    assert all(f"#   {line}\n" in SERVICE for line in (program, lock, itself, check))
    checkout, etc = tmp_path / "checkout", tmp_path / "etc"
    shutil.copytree(DEPLOY, checkout / "deploy")
    (checkout / "basebump.yaml").write_text("schema: 1\n", encoding="utf-8")
    (etc / "systemd" / "system").mkdir(parents=True)
    script = "\n".join(installs).replace(" /etc/", f" {etc}/")
    done = subprocess.run(["sh", "-ec", script], cwd=checkout, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    modes = {f"/etc/{path.relative_to(etc)}": path.stat().st_mode & 0o777 for path in etc.rglob("*.*")}
    assert modes == {
        "/etc/basebump/basebump.yaml": 0o644,
        "/etc/basebump/secrets.env": 0o600,
        "/etc/systemd/system/basebump.service": 0o644,
        "/etc/systemd/system/basebump.timer": 0o644,
    }
    assert {path for path in modes if path.startswith("/etc/basebump/")} == set(
        re.findall(r"/etc/basebump/[\w.]+", re.sub(r"(?m)^#.*", "", SERVICE))
    )


# All of them


@pytest.mark.parametrize("path", DEPLOY_FILES, ids=lambda path: path.name)
def test_deployment_files_contain_neither_secrets_nor_digests(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"ghp_|github_pat_|glpat-|-----BEGIN|sha256:[0-9a-f]{8}", text)
    assert not re.search(r"(?i)(token|password|secret)\w*\s*[:=]\s*['\"]?[A-Za-z0-9+/]{20,}", text)


@pytest.mark.parametrize("text", [GITLAB, AZURE, JENKINS], ids=["gitlab", "azure", "jenkins"])
def test_deployment_files_use_the_image_tag_of_this_release(text):
    assert set(re.findall(r"registry\.example\.com/platform/basebump:([\w.]+)", text)) == {__version__}
