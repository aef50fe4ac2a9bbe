"""Secrets: a config names environment variables, which are read when they are needed."""

from __future__ import annotations

import pytest

from bot.model.errors import ConfigError

TEXT = """
forges:
  - {kind: local, url: x}
  - {kind: github, repositories: [a/b], token_env: FORGE_TOKEN}
  - {kind: gitlab, repositories: [a/b], token_env: LAB_TOKEN}
registries:
  - {host: ghcr.io, username_env: SHARED, password_env: FORGE_TOKEN}
  - {host: quay.io}
"""


def test_secret_is_read_from_environment_variable(read_settings):
    assert read_settings(TEXT).get_secret("FORGE_TOKEN", {"FORGE_TOKEN": "s3cr3t"}) == "s3cr3t"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_trailing_line_break_of_secret_is_removed_but_spaces_are_kept(read_settings, end):
    settings = read_settings(TEXT)
    assert settings.get_secret("SHARED", {"SHARED": f" pass word {end}"}) == " pass word "
    assert settings.get_token("FORGE_TOKEN", {"FORGE_TOKEN": f" s3cr3t{end}"}) == "s3cr3t"
    assert len(settings.list_unset_variables(dict.fromkeys(("FORGE_TOKEN", "LAB_TOKEN", "SHARED"), end))) == 4


@pytest.mark.parametrize("value", ["s3cr3t\ns3cr3t", "s3cr3t s3cr3t", "s3cr3t\x00", "Bearer s3cr3t", "s3cr3t-ä", "  "])
def test_token_that_cannot_be_a_header_is_refused_and_not_shown(read_settings, value):
    with pytest.raises(ConfigError) as raised:
        read_settings(TEXT).get_token("LAB_TOKEN", {"LAB_TOKEN": value})
    assert [problem.key for problem in raised.value.problems] == ["forges[2].token_env"]
    assert "s3cr3t" not in str(raised.value)


@pytest.mark.parametrize("environment", [{}, {"FORGE_TOKEN": "", "SHARED": "s3cr3t"}, {"FORGE_TOKEN": "\n"}])
def test_error_for_unset_variable_lists_all_keys_that_name_variable(read_settings, environment):
    settings = read_settings(TEXT)
    with pytest.raises(ConfigError) as raised:
        settings.get_secret("FORGE_TOKEN", environment)
    assert [problem.key for problem in raised.value.problems] == ["forges[1].token_env", "registries[0].password_env"]
    assert all("FORGE_TOKEN is not set" in problem.message for problem in raised.value.problems)
    assert settings.source in str(raised.value)
    assert "s3cr3t" not in str(raised.value)


def test_unreplaced_azure_pipelines_variable_is_refused_as_token(read_settings):
    settings = read_settings(TEXT)
    with pytest.raises(ConfigError, match="the pipeline job has no such variable"):
        settings.get_token("FORGE_TOKEN", {"FORGE_TOKEN": "$(System.AccessToken)"})
    assert settings.get_secret("FORGE_TOKEN", {"FORGE_TOKEN": "a$(b)"}) == "a$(b)"


def test_app_key_is_read_like_other_secrets(read_settings):
    settings = read_settings("forges: [{kind: github, app: {id: 7, key_env: APP_KEY}}]")
    assert [problem.key for problem in settings.list_unset_variables({})] == ["forges[0].app.key_env"]
    assert str(settings.build_variable_error("APP_KEY", "is none")).endswith("forges[0].app.key_env: is none")


def test_config_lists_all_keys_with_unset_variables(read_settings):
    settings = read_settings(TEXT)
    known = {"FORGE_TOKEN": "x", "LAB_TOKEN": "z"}
    assert [problem.key for problem in settings.list_unset_variables(known)] == ["registries[0].username_env"]
    assert settings.list_unset_variables(known | {"SHARED": "y"}) == ()
    assert len(settings.list_unset_variables({})) == 4


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_line_breaks_at_end_of_secret_from_file_are_removed(read_settings, end):
    settings = read_settings(TEXT)
    assert settings.get_secret("FORGE_TOKEN", {"FORGE_TOKEN": f"s3cr3t{end}"}) == "s3cr3t"
    assert settings.get_token("FORGE_TOKEN", {"FORGE_TOKEN": f"s3cr3t{end}"}) == "s3cr3t"
    assert "forges[1].token_env" in {problem.key for problem in settings.list_unset_variables({"FORGE_TOKEN": end})}


@pytest.mark.parametrize("value", ["s3c\nr3t", "s3c r3t", "s3c\x00r3t", "s3crét"])
def test_invalid_token_is_refused_and_not_shown(read_settings, value):
    with pytest.raises(ConfigError) as raised:
        read_settings(TEXT).get_token("FORGE_TOKEN", {"FORGE_TOKEN": value})
    assert "FORGE_TOKEN does not contain a valid token" in str(raised.value)
    assert "s3c" not in str(raised.value)
