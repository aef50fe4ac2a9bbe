"""The command line and the config that the inputs of the action result in."""

import json

import pytest

from bot.cli.github_action import MAX_OUTPUT, build_arguments, build_default_config, build_outputs
from bot.model.errors import UsageError
from bot.settings import load
from bot.settings.sections.forges import AppSection

JOB = {"GITHUB_API_URL": "https://github.example.com/api/v3", "GITHUB_REPOSITORY": "acme/web"}


def load_written_settings(tmp_path, **inputs):
    """Return the settings that basebump loads from the config that the action writes for its inputs."""
    environment = JOB | {f"BASEBUMP_{key}": value for key, value in inputs.items()}
    (config,) = [each for each in build_arguments(environment, tmp_path) if each.startswith("--config=")]
    return load(tmp_path / config.removeprefix("--config=").rpartition("/")[2], requires_forges=True)


def test_action_without_inputs_opens_pull_requests_in_the_repository_of_the_workflow(tmp_path):
    assert build_arguments(JOB, tmp_path)[:3] == ["run", f"--config={tmp_path / 'basebump.yaml'}", "--level=propose"]
    (forge,) = load_written_settings(tmp_path).forges
    assert (forge.url, forge.token_env, forge.repositories) == (JOB["GITHUB_API_URL"], "BASEBUMP_TOKEN", ("acme/web",))


def test_action_with_github_app_selects_all_repositories_of_the_installation(tmp_path):
    (forge,) = load_written_settings(tmp_path, APP_ID="12", APP_KEY="-----").forges
    assert (forge.app, forge.token_env, forge.repositories) == (AppSection(id=12, key_env="BASEBUMP_APP_KEY"), None, ())


def test_action_stores_state_at_the_path_given_by_the_state_input(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_written_settings(tmp_path, STATE="kept/state.db").state.path == tmp_path / "kept" / "state.db"
    assert load_written_settings(tmp_path).state is None


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"APP_ID": "12"}, "both"),
        ({"APP_KEY": "-----"}, "both"),
        ({"APP_ID": "basebump", "APP_KEY": "-----"}, "not a number"),
        ({"CONFIG": "b.yaml", "APP_ID": "12", "APP_KEY": "-----"}, "set the value in b.yaml"),
        ({"CONFIG": "b.yaml", "DISPATCH": "ci.yml"}, "set the value in b.yaml"),
    ],
)
def test_contradicting_inputs_of_the_action_are_wrong_usage(tmp_path, inputs, words):
    with pytest.raises(UsageError, match=words):
        build_arguments(JOB | {f"BASEBUMP_{key}": value for key, value in inputs.items()}, tmp_path)


def test_action_input_that_looks_like_an_option_is_passed_as_a_value(tmp_path):
    words = {"CONFIG": "--help", "LEVEL": "--help", "IMAGE": "-x", "REPOSITORIES": "--a, --b", "SHARD": "--help"}
    arguments = build_arguments(JOB | {f"BASEBUMP_{key}": value for key, value in words.items()}, tmp_path)
    assert arguments[1:] == [
        "--config=--help",
        "--level=--help",
        "--repo=--a",
        "--repo=--b",
        "--image=-x",
        "--shard=--help",
        "--advisories",
        f"--export=json={tmp_path / 'report.json'}",
    ]


@pytest.mark.parametrize(("value", "is_on"), [(None, True), ("true", True), ("false", False)])
def test_action_reads_advisory_lists_unless_the_input_is_false(tmp_path, value, is_on):
    inputs = {"BASEBUMP_ADVISORIES": value} if value is not None else {}
    assert ("--advisories" in build_arguments(JOB | inputs, tmp_path)) is is_on


def test_input_with_quotes_and_line_breaks_cannot_add_keys_to_the_config(tmp_path):
    hostile = 'x"]\n  - kind: local\n'
    assert build_default_config(JOB | {"GITHUB_REPOSITORY": hostile})["forges"][0]["repositories"] == [hostile]


def test_long_output_of_the_action_is_cut_only_between_entries():
    failed = [{"subject": f"acme/{number}", "stage": "propose", "error": "é\n" * 400} for number in range(1000)]
    text = build_outputs({"repositories": [], "failed": failed})["failed"]
    assert len(text) <= MAX_OUTPUT
    assert text.isascii()
    assert "\n" not in text
    kept = json.loads(text)
    assert kept == failed[: len(kept)]
    assert len(kept) > 50
