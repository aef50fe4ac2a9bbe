"""The function that forwards events of other registries: basebump reads what it sends.

The events have the shapes on these pages, with values that are made up:
https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
https://cloud.google.com/artifact-registry/docs/configure-notifications
https://docs.docker.com/docker-hub/repos/manage/webhooks/
https://docs.quay.io/guides/notifications.html
"""

from __future__ import annotations

import base64
import importlib.util
import io
import json
from types import SimpleNamespace
from urllib.error import URLError

import pytest
from support.events.deliveries import SECRET
from support.events.receiver import SignedReceiver
from support.parts import ROOT

PATH = ROOT / "deploy" / "events" / "forward.py"
TOKEN = "c0ffee-c0ffee-c0ffee"
DIGEST = "sha256:" + "a1" * 32


def write_notice(**notice):
    data = base64.b64encode(json.dumps(notice).encode()).decode()
    return {
        "message": {"data": data, "messageId": "991", "attributes": {}},
        "subscription": "projects/p/subscriptions/s",
    }


def write_ecr_event(**detail):
    pushed = {"result": "SUCCESS", "repository-name": "bases/go", "image-digest": DIGEST, "action-type": "PUSH"}
    return {
        "version": "0",
        "id": "99999999-0000-4000-8000-000000000001",
        "detail-type": "ECR Image Action",
        "source": "aws.ecr",
        "account": "123456789012",
        "time": "2026-11-28T09:30:00Z",
        "region": "eu-west-1",
        "detail": pushed | {"image-tag": "1.25"} | detail,
    }


HUB = {
    "callback_url": "https://registry.hub.docker.com/u/acme/base/hook/1/",
    "push_data": {"pushed_at": 1795858200, "pusher": "builder", "tag": "3"},
    "repository": {"repo_name": "acme/base", "namespace": "acme", "name": "base"},
}
QUAY = {"repository": "acme/base", "docker_url": "quay.io/acme/base", "updated_tags": ["latest", "3.1"]}
NOTICE = "europe-docker.pkg.dev/acme/bases/go"
PUSHES = {
    "ecr": (write_ecr_event(), ["123456789012.dkr.ecr.eu-west-1.amazonaws.com/bases/go:1.25"]),
    "ecr in China": (
        write_ecr_event() | {"region": "cn-north-1"},
        ["123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/bases/go:1.25"],
    ),
    "artifact registry": (
        write_notice(action="INSERT", digest=f"{NOTICE}@{DIGEST}", tag=f"{NOTICE}:1.25"),
        [f"{NOTICE}:1.25"],
    ),
    "docker hub": (HUB, ["docker.io/acme/base:3"]),
    "quay": (QUAY, ["quay.io/acme/base:latest", "quay.io/acme/base:3.1"]),
}
OTHERS = {
    "ecr without a tag": write_ecr_event(**{"image-tag": ""}),
    "ecr delete": write_ecr_event(**{"action-type": "DELETE"}),
    "ecr failure": write_ecr_event(result="FAILURE"),
    "artifact registry without a tag": write_notice(action="INSERT", digest=f"{NOTICE}@{DIGEST}"),
    "artifact registry delete": write_notice(action="DELETE", tag=f"{NOTICE}:1.25"),
    "quay without tags": QUAY | {"updated_tags": []},
    "something else": {"zen": "."},
}


@pytest.fixture
def receiver(monkeypatch):
    with SignedReceiver() as receiver:
        monkeypatch.setenv("BASEBUMP_URL", receiver.url)
        monkeypatch.setenv("BASEBUMP_SECRET", SECRET)
        monkeypatch.setenv("FORWARD_TOKEN", TOKEN)
        yield receiver


@pytest.fixture(scope="module")
def forward_module():
    spec = importlib.util.spec_from_file_location("forward", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def post_event(forward, event, token=TOKEN):
    """Return the status of the WSGI application."""
    body = json.dumps(event).encode()
    environment = {"PATH_INFO": f"/{token}", "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    statuses = []
    assert list(forward.application(environment, lambda status, _: statuses.append(status))) == []
    return statuses


@pytest.mark.parametrize(("event", "tags"), PUSHES.values(), ids=PUSHES)
def test_basebump_reads_the_pushed_tags_from_forwarded_events(forward_module, receiver, event, tags):
    assert post_event(forward_module, event) == ["204 No Content"]
    assert receiver.tags == tags


@pytest.mark.parametrize("event", OTHERS.values(), ids=OTHERS)
def test_registry_events_that_are_not_pushes_are_not_forwarded(forward_module, receiver, event):
    assert post_event(forward_module, event) == ["204 No Content"]
    assert receiver.received == []


def test_every_entry_point_of_the_forwarder_forwards_events(forward_module, receiver):
    forward_module.handle_lambda(PUSHES["ecr"][0], None)
    body = json.dumps(PUSHES["artifact registry"][0]).encode()
    request = SimpleNamespace(path=f"/{TOKEN}", get_data=lambda: body)
    assert forward_module.handle_request(request) == ("", 204)
    assert [each.id for each in receiver.parsed] == [PUSHES["ecr"][0]["id"], "991"]


@pytest.mark.parametrize("token", ["", "another", TOKEN[:-1], TOKEN + "x"])
def test_forwarder_refuses_requests_with_wrong_token(forward_module, receiver, token):
    assert post_event(forward_module, HUB, token) == ["404 Not Found"]
    assert receiver.received == []


def test_forwarder_with_empty_token_refuses_all_requests(forward_module, receiver, monkeypatch):
    monkeypatch.setenv("FORWARD_TOKEN", "")
    assert post_event(forward_module, HUB, "") == ["404 Not Found"]


def test_forwarder_raises_an_error_if_basebump_refuses_the_event(forward_module, receiver, monkeypatch):
    monkeypatch.setenv("BASEBUMP_SECRET", "another secret")
    with pytest.raises(URLError):
        post_event(forward_module, HUB)
