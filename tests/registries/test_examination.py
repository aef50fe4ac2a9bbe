"""Login tests of registries, with every kind of wrong login."""

from __future__ import annotations

import pytest
from support.clouds.azure_scene import build_secret_environment, entry
from support.clouds.azure_scene import client as azure_client
from support.listener import HttpListener, HttpReply
from support.registries.challenges import IMAGE, client
from support.registries.docker_registry import DockerRegistry
from support.registries.tokens import TokenServer

from bot.model.diagnosis import CheckStatus, DiagnosisTarget
from bot.model.errors import RegistryError
from bot.model.image_name import TagRef
from bot.model.vocabulary import RunLevel
from bot.registries.endpoints import RegistryEntry
from bot.registries.registry_examination import ImageExamination

real = pytest.mark.real("docker-registry")
AIM = DiagnosisTarget(RunLevel.REPORT, "basebump/")


def examine_login(listed: RegistryEntry, oci=None):
    (check,) = (oci or client(listed)).create_login_examination(listed.host).examine(AIM)
    return check


@pytest.fixture(params=["password", "token"])
def guarded_registry(request, tmp_path):
    """Start a registry with one user, by password or by token; return a function for its entry."""
    if request.param == "password":
        with DockerRegistry(htpasswd={"user": "right"}) as registry:
            yield lambda **more: RegistryEntry(registry.host, is_insecure=True, **more)
        return
    with TokenServer(tmp_path, {"user": "right"}) as tokens, DockerRegistry(token=tokens.block) as registry:
        realms = (tokens.host,)
        yield lambda **more: RegistryEntry(registry.host, is_insecure=True, trusted_realms=realms, **more)


@real
def test_login_check_with_valid_password_succeeds(guarded_registry):
    check = examine_login(guarded_registry(username="user", password="right"))
    assert (check.status, check.result.endswith(" user")) == (CheckStatus.OK, True)
    assert check.action == "log in, by plain http"


@real
def test_login_check_with_wrong_password_reports_problem_without_password(guarded_registry):
    check = examine_login(guarded_registry(username="user", password="wr0ng"))
    assert (check.status, "the credential" in check.result) == (CheckStatus.PROBLEM, True)
    assert "wr0ng" not in check.result


@real
def test_login_check_without_required_password_has_unknown_status(tmp_path):
    with DockerRegistry(htpasswd={"user": "right"}) as registry:
        check = examine_login(RegistryEntry(registry.host, is_insecure=True))
    assert (check.status, "needs a credential" in check.result) == (CheckStatus.UNKNOWN, True)


@real
def test_login_check_sends_no_password_to_untrusted_token_server(tmp_path):
    with TokenServer(tmp_path, {"user": "right"}) as tokens, DockerRegistry(token=tokens.block) as registry:
        check = examine_login(RegistryEntry(registry.host, is_insecure=True, username="user", password="right"))
    assert check.status is CheckStatus.PROBLEM
    assert all("authorization" not in each.headers for each in tokens.received)


@real
def test_login_check_requests_token_without_repository_scope(tmp_path):
    with TokenServer(tmp_path, {"user": "right"}) as tokens, DockerRegistry(token=tokens.block) as registry:
        listed = RegistryEntry(
            registry.host, is_insecure=True, trusted_realms=(tokens.host,), username="user", password="right"
        )
        assert examine_login(listed).status is CheckStatus.OK
        assert "scope" not in tokens.received[-1].path


def test_login_check_succeeds_without_login_if_registry_requires_none():
    with HttpListener(lambda received: HttpReply(200, b"{}")) as registry:
        check = examine_login(RegistryEntry(registry.host, is_insecure=True, username="user", password="any"))
    assert (check.status, "no login" in check.result) == (CheckStatus.OK, True)
    assert registry.asked == ["GET /v2/"]


def test_login_check_of_mirrored_registry_is_run_at_the_mirror():
    with HttpListener(lambda received: HttpReply(200, b"{}")) as mirror:
        check = examine_login(RegistryEntry("docker.io", mirror=f"{mirror.host}/hub", is_insecure=True))
    assert (check.subject, check.action) == ("docker.io", f"log in at its mirror {mirror.host}, by plain http")
    assert mirror.asked == ["GET /v2/"]


@pytest.mark.parametrize("status", [500, 429])
def test_login_check_reports_problem_if_registry_answers_with_error(status):
    with HttpListener(lambda received: HttpReply(status)) as registry:
        assert examine_login(RegistryEntry(registry.host, is_insecure=True)).status is CheckStatus.PROBLEM


def test_login_check_reports_problem_if_registry_is_unreachable():
    with HttpListener(lambda received: HttpReply(200)) as registry:
        host = registry.host
    assert examine_login(RegistryEntry(host, is_insecure=True)).status is CheckStatus.PROBLEM


def test_login_check_reports_problem_if_registry_speaks_only_http():
    with HttpListener(lambda received: HttpReply(200)) as registry:
        assert examine_login(RegistryEntry(registry.host)).status is CheckStatus.PROBLEM


def test_login_check_with_entra_sends_only_the_token_exchange(acr, entra):
    listed = entry(acr)
    check = examine_login(listed, azure_client(listed, environment=build_secret_environment(entra)))
    assert (check.status, "Microsoft Entra" in check.result) == (CheckStatus.OK, True)
    assert acr.asked == ["POST /oauth2/exchange"]


def test_login_check_with_entra_identity_without_role_raises_error(acr, entra):
    acr.identities = {}
    listed = entry(acr)
    with pytest.raises(RegistryError):
        examine_login(listed, azure_client(listed, environment=build_secret_environment(entra)))


def examine_image(registry, tag, *, is_named):
    oci = client(RegistryEntry(registry.host, is_insecure=True))
    (check,) = ImageExamination(oci, TagRef(f"{registry.host}/a/b", tag), is_named=is_named).examine(AIM)
    return check


@real
def test_image_check_sends_one_head_request_for_the_tag():
    with DockerRegistry() as registry:
        registry.push(IMAGE, "a/b", "1")
        registry.forget()
        check = examine_image(registry, "1", is_named=True)
        assert (check.status, IMAGE.digest in check.result) == (CheckStatus.OK, True)
        assert [each.method for each in registry.requests()] == ["HEAD"]
        missing = examine_image(registry, "2", is_named=True)
        assert (missing.subject, missing.status) == (f"{registry.host}/a/b:2", CheckStatus.PROBLEM)
        assert examine_image(registry, "2", is_named=False).status is CheckStatus.UNKNOWN
    assert examine_image(registry, "2", is_named=False).status is CheckStatus.INCOMPLETE, "the registry has ended"
