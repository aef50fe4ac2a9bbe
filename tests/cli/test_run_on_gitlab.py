"""What `run` does on GitLab and nowhere else, as a person types it."""

import json

import pytest
from support.gitlab.stand import GitLabStand
from support.values import digest

pytestmark = pytest.mark.real("git")


def test_a_file_with_cr_lf_is_left_as_it_is_and_said(basebump, configure, serve, loopback):
    loopback.move("python", "3.12-slim", "now")
    gitlab = serve(GitLabStand, {"Dockerfile": f"FROM python:3.12-slim@{digest('old')}\r\n"})
    code, out, _ = basebump("run", "--config", configure(gitlab), "--level", "propose", "--format", "json")
    (proposal,) = json.loads(out)["repositories"][0]["proposals"]
    assert (code, proposal["outcome"]) == (1, "failed")
    assert "let the file have LF" in json.loads(out)["failed"][0]["error"]
    assert gitlab.writes == []
