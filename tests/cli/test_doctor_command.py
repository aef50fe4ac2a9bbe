"""`basebump doctor` on the command line: a line for each check, and a reliable exit code."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from pathlib import Path

import pytest
from support.forges.azure.stand import AzureStand
from support.forges.github.stand import GitHubStand
from support.forges.gitlab.stand import GitLabStand
from support.git import DiskRepository
from support.values import digest

from bot.state.database import Database
from bot.state.migration import MIGRATIONS

pytestmark = pytest.mark.real("git")

FILES = {"Dockerfile": f"FROM python:3.12-slim@{digest('old')}\n"}


@pytest.fixture
def local(tmp_path, config):
    """Write a config with a local forge that has one repository, and return its path."""
    DiskRepository.create(tmp_path / "repositories" / "web.git", FILES)

    def write(more: str = "") -> str:
        return config(f"forges: [{{kind: local, url: {tmp_path / 'repositories'}}}]\n{more}")

    return write


@pytest.fixture
def examine(basebump):
    """Run `doctor` with a config.

    Return the exit code, and the checks by area as (mark, subject, tried, found).
    """

    def go(config_file: str, *options: str):
        code, out, err = basebump("doctor", "--config", config_file, "--format", "json", *options)
        checks: dict[str, list] = {}
        assert err == ""
        for each in json.loads(out)["checks"]:
            row = each["mark"], each["subject"], each["tried"], each["found"]
            checks.setdefault(each["area"], []).append(row)
        assert err == ""
        return code, checks

    return go


def list_marks(checks):
    return [each[0] for each in checks]


def test_doctor_prints_a_line_for_each_successful_check(basebump, local, tmp_path):
    code, out, _ = basebump("doctor", "--config", local())
    assert code == 0
    assert f"  ✓ {tmp_path / 'repositories'}: select repositories: 1 selected\n" in out
    assert "  ✓ trust: " in out
    assert "✗" not in out
    assert re.fullmatch(
        r"\d+ checks for runs at the level propose: \d+ passed, 1 had no clear result.*", out.splitlines()[-1]
    )


def test_json_and_text_of_doctor_have_the_same_checks(basebump, local):
    path = local()
    document = json.loads(basebump("doctor", "--config", path, "--format", "json", "--level", "report")[1])
    assert (document["schema"], document["level"]) == (1, "report")
    text = basebump("doctor", "--config", path, "--level", "report")[1].replace("\n    hint: ", "; hint: ")
    for check in document["checks"]:
        assert f"{check['subject']}: {check['tried']}: {check['found']}" in text


def test_doctor_with_invalid_config_is_wrong_usage(basebump, local):
    code, out, err = basebump("doctor", "--config", local("proposals: {templates: {title: '{{'}}\nnonsense: 1\n"))
    assert (code, out) == (2, "")
    assert "nonsense" in err


def test_doctor_with_config_without_forges_is_wrong_usage(basebump, config):
    assert basebump("doctor", "--config", config())[0] == 2


def test_doctor_names_the_variables_of_unset_secrets(examine, local, monkeypatch):
    monkeypatch.delenv("ACME_TOKEN", raising=False)
    monkeypatch.setenv("ACME_EMPTY", "")
    more = "registries: [{host: registry.acme.test, username_env: ACME_TOKEN, password_env: ACME_EMPTY}]\n"
    more += "policy: [{match: {image: docker.io/**}, ignore: true}]\n"
    path = Path(local())
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index("registries:")] + more + text[text.index("own:") :], encoding="utf-8")
    code, checks = examine(path)
    assert code == 1
    token, empty = [found for mark, _, _, found in checks["config"] if mark == "problem"]
    assert "ACME_TOKEN is not set" in token
    assert "ACME_EMPTY" in empty
    registry, image = checks["registries"]
    assert (registry[:2], "ACME_TOKEN" in registry[3]) == (("problem", "registry.acme.test"), True)
    assert (image[0], "no image was named" in image[3]) == ("cannot-tell", True)


def test_doctor_checks_other_forges_if_the_secret_of_one_forge_is_unset(examine, local, tmp_path, monkeypatch):
    monkeypatch.delenv("ACME_TOKEN", raising=False)
    path = Path(local())
    other = "[{kind: gitlab, url: 'http://127.0.0.1:1', token_env: ACME_TOKEN, repositories: [a/b]}, "
    text = path.read_text(encoding="utf-8").replace("forges: [", f"forges: {other}")
    path.write_text(text, encoding="utf-8")
    code, checks = examine(path)
    assert code == 1
    gitlab, folder = checks["forges"]
    assert (gitlab[0], gitlab[1], "ACME_TOKEN" in gitlab[3]) == ("problem", "http://127.0.0.1:1", True)
    assert folder[:2] == ("ok", str(tmp_path / "repositories"))


def test_doctor_reports_missing_folder_of_local_forge(examine, local, tmp_path):
    path = local()
    (tmp_path / "repositories").rename(tmp_path / "elsewhere")
    code, checks = examine(path)
    assert (code, list_marks(checks["forges"])) == (1, ["problem"])


def test_doctor_reports_configured_folder_that_contains_no_repository(examine, config, local, tmp_path):
    local()
    (tmp_path / "repositories" / "notes").mkdir()
    folder = tmp_path / "repositories"
    code, checks = examine(config(f"forges: [{{kind: local, url: {folder}, repositories: [web, notes]}}]\n"))
    assert code == 1
    assert [(mark, subject) for mark, subject, *_ in checks["forges"]] == [("problem", "notes"), ("ok", str(folder))]


@pytest.mark.parametrize("kind", [GitHubStand, GitLabStand])
def test_doctor_reports_configured_repository_that_is_missing_on_the_server(examine, configure, serve, kind):
    stand = serve(kind, FILES)
    code, checks = examine(configure(stand, f"{stand.name}, acme/nowhere"), "--level", "report")
    assert code == 1
    problems = [subject for mark, subject, *_ in checks["forges"] if mark == "problem"]
    assert problems == ["acme/nowhere"]
    assert ("ok", stand.server.url, "select repositories", "1 selected") in checks["forges"]


@pytest.mark.parametrize("kind", [GitHubStand, GitLabStand])
def test_doctor_makes_no_writes_to_a_server(examine, configure, serve, kind):
    stand = serve(kind, FILES)
    examine(configure(stand, more="proposals: {dashboard: true}\nscanners: [{kind: none}]\n"))
    assert stand.server.exchanges
    assert stand.writes == []


def test_doctor_with_try_writes_makes_and_removes_trial_branch(examine, configure, serve):
    stand = serve(AzureStand, FILES)
    path = configure(stand, more="scanners: [{kind: none}]\n")
    _, checks = examine(path, "--try-writes", stand.name)
    tried = [(mark, action) for mark, subject, action, _ in checks["forges"] if subject == stand.name]
    assert ("ok", "create a branch with a commit") in tried
    assert ("ok", "remove the trial") in tried
    assert "problem" not in [mark for mark, _ in tried]
    assert list(stand.branches()) == ["main"]


def test_doctor_refuses_to_try_writes_on_a_repository_that_is_not_selected(basebump, configure, serve):
    stand = serve(AzureStand, FILES)
    path = configure(stand, more="scanners: [{kind: none}]\n")
    code, _, err = basebump("doctor", "--config", path, "--try-writes", "Acme Shop/another")
    assert (code, stand.writes) == (2, [])
    assert "no server in the config has a repository 'Acme Shop/another'" in err


# ---- registries --------------------------------------------------------------------------------------------------


def test_doctor_looks_up_an_image_in_the_mirror_of_docker_hub(examine, local, loopback):
    loopback.move("alpine", "latest", "now")
    code, checks = examine(local())
    assert (code, list_marks(checks["registries"])) == (0, ["ok", "ok"])
    assert loopback.registry.host in checks["registries"][0][2]
    assert checks["registries"][1][1] == "docker.io/library/alpine:latest"


def test_doctor_with_image_option_looks_up_only_images_of_the_option(examine, local, loopback):
    loopback.move("nginx", "1", "now")
    code, checks = examine(local(), "--image", "nginx:1", "--image", "redis")
    assert code == 1
    asked = [(mark, subject) for mark, subject, *_ in checks["registries"]][1:]
    assert asked == [("ok", "docker.io/library/nginx:1"), ("problem", "docker.io/library/redis:latest")]


def test_doctor_looks_up_the_images_of_configured_builds(examine, local, loopback, tmp_path):
    loopback.move("web", "main", "app")
    entries = "".join(f"  - {{repository: web, image: 'docker.io/library/{name}:main'}}\n" for name in ("web", "job"))
    state = f"state: sqlite:///{tmp_path}/state.db\n"
    _, checks = examine(local(f"{state}builds:\n{entries}"))
    found = [(mark, subject) for mark, subject, *_ in checks["registries"]]
    assert ("ok", "docker.io/library/web:main") in found
    assert ("problem", "docker.io/library/job:main") in found


def test_doctor_looks_up_no_image_if_all_images_of_docker_hub_are_own_images(examine, local):
    path = Path(local())
    path.write_text(path.read_text(encoding="utf-8").replace("own: []", 'own: ["docker.io/library/*"]'))
    _, checks = examine(str(path))
    assert checks["registries"][-1][:2] == ("cannot-tell", "images")


def test_doctor_refuses_image_of_an_unlisted_registry(basebump, local):
    code, _, err = basebump("doctor", "--config", local(), "--image", "registry.acme.test/web:1")
    assert (code, "`registries:`" in err) == (2, True)
    assert basebump("doctor", "--config", local(), "--image", "No Image")[0] == 2


# ---- state -------------------------------------------------------------------------------------------------------


def create_state(path, version=None):
    Database.sqlite(path)
    if version is not None:
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE schema_version SET version = ?", (version,))
        connection.close()


def hash_files(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("state*")}


def test_doctor_accepts_state_of_current_version_and_changes_no_files(examine, local, tmp_path):
    create_state(tmp_path / "state.db")
    before = hash_files(tmp_path)
    code, checks = examine(local("state: sqlite:///state.db\n"))
    assert (code, list_marks(checks["state"])) == (0, ["ok", "ok"])
    assert hash_files(tmp_path) == before
    assert list(before) == ["state.db"]


def test_doctor_does_not_create_missing_state(examine, local, tmp_path):
    code, checks = examine(local("state: sqlite:///state.db\n"))
    assert (code, list_marks(checks["state"])) == (0, ["ok"])
    assert "creates it" in checks["state"][0][3]
    assert hash_files(tmp_path) == {}


def test_doctor_accepts_state_of_older_version_and_does_not_migrate_tables(examine, local, tmp_path, monkeypatch):
    create_state(tmp_path / "state.db")
    monkeypatch.setattr("bot.state.examination.MIGRATIONS", (lambda _: None,))
    before = hash_files(tmp_path)
    code, checks = examine(local("state: sqlite:///state.db\n"))
    assert code == 0
    assert "version 1; " in checks["state"][0][3]
    assert hash_files(tmp_path) == before


def test_doctor_reports_state_of_a_newer_release(examine, local, tmp_path):
    create_state(tmp_path / "state.db", version=len(MIGRATIONS) + 2)
    code, checks = examine(local("state: sqlite:///state.db\n"))
    assert (code, list_marks(checks["state"])[0]) == (1, "problem")
    assert "update basebump" in checks["state"][0][3]


def test_doctor_reads_committed_state_from_the_wal_of_another_process(examine, local, tmp_path):
    create_state(tmp_path / "state.db")
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("UPDATE schema_version SET version = ?", (len(MIGRATIONS) + 2,))
        connection.commit()
        assert (tmp_path / "state.db-wal").exists()
        code, checks = examine(local("state: sqlite:///state.db\n"))
    connection.close()
    assert (code, list_marks(checks["state"])[0]) == (1, "problem")


def test_doctor_reports_damaged_state_and_missing_folder_of_state(examine, local, tmp_path):
    (tmp_path / "state.db").write_text("no database " * 100)
    code, checks = examine(local("state: sqlite:///state.db\n"))
    assert (code, list_marks(checks["state"])) == (1, ["problem"])
    assert "hint: move " in checks["state"][0][3]
    code, checks = examine(local("state: sqlite:///nowhere/state.db\n"))
    assert (code, list_marks(checks["state"])) == (1, ["problem"])
    assert "its folder" in checks["state"][0][3]


def test_doctor_checks_settings_of_the_service_if_configured(local, examine, tmp_path, monkeypatch):
    monkeypatch.setenv("LAB_SECRET", "x" * 16)
    monkeypatch.setenv("SHORT_SECRET", "x" * 15)
    state = f"state: sqlite:///{tmp_path}/state.db\n"
    senders = "{kind: acr, secret_env: LAB_SECRET}, {kind: signed, secret_env: SHORT_SECRET}"
    code, checks = examine(local(f"{state}serve: {{listen: '0.0.0.0:8080', events: [{senders}]}}\n"))
    assert (code, list_marks(checks["serve"])) == (1, ["ok", "problem", "cannot-tell"])
    assert [each[1] for each in checks["serve"]] == ["/events/acr", "/events/signed", "0.0.0.0:8080"]
    assert "SHORT_SECRET has fewer than 16 characters; hint: " in checks["serve"][1][3]
    assert list_marks(examine(local(f"{state}serve: {{user_header: X-User}}\n"))[1]["serve"]) == ["ok"]
    assert list_marks(examine(local(f"{state}serve: {{poll: 5m}}\n"))[1]["serve"]) == ["ok"]
    assert "serve" not in examine(local(state))[1]
