"""`basebump run` with tasks of an Azure registry. GitHub, Entra and Azure's resource manager are emulators."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.clouds.arm import CONTOSO, FakeResourceManager, docker, encoded, file_task, task
from support.clouds.azure_scene import MANAGERS, build_secret_environment, manager
from support.clouds.entra import SECRET, FakeEntra
from support.forges.github.stand import GitHubStand
from support.git import DiskRepository
from support.registries.docker_registry import SelfSignedCertificate
from support.tunnel import refuse_dns_queries
from support.values import digest

pytestmark = pytest.mark.real("git")

FILES = {
    "Dockerfile": "FROM node:22\n",
    "app/Dockerfile": f"FROM python:3.12-slim@{digest('old')}\nCOPY --from=alpine:3.22 /a /a\n",
    "pod.yaml": "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: nginx:1\n",
}


@pytest.fixture
def github(serve):
    return serve(GitHubStand, FILES)


@pytest.fixture
def arm(tmp_path, monkeypatch):
    """Start a resource manager that is reached by its name through the operator's proxy, with an identity for it."""
    refuse_dns_queries(monkeypatch)
    certificate = SelfSignedCertificate.make(tmp_path, *MANAGERS)
    with FakeEntra(certificate) as entra, FakeResourceManager(certificate, entra) as arm, manager(arm) as tunnel:
        for variable, value in (build_secret_environment(entra) | tunnel.environment).items():
            monkeypatch.setenv(variable, value)
        yield arm


@pytest.fixture
def config_file(configure, github, arm, loopback):
    for image, tag in (("node", "22"), ("python", "3.12-slim"), ("alpine", "3.22"), ("nginx", "1")):
        loopback.move(image, tag, "now")
    path = Path(configure(github))
    listed = f"registries:\n  - {{host: contoso.azurecr.io, auth: azure, tasks: {CONTOSO}}}\n"
    path.write_text(path.read_text().replace("registries:\n", listed))
    return path


@pytest.fixture
def context(github):
    """The address of the repository in the task."""
    return github.server.url + "/Acme/Web.git"


def run(basebump, config_file, *, code=0):
    ended, out, _ = basebump("run", "--config", config_file, "--level", "propose", "--format", "json")
    document = json.loads(out)
    assert ended == code, document["failed"]
    (repository,) = document["repositories"]
    return document, repository


def get_statuses(repository, path):
    """Return the status and the reason of each image in a file, by the name of the image."""
    references = [reference for reference in repository["references"] if reference["path"] == path]
    return {
        reference["reference"].partition("@")[0]: (reference["status"], reference["reason"]) for reference in references
    }


def get_outcomes(repository):
    return {each["branch"].split("/")[1].rpartition("-")[0]: each["outcome"] for each in repository["proposals"]}


def list_notes(repository, path):
    return [note for each in repository["references"] if each["path"] == path for note in each.get("notes", ())]


def test_unpinned_image_is_pinned_if_no_acr_task_builds_on_the_image(basebump, config_file, arm):
    _, repository = run(basebump, config_file)
    assert get_outcomes(repository) == dict.fromkeys(
        ["alpine-3.22", "nginx-1", "node-22", "python-3.12-slim"], "opened"
    )
    assert len(arm.received) == 1


def test_doctor_lists_acr_tasks_or_reports_a_missing_login(basebump, config_file, arm, context, monkeypatch):
    arm.tasks.append(task(docker(context)))
    _, out, _ = basebump("doctor", "--config", config_file, "--level", "report")
    assert "  ✓ contoso.azurecr.io: list its tasks: 1 task found\n" in out
    monkeypatch.delenv("AZURE_CLIENT_ID")
    code, out, _ = basebump("doctor", "--config", config_file, "--level", "report")
    assert (code, "list its tasks" in out, "AZURE_CLIENT_ID or AZURE_TENANT_ID" in out) == (1, False, True)
    assert SECRET not in out


def test_base_image_of_an_acr_task_is_not_pinned_but_updated_if_already_pinned(basebump, config_file, arm, context):
    arm.tasks.extend([task(docker(context)), task(docker(f"{context}#main:app"), "build-app")])
    document, repository = run(basebump, config_file)
    assert document["failed"] == []
    assert get_statuses(repository, "Dockerfile") == {"node:22": ("skipped", "acr-task")}
    (note,) = list_notes(repository, "Dockerfile")
    assert note.startswith("the task build-web of contoso.azurecr.io ")
    assert get_statuses(repository, "app/Dockerfile")["python:3.12-slim"] == ("gone", "digest-gone")
    (note,) = list_notes(repository, "app/Dockerfile")
    assert re.match("the task build-app of contoso.azurecr.io .*no newer base", note)
    assert get_outcomes(repository) == dict.fromkeys(["alpine-3.22", "nginx-1", "python-3.12-slim"], "opened")


def test_acr_tasks_with_task_file_or_inline_steps_prevent_pinning(basebump, config_file, arm, context, github):
    github.commit(
        "main", {"ci/build.task": "steps:\n- build: -t a -f app/Dockerfile .\n", "app/Dockerfile": FILES["Dockerfile"]}
    )
    arm.tasks.extend(
        [
            task(file_task(context, "ci/build.task"), "by-file"),
            task(encoded(None, f"steps:\n- build: -t a {context}\n"), "by-content"),
        ]
    )
    _, repository = run(basebump, config_file)
    assert (
        get_statuses(repository, "Dockerfile")
        == get_statuses(repository, "app/Dockerfile")
        == {"node:22": ("skipped", "acr-task")}
    )
    assert [note.split()[2] for path in ("Dockerfile", "app/Dockerfile") for note in list_notes(repository, path)] == [
        "by-content",
        "by-file",
    ]


def test_disabled_acr_tasks_and_tasks_of_other_branches_do_not_prevent_pinning(basebump, config_file, arm, context):
    arm.tasks.extend(
        [
            task(docker(context), status="Disabled"),
            task(docker(context), base={"name": "base", "status": "Disabled"}),
            task(docker(f"{context}#next")),
            task(docker("https://github.com/acme/web.git")),
        ]
    )
    _, repository = run(basebump, config_file)
    assert get_outcomes(repository)["node-22"] == "opened"


def test_rule_can_allow_pinning_base_images_of_acr_tasks(basebump, config_file, arm, context):
    arm.tasks.append(task(docker(context)))
    config_file.write_text(config_file.read_text() + "policy: [{allow: [acr-task]}]\n")
    _, repository = run(basebump, config_file)
    assert get_outcomes(repository)["node-22"] == "opened"


def test_pull_request_that_pins_base_image_of_a_new_acr_task_is_closed(basebump, config_file, arm, context, github):
    run(basebump, config_file)
    arm.tasks.append(task(docker(context)))
    _, repository = run(basebump, config_file)
    assert get_outcomes(repository)["node-22"] == "closed"


# Where Azure cannot be asked


def test_base_images_that_acr_tasks_may_use_are_not_pinned_if_tasks_cannot_be_listed(basebump, config_file, arm):
    arm.readers = frozenset()
    document, repository = run(basebump, config_file, code=1)
    (failed,) = document["failed"]
    assert (failed["subject"], failed["stage"]) == ("contoso.azurecr.io", "survey")
    assert "Microsoft.ContainerRegistry/registries/tasks/read" in failed["error"]
    assert SECRET not in failed["error"]
    assert get_statuses(repository, "Dockerfile") == {"node:22": ("skipped", "acr-task")}
    (note,) = list_notes(repository, "Dockerfile")
    assert note.startswith("tasks of contoso.azurecr.io ")
    assert get_outcomes(repository) == dict.fromkeys(["alpine-3.22", "nginx-1", "python-3.12-slim"], "opened")


def test_no_pull_request_is_closed_if_acr_tasks_cannot_be_listed(basebump, config_file, arm, github):
    run(basebump, config_file)
    writes = list(github.writes)
    arm.readers = frozenset()
    _, repository = run(basebump, config_file, code=1)
    assert get_outcomes(repository) == {
        "alpine-3.22": "unchanged",
        "nginx-1": "unchanged",
        "node-22": "left-alone",
        "python-3.12-slim": "unchanged",
    }
    assert github.writes == writes


def test_pull_request_with_other_references_is_kept_if_acr_tasks_cannot_be_listed(
    basebump, config_file, arm, github, loopback
):
    github.commit("main", {"pod.yaml": FILES["pod.yaml"].replace("nginx:1", "node:22")})
    run(basebump, config_file)
    writes, branches = list(github.writes), github.branches()
    arm.readers = frozenset()
    loopback.move("node", "22", "newer")
    _, repository = run(basebump, config_file, code=1)
    assert get_outcomes(repository)["node-22"] == "left-alone"
    assert (github.writes, github.branches()) == (writes, branches)


def test_acr_task_of_unknown_type_closes_no_pull_request_and_is_not_a_failure(basebump, config_file, arm, context):
    run(basebump, config_file)
    arm.tasks.append(task({"type": "Compose", "contextPath": context}))
    document, repository = run(basebump, config_file)
    assert document["failed"] == []
    assert get_outcomes(repository)["node-22"] == "left-alone"


# Who is not asked, and who is not meant


def test_acr_tasks_do_not_affect_repositories_of_the_local_forge(basebump, config_file, arm, tmp_path):
    DiskRepository.create(tmp_path / "folder" / "web.git", {"Dockerfile": FILES["Dockerfile"]})
    text = config_file.read_text()
    config_file.write_text(text[: text.index("forges:")] + f"forges: [{{kind: local, url: {tmp_path / 'folder'}}}]\n")
    arm.tasks.append(task(docker("https://github.com/acme/web.git")))
    _, repository = run(basebump, config_file)
    assert get_outcomes(repository) == {"node-22": "opened"}
    arm.readers = frozenset()
    _, repository = run(basebump, config_file, code=1)
    assert get_outcomes(repository) == {"node-22": "unchanged"}


def test_scan_does_not_list_acr_tasks(basebump, config_file, arm, tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "Dockerfile").write_text(FILES["Dockerfile"])
    code, out, _ = basebump("scan", tmp_path / "tree", "--config", config_file, "--format", "json")
    assert code == 0
    assert [each["status"] for each in json.loads(out)["references"]] == ["update"]
    assert arm.received == []
