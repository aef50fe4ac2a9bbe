"""Tasks of an Azure registry, and the host that receives the Entra token."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.clouds.arm import CONTOSO, FakeResourceManager, docker, encoded, file_task, run, task
from support.clouds.azure_scene import build_secret_environment, manager
from support.clouds.entra import CHINA_MANAGER, CLIENT, GOVERNMENT_MANAGER, RESOURCE_MANAGER, SECRET
from support.listener import HttpReply, ReceivedRequest
from support.tunnel import refuse_dns_queries

from bot.model.build_task import BuildTask, DockerStep, FileStep, InlineStep, OtherStep
from bot.model.errors import RegistryError
from bot.model.vocabulary import Reason
from bot.registries import acr_tasks
from bot.registries.acr_tasks import AcrTasks

REGISTRY = "contoso.azurecr.io"
WEB = "https://github.com/acme/web.git#main"
OFF = {"name": "base", "baseImageTriggerType": "Runtime", "status": "Disabled"}


@pytest.fixture(autouse=True)
def refused_dns(monkeypatch):
    """Send no DNS query to another machine."""
    refuse_dns_queries(monkeypatch)


@pytest.fixture
def arm(certificate, entra):
    with FakeResourceManager(certificate, entra) as arm:
        yield arm


@pytest.fixture
def tunnel(arm):
    with manager(arm) as tunnel:
        yield tunnel


@pytest.fixture
def builder(arm, entra, tunnel):
    return AcrTasks(REGISTRY, CONTOSO, build_secret_environment(entra) | tunnel.environment, sleep=lambda seconds: None)


def steps(builder: AcrTasks, arm: FakeResourceManager, *tasks):
    arm.tasks.extend(tasks)
    return [each.step for each in builder.list_tasks()]


def get_error_message(builder: AcrTasks) -> str:
    with pytest.raises(RegistryError) as caught:
        builder.list_tasks()
    assert (caught.value.host, caught.value.is_failure) == (REGISTRY, True)
    said = str(caught.value)
    assert f"the tasks of {REGISTRY}: " in said
    assert SECRET not in said
    return said


# Parsing


def test_acr_task_is_read_without_argument_values_and_context_url(arm, builder):
    arm.tasks.append(task(docker(WEB, "src/Dockerfile", "NODE", "TOKEN")))
    (found,) = builder.list_tasks()
    assert found == BuildTask(REGISTRY, "build-web", WEB, DockerStep("src/Dockerfile", ("NODE", "TOKEN")))
    assert "secret-of" not in repr(found)
    assert "github.com" not in repr(found), "a context may hold a token"


def test_docker_steps_file_steps_and_inline_steps_of_acr_tasks_are_read(arm, builder):
    assert steps(
        builder, arm, task(docker(WEB)), task(file_task(WEB, "ci/acb.yaml")), task(encoded(None, "steps: []"))
    ) == [DockerStep("Dockerfile"), FileStep("ci/acb.yaml"), InlineStep(b"steps: []")]


def test_acr_tasks_that_are_disabled_or_lack_base_image_trigger_are_skipped(arm, builder):
    off = [
        task(docker(WEB), status="Disabled"),
        task(docker(WEB), status="disabled"),
        task(docker(WEB), base=OFF),
        task(docker(WEB)) | {"properties": {"status": "Enabled", "step": None, "trigger": None}},
        task(docker(WEB)) | {"properties": {"step": docker(WEB), "trigger": {"baseImageTrigger": None}}},
    ]
    assert steps(builder, arm, *off) == []


def test_acr_task_without_status_or_with_unknown_status_is_read(arm, builder):
    silent = task(docker(WEB), base={"name": "base"})
    del silent["properties"]["status"]
    assert steps(builder, arm, silent, task(docker(WEB), status="Paused")) == [DockerStep("Dockerfile")] * 2


@pytest.mark.parametrize(
    "step",
    [
        {"type": "Compose"},
        {"type": "Docker"},
        {"type": "Docker", "dockerFilePath": ""},
        {"type": "Docker", "dockerFilePath": "x" * 5000},
        {"type": "FileTask", "taskFilePath": 1},
        {"type": "EncodedTask", "encodedTaskContent": "not base64!"},
        {"type": "EncodedTask", "encodedTaskContent": "AAAA" * 300_000},
        {},
    ],
)
def test_acr_task_with_unknown_step_leaves_other_tasks_readable(arm, builder, step):
    assert steps(builder, arm, task({"contextPath": WEB} | step), task(docker(WEB))) == [
        OtherStep(),
        DockerStep("Dockerfile"),
    ]


def test_acr_tasks_are_read_from_all_pages(arm, builder, tunnel):
    arm.page = 2
    arm.tasks.extend(task(docker(WEB), f"task-{number}") for number in range(5))
    assert [each.name for each in builder.list_tasks()] == [f"task-{number}" for number in range(5)]
    assert len(arm.received) == 3


# Recipient of the token


def test_resource_manager_token_is_sent_only_to_resource_manager(arm, entra, builder, tunnel):
    assert builder.list_tasks() == ()
    (received,) = arm.received
    assert received.path == f"{CONTOSO}/tasks?api-version=2019-06-01-preview"
    token = received.headers["authorization"].removeprefix("Bearer ")
    assert entra.read(token, RESOURCE_MANAGER)["aud"] == RESOURCE_MANAGER
    assert set(tunnel.asked) == {"management.azure.com:443"}


@pytest.mark.parametrize(
    ("registry", "audience"), [("contoso.azurecr.us", GOVERNMENT_MANAGER), ("contoso.azurecr.cn", CHINA_MANAGER)]
)
def test_acr_tasks_in_sovereign_cloud_are_read_from_resource_manager_of_cloud(certificate, entra, registry, audience):
    with FakeResourceManager(certificate, entra, audience=audience) as arm, manager(arm) as tunnel:
        environment = build_secret_environment(entra) | tunnel.environment
        assert AcrTasks(registry, CONTOSO, environment).list_tasks() == ()
        assert set(tunnel.asked) == {f"{arm.host}:443"}


@pytest.mark.parametrize(
    "following",
    ["https://attacker.example/x", "https://management.azure.com:8443/x", "http://management.azure.com/x"],
)
def test_acr_task_list_with_next_page_on_another_host_is_refused(arm, builder, tunnel, following):
    arm.reply = HttpReply(200, json.dumps({"value": [], "nextLink": following}).encode())
    assert "the Entra token" in get_error_message(builder)
    assert len(arm.received) == 1
    assert set(tunnel.asked) == {"management.azure.com:443"}


def test_redirect_of_resource_manager_is_not_followed(arm, builder, tunnel):
    arm.reply = HttpReply(302, headers={"Location": "https://attacker.example/"})
    assert "answered 302" in get_error_message(builder)
    assert set(tunnel.asked) == {"management.azure.com:443"}


def test_acr_task_list_with_too_many_or_repeated_pages_is_refused(arm, builder, monkeypatch):
    first = f"{RESOURCE_MANAGER}{CONTOSO}/tasks?api-version=2019-06-01-preview"
    arm.reply = HttpReply(200, json.dumps({"value": [], "nextLink": first}).encode())
    assert "an earlier page" in get_error_message(builder)
    assert len(arm.received) == 1
    arm.reply = None
    arm.page = 1
    arm.tasks.extend([task(docker(WEB))] * 4)
    monkeypatch.setattr(acr_tasks, "MAX_PAGES", 3)
    assert "more than 3 pages" in get_error_message(builder)


# Failures


def test_acr_task_list_denied_by_azure_names_the_required_right(arm, builder):
    arm.readers = frozenset()
    said = get_error_message(builder)
    assert "management.azure.com answered 403 (AuthorizationFailed: The client" in said
    assert "Microsoft.ContainerRegistry/registries/tasks/read" in said


def test_acr_tasks_of_missing_registry_are_reported_with_hint(builder):
    other = replace(builder, resource_id=CONTOSO.replace("builds", "other"))
    assert "answered 404 (ResourceNotFound" in get_error_message(other)
    assert "check `tasks:`" in get_error_message(other)


def test_entra_login_refused_for_acr_tasks_is_reported(builder, entra):
    wrong = replace(builder, environment={**builder.environment, "AZURE_CLIENT_SECRET": "wr0ng"})
    assert "AADSTS7000215" in get_error_message(wrong)
    nobody = replace(builder, environment={"PATH": "/nonexistent"})
    assert "no identity" in get_error_message(nobody)
    assert "set it to `https://HOST`" in get_error_message(
        replace(builder, environment={"AZURE_AUTHORITY_HOST": "https://a/b"})
    )


def test_token_repeated_in_resource_manager_error_is_hidden(arm, builder):
    def echo(received: ReceivedRequest) -> HttpReply:
        error = {"code": "Odd", "message": f"what is {received.headers['authorization']}?"}
        return HttpReply(400, json.dumps({"error": error}).encode())

    arm.reply = echo
    assert "answered 400 (Odd: what is Bearer [hidden]?)" in get_error_message(builder)


@pytest.mark.parametrize(("status", "said"), [(429, "run less often"), (503, "try again later"), (401, "Reader")])
def test_error_statuses_of_resource_manager_are_reported_with_hint(arm, builder, status, said):
    arm.reply = HttpReply(status, b"<html>", {"Retry-After": "1"})
    assert f"management.azure.com answered {status}; hint: " in get_error_message(builder)
    assert said in get_error_message(builder)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[" * 100_000,
        b"[]",
        b"{}",
        b'{"value": {}}',
        b'{"value": [1]}',
        b'{"value": [{"name": 1}]}',
        b'{"value": [{"name": "a b", "properties": {}}]}',
        b'{"value": [{"name": "a", "properties": null}]}',
        b'{"value": [{"name": "a", "properties": {"trigger": 1}}]}',
        b'{"value": [{"name": "a", "properties": {"trigger": {"baseImageTrigger": 1}}}]}',
        b'{"value": [{"name": "a", "properties": {"trigger": {"baseImageTrigger": {}}}}]}',
        b'{"value": [{"name": "a", "properties": {"trigger": {"baseImageTrigger": {}}, "step": {"contextPath": 1}}}]}',
        b'{"value": [], "nextLink": 1}',
    ],
)
def test_malformed_acr_task_list_is_reported(arm, builder, body):
    arm.reply = HttpReply(200, body)
    assert "list of tasks" in get_error_message(builder)


def test_acr_task_list_above_size_limit_is_refused(arm, builder, monkeypatch):
    monkeypatch.setattr(acr_tasks, "MAX_PAGE", 1000)
    arm.reply = HttpReply(200, b" " * 1001)
    assert "has more than 1000 bytes" in get_error_message(builder)


def test_unreachable_resource_manager_is_reported(entra):
    environment = build_secret_environment(entra) | {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
    silent = AcrTasks(REGISTRY, CONTOSO, environment, sleep=lambda seconds: None)
    assert "https://management.azure.com/subscriptions/" in get_error_message(silent)
    assert "did not answer" in get_error_message(silent)


def test_client_secret_for_acr_tasks_is_hidden_in_repr(builder):
    assert SECRET not in repr(builder)


OUTPUT = {"registry": REGISTRY, "repository": "apps/web", "tag": "1", "digest": "sha256:" + "a" * 64}
BASE = {"registry": "registry.hub.docker.com", "repository": "library/python", "digest": "sha256:" + "b" * 64}


def test_successful_acr_task_runs_are_listed_with_images_task_and_base(builder, arm):
    arm.tasks.append(task(docker("https://github.com/acme/web.git#main")))
    arm.runs += [
        run("build-web", [OUTPUT], imageUpdateTrigger={"images": [BASE]}),
        run("build-web", [OUTPUT], status="Failed"),
        run(None, [OUTPUT], sourceTrigger={"commitId": "c0ffee"}),
        run("build-web", []),
    ]
    by_update, by_commit = builder.list_runs()
    image = (f"{REGISTRY}/apps/web", OUTPUT["digest"])
    assert (by_update.images, by_update.bases) == ((image,), (("docker.io/library/python", BASE["digest"]),))
    assert by_update.task == builder.list_tasks()[0]
    assert (by_commit.revision, by_commit.task, by_commit.bases) == ("c0ffee", None, ())


@pytest.mark.parametrize(
    "entry",
    [
        7,
        {},
        {"properties": 7},
        run("build-web", "images"),
        run("build-web", [7, {}, {**OUTPUT, "digest": "sha256:x"}, {**OUTPUT, "repository": "A B"}]),
    ],
)
def test_invalid_acr_task_run_is_skipped(builder, arm, entry):
    arm.runs += [entry, run(None, [OUTPUT], imageUpdateTrigger=7, sourceTrigger={"commitId": 7})]
    (found,) = builder.list_runs()
    assert (found.bases, found.revision) == ((), None)


def test_missing_right_to_list_acr_task_runs_is_reported_as_denied(builder, arm):
    arm.without_runs = frozenset({CLIENT})
    with pytest.raises(RegistryError) as raised:
        builder.list_runs()
    assert raised.value.reason is Reason.DENIED
