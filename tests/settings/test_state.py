"""`state` in a config: the URLs that it accepts, and the refusal of passwords."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.settings.sections.state import StateFile, StateServer


def test_settings_have_no_state_by_default(read_settings):
    assert read_settings("").state is None


def test_sqlite_path_is_relative_to_config_unless_url_has_four_slashes(read_settings, tmp_path):
    assert read_settings("state: sqlite:///state.db").state == StateFile(tmp_path / "state.db")
    assert read_settings("state: sqlite:///../kept/state 1?.db").state == StateFile(tmp_path / "../kept/state 1?.db")
    assert read_settings("state: sqlite:////var/lib/state.db").state == StateFile(Path("/var/lib/state.db"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://basebump@db.example.com/state",
        "postgresql://basebump@db.example.com:5432/state?sslmode=verify-full",
        "postgresql://db.example.com:5432/state",
        "postgresql+psycopg://basebump@/state?host=/run/postgresql",
        "postgresql+psycopg:///state",
    ],
)
def test_postgresql_urls_are_accepted_as_state(read_settings, url):
    assert read_settings(f"state: {url}").state == StateServer(url)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("state.db", "`sqlite:///PATH`"),
        ("mysql://user@host/state", "`sqlite:///PATH`"),
        ("SQLITE:///state.db", "`sqlite:///PATH`"),
        ("'sqlite://'", "must name a file"),
        ("sqlite:///", "must name a file"),
        ("sqlite://state.db", "three slashes"),
        ("postgresql://user@host", "must name a database"),
        ("postgresql://user@host/", "must name a database"),
        ("postgresql://user@host:port/state", "URL"),
        ("'postgresql://[host/state'", "URL"),
    ],
)
def test_state_url_without_file_or_database_is_refused(read_problems, written, said):
    assert said in read_problems(f"state: {written}")["state"]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:s3cr3t@host/state",
        "postgresql+psycopg://user:s3cr3t@/state?host=/run/postgresql",
        "postgresql://user:@host/state",
        "postgresql://user@host/state?password=s3cr3t",
        "postgresql://user@host/state?sslmode=require&sslpassword=s3cr3t",
    ],
)
def test_state_url_with_password_is_refused_without_showing_password(read_problems, url):
    (said,) = read_problems(f"state: {url}").values()
    assert "environment variable PGPASSWORD" in said
    assert "s3cr3t" not in said


@pytest.mark.parametrize(
    "registry",
    [
        "host: contoso.azurecr.io, auth: azure",
        "host: contoso.azurecr.io, username_env: USER_NAME, password_env: PASSWORD",
        "host: registry.example.com, auth: azure, trusted_realms: [registry.example.com]",
    ],
)
def test_min_age_for_images_on_azure_registry_needs_no_state(read_settings, registry):
    host = registry.partition(",")[0].removeprefix("host: ")
    settings = read_settings(f"registries: [{{{registry}}}]\npolicy: [{{match: {{image: {host}/**}}, min_age: 3d}}]")
    assert settings.policy[0].keys["min_age"] == timedelta(days=3)
