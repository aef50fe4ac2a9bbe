"""`basebump config`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from bot.cli.config import command
from bot.model.errors import ConfigError
from bot.settings.schema import json_schema


@pytest.fixture
def basebump_config():
    def _run(*arguments: str):
        return CliRunner().invoke(command, [str(each) for each in arguments])

    return _run


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("", "0 forges, 0 registries, 0 rules"),
        (
            "forges: [{kind: local, url: x}]\nregistries: [{host: ghcr.io}]\npolicy: [{pin: true}]",
            "1 forge, 1 registry, 1 rule",
        ),
        ("registries: [{host: ghcr.io}, {host: quay.io}]\npolicy: [{pin: true}, {pin: false}]",
         "0 forges, 2 registries, 2 rules"),
    ],
)  # fmt: skip
def test_a_valid_file_is_one_line_on_stdout(basebump_config, write, text, counts):
    path = write(text)
    result = basebump_config("check", path)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{path} is valid: {counts}\n", "")


def test_a_variable_that_is_not_set_is_a_note_on_stderr(basebump_config, write, monkeypatch):
    path = write("forges: [{kind: github, repositories: [a/b], token_env: FORGE_TOKEN}]")
    monkeypatch.delenv("FORGE_TOKEN", raising=False)
    result = basebump_config("check", path)
    assert result.exit_code == 0
    assert result.stdout == f"{path} is valid: 1 forge, 0 registries, 0 rules\n"
    assert result.stderr.startswith("note: forges[0].token_env: the environment variable FORGE_TOKEN is not set")
    monkeypatch.setenv("FORGE_TOKEN", "x")
    assert basebump_config("check", path).stderr == ""


def test_a_wrong_file_raises_what_the_command_line_turns_into_exit_code_2(basebump_config, write):
    result = basebump_config("check", write("trust: {}"))
    assert isinstance(result.exception, ConfigError)
    assert result.stdout == ""


def test_the_schema_is_printed_as_json(basebump_config):
    result = basebump_config("schema")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == json_schema()
