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


def auths(user: str, key: str = HOST) -> str:
    return json.dumps({"auths": {key: {"username": user, "password": "word"}}})


def write(path: Path, content: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return str(path)


def user(environment: dict[str, str], *entries: RegistryEntry, path: str = "a/b") -> str | None:
    login = Keychain(EndpointDirectory(entries), environment).get_credential(HOST, path)
    assert login is None or isinstance(login, PasswordLogin)
    return login and login.username


@pytest.fixture
def everything(tmp_path, a_home_of_its_own) -> dict[str, str]:
    """Write a different login to every source, and return the environment that names them."""
    docker = Path(write(tmp_path / "docker" / "config.json", auths("DOCKER_CONFIG"))).parent
    write(docker / ".dockerconfigjson", auths("DOCKER_CONFIG/.dockerconfigjson"))
    write(docker / ".dockercfg", json.dumps({HOST: {"username": "DOCKER_CONFIG/.dockercfg", "password": "word"}}))
    write(a_home_of_its_own / ".docker" / "config.json", auths("~/.docker"))
    write(a_home_of_its_own / ".config" / "containers" / "auth.json", auths("~/.config"))
    write(tmp_path / "run" / "containers" / "auth.json", auths("XDG_RUNTIME_DIR"))
    write(tmp_path / "xdg" / "containers" / "auth.json", auths("XDG_CONFIG_HOME"))
    return {
        "DOCKER_AUTH_CONFIG": auths("DOCKER_AUTH_CONFIG"),
        "REGISTRY_AUTH_FILE": write(tmp_path / "podman.json", auths("REGISTRY_AUTH_FILE")),
        "DOCKER_CONFIG": str(docker),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
        "XDG_CONFIG_HOME": str(tmp_path / "xdg"),
    }


def remove(environment: dict[str, str], where: str, home: Path) -> None:
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


def test_the_variables_of_the_entry_come_before_all_others_and_after_them_there_is_an_order(
    everything, a_home_of_its_own
):
    own = RegistryEntry(HOST, username="entry", password="word")
    assert user(everything, own) == "entry"
    assert user(everything, RegistryEntry(HOST, is_anonymous=True)) is None
    for where in ORDER:
        assert user(everything) == user(everything, RegistryEntry(HOST)) == where
        if where != "~/.config":
            remove(everything, where, a_home_of_its_own)


def test_a_place_that_does_not_know_the_repository_leaves_it_to_the_next(everything):
    everything["DOCKER_AUTH_CONFIG"] = auths("one organisation's", f"{HOST}/acme")
    assert user(everything, path="acme/web") == "one organisation's"
    assert user(everything, path="other/web") == "REGISTRY_AUTH_FILE"


def test_an_empty_variable_names_nothing(everything):
    assert user(everything | {"DOCKER_AUTH_CONFIG": "", "REGISTRY_AUTH_FILE": ""}) == "DOCKER_CONFIG"


def test_what_was_found_is_enough_and_the_rest_is_not_read(everything, tmp_path):
    write(tmp_path / "podman.json", "{broken")
    assert user(everything) == "DOCKER_AUTH_CONFIG"
    with pytest.raises(RegistryError, match=r"podman\.json .*JSON"):
        Keychain(EndpointDirectory(), everything).get_credential("quay.io")


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
def test_a_place_that_is_named_and_cannot_be_used_is_said(variable, value, said):
    with pytest.raises(RegistryError, match=said) as caught:
        user({variable: value})
    assert caught.value.is_failure
    assert "secret" not in str(caught.value)


def test_a_secret_may_be_named_as_a_file_too(tmp_path):
    secret = write(tmp_path / ".dockerconfigjson", auths("secret's", "*.io"))
    assert user({"REGISTRY_AUTH_FILE": secret}) == "secret's"


def test_a_repository_of_a_mirror_is_looked_for_under_the_mirrors_own_path():
    digest = Digest("sha256:" + "a" * 64)
    keys = {"docker.io": "upstream", "m.corp": "host", "m.corp/hub/library": "part"}
    logins = {key: {"username": name, "password": "word"} for key, name in keys.items()}
    environment = {"DOCKER_AUTH_CONFIG": json.dumps({"auths": logins})}
    oci = OciRegistry([RegistryEntry("docker.io", mirror="m.corp/hub")], environment=environment)
    assert oci.get_pull_address(TagRef("docker.io/library/nginx", "1"), digest).username == "part"
    assert oci.get_pull_address(TagRef("docker.io/acme/nginx", "1"), digest).username == "host"


def test_who_has_no_home_still_has_what_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)  # as in a container whose user ID has no entry in passwd
    assert user({}) is None
    assert user({"DOCKER_AUTH_CONFIG": auths("named")}) == "named"
