"""Login files: which key applies to which repository."""

from __future__ import annotations

import base64
import json

import pytest

from bot.registries.credential_helpers import HUB_KEY
from bot.registries.credentials import Credential, IdentityToken, PasswordLogin
from bot.registries.login_files import MAX_LOGINS_SIZE, LoginFileFormat, parse_logins

USER = base64.b64encode(b"user:pass:word").decode()


def find_login_of_auths(
    auths: object, account: str, path: str = "", shape: LoginFileFormat = LoginFileFormat.DOCKER
) -> Credential | None:
    """Return the credential for a repository, from a file with these `auths`."""
    document = auths if shape is LoginFileFormat.KUBERNETES_LEGACY else {"auths": auths}
    return parse_logins(json.dumps(document).encode(), shape).find_login(account, path)


def build_auths(*keys: str) -> dict[str, dict[str, str]]:
    """Return entries whose username is their key."""
    return {key: {"username": key, "password": "word"} for key in keys}


def find_username(
    keys: tuple[str, ...], account: str, path: str, shape: LoginFileFormat = LoginFileFormat.DOCKER
) -> str | None:
    login = find_login_of_auths(build_auths(*keys), account, path, shape)
    assert login is None or isinstance(login, PasswordLogin)
    return login and login.username


@pytest.mark.parametrize("shape", LoginFileFormat)
@pytest.mark.parametrize(
    ("key", "account"),
    [
        (HUB_KEY, "docker.io"),
        ("index.docker.io", "docker.io"),
        ("docker.io", "docker.io"),
        ("ghcr.io", "ghcr.io"),
        ("GHCR.io", "ghcr.io"),
        ("https://ghcr.io", "ghcr.io"),
        ("https://ghcr.io/", "ghcr.io"),
        ("https://ghcr.io/v2", "ghcr.io"),
        ("http://127.0.0.1:5000/v2/", "127.0.0.1:5000"),
        ("[::1]:5000", "[::1]:5000"),
    ],
)
def test_login_file_key_matches_host_in_all_spellings(key, account, shape):
    assert find_login_of_auths({key: {"auth": USER}}, account, "a/b", shape) == PasswordLogin("user", "pass:word")


@pytest.mark.parametrize("shape", LoginFileFormat)
@pytest.mark.parametrize(
    "host", ["hcr.io", "a.ghcr.io", "ghcr.io:5000", "ghcr.io.evil.example", "ghcr-io", "xghcr.io", "ghcr.iox"]
)
def test_login_in_login_file_applies_only_to_exact_host(host, shape):
    assert find_login_of_auths({"ghcr.io": {"auth": USER}}, host, "a", shape) is None


def test_exact_login_file_key_has_precedence_over_other_spellings():
    for keys in (("https://ghcr.io/v2/", "ghcr.io", "http://ghcr.io"), ("ghcr.io", "https://ghcr.io")):
        assert find_username(keys, "ghcr.io", "a") == "ghcr.io"


PATHS = ("quay.io", "quay.io/org", "quay.io/org/team", "quay.io/org/team/app")


@pytest.mark.parametrize("shape", LoginFileFormat)
@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("other/app", "quay.io"),
        ("org", "quay.io/org"),
        ("org/app", "quay.io/org"),
        ("organisation/app", "quay.io"),
        ("org/teams/app", "quay.io/org"),
        ("org/team/tool", "quay.io/org/team"),
        ("org/team/app", "quay.io/org/team/app"),
        ("a/org/team", "quay.io"),
    ],
)
def test_login_file_key_with_longest_matching_path_wins(path, key, shape):
    assert find_username(PATHS, "quay.io", path, shape) == key
    assert find_username(PATHS[::-1], "quay.io", path, shape) == key


def test_login_file_key_with_path_does_not_apply_to_other_paths():
    assert find_username(("quay.io/org",), "quay.io", "other/app") is None
    assert find_username(("quay.io/org",), "quay.io", "") is None


@pytest.mark.parametrize(
    ("key", "account", "path", "covers"),
    [
        # https://kubernetes.io/docs/concepts/containers/images/#config-json
        ("*.azurecr.io", "acme.azurecr.io", "app", True),
        ("*.azurecr.io", "a.b.azurecr.io", "app", False),
        ("*.azurecr.io", "azurecr.io", "app", False),
        ("*.azurecr.io", "acme.azurecr.io.evil.example", "app", False),
        ("acme*.azurecr.io", "acme2.azurecr.io", "app", True),
        ("*.azurecr.*", "acme.azurecr.io", "app", True),
        ("acme.*.azurecr.io", "acme.geo.azurecr.io", "app", True),
        ("https://*.azurecr.io", "acme.azurecr.io", "app", True),
        ("*.azurecr.io:5000", "acme.azurecr.io", "app", False),
        ("*.azurecr.io", "acme.azurecr.io:5000", "app", False),
        ("*.azurecr.io:5000", "acme.azurecr.io:5000", "app", True),
        ("*.azurecr.io/team", "acme.azurecr.io", "team/app", True),
        ("*.azurecr.io/team", "acme.azurecr.io", "app", False),
        ("https://acme.azurecr.io/v1/team", "acme.azurecr.io", "team/app", True),
    ],
)
def test_glob_in_kubernetes_login_key_matches_one_label_of_host(key, account, path, covers):
    for shape in (LoginFileFormat.KUBERNETES, LoginFileFormat.KUBERNETES_LEGACY):
        assert (find_username((key,), account, path, shape) == key) == covers
    if "*" in key:
        assert find_username((key,), account, path, LoginFileFormat.DOCKER) is None, (
            "to Docker and Podman a glob is no host"
        )


def test_login_key_with_path_wins_over_exact_host_and_exact_host_over_glob():
    keys = ("*.azurecr.io", "acme.azurecr.io", "*.azurecr.io/team")
    for given in (keys, keys[::-1]):
        assert find_username(given, "acme.azurecr.io", "app", LoginFileFormat.KUBERNETES) == "acme.azurecr.io"
        assert find_username(given, "acme.azurecr.io", "team/app", LoginFileFormat.KUBERNETES) == "*.azurecr.io/team"
        assert find_username(given, "other.azurecr.io", "app", LoginFileFormat.KUBERNETES) == "*.azurecr.io"


def test_credential_helpers_in_kubernetes_secret_are_ignored():
    document = json.dumps({"auths": {}, "credHelpers": {"ghcr.io": "tool"}, "credsStore": "tool"}).encode()
    assert parse_logins(document, LoginFileFormat.DOCKER).get_helper("ghcr.io") == "tool"
    assert parse_logins(document, LoginFileFormat.KUBERNETES).get_helper("ghcr.io") is None


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("config.json", LoginFileFormat.DOCKER),
        ("auth.json", LoginFileFormat.DOCKER),
        (".dockerconfigjson", LoginFileFormat.KUBERNETES),
        (".dockercfg", LoginFileFormat.KUBERNETES_LEGACY),
    ],
)
def test_login_file_format_is_detected_by_file_name(name, shape):
    assert LoginFileFormat.detect_by_name(name) is shape


@pytest.mark.parametrize(
    ("entry", "credential"),
    [
        ({"auth": USER}, PasswordLogin("user", "pass:word")),
        ({"auth": base64.b64encode(b"user:word\0\0").decode()}, PasswordLogin("user", "word")),
        ({"username": "user", "password": "word"}, PasswordLogin("user", "word")),
        ({"auth": USER, "identitytoken": "token"}, IdentityToken("token")),
        ({}, None),
        ({"email": "user@example.org"}, None),
    ],
)
def test_login_file_entry_is_parsed_as_password_or_identity_token(entry, credential):
    assert find_login_of_auths({"a.io": entry}, "a.io") == credential


def test_login_file_above_size_limit_is_refused():
    assert parse_logins(b"{}".ljust(MAX_LOGINS_SIZE)).logins == ()
    with pytest.raises(ValueError, match=f"more than {MAX_LOGINS_SIZE} bytes"):
        parse_logins(b"{}".ljust(MAX_LOGINS_SIZE + 1))
