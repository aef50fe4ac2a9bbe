"""`basebump config check` and `basebump config schema`."""

from __future__ import annotations

import json

import pytest

from bot.settings.reading.validation import build_json_schema


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
def test_config_check_prints_one_line_with_counts_for_valid_config(basebump, write, text, counts):
    path = write(text)
    assert basebump("config", "check", path) == (0, f"{path} is valid: {counts}\n", "")


def test_config_check_notes_unset_environment_variable_on_stderr(basebump, write, monkeypatch):
    path = write("forges: [{kind: github, repositories: [a/b], token_env: FORGE_TOKEN}]")
    monkeypatch.delenv("FORGE_TOKEN", raising=False)
    code, out, err = basebump("config", "check", path)
    assert (code, out) == (0, f"{path} is valid: 1 forge, 0 registries, 0 rules\n")
    assert err.startswith("note: forges[0].token_env: the environment variable FORGE_TOKEN is not set")
    monkeypatch.setenv("FORGE_TOKEN", "x")
    assert basebump("config", "check", path) == (0, out, "")


def test_config_check_exits_with_2_and_lists_problems_of_invalid_config(basebump, write):
    code, out, err = basebump("config", "check", write("trust: {}"))
    assert (code, out) == (2, "")
    assert "trust: " in err


def test_config_schema_prints_schema_as_json(basebump):
    code, out, _ = basebump("config", "schema")
    assert code == 0
    assert json.loads(out) == build_json_schema()
