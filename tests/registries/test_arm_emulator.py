"""The emulator of Azure Resource Manager rejects invalid requests, as the real one does."""

from __future__ import annotations

import pytest
import requests
from support.clouds.arm import CONTOSO, FakeResourceManager, docker, task
from support.clouds.entra import CLIENT, REGISTRIES, RESOURCE_MANAGER

LIST = f"{CONTOSO}/tasks?api-version=2019-06-01-preview"


@pytest.fixture
def arm(certificate, entra):
    with FakeResourceManager(
        certificate, entra, registries={CONTOSO: [task(docker(None), f"task-{number}") for number in range(5)]}
    ) as arm:
        yield arm


def ask(
    arm: FakeResourceManager, path: str = LIST, token: str | None = None, method: str = "GET", **headers: str
) -> requests.Response:
    token = arm.entra.token(RESOURCE_MANAGER) if token is None else token
    sent = {"Host": arm.host, "Authorization": f"Bearer {token}"} | headers
    with requests.Session() as session:
        session.trust_env = False
        url = f"https://127.0.0.1:{arm.port}{path}"
        return session.request(method, url, headers=sent, verify=str(arm.certificate.path), allow_redirects=False)


def refusal(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_arm_emulator_returns_tasks_in_pages(arm):
    arm.page = 2
    names, path = [], LIST
    while path:
        page = ask(arm, path).json()
        names += [each["name"] for each in page["value"]]
        path = page.get("nextLink", "").removeprefix(RESOURCE_MANAGER)
    assert names == [f"task-{number}" for number in range(5)]


def test_arm_emulator_ignores_case_of_resource_ids(arm):
    assert ask(arm, LIST.replace("resourceGroups", "resourcegroups")).status_code == 200


def test_arm_emulator_refuses_requests_for_another_host(arm):
    assert refusal(ask(arm, Host="management.usgovcloudapi.net")) == (421, "MisdirectedRequest")


def test_arm_emulator_refuses_tokens_with_wrong_audience_age_or_issuer(arm):
    for token, code in (
        (arm.entra.token(REGISTRIES), "InvalidAuthenticationTokenAudience"),
        (arm.entra.token("https://management.usgovcloudapi.net"), "InvalidAuthenticationTokenAudience"),
        (arm.entra.token(RESOURCE_MANAGER, age=3601), "ExpiredAuthenticationToken"),
        (arm.entra.token(RESOURCE_MANAGER, tenant="another"), "InvalidAuthenticationTokenTenant"),
        (arm.entra.build_federated_token("somebody", RESOURCE_MANAGER), "InvalidAuthenticationToken"),
        ("nonsense", "InvalidAuthenticationToken"),
    ):
        assert refusal(ask(arm, token=token)) == (401, code)
    assert refusal(ask(arm, Authorization="Basic YTpi")) == (401, "AuthenticationFailed")


@pytest.mark.parametrize("header", ["Cookie", "Proxy-Authorization", "x-ms-authorization-auxiliary"])
def test_arm_emulator_refuses_credentials_beside_the_token(arm, header):
    assert refusal(ask(arm, **{header: "a=b"})) == (400, "InvalidRequest")
    assert refusal(ask(arm, f"{LIST}&access_token=x")) == (400, "InvalidRequest")


def test_arm_emulator_refuses_identity_without_role(arm):
    assert refusal(ask(arm, token=arm.entra.token(RESOURCE_MANAGER, client="stranger"))) == (403, "AuthorizationFailed")
    arm.readers = frozenset({"stranger"})
    assert refusal(ask(arm, token=arm.entra.token(RESOURCE_MANAGER, client=CLIENT)))[0] == 403


def test_arm_emulator_refuses_unknown_resources_and_api_versions(arm):
    assert refusal(ask(arm, LIST.replace("contoso", "fabrikam"))) == (404, "ResourceNotFound")
    assert refusal(ask(arm, LIST.replace("/tasks", ""))) == (404, "ResourceNotFound")
    assert refusal(ask(arm, f"{CONTOSO}/tasks?api-version=2017-10-01")) == (400, "NoRegisteredProviderFound")
    assert refusal(ask(arm, f"{LIST}&$filter=a")) == (400, "InvalidParameter")
    assert refusal(ask(arm, method="POST")) == (405, "MethodNotAllowed")
