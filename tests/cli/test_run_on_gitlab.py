"""`run` against GitLab as a person types it: python-gitlab, a git-backed server, every exchange checked."""

import json

import pytest
from support.gitlab.stand import TOKEN, GitLabStand
from support.values import digest

pytestmark = pytest.mark.real("git")

BRANCH = "basebump/python-3.12-slim-06e5bb43"
FILES = {
    "Dockerfile": f"# caf\u00e9\nFROM python:3.12-slim@{digest('old')}\n",
    "deploy/web.yaml": "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: 'python:3.12-slim'\n",
}


@pytest.fixture
def gitlab(tmp_path, monkeypatch):
    stand = GitLabStand(tmp_path / "gitlab", FILES)
    monkeypatch.setenv("ACME_TOKEN", TOKEN)
    yield stand
    stand.end()


@pytest.fixture
def config_file(config, gitlab):
    return config(
        "forges:\n"
        f'  - {{kind: gitlab, url: "{gitlab.server.url}", token_env: ACME_TOKEN, repositories: [acme/shop/web]}}\n'
        "policy: [{labels: [dependencies]}]\n"
    )


def _run(basebump, config_file, level="propose"):
    code, out, _ = basebump("run", "--config", config_file, "--level", level, "--format", "json")
    assert code == 0, out
    (repository,) = json.loads(out)["repositories"]
    return repository


def test_one_merge_request_with_one_commit_for_all_files(basebump, config_file, gitlab, loopback):
    now = loopback.move("python", "3.12-slim", "now")
    repository = _run(basebump, config_file)
    (proposal,) = repository["proposals"]
    assert (repository["forge"], repository["name"], repository["base_branch"]) == ("gitlab", "acme/shop/web", "main")
    assert (proposal["branch"], proposal["outcome"]) == (BRANCH, "opened")
    assert proposal["files"] == ["Dockerfile", "deploy/web.yaml"]
    assert proposal["url"].endswith("/acme/shop/web/-/merge_requests/1")
    assert len(gitlab.commits(BRANCH)) == 1
    files = gitlab.files(BRANCH)
    assert files["Dockerfile"].content == FILES["Dockerfile"].replace(digest("old"), now).encode()
    assert files["deploy/web.yaml"].content == FILES["deploy/web.yaml"].replace("slim'", f"slim@{now}'").encode()
    (request,) = gitlab.project.requests
    assert request.labels == ["dependencies"]


def test_a_second_run_writes_nothing_at_all(basebump, config_file, gitlab, loopback):
    loopback.move("python", "3.12-slim", "now")
    _run(basebump, config_file)
    writes = list(gitlab.writes)
    (proposal,) = _run(basebump, config_file)["proposals"]
    assert proposal["outcome"] == "unchanged"
    assert gitlab.writes == writes


def test_report_and_push_touch_no_request(basebump, config_file, gitlab, loopback):
    loopback.move("python", "3.12-slim", "now")
    _run(basebump, config_file, "report")
    assert gitlab.writes == []
    (proposal,) = _run(basebump, config_file, "push")["proposals"]
    assert proposal["outcome"] == "would-open"
    assert BRANCH in gitlab.branches()
    assert gitlab.requests() == []


def test_the_tag_moves_and_the_same_request_follows(basebump, config_file, gitlab, loopback):
    loopback.move("python", "3.12-slim", "now")
    _run(basebump, config_file)
    newer = loopback.move("python", "3.12-slim", "newer")
    (proposal,) = _run(basebump, config_file)["proposals"]
    assert proposal["outcome"] == "refreshed"
    (request,) = gitlab.requests()
    assert newer[7:19] in request.title
    assert len(gitlab.commits(BRANCH)) == 1


def test_a_token_that_is_not_set_is_exit_2_and_named(basebump, config_file, monkeypatch):
    monkeypatch.delenv("ACME_TOKEN")
    code, _, err = basebump("run", "--config", config_file)
    assert code == 2
    assert "ACME_TOKEN is not set" in err


def test_a_token_that_is_refused_is_exit_1_and_never_shown(basebump, config_file, monkeypatch):
    monkeypatch.setenv("ACME_TOKEN", "glpat-wrong-and-secret")
    code, out, err = basebump("run", "--config", config_file, "--format", "json")
    (failed,) = json.loads(out)["failed"]
    assert code == 1
    assert failed["subject"] == "acme/shop/web"
    assert "glpat-wrong" not in out + err


def test_a_file_with_cr_lf_is_left_as_it_is_and_said(basebump, config_file, gitlab, loopback):
    loopback.move("python", "3.12-slim", "now")
    gitlab.commit("main", {"Dockerfile": FILES["Dockerfile"].replace("\n", "\r\n")})
    code, out, _ = basebump("run", "--config", config_file, "--level", "propose", "--format", "json")
    (proposal,) = json.loads(out)["repositories"][0]["proposals"]
    assert (code, proposal["outcome"]) == (1, "failed")
    assert "let the file have LF" in json.loads(out)["failed"][0]["error"]
    assert gitlab.writes == []
