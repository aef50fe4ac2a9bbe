"""`basebump run` on GitHub: behaviour that other forges do not have."""

import json
import re

import pytest
from support.forges.github.apps import private_key
from support.forges.github.stand import GitHubAppStand, GitHubStand
from support.values import digest

pytestmark = pytest.mark.real("git")

FILES = {"Dockerfile": f"FROM python:3.12-slim@{digest('old')}\n"}


@pytest.fixture
def github(serve):
    return serve(GitHubStand, FILES)


def test_repository_that_is_named_and_selected_by_owner_is_read_once(basebump, configure, github, loopback):
    loopback.move("python", "3.12-slim", "now")
    github.server.world.add_repository("acme/api", FILES)
    github.server.world.add_repository("acme/old-archive", FILES)
    config_file = configure(github, 'acme/web, {owner: acme, exclude: ["*-archive"]}')
    code, out, _ = basebump("run", "--config", config_file, "--format", "json")
    assert code == 0
    assert [each["name"] for each in json.loads(out)["repositories"]] == ["acme/web", "acme/api"]


def test_renamed_repository_is_found_by_the_old_name_in_the_config(basebump, configure, github, loopback):
    loopback.move("python", "3.12-slim", "now")
    github.server.world.rename("acme/web", "acme/homepage")
    code, out, _ = basebump("run", "--config", configure(github), "--repo", "acme/web")
    assert code == 0
    assert github.repository.issues == []
    assert "acme/web: " in out


@pytest.fixture
def app(tmp_path, monkeypatch):
    stand = GitHubAppStand(tmp_path / "github", FILES)
    stand.repository.private = True
    monkeypatch.setenv("ACME_KEY", private_key())
    yield stand
    stand.end()


def write_app_config(config, app):
    return config(
        f'forges: [{{kind: github, url: "{app.server.url}", app: {{id: {app.app.id}, key_env: ACME_KEY}}}}]\n'
        "proposals: {write_delay: 0s}\n"
    )


def test_github_app_opens_pull_requests_in_repositories_of_the_installation(basebump, config, app, loopback):
    loopback.move("python", "3.12-slim", "now")
    code, out, _ = basebump("run", "--config", write_app_config(config, app), "--level", "propose", "--format", "json")
    assert code == 0, out
    (repository,) = json.loads(out)["repositories"]
    (proposal,) = repository["proposals"]
    assert proposal["outcome"] == "opened"
    (pull,) = app.repository.pulls
    assert pull.account.login == "bump[bot]"


def test_invalid_app_key_error_names_the_variable_but_not_the_value(basebump, config, app, monkeypatch):
    monkeypatch.setenv("ACME_KEY", "s3cr3t")
    code, out, err = basebump("run", "--config", write_app_config(config, app))
    assert code == 2
    assert re.search(r"forges\[0\]\.app\.key_env: .*ACME_KEY .*private RSA key", out + err)
    assert "s3cr3t" not in out + err
