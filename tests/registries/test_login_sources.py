"""Sources of logins, and their order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.model.errors import RegistryError
from bot.model.image_name import Digest, TagRef
from bot.registries.credentials import PasswordLogin
from bot.registries.endpoints import EndpointDirectory, RegistryEntry
from bot.registries.keychain import Keychain
from bot.registries.oci import OciRegistry

HOST = "ghcr.io"


def build_auths(user: str, key: str = HOST) -> str:
    return json.dumps({"auths": {key: {"username": user, "password": "word"}}})


def write_file(path: Path, content: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return str(path)


def find_username(environment: dict[str, str], *entries: RegistryEntry, path: str = "a/b") -> str | None:
    login = Keychain(EndpointDirectory(entries), environment).get_credential(HOST, path)
    assert login is None or isinstance(login, PasswordLogin)
    return login and login.username


@pytest.fixture
def all_sources(tmp_path, isolated_home) -> dict[str, str]:
    """Write a different login to every source, and return the environment that names them."""
    docker = Path(write_file(tmp_path / "docker" / "config.json", build_auths("DOCKER_CONFIG"))).parent
    write_file(docker / ".dockerconfigjson", build_auths("DOCKER_CONFIG/.dockerconfigjson"))
    write_file(docker / ".dockercfg", json.dumps({HOST: {"username": "DOCKER_CONFIG/.dockercfg", "password": "word"}}))
    write_file(isolated_home / ".docker" / "config.json", build_auths("~/.docker"))
    write_file(isolated_home / ".config" / "containers" / "auth.json", build_auths("~/.config"))
    write_file(tmp_path / "run" / "containers" / "auth.json", build_auths("XDG_RUNTIME_DIR"))
    write_file(tmp_path / "xdg" / "containers" / "auth.json", build_auths("XDG_CONFIG_HOME"))
    return {
        "DOCKER_AUTH_CONFIG": build_auths("DOCKER_AUTH_CONFIG"),
        "REGISTRY_AUTH_FILE": write_file(tmp_path / "podman.json", build_auths("REGISTRY_AUTH_FILE")),
        "DOCKER_CONFIG": str(docker),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
        "XDG_CONFIG_HOME": str(tmp_path / "xdg"),
    }


def remove_source(environment: dict[str, str], where: str, home: Path) -> None:
    """Remove the login from one source."""
    match where:
        case "DOCKER_CONFIG":
            (Path(environment[where]) / "config.json").unlink()
        case "DOCKER_CONFIG/.dockerconfigjson" | "DOCKER_CONFIG/.dockercfg":
            (Path(environment["DOCKER_CONFIG"]) / where.rpartition("/")[2]).unlink()
            if where.endswith(".dockercfg"):
                del environment["DOCKER_CONFIG"]
        case "~/.docker":
            (home / ".docker" / "config.json").unlink()
        case _:
            del environment[where]


ORDER = [
    "DOCKER_AUTH_CONFIG",
    "REGISTRY_AUTH_FILE",
    "DOCKER_CONFIG",
    "DOCKER_CONFIG/.dockerconfigjson",
    "DOCKER_CONFIG/.dockercfg",
    "~/.docker",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "~/.config",
]


def test_login_in_config_is_used_before_login_files_in_fixed_order(all_sources, isolated_home):
    own = RegistryEntry(HOST, username="entry", password="word")
    assert find_username(all_sources, own) == "entry"
    assert find_username(all_sources, RegistryEntry(HOST, is_anonymous=True)) is None
    for where in ORDER:
        assert find_username(all_sources) == find_username(all_sources, RegistryEntry(HOST)) == where
        if where != "~/.config":
            remove_source(all_sources, where, isolated_home)


def test_next_login_source_is_used_if_first_does_not_cover_repository(all_sources):
    all_sources["DOCKER_AUTH_CONFIG"] = build_auths("one organisation's", f"{HOST}/acme")
    assert find_username(all_sources, path="acme/web") == "one organisation's"
    assert find_username(all_sources, path="other/web") == "REGISTRY_AUTH_FILE"


def test_empty_variable_for_login_source_is_ignored(all_sources):
    assert find_username(all_sources | {"DOCKER_AUTH_CONFIG": "", "REGISTRY_AUTH_FILE": ""}) == "DOCKER_CONFIG"


def test_login_sources_after_a_match_are_not_read(all_sources, tmp_path):
    write_file(tmp_path / "podman.json", "{broken")
    assert find_username(all_sources) == "DOCKER_AUTH_CONFIG"
    with pytest.raises(RegistryError, match=r"podman\.json .*JSON"):
        Keychain(EndpointDirectory(), all_sources).get_credential("quay.io")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("DOCKER_AUTH_CONFIG", "secret", "not JSON"),
        (
            "REGISTRY_AUTH_FILE",
            "/nowhere",
            "which does not exist",
        ),
        ("REGISTRY_AUTH_FILE", "/", "/ cannot be used: Is a directory"),
    ],
)
def test_unusable_login_source_is_reported_without_content(variable, value, said):
    with pytest.raises(RegistryError, match=said) as caught:
        find_username({variable: value})
    assert caught.value.is_failure
    assert "secret" not in str(caught.value)


def test_kubernetes_secret_file_can_be_used_as_login_source(tmp_path):
    secret = write_file(tmp_path / ".dockerconfigjson", build_auths("secret's", "*.io"))
    assert find_username({"REGISTRY_AUTH_FILE": secret}) == "secret's"


def test_login_for_mirrored_repository_is_found_by_path_at_the_mirror():
    digest = Digest("sha256:" + "a" * 64)
    keys = {"docker.io": "upstream", "m.corp": "host", "m.corp/hub/library": "part"}
    logins = {key: {"username": name, "password": "word"} for key, name in keys.items()}
    environment = {"DOCKER_AUTH_CONFIG": json.dumps({"auths": logins})}
    oci = OciRegistry([RegistryEntry("docker.io", mirror="m.corp/hub")], environment=environment)
    assert oci.get_pull_address(TagRef("docker.io/library/nginx", "1"), digest).username == "part"
    assert oci.get_pull_address(TagRef("docker.io/acme/nginx", "1"), digest).username == "host"


def test_login_source_named_by_variable_is_used_if_user_has_no_home_directory(tmp_path, monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)  # as in a container whose user ID has no entry in passwd
    assert find_username({}) is None
    assert find_username({"DOCKER_AUTH_CONFIG": build_auths("named")}) == "named"
