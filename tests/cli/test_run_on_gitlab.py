"""`basebump run` on GitLab: behaviour that other forges do not have."""

import json

import pytest
from support.forges.gitlab.stand import GitLabStand
from support.values import digest

pytestmark = pytest.mark.real("git")


def test_gitlab_file_with_crlf_line_breaks_is_not_changed_and_a_failure_is_reported(
    basebump, configure, serve, loopback
):
    loopback.move("python", "3.12-slim", "now")
    gitlab = serve(GitLabStand, {"Dockerfile": f"FROM python:3.12-slim@{digest('old')}\r\n"})
    code, out, _ = basebump("run", "--config", configure(gitlab), "--level", "propose", "--format", "json")
    (proposal,) = json.loads(out)["repositories"][0]["proposals"]
    assert (code, proposal["outcome"]) == (1, "failed")
    assert "to LF" in json.loads(out)["failed"][0]["error"]
    assert gitlab.writes == []


@pytest.mark.parametrize(("variable", "secret"), [("CI_JOB_TOKEN", "of-a-job"), ("ACME_TOKEN", "glcbt-64_of-a-job")])
def test_gitlab_job_token_is_recognised_by_variable_name_or_prefix(
    basebump, config, serve, loopback, monkeypatch, variable, secret
):
    loopback.move("python", "3.12-slim", "now")
    gitlab = serve(GitLabStand, {"Dockerfile": f"FROM python:3.12-slim@{digest('old')}\n"})
    gitlab.server.world.add_token(secret, "grace").is_of_job = True
    monkeypatch.setenv(variable, secret)
    login = f'kind: gitlab, url: "{gitlab.server.url}", token_env: {variable}'
    config_file = config(f"forges: [{{{login}, repositories: [{gitlab.name}]}}]\n")
    code, out, _ = basebump("run", "--config", config_file, "--format", "json")
    assert (code, json.loads(out)["repositories"][0]["proposals"][0]["outcome"]) == (0, "would-open")
    assert any("job-token" in each.headers for each in gitlab.server.exchanges)
    assert not any("private-token" in each.headers for each in gitlab.server.exchanges)
