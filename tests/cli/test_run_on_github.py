"""`run` against GitHub as a person types it: PyGithub, a git-backed server, every exchange checked."""

import json

import pytest
from support.github.apps import private_key
from support.github.stand import TOKEN, GitHubAppStand, GitHubStand
from support.values import digest

pytestmark = pytest.mark.real("git")

BRANCH = "basebump/python-3.12-slim-06e5bb43"
FILES = {
    "Dockerfile": f"# caf\u00e9\r\nFROM python:3.12-slim@{digest('old')}\r\n",
    "deploy/web.yaml": "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: 'python:3.12-slim'\n",
}


@pytest.fixture
def github(tmp_path, monkeypatch):
    stand = GitHubStand(tmp_path / "github", FILES)
    monkeypatch.setenv("ACME_TOKEN", TOKEN)
    yield stand
    stand.end()


@pytest.fixture
def config_file(config, github):
    return config(
        "forges:\n"
        f'  - {{kind: github, url: "{github.server.url}", token_env: ACME_TOKEN, repositories: [acme/web]}}\n'
        "policy: [{labels: [dependencies]}]\n"
    )


def _run(basebump, config_file, level="propose"):
    code, out, _ = basebump("run", "--config", config_file, "--level", level, "--format", "json")
    assert code == 0, out
    (repository,) = json.loads(out)["repositories"]
    return repository


def test_one_pull_request_with_one_commit_for_all_files(basebump, config_file, github, loopback):
    now = loopback.move("python", "3.12-slim", "now")
    repository = _run(basebump, config_file)
    (proposal,) = repository["proposals"]
    assert (repository["forge"], repository["name"], repository["base_branch"]) == ("github", "acme/web", "main")
    assert (proposal["branch"], proposal["outcome"]) == (BRANCH, "opened")
    assert proposal["files"] == ["Dockerfile", "deploy/web.yaml"]
    assert proposal["url"].endswith("/acme/web/pull/1")
    assert len(github.commits(BRANCH)) == 1
    files = github.files(BRANCH)
    assert files["Dockerfile"].content == FILES["Dockerfile"].replace(digest("old"), now).encode()
    assert files["deploy/web.yaml"].content == FILES["deploy/web.yaml"].replace("slim'", f"slim@{now}'").encode()
    (pull,) = github.repository.pulls
    assert list(pull.labels) == ["dependencies"]


def test_a_second_run_writes_nothing_at_all(basebump, config_file, github, loopback):
    loopback.move("python", "3.12-slim", "now")
    _run(basebump, config_file)
    writes = list(github.writes)
    (proposal,) = _run(basebump, config_file)["proposals"]
    assert proposal["outcome"] == "unchanged"
    assert github.writes == writes


def test_report_and_push_touch_no_request(basebump, config_file, github, loopback):
    loopback.move("python", "3.12-slim", "now")
    _run(basebump, config_file, "report")
    assert github.writes == []
    (proposal,) = _run(basebump, config_file, "push")["proposals"]
    assert proposal["outcome"] == "would-open"
    assert BRANCH in github.branches()
    assert github.requests() == []


def test_the_tag_moves_and_the_same_request_follows(basebump, config_file, github, loopback):
    loopback.move("python", "3.12-slim", "now")
    _run(basebump, config_file)
    newer = loopback.move("python", "3.12-slim", "newer")
    (proposal,) = _run(basebump, config_file)["proposals"]
    assert proposal["outcome"] == "refreshed"
    (request,) = github.requests()
    assert newer[7:19] in request.title
    assert len(github.commits(BRANCH)) == 1


def test_a_token_that_is_not_set_is_exit_2_and_named(basebump, config_file, monkeypatch):
    monkeypatch.delenv("ACME_TOKEN")
    code, _, err = basebump("run", "--config", config_file)
    assert code == 2
    assert "ACME_TOKEN is not set" in err


def test_a_token_that_is_refused_is_exit_1_and_never_shown(basebump, config_file, monkeypatch):
    monkeypatch.setenv("ACME_TOKEN", "ghp_wrong-and-secret")
    code, out, err = basebump("run", "--config", config_file, "--format", "json")
    (failed,) = json.loads(out)["failed"]
    assert code == 1
    assert failed["subject"] == "acme/web"
    assert "ghp_wrong" not in out + err


def test_repositories_of_an_owner_are_selected_and_named_ones_only_once(basebump, config, github, loopback):
    loopback.move("python", "3.12-slim", "now")
    github.server.world.add_repository("acme/api", FILES)
    github.server.world.add_repository("acme/old-archive", FILES)
    selection = 'acme/web, {owner: acme, exclude: ["*-archive"]}'
    config_file = config(
        f'forges: [{{kind: github, url: "{github.server.url}", token_env: ACME_TOKEN, repositories: [{selection}]}}]\n'
    )
    code, out, _ = basebump("run", "--config", config_file, "--format", "json")
    assert code == 0
    assert [each["name"] for each in json.loads(out)["repositories"]] == ["acme/web", "acme/api"]


def test_a_repository_that_was_renamed_is_looked_at_and_the_report_asks_for_its_new_name(
    basebump, config_file, github, loopback
):
    loopback.move("python", "3.12-slim", "now")
    github.server.world.rename("acme/web", "acme/homepage")
    code, out, _ = basebump("run", "--config", config_file, "--repo", "acme/web")
    assert code == 0
    assert github.repository.issues == []
    assert "The config calls it acme/web: write its new name there." in out


@pytest.fixture
def app(tmp_path, monkeypatch):
    stand = GitHubAppStand(tmp_path / "github", FILES)
    stand.repository.private = True
    monkeypatch.setenv("ACME_KEY", private_key())
    yield stand
    stand.end()


def _app_config(config, app):
    return config(
        f'forges: [{{kind: github, url: "{app.server.url}", app: {{id: {app.app.id}, key_env: ACME_KEY}}}}]\n'
        "proposals: {write_delay: 0s}\n"
    )


def test_an_app_proposes_to_all_that_it_is_installed_on(basebump, config, app, loopback):
    loopback.move("python", "3.12-slim", "now")
    (proposal,) = _run(basebump, _app_config(config, app))["proposals"]
    assert proposal["outcome"] == "opened"
    (pull,) = app.repository.pulls
    assert pull.account.login == "bump[bot]"


def test_a_key_that_cannot_sign_is_a_mistake_that_names_its_variable_and_not_its_value(
    basebump, config, app, monkeypatch
):
    monkeypatch.setenv("ACME_KEY", "s3cr3t")
    code, out, err = basebump("run", "--config", _app_config(config, app))
    assert code == 2
    assert "forges[0].app.key_env: the environment variable ACME_KEY holds no private RSA key" in out + err
    assert "s3cr3t" not in out + err
