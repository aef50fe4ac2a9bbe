"""The emulators of Azure Container Registry and Entra: they work with Azure's library, and reject invalid requests."""

from __future__ import annotations

import base64

import pytest
import requests
from azure.containerregistry import ContainerRegistryClient
from azure.core.credentials import AccessToken
from support.clouds.acr import ACR_PULL, ANYBODY, LIFECYCLE, TOKEN_USER, AcrIdentity, FakeAcr, repository_reader
from support.clouds.acr_content import PUSHED
from support.clouds.azure_scene import IMAGE
from support.clouds.entra import CLIENT, GITHUB, REQUEST_TOKEN, RESOURCE_MANAGER, SECRET, TENANT, FakeEntra

from bot.demo import images

SCOPE = "repository:team/app:pull"
ADMIN = ("contoso", "admin-password")
NARROW = ("narrow", "password1")


@pytest.fixture
def acr(acr):
    acr.logins = {ADMIN: ACR_PULL}
    return acr


def ask(acr: FakeAcr, method: str, url: str, **options) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        whole = url if url.startswith("https:") else acr.url + url
        return session.request(method, whole, verify=str(acr.certificate.path), allow_redirects=False, **options)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(login: tuple[str, str]) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(":".join(login).encode()).decode()}


def exchange(acr: FakeAcr, token: str, headers: dict[str, str] | None = None, **words: str) -> requests.Response:
    form = {"grant_type": "access_token", "service": acr.host, "access_token": token} | words
    return ask(acr, "POST", "/oauth2/exchange", data=form, headers=headers)


def refresh(acr: FakeAcr, token: str, headers: dict[str, str] | None = None, **words: str) -> requests.Response:
    form = {"grant_type": "refresh_token", "service": acr.host, "scope": SCOPE, "refresh_token": token} | words
    return ask(acr, "POST", "/oauth2/token", data=form, headers=headers)


# Valid requests


class FixedCredential:
    """A credential that already has its token."""

    def __init__(self, entra: FakeEntra) -> None:
        self.entra = entra

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        (scope,) = scopes
        return AccessToken(self.entra.token(scope.removesuffix("/.default")), 2**40)


def library(acr: FakeAcr, credential: FixedCredential | None) -> ContainerRegistryClient:
    return ContainerRegistryClient(acr.url, credential, connection_verify=str(acr.certificate.path), retry_total=0)


def test_azure_library_lists_tags_and_properties_from_acr_emulator(acr):
    acr.push(IMAGE, "team/app", "2")
    acr.page = 1
    with library(acr, FixedCredential(acr.entra)) as client:
        tags = [each.name for each in client.list_tag_properties("team/app")]
        tag = client.get_tag_properties("team/app", "1")
        manifest = client.get_manifest_properties("team/app", "1")
    assert tags == ["1", "2"], "two pages, by a relative Link"
    assert (tag.digest, tag.last_updated_on) == (IMAGE.digest, PUSHED)
    assert (manifest.created_on, manifest.tags, manifest.can_write) == (PUSHED, ["1", "2"], True)
    assert "POST /oauth2/exchange" in acr.asked


def test_azure_library_sends_two_acr_requests_and_two_token_requests_per_call(acr):
    with library(acr, FixedCredential(acr.entra)) as client:
        for _ in range(2):
            client.get_tag_properties("team/app", "1")
    first = ["GET /acr/v1/team%2Fapp/_tags/1", "POST /oauth2/exchange", "POST /oauth2/token"]
    assert acr.asked == [*first, "GET /acr/v1/team%2Fapp/_tags/1"] * 2


def test_acr_emulator_challenge_names_realm_service_and_scope(acr):
    answer = ask(acr, "GET", "/v2/team/app/manifests/1")
    assert answer.status_code == 401
    challenge = f'Bearer realm="{acr.url}/oauth2/token",service="{acr.host}",scope="{SCOPE}"'
    assert answer.headers["WWW-Authenticate"] == challenge


def test_acr_emulator_challenge_names_catalog_scope_only_for_catalog(acr):
    assert "scope" not in ask(acr, "GET", "/v2/").headers["WWW-Authenticate"]
    catalog = ask(acr, "GET", "/acr/v1/_catalog", headers=bearer(acr.access_token(SCOPE)))
    assert (catalog.status_code, 'scope="registry:catalog:*"' in catalog.headers["WWW-Authenticate"]) == (401, True)


def test_acr_emulator_serves_manifests_tags_referrers_and_blobs_to_valid_tokens(acr):
    acr.attach("team/app", IMAGE.digest, LIFECYCLE, {"a": "b"})
    pull = bearer(refresh(acr, exchange(acr, acr.entra.token()).json()["refresh_token"]).json()["access_token"])
    assert ask(acr, "GET", "/v2/team/app/manifests/1", headers=pull).headers["Docker-Content-Digest"] == IMAGE.digest
    (referrer,) = ask(acr, "GET", f"/v2/team/app/referrers/{IMAGE.digest}", headers=pull).json()["manifests"]
    assert referrer["artifactType"] == LIFECYCLE
    redirect = ask(acr, "GET", f"/v2/team/app/blobs/{images.compute_digest(IMAGE.blobs[0])}", headers=pull)
    assert redirect.status_code == 307
    assert ask(acr, "GET", redirect.headers["Location"]).content == IMAGE.blobs[0]
    metadata = bearer(acr.access_token("repository:team/app:metadata_read"))
    assert ask(acr, "GET", "/v2/team/app/tags/list", headers=metadata).json() == {"tags": ["1"]}


# Requests that the registry rejects


def test_acr_emulator_refuses_requests_for_another_host(acr):
    assert ask(acr, "GET", "/v2/", headers={"Host": "attacker.azurecr.io"}).status_code == 421


@pytest.mark.parametrize("service", ["", "attacker.azurecr.io"])
def test_acr_emulator_refuses_token_requests_for_another_service(acr, service):
    assert exchange(acr, acr.entra.token(), service=service).status_code == 400
    assert refresh(acr, acr.refresh_token(), service=service).status_code == 400
    answer = ask(acr, "GET", "/oauth2/token", params={"service": service, "scope": SCOPE}, headers=basic(ADMIN))
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "scope", ["", "pull", "repository:team/app", "repository:team/app:pull repository:b:pull", "*"]
)
def test_acr_emulator_refuses_token_requests_with_malformed_scope(acr, scope):
    assert refresh(acr, acr.refresh_token(), scope=scope).status_code == 400


@pytest.mark.parametrize("scope", ["repository:team/other:pull", "repository:team/app:metadata_read", ""])
def test_acr_emulator_refuses_access_token_issued_for_another_scope(acr, scope):
    headers = bearer(acr.access_token(scope))
    assert ask(acr, "GET", "/v2/team/app/manifests/1", headers=headers).status_code == 401


def test_acr_emulator_refuses_entra_token_issued_for_another_audience(acr):
    answer = exchange(acr, acr.entra.token(RESOURCE_MANAGER))
    assert (answer.status_code, "Audience" in answer.text) == (401, True)


def test_acr_emulator_refuses_expired_tokens(acr):
    assert "expired" in exchange(acr, acr.entra.token(age=3601)).text
    assert "expired" in refresh(acr, acr.refresh_token(age=3 * 3600 + 1)).text
    answer = ask(acr, "GET", "/v2/team/app/manifests/1", headers=bearer(acr.access_token(SCOPE, age=75 * 60 + 1)))
    assert (answer.status_code, "expired" in answer.text) == (401, True)


def test_acr_emulator_refuses_entra_tokens_of_another_tenant(acr):
    other = "00000000-1111-2222-3333-444444444444"
    assert exchange(acr, acr.entra.token(tenant=other)).status_code == 401
    assert exchange(acr, acr.entra.token(), tenant=other).status_code == 401
    assert exchange(acr, acr.entra.token(), tenant=TENANT).status_code == 200


def test_acr_emulator_refuses_identity_without_role_on_registry(acr):
    assert "no role" in exchange(acr, acr.entra.token(client="somebody-else")).text


def test_acr_emulator_refuses_tokens_of_another_registry_or_of_wrong_kind(acr):
    assert refresh(acr, acr.refresh_token(audience="attacker.azurecr.io")).status_code == 401
    assert refresh(acr, acr.access_token(SCOPE)).status_code == 401
    for token in (acr.refresh_token(), acr.access_token(SCOPE, audience="attacker.azurecr.io")):
        assert ask(acr, "GET", "/v2/team/app/manifests/1", headers=bearer(token)).status_code == 401


def test_acr_emulator_refuses_credentials_beside_the_expected_token(acr):
    for headers in (basic(ADMIN), bearer(acr.entra.token())):
        assert "nobody asked" in exchange(acr, acr.entra.token(), headers).text
        assert "nobody asked" in refresh(acr, acr.refresh_token(), headers).text
    assert "nobody asked" in exchange(acr, acr.entra.token(), username="contoso").text


def test_emulated_data_endpoint_accepts_only_signed_urls(acr):
    url = f"/v2/team/app/blobs/{images.compute_digest(IMAGE.blobs[0])}"
    location = ask(acr, "GET", url, headers=bearer(acr.access_token(SCOPE))).headers["Location"]
    assert ask(acr, "GET", location, headers=bearer(acr.access_token(SCOPE))).status_code == 400
    assert ask(acr, "GET", location.partition("?")[0]).status_code == 403


def test_acr_emulator_refuses_blob_uploads(acr):
    assert ask(acr, "POST", "/v2/team/app/blobs/uploads/", headers=bearer(acr.access_token(SCOPE))).status_code == 405


def test_acr_emulator_allows_anonymous_pull_only_if_enabled(acr):
    form = {"grant_type": "password", "service": acr.host, "scope": SCOPE}
    query = {"service": acr.host, "scope": SCOPE}
    assert ask(acr, "POST", "/oauth2/token", data=form).status_code == 401
    assert ask(acr, "GET", "/oauth2/token", params=query).status_code == 401
    acr.anonymous = ANYBODY
    token = ask(acr, "POST", "/oauth2/token", data=form).json()["access_token"]
    assert ask(acr, "GET", "/v2/team/app/manifests/1", headers=bearer(token)).status_code == 200
    assert ask(acr, "GET", "/oauth2/token", params=query).status_code == 200
    with library(acr, None) as client:
        assert client.get_tag_properties("team/app", "1").digest == IMAGE.digest


def test_acr_emulator_with_anonymous_pull_refuses_wrong_credentials(acr):
    acr.anonymous = ANYBODY
    query = {"service": acr.host, "scope": SCOPE}
    wrong = basic(("contoso", "old-password"))
    assert ask(acr, "GET", "/oauth2/token", params=query, headers=wrong).status_code == 401
    form = {"grant_type": "password", **query}
    assert ask(acr, "POST", "/oauth2/token", data=form, headers=wrong).status_code == 400


def test_acr_emulator_accepts_refresh_token_as_password_of_token_user(acr):
    query = {"service": acr.host, "scope": SCOPE}
    login = basic((TOKEN_USER, acr.refresh_token()))
    assert ask(acr, "GET", "/oauth2/token", params=query, headers=login).status_code == 200
    assert ask(acr, "GET", "/oauth2/token", params=query, headers=basic((TOKEN_USER, "x"))).status_code == 401


def test_acr_emulator_limits_scope_map_token_to_listed_actions(acr):
    acr.logins = {NARROW: AcrIdentity({"team/app": frozenset({"pull"})})}
    for scope, status in ((SCOPE, 200), ("repository:team/app:metadata_read", 401), ("repository:team/b:pull", 401)):
        query = {"service": acr.host, "scope": scope}
        token = ask(acr, "GET", "/oauth2/token", params=query, headers=basic(NARROW)).json()["access_token"]
        _, name, action = scope.split(":")
        path = f"/v2/{name}/manifests/1" if action == "pull" else f"/v2/{name}/tags/list"
        assert ask(acr, "GET", path, headers=bearer(token)).status_code == status


def test_acr_emulator_with_abac_requires_a_role_for_the_repository(acr):
    acr.abac = True
    token = refresh(acr, acr.refresh_token()).json()["access_token"]
    assert ask(acr, "GET", "/v2/team/app/manifests/1", headers=bearer(token)).status_code == 401
    acr.identities = {CLIENT: repository_reader("team/app")}
    token = refresh(acr, acr.refresh_token()).json()["access_token"]
    assert ask(acr, "GET", "/v2/team/app/manifests/1", headers=bearer(token)).status_code == 200


# Requests that Entra rejects


def login(acr: FakeAcr, tenant: str = TENANT, headers: dict[str, str] | None = None, **words: str) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": CLIENT,
        "scope": "https://containerregistry.azure.net/.default",
    }
    url = f"{acr.entra.url}/{tenant}/oauth2/v2.0/token"
    answer = ask(acr, "POST", url, data=form | words, headers=headers).json()
    return "" if "access_token" in answer else answer["error_description"]


def assertion(acr: FakeAcr, subject: str = GITHUB, **options) -> dict[str, str]:
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    return {"client_assertion_type": kind, "client_assertion": acr.entra.build_federated_token(subject, **options)}


def test_emulated_entra_refuses_unknown_clients_and_wrong_secrets(acr):
    assert login(acr, client_secret=SECRET) == ""
    assert "AADSTS90002" in login(acr, "00000000-1111-2222-3333-444444444444", client_secret=SECRET)
    assert "AADSTS700016" in login(acr, client_id="somebody", client_secret=SECRET)
    assert "AADSTS7000215" in login(acr, client_secret="wrong")
    assert "AADSTS7000218" in login(acr)
    assert "AADSTS70003" in login(acr, grant_type="password", client_secret=SECRET)
    assert "AADSTS70011" in login(acr, scope="https://graph.microsoft.com/.default", client_secret=SECRET)
    assert "AADSTS900144" in login(acr, headers=basic((CLIENT, SECRET)), client_secret=SECRET)


def test_emulated_entra_refuses_invalid_assertions(acr):
    assert login(acr, **assertion(acr)) == ""
    assert "AADSTS700024" in login(acr, **assertion(acr, age=601))
    assert "AADSTS700212" in login(acr, **assertion(acr, audience="https://github.com/acme"))
    assert "AADSTS700213" in login(acr, **assertion(acr, "repo:attacker/fork:pull_request"))
    assert "AADSTS700027" in login(acr, **assertion(acr) | {"client_assertion": acr.refresh_token()})


def test_emulated_github_and_app_service_refuse_requests_without_valid_token(acr):
    url = acr.entra.workflow["ACTIONS_ID_TOKEN_REQUEST_URL"] + "&audience=a"
    assert ask(acr, "GET", url, headers=bearer(REQUEST_TOKEN)).status_code == 200
    assert ask(acr, "GET", url).status_code == 401
    identity = acr.entra.container["IDENTITY_ENDPOINT"]
    assert requests.get(f"{identity}?resource=a", headers={"X-IDENTITY-HEADER": "wrong"}, timeout=5).status_code == 401
