"""Choice of the credential for a registry."""

from __future__ import annotations

import base64
import json
import sys
import time
from pathlib import Path

import pytest

from bot.model.errors import RegistryError
from bot.model.vocabulary import Reason
from bot.registries import credential_helpers
from bot.registries.credential_helpers import HUB_KEY
from bot.registries.credentials import IdentityToken, PasswordLogin
from bot.registries.endpoints import EndpointDirectory, RegistryEntry
from bot.registries.keychain import Keychain
from bot.registries.login_files import MAX_LOGINS_SIZE

USER = base64.b64encode(b"user:pass:word").decode()


def build_keychain(home: Path, document: object = None, *entries: RegistryEntry, **environment: str) -> Keychain:
    """Return the keychain of a user whose `docker login` wrote `document`."""
    if document is not None:
        folder = home / ".docker"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(document if isinstance(document, str) else json.dumps(document))
    return Keychain(EndpointDirectory(entries), environment)


@pytest.fixture
def helper(tmp_path, monkeypatch):
    """Install a credential helper `docker-credential-<name>` that runs `body`, and return the log of its calls."""

    def install(name: str, body: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        log = tmp_path / f"{name}.log"
        program = folder / f"docker-credential-{name}"
        program.write_text(
            f"#!{sys.executable}\nimport json, os, sys\nserver = sys.stdin.read()\n"
            f"with open({str(log)!r}, 'a') as log:\n"
            f"    print(json.dumps([sys.argv[1:], server, dict(os.environ)]), file=log)\n{body}\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        return log

    return install


def build_helper_body(username: str, secret: str) -> str:
    return f"print(json.dumps({{'ServerURL': server, 'Username': {username!r}, 'Secret': {secret!r}}}))"


def test_registry_credential_is_none_without_any_login(isolated_home):
    assert build_keychain(isolated_home).get_credential("docker.io") is None


@pytest.mark.parametrize(
    "path",
    [
        *("config.json", ".docker/config.json", ".dockercfg", ".dockerconfigjson", "auth.json"),
        *("containers/auth.json", ".config/containers/auth.json"),
    ],
)
def test_registry_login_files_in_working_directory_are_ignored(helper, isolated_home, tmp_path, monkeypatch, path):
    log = helper("tool", build_helper_body("user", "word"))
    planted = tmp_path / "cloned" / path
    planted.parent.mkdir(parents=True)
    planted.write_text(json.dumps({"credsStore": "tool", "auths": {"ghcr.io": {"auth": USER}}}))
    monkeypatch.chdir(tmp_path / "cloned")
    assert build_keychain(isolated_home).get_credential("ghcr.io") is None
    assert not log.exists()


def test_credential_in_config_has_precedence_over_docker_login(isolated_home):
    entry = RegistryEntry("ghcr.io", username="own", password="word")
    chain = build_keychain(isolated_home, {"auths": {"ghcr.io": {"auth": USER}}}, entry)
    assert chain.get_credential("ghcr.io") == PasswordLogin("own", "word")


def test_registry_configured_as_anonymous_reads_no_login_file(isolated_home):
    entry = RegistryEntry("ghcr.io", is_anonymous=True)
    assert build_keychain(isolated_home, "{broken", entry).get_credential("ghcr.io") is None


def test_docker_config_variable_selects_folder_of_login_file(tmp_path, isolated_home):
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"ghcr.io": {"auth": USER}}}))
    chain = build_keychain(isolated_home, {"auths": {}}, DOCKER_CONFIG=str(tmp_path))
    assert chain.get_credential("ghcr.io") == PasswordLogin("user", "pass:word")


@pytest.mark.parametrize(
    "content",
    [
        "{secret",
        "[" * 100_000,
        '["secret"]',
        '{"auths": ["secret"]}',
        '{"auths": {"a.io": "secret"}}',
        '{"auths": {"a.io": {"auth": "secret!"}}}',
        json.dumps({"auths": {"a.io": {"auth": base64.b64encode(b"secret").decode()}}}),
        '{"credHelpers": "secret"}',
        '"' + "x" * MAX_LOGINS_SIZE + '"',
    ],
)
def test_malformed_login_file_is_reported_without_content(content, isolated_home):
    with pytest.raises(RegistryError, match=r"config\.json cannot be used: .*anonymous") as caught:
        build_keychain(isolated_home, content).get_credential("a.io")
    assert caught.value.reason is Reason.DENIED
    assert caught.value.is_failure
    assert "secret" not in str(caught.value)


def test_passwords_and_identity_tokens_are_hidden_in_repr():
    assert "secret" not in repr([PasswordLogin("user", "secret"), IdentityToken("secret")])


def test_credential_helper_is_run_only_for_configured_host(helper, isolated_home):
    log = helper("tool", build_helper_body("user", "word"))
    chain = build_keychain(isolated_home, {"credHelpers": {"ghcr.io": "tool"}, "auths": {"quay.io": {"auth": USER}}})
    assert chain.get_credential("ghcr.io") == PasswordLogin("user", "word")
    assert chain.get_credential("quay.io") == PasswordLogin("user", "pass:word")
    arguments, server, _ = json.loads(log.read_text())
    assert (arguments, server) == (["get"], "ghcr.io")


def test_credential_store_is_run_once_per_host(helper, isolated_home):
    log = helper("desktop", build_helper_body("<token>", "refresh"))
    chain = build_keychain(isolated_home, {"credsStore": "desktop", "auths": {HUB_KEY: {}}})
    assert [chain.get_credential("docker.io") for _ in range(3)] == [IdentityToken("refresh")] * 3
    assert [json.loads(line)[1] for line in log.read_text().splitlines()] == [HUB_KEY]


def test_auths_of_login_file_are_used_if_credential_store_has_no_credential(helper, isolated_home):
    helper("desktop", "print('credentials not found in native keychain'); sys.exit(1)")
    chain = build_keychain(isolated_home, {"credsStore": "desktop", "auths": {"ghcr.io": {"auth": USER}}})
    assert chain.get_credential("ghcr.io") == PasswordLogin("user", "pass:word")
    assert chain.get_credential("quay.io") is None


def test_credential_helper_gets_cloud_variables_but_no_tokens(helper, isolated_home, monkeypatch):
    log = helper("ecr-login", build_helper_body("AWS", "word"))
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    chain = build_keychain(
        isolated_home, {"credsStore": "ecr-login"}, AWS_PROFILE="prod", GITHUB_TOKEN="secret", OTHER="secret"
    )
    chain.get_credential("docker.io")
    environment = json.loads(log.read_text())[2]
    assert environment["AWS_PROFILE"] == "prod"
    assert "secret" not in environment.values()


@pytest.mark.parametrize("name", ["../evil", "a b", "-x", "a/b", "$(x)"])
def test_invalid_name_of_credential_helper_is_refused(name, isolated_home):
    with pytest.raises(RegistryError, match="a valid name"):
        build_keychain(isolated_home, {"credsStore": name}).get_credential("docker.io")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("print('secret'); sys.exit(1)", "failed with exit status 1"),
        ("print('secret')", "return a credential"),
        ("print('[]')", "return a credential"),
        ("print('x' * 100000)", "more than"),
    ],
)
def test_failed_credential_helper_is_reported_without_quoting_output(body, said, helper, isolated_home):
    helper("tool", body)
    with pytest.raises(RegistryError, match=said) as caught:
        build_keychain(isolated_home, {"credsStore": "tool"}).get_credential("docker.io")
    assert caught.value.is_failure
    assert "secret" not in str(caught.value)


def test_identity_token_is_not_passed_on_as_login_for_other_programs(isolated_home):
    chain = build_keychain(isolated_home, {"auths": {"ghcr.io": {"identitytoken": "refresh"}}})
    assert chain.get_credential("ghcr.io") == IdentityToken("refresh")
    assert chain.get_login("ghcr.io") is None


def test_credential_helper_is_stopped_after_timeout(helper, isolated_home, monkeypatch):
    monkeypatch.setattr(credential_helpers, "HELPER_TIMEOUT", 0.5)
    helper("tool", f"import time; time.sleep(120); {build_helper_body('user', 'word')}")
    began = time.monotonic()
    with pytest.raises(RegistryError, match="docker-credential-tool"):
        build_keychain(isolated_home, {"credsStore": "tool"}).get_credential("docker.io")
    assert time.monotonic() - began < 60


def test_failed_credential_helper_is_run_once_per_host(helper, isolated_home):
    log = helper("tool", "sys.exit(1)")
    chain = build_keychain(isolated_home, {"credsStore": "tool"})
    for repository in ("a", "b"):
        with pytest.raises(RegistryError, match="failed with exit status 1"):
            chain.get_credential("ghcr.io", repository)
    assert len(log.read_text().splitlines()) == 1


def test_missing_credential_helper_is_reported(isolated_home):
    with pytest.raises(RegistryError, match="docker-credential-nowhere could not be started"):
        build_keychain(isolated_home, {"credsStore": "nowhere"}).get_credential("docker.io")
