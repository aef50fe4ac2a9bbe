"""Login files: which key applies to which repository."""

from __future__ import annotations

import base64
import json

import pytest

from bot.registries.credential_helpers import HUB_KEY
from bot.registries.credentials import Credential, IdentityToken, PasswordLogin
from bot.registries.login_files import MAX_LOGINS_SIZE, LoginFileFormat, parse_logins

USER = base64.b64encode(b"user:pass:word").decode()


def found(
    auths: object, account: str, path: str = "", shape: LoginFileFormat = LoginFileFormat.DOCKER
) -> Credential | None:
    """Return the credential for a repository, from a file with these `auths`."""
    document = auths if shape is LoginFileFormat.KUBERNETES_LEGACY else {"auths": auths}
    return parse_logins(json.dumps(document).encode(), shape).find_login(account, path)


def named(*keys: str) -> dict[str, dict[str, str]]:
    """Return entries whose username is their key."""
    return {key: {"username": key, "password": "word"} for key in keys}


def user(keys: tuple[str, ...], account: str, path: str, shape: LoginFileFormat = LoginFileFormat.DOCKER) -> str | None:
    login = found(named(*keys), account, path, shape)
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
def test_a_key_is_a_host_however_it_was_written(key, account, shape):
    assert found({key: {"auth": USER}}, account, "a/b", shape) == PasswordLogin("user", "pass:word")


@pytest.mark.parametrize("shape", LoginFileFormat)
@pytest.mark.parametrize(
    "host", ["hcr.io", "a.ghcr.io", "ghcr.io:5000", "ghcr.io.evil.example", "ghcr-io", "xghcr.io", "ghcr.iox"]
)
def test_a_login_is_for_exactly_its_host(host, shape):
    assert found({"ghcr.io": {"auth": USER}}, host, "a", shape) is None


def test_the_exact_key_comes_before_its_other_spellings():
    for keys in (("https://ghcr.io/v2/", "ghcr.io", "http://ghcr.io"), ("ghcr.io", "https://ghcr.io")):
        assert user(keys, "ghcr.io", "a") == "ghcr.io"


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
def test_the_longest_path_that_begins_the_repositorys_wins_by_whole_segments(path, key, shape):
    assert user(PATHS, "quay.io", path, shape) == key
    assert user(PATHS[::-1], "quay.io", path, shape) == key


def test_a_key_for_less_than_a_host_is_no_login_to_the_rest_of_it():
    assert user(("quay.io/org",), "quay.io", "other/app") is None
    assert user(("quay.io/org",), "quay.io", "") is None


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
def test_kubernetes_has_globs_that_stop_at_dots(key, account, path, covers):
    for shape in (LoginFileFormat.KUBERNETES, LoginFileFormat.KUBERNETES_LEGACY):
        assert (user((key,), account, path, shape) == key) == covers
    if "*" in key:
        assert user((key,), account, path, LoginFileFormat.DOCKER) is None, "to Docker and Podman a glob is no host"


def test_a_name_comes_before_a_glob_and_a_path_before_both():
    keys = ("*.azurecr.io", "acme.azurecr.io", "*.azurecr.io/team")
    for given in (keys, keys[::-1]):
        assert user(given, "acme.azurecr.io", "app", LoginFileFormat.KUBERNETES) == "acme.azurecr.io"
        assert user(given, "acme.azurecr.io", "team/app", LoginFileFormat.KUBERNETES) == "*.azurecr.io/team"
        assert user(given, "other.azurecr.io", "app", LoginFileFormat.KUBERNETES) == "*.azurecr.io"


def test_a_secret_of_kubernetes_names_no_helpers():
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
def test_the_name_of_a_file_says_how_it_is_read(name, shape):
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
def test_an_entry_holds_a_login_or_an_identity_token(entry, credential):
    assert found({"a.io": entry}, "a.io") == credential


def test_a_file_that_is_too_large_for_logins_is_not_read():
    assert parse_logins(b"{}".ljust(MAX_LOGINS_SIZE)).logins == ()
    with pytest.raises(ValueError, match=f"more than {MAX_LOGINS_SIZE} bytes"):
        parse_logins(b"{}".ljust(MAX_LOGINS_SIZE + 1))
