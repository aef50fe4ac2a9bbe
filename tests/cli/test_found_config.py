"""Config files that basebump finds: which files these are, and what a file that the user did not name cannot do."""

from __future__ import annotations

import subprocess

import pytest
from support.runs.worlds import write_tree

NOTE = "note: using the config basebump.yaml of this folder\n"


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Create a git repository, and make it the current folder."""
    folder = write_tree(
        tmp_path / "checkout", {"Dockerfile": "FROM golang:1.21\n", "deploy/Dockerfile": "FROM alpine\n"}
    )
    subprocess.run(["git", "init", "-q", folder], check=True)
    monkeypatch.chdir(folder)
    return folder


def test_config_in_the_current_folder_is_used_and_named_on_stderr(basebump, checkout):
    (checkout / "basebump.yaml").write_text("schema: 1\npolicy: [{ignore: true}]\n", encoding="utf-8")
    code, out, err = basebump("scan", "--offline")
    assert (code, err) == (0, NOTE)
    assert "ignored" in out
    code, out, err = basebump("check", "--offline")
    assert (code, err) == (0, NOTE)


@pytest.mark.parametrize("option", [["--no-config"], ["-c", "other.yaml"], ["--no-config", "-c", "other.yaml"]])
def test_config_in_current_folder_is_ignored_if_an_option_names_another_or_none(option, basebump, checkout):
    (checkout / "basebump.yaml").write_text("not a config", encoding="utf-8")
    (checkout / "other.yaml").write_text("schema: 1\n", encoding="utf-8")
    code, _, err = basebump("scan", "--offline", *option)
    assert (code, err) == (0, "")


def test_config_in_scanned_folder_or_parent_folder_is_not_used(basebump, checkout, monkeypatch):
    for folder in (checkout, checkout / "deploy" / "inner"):
        folder.mkdir(exist_ok=True)
        (folder / "basebump.yaml").write_text("not a config", encoding="utf-8")
    monkeypatch.chdir(checkout / "deploy")
    code, _, err = basebump("scan", "inner", "--offline")
    assert (code, err) == (0, "")


def test_symbolic_link_in_the_current_folder_is_not_used_as_config(basebump, checkout, tmp_path):
    (tmp_path / "outside.yaml").write_text("not a config", encoding="utf-8")
    (checkout / "basebump.yaml").symlink_to(tmp_path / "outside.yaml")
    code, _, err = basebump("scan", "--offline")
    assert (code, err) == (0, "")


def test_log_option_with_value_none_suppresses_the_note_about_the_config(basebump, checkout):
    (checkout / "basebump.yaml").write_text("schema: 1\n", encoding="utf-8")
    assert basebump("scan", "--offline", "--log", "none")[2] == ""


HARMFUL = {
    "secret": "registries: [{host: x.example, username_env: PATH, password_env: HOME}]",
    "identity": "registries: [{host: example.azurecr.io, auth: azure}]",
    "plain http": "registries: [{host: ghcr.io, insecure: true}]",
    "plain http to a mirror": 'registries: [{host: "127.0.0.1:5000", mirror: x.example, insecure: true}]',
    "authority": "registries: [{host: ghcr.io, ca: ca.pem}]",
    "realm": "registries: [{host: ghcr.io, trusted_realms: [x.example]}]",
    "program": "scanners: [{kind: trivy, binary: ./trivy}]",
    "server": 'scanners: [{kind: trivy, server: "https://x.example", token_env: HOME}]',
    "service": 'scanners: [{kind: auto, osv: "https://x.example"}]',
    "private packages": "scanners: [{kind: auto, send: [x.example]}]",
    "cloud": "scanners: [{kind: defender}]",
    "database": "scanners: [{kind: grype, database: 'https://x.example/latest.json'}]",
    "token for sources": "enrichment: {source_changes: true, github_token_env: HOME}",
    "state": "state: sqlite:///state.db",
}


@pytest.mark.parametrize("name", HARMFUL)
@pytest.mark.parametrize("command", [["scan"], ["check"], ["resolve", "alpine"], ["compare", "alpine:1", "alpine:2"]])
def test_harmful_config_in_current_folder_is_refused_if_not_named_by_an_option(name, command, basebump, checkout):
    (checkout / "basebump.yaml").write_text(f"schema: 1\n{HARMFUL[name]}\n", encoding="utf-8")
    code, out, err = basebump(*command)
    assert (code, out) == (2, "")
    assert "is used only if you name the config" in err
    assert "-c basebump.yaml" in err
    assert not (checkout / "state.db").exists()


@pytest.mark.parametrize("name", HARMFUL)
def test_offline_check_uses_policy_of_harmful_config_in_current_folder(name, basebump, checkout):
    config = f"schema: 1\n{HARMFUL[name]}\npolicy: [{{ignore: true}}]\n"
    (checkout / "basebump.yaml").write_text(config, encoding="utf-8")
    assert basebump("check", "--offline")[0] == 0


def test_config_in_current_folder_can_set_loopback_mirror_and_installed_scanners(basebump, checkout, loopback):
    scanners = ["{kind: trivy, match: {image: docker.io/library/x}}", "{kind: auto, osv: none}"]
    registry = f'{{host: docker.io, mirror: "{loopback.registry.host}", insecure: true}}'
    config = f"schema: 1\nregistries: [{registry}]\nscanners: [{', '.join(scanners)}]\n"
    (checkout / "basebump.yaml").write_text(config, encoding="utf-8")
    code, _, err = basebump("scan", "deploy", "--log", "none")
    assert (code, err) == (0, "")


@pytest.mark.parametrize("command", [["run"], ["doctor"], ["close", "a", "b"]])
def test_command_that_requires_a_config_reports_missing_config(command, basebump, checkout):
    code, _, err = basebump(*command)
    assert code == 2
    assert err.startswith(
        "error: there is no config: the current folder contains no basebump.yaml\nhint: name the config"
    )


def test_run_uses_the_config_in_the_current_folder(basebump, checkout, tmp_path):
    (tmp_path / "empty").mkdir()
    config = f"schema: 1\nforges: [{{kind: local, url: {tmp_path / 'empty'}}}]\n"
    (checkout / "basebump.yaml").write_text(config, encoding="utf-8")
    assert basebump("run")[2].startswith(NOTE)


def test_rules_in_the_root_of_the_checkout_apply_to_scanned_subfolder(basebump, checkout):
    (checkout / ".basebump.yaml").write_text(
        "schema: 1\npolicy: [{match: {path: deploy/*}, ignore: true}]\n", encoding="utf-8"
    )
    code, out, err = basebump("scan", "deploy", "--offline")
    assert (code, err) == (0, "note: also using the rules of this repository in .basebump.yaml\n")
    assert "ignored" in out


def test_rules_in_parent_folder_of_the_checkout_do_not_apply(basebump, checkout):
    (checkout.parent / ".basebump.yaml").write_text("not a config", encoding="utf-8")
    assert basebump("scan", "deploy", "--offline")[::2] == (0, "")
    assert basebump("scan", "--offline")[::2] == (0, "")


def test_rules_in_the_scanned_folder_replace_rules_in_the_root_of_the_checkout(basebump, checkout):
    (checkout / ".basebump.yaml").write_text("schema: 1\npolicy: [{ignore: true}]\n", encoding="utf-8")
    (checkout / "deploy" / ".basebump.yaml").write_text("schema: 1\n", encoding="utf-8")
    assert "ignored" not in basebump("scan", "deploy", "--offline")[1]
