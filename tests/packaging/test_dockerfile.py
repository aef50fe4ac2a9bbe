"""What the Dockerfile of the bot says, as BuildKit's own parser reads it, and as basebump itself does."""

from __future__ import annotations

import json
import re
import shutil

import dockerfile
import pytest
from support.parts import ROOT

from bot.cli.app import main

PATH = ROOT / "Dockerfile"
BASE = "docker.io/library/python:3.13-slim"
"""Pinned or not: the first run of basebump pins it. With its host, because buildah knows no default host."""
INSTRUCTIONS = dockerfile.parse_file(str(PATH))
STARTS = [index for index, each in enumerate(INSTRUCTIONS) if each.cmd.upper() == "FROM"]
STAGES = {
    INSTRUCTIONS[start].value[-1]: INSTRUCTIONS[start:end]
    for start, end in zip(STARTS, [*STARTS[1:], None], strict=True)
    if len(INSTRUCTIONS[start].value) > 1
}
"""The instructions of each stage that has a name, by this name."""
RUNTIME = STAGES["basebump"]


def list_instructions(word, instructions=INSTRUCTIONS):
    return [each for each in instructions if each.cmd.upper() == word]


def test_dockerfile_stages_use_the_base_argument_or_another_stage():
    bases = {name: stage[0].value[0] for name, stage in STAGES.items()}
    assert {name for name, base in bases.items() if base == "${BASE}"} == {"tools", "basebump"}
    assert {base for base in bases.values() if base != "${BASE}"} <= bases.keys()
    (argument,) = INSTRUCTIONS[0].value
    assert re.fullmatch(rf"BASE={re.escape(BASE)}(@sha256:[0-9a-f]{{64}})?", argument)


def test_last_dockerfile_stage_is_the_image_without_a_scanner():
    assert [each.value for each in INSTRUCTIONS[STARTS[-1] :]] == [("basebump",)]


def test_trivy_stage_of_dockerfile_adds_only_the_trivy_program():
    base, label, copied = STAGES["trivy"]
    assert (base.value[0], label.cmd.upper()) == ("basebump", "LABEL")
    assert (copied.cmd.upper(), copied.flags) == ("COPY", ("--from=trivy-program",))


def test_image_runs_as_a_numeric_user_other_than_root():
    (user,) = list_instructions("USER", RUNTIME)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user.value[0])
    assert RUNTIME.index(user) > max(RUNTIME.index(each) for each in list_instructions("RUN", RUNTIME))


def test_cache_and_working_directory_are_in_the_home_of_the_container_user():
    (environment,) = list_instructions("ENV", RUNTIME)
    pairs = dict(zip(environment.value[::2], environment.value[1::2], strict=True))
    assert pairs["XDG_CACHE_HOME"].startswith(pairs["HOME"] + "/")
    (folder,) = list_instructions("WORKDIR", RUNTIME)
    assert folder.value == (pairs["HOME"],)


def test_image_entry_point_is_the_basebump_command_without_a_shell():
    (entry,) = list_instructions("ENTRYPOINT", RUNTIME)
    assert (entry.value, entry.json) == (("basebump",), True)
    assert not list_instructions("CMD")


def test_pip_installs_in_dockerfile_require_hashes_of_a_lock():
    installs = re.findall(r"pip (?:--python \S+ )?install\b(.*?)(?= && |$)", " ".join(PATH.read_text().split()))
    assert len(installs) == 4
    assert all("--no-deps" in each for each in installs)
    assert all(("--require-hashes" in each) != ("--no-index" in each) for each in installs)


def test_dockerfile_runs_pip_check_after_each_locked_install():
    commands = [
        " ".join(each.split()) for each in re.split(r"&&", PATH.read_text(encoding="utf-8").replace("\\\n", ""))
    ]
    locked = [number for number, each in enumerate(commands) if "--require-hashes" in each]
    assert len(locked) == 3
    for number in locked:
        pip = commands[number].partition(" install ")[0]
        assert commands[number + 1].startswith(f"{pip} check")


def test_lock_argument_of_dockerfile_defaults_to_an_existing_file():
    (lock,) = (
        each.value[0].partition("=")[2] for each in list_instructions("ARG") if each.value[0].startswith("LOCK=")
    )
    assert (ROOT / lock).exists()


def test_lock_with_all_extras_has_the_versions_of_the_default_lock():
    def pins(path):
        return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE))

    some, everything = pins("requirements.lock"), pins("deploy/image/everything.lock")
    assert some.items() < everything.items()
    assert {"boto3", "google-auth", "kubernetes", "psycopg", "sigstore"} <= everything.keys() - some.keys()


@pytest.fixture
def build_context(tmp_path):
    """Return a folder with what of this repository says how its image is built, as before its first run."""
    folder = tmp_path / "own"
    folder.mkdir()
    shutil.copy(ROOT / ".basebump.yaml", folder)
    text = PATH.read_text(encoding="utf-8")
    (folder / "Dockerfile").write_text(re.sub("@sha256:[0-9a-f]{64}", "", text), encoding="utf-8")
    return folder


@pytest.mark.slow
def test_basebump_scan_of_this_repository_finds_base_image_and_ignores_tests(capsys):
    assert main(["scan", str(ROOT), "--offline", "--format", "json"]) == 0
    references = json.loads(capsys.readouterr().out)["references"]
    base = [each for each in references if each["path"] == "Dockerfile"]
    assert [(each["written"], each["canonical"], each["tag"]) for each in base] == [
        ("${BASE}", "docker.io/library/python", BASE.rpartition(":")[2])
    ] * 2
    assert {(each["status"], each["reason"]) for each in base} == {("not-checked", "offline")}
    assert {each["reason"] for each in references if each["path"].startswith("tests/")} == {"ignored"}


def test_basebump_scan_with_write_pins_the_base_argument_of_the_dockerfile(build_context, capsys, tmp_path, loopback):
    now = loopback.move("python", "3.13-slim", "now")
    config = tmp_path / "basebump.yaml"
    mirror = f'{{host: docker.io, mirror: "{loopback.registry.host}", insecure: true}}'
    config.write_text(f"schema: 1\nregistries: [{mirror}]\nown: []\n", encoding="utf-8")
    before = (build_context / "Dockerfile").read_text(encoding="utf-8")
    assert main(["scan", str(build_context), "--config", str(config), "--write"]) == 0
    assert "2 update." in capsys.readouterr().out
    after = (build_context / "Dockerfile").read_text(encoding="utf-8")
    assert after == before.replace(f"ARG BASE={BASE}", f"ARG BASE={BASE}@{now}")
