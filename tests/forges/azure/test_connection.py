"""The connection to Azure DevOps: refusals that look like successes, delays, versions, and the kinds of tokens."""

from __future__ import annotations

import base64

import pytest
from support.forges.azure.server import SIGN_IN, UNAVAILABLE
from support.forges.azure.stand import TOKEN
from support.forges.fleets import open_azure_fleet
from support.forges.hosted_stand import no_pause
from support.forges.server import ForgeReply

from bot.forges.azure.connection import AzureConnection, AzureCredential, CredentialKind
from bot.forges.hosted.connection import MAX_WAIT
from bot.forges.hosted.refusal import RefusedError
from bot.model.errors import BasebumpError, ForgeError
from bot.model.forge import GitRepository
from bot.model.report import RunFailure

HTML = {"Content-Type": "text/html; charset=utf-8"}
FIND = "GET /Acme Shop/_apis/git/repositories/web[?]"


def look(stand, token, kind):
    fleet = open_azure_fleet(stand.server.url, token, kind=kind, selected=[stand.name], pause=no_pause)
    (found,) = fleet.list_repositories(frozenset())
    return found


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(SIGN_IN, id="203"),
        pytest.param(ForgeReply(200, b"<html>Sign in</html>", HTML), id="200"),
        pytest.param(ForgeReply(302, b"", {**HTML, "Location": "/_signin?realm=dev.azure.com"}), id="302"),
        pytest.param(ForgeReply(203, {"id": "x"}), id="203-as-json"),
    ],
)
def test_sign_in_page_in_place_of_json_is_reported_as_rejected_token(watched_stand, reply):
    watched_stand.server.fail(FIND, reply, times=10)
    failed = watched_stand.look()
    assert isinstance(failed, RunFailure)
    assert "it does not accept the token" in failed.error
    assert "`auth: azure`" in failed.error
    assert watched_stand.pauses == []


def test_expired_bearer_token_is_reported_as_rejected_token(stand):
    stand.server.world.add_token("expired", "basebump-bot", is_bearer=True, is_expired=True)
    found = look(stand, "expired", CredentialKind.ENTRA)
    assert isinstance(found, RunFailure)
    assert "it does not accept the token" in found.error


@pytest.mark.parametrize(
    ("kind", "is_bearer", "scheme"),
    [
        (CredentialKind.PERSONAL, False, f"Basic {base64.b64encode(b':' + b's3cret').decode()}"),
        (CredentialKind.ENTRA, True, "Bearer s3cret"),
        (CredentialKind.JOB, True, "Bearer s3cret"),
    ],
)
def test_authorization_scheme_is_basic_for_personal_token_and_bearer_otherwise(stand, kind, is_bearer, scheme):
    stand.server.world.add_token("s3cret", "basebump-bot", is_bearer=is_bearer)
    assert isinstance(look(stand, "s3cret", kind), GitRepository)
    assert {exchange.headers["authorization"] for exchange in stand.server.exchanges} == {scheme}


def test_no_api_call_is_sent_if_token_cannot_be_obtained(stand):
    def refuse():
        raise BasebumpError("Entra issued no token for the managed identity: AADSTS700016; hint: check the client id")

    connection = AzureConnection(stand.server.url, AzureCredential(CredentialKind.ENTRA, refuse), pause=no_pause)
    with pytest.raises(RefusedError, match="AADSTS700016; hint: check"):
        connection.read("look", "/_apis/projects")
    assert stand.server.lines == []


def test_token_is_fetched_again_for_each_api_call(stand):
    fetched = []

    def fetch():
        fetched.append(1)
        return TOKEN

    connection = AzureConnection(stand.server.url, AzureCredential(CredentialKind.PERSONAL, fetch), pause=no_pause)
    for _ in range(2):
        connection.read("look", "/_apis/projects")
    assert len(fetched) == 2


def test_successful_response_with_retry_after_is_used_and_causes_pause(watched_stand):
    watched_stand.server.delay = 3
    assert isinstance(watched_stand.look(), GitRepository)
    assert set(watched_stand.pauses) == {3.0}


def test_pause_for_long_retry_after_header_does_not_exceed_maximum_wait(watched_stand):
    watched_stand.server.delay = 3600
    assert isinstance(watched_stand.look(), GitRepository)
    assert set(watched_stand.pauses) == {MAX_WAIT}


def test_error_message_omits_html_of_503_page(watched_stand):
    watched_stand.server.fail(FIND, UNAVAILABLE, times=10)
    failed = watched_stand.look()
    assert "failed with status 503; hint: rerun basebump later" in failed.error
    assert "<" not in failed.error


@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize("version", [(7, 0), (6, 0), (5, 0)])
def test_newest_api_version_that_older_server_supports_is_used(stand, version, is_named):
    stand.server.version = version
    stand.server.names_unknown_versions = is_named
    assert isinstance(look(stand, TOKEN, CredentialKind.PERSONAL), GitRepository)
    asked = [exchange.asked.words["api-version"] for exchange in stand.server.exchanges]
    expected = ".".join(map(str, version))
    assert asked[-1] == expected
    assert asked.index(expected) == len(set(asked)) - 1  # each newer version was tried once


def test_unsupported_old_server_is_reported_as_repository_not_found(stand):
    stand.server.version = (4, 1)
    found = look(stand, TOKEN, CredentialKind.PERSONAL)
    assert isinstance(found, RunFailure)
    assert "check the name" in found.error


@pytest.mark.parametrize(
    ("status", "kind", "message", "hint"),
    [
        (403, "GitNeedsPermissionException", "TF401027: You need the Git 'GenericContribute' permission.", "security"),
        (403, "GitRefUpdateRejectedByPolicyException", "TF402455: Pushes are not permitted.", "`branch_prefix`"),
        (400, "InvalidArgumentValueException", "The maximum request size of 26214400 bytes was exceeded.", "`ignore`"),
        (403, "AccessCheckException", "Access denied.", "Create branch"),
    ],
)
def test_refused_push_is_reported_with_message_and_matching_hint(watched_stand, status, kind, message, hint):
    watched_stand.server.fail("POST .*/pushes", watched_stand.server.problem(status, message, kind))
    with pytest.raises(ForgeError, match="; hint: ") as refused:
        watched_stand.push()
    assert message.split(":")[-1].strip()[:20] in str(refused.value)
    assert hint in str(refused.value).partition("; hint: ")[2]
