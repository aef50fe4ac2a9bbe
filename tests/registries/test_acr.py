"""Image metadata of Azure registries, and end-of-life dates of publishers."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from azure.containerregistry import ContainerRegistryClient
from azure.core.rest import HttpRequest
from support.clouds.acr import ACR_PULL, ANYBODY, LIFECYCLE, AcrIdentity, FakeAcr
from support.clouds.acr_content import PUSHED, ChangeableAttributes
from support.clouds.azure_scene import build_secret_environment, entry
from support.clouds.entra import FakeEntra
from support.listener import HttpListener, HttpReply, ReceivedRequest
from support.registries.docker_registry import SelfSignedCertificate

from bot.demo import images
from bot.model.errors import RegistryError
from bot.model.image import RegistryRecord
from bot.model.image_name import Digest, TagRef
from bot.model.vocabulary import Reason
from bot.net import HttpClient
from bot.registries.acr_facts import END_OF_LIFE, MAX_TAGS, OCI_INDEX, AcrFacts
from bot.registries.auth import RegistryAuthenticator
from bot.registries.endpoints import EndpointDirectory, RegistryEntry
from bot.registries.entra import EntraLogins
from bot.registries.keychain import Keychain
from bot.registries.oci import OciRegistry

OLD = images.build_image([images.build_layer({"a": b"old"})])
NEW = images.build_image([images.build_layer({"a": b"new"})])
LATER = PUSHED + timedelta(days=7)
NOWHERE = Digest("sha256:" + "0" * 64)


@pytest.fixture
def acr(certificate, entra):
    with FakeAcr(certificate, entra) as registry:
        registry.push(OLD, "team/app", "1")
        registry.push(NEW, "team/app", "1", LATER)
        registry.push(NEW, "team/app", "1.2", LATER)
        yield registry


def facts(acr: FakeAcr, *entries: RegistryEntry) -> AcrFacts:
    return OciRegistry(
        entries or (entry(acr),), environment=build_secret_environment(acr.entra), sleep=lambda seconds: None
    ).create_facts()


def build_tag_ref(acr: FakeAcr, tag: str = "1") -> TagRef:
    return TagRef(f"{acr.host}/team/app", tag)


def test_acr_record_contains_push_times_and_current_tags(acr):
    asked = facts(acr)
    made = {"tag_created_at": PUSHED}
    assert asked.fetch_record(build_tag_ref(acr), NEW.digest) == RegistryRecord(
        LATER, ("1", "1.2"), False, NEW.media_type, **made
    )
    assert asked.fetch_record(build_tag_ref(acr), OLD.digest) == RegistryRecord(
        PUSHED, (), False, OLD.media_type, **made
    )
    assert asked.fetch_record(build_tag_ref(acr, "gone"), OLD.digest) == RegistryRecord(
        PUSHED, (), False, OLD.media_type
    )


def test_reading_many_acr_records_needs_one_exchange_and_one_access_token(acr):
    asked = facts(acr)
    for digest in (NEW.digest, OLD.digest) * 3:
        asked.fetch_record(build_tag_ref(acr), digest)
    assert acr.asked.count("POST /oauth2/exchange") == 1
    assert acr.asked.count("POST /oauth2/token") == 1
    assert len(acr.asked) == 2 + 1 + 2 * 6, "two for each, and the first challenge"


def at(acr: FakeAcr, clock: list[float]) -> AcrFacts:
    """Return the metadata client with a clock that the test sets, in seconds."""
    access = EndpointDirectory([entry(acr)])
    http = HttpClient(access.list_trusted_hosts(), environment={})
    keychain = Keychain(access, {}, EntraLogins(http, build_secret_environment(acr.entra), now=lambda: clock[0]))
    return AcrFacts(access, RegistryAuthenticator(http, keychain, now=lambda: clock[0]))


def test_acr_login_is_renewed_every_three_hours(acr):
    clock = [0.0]
    asked = at(acr, clock)
    for hour in range(24):
        clock[0] = hour * 3600.0
        assert asked.fetch_record(build_tag_ref(acr), NEW.digest) is not None
    assert acr.asked.count("POST /oauth2/exchange") == 8, "every three hours"


def test_acr_access_token_is_reused_until_expiry(acr):
    clock = [0.0]
    asked = at(acr, clock)
    for minute, tokens in ((0, 1), (2, 1), (50, 1), (60, 2)):
        clock[0] = minute * 60.0
        assert asked.fetch_record(build_tag_ref(acr), NEW.digest) is not None
        assert acr.asked.count("POST /oauth2/token") == tokens


@pytest.mark.parametrize(
    ("flags", "is_locked"),
    [
        (ChangeableAttributes(write=False), True),
        (ChangeableAttributes(delete=False), True),
        (ChangeableAttributes(), False),
    ],
)
def test_acr_image_is_locked_if_write_or_delete_is_disabled(acr, flags, is_locked):
    acr.content.repositories["team/app"].manifests[NEW.digest].flags = flags
    recorded = facts(acr).fetch_record(build_tag_ref(acr), NEW.digest)
    assert recorded is not None
    assert recorded.is_locked is is_locked


def test_newest_tagged_digests_in_acr_are_listed_with_one_request(acr):
    asked = facts(acr)
    assert asked.list_newest_digests(f"{acr.host}/team/app") == [NEW.digest]  # the old image lost its tag
    signature = images.build_image([images.build_layer({"a": b"signature"})])
    acr.push(signature, "team/app", f"sha256-{NEW.digest[7:]}.sig", LATER)
    newest = images.build_image([images.build_layer({"a": b"newest"})])
    acr.push(newest, "team/app", "1.3", LATER + timedelta(days=1))
    before = len(acr.asked)
    assert asked.list_newest_digests(f"{acr.host}/team/app") == [newest.digest, NEW.digest]
    assert len(acr.asked) == before + 1
    assert asked.list_newest_digests(f"{acr.host}/team/other") == ()
    assert asked.list_newest_digests("docker.io/library/python") == ()


def test_digest_missing_in_acr_has_no_record(acr):
    assert facts(acr).fetch_record(build_tag_ref(acr), NOWHERE) is None


def test_record_of_digest_lists_tags_only_up_to_limit(acr):
    for number in range(MAX_TAGS + 5):
        acr.push(NEW, "team/app", f"2.{number}")
    recorded = facts(acr).fetch_record(build_tag_ref(acr), NEW.digest)
    assert recorded is not None
    assert len(recorded.tags) == MAX_TAGS


def test_acr_records_are_read_with_username_and_password(tmp_path):
    certificate = SelfSignedCertificate.make(tmp_path, "contoso.azurecr.io")
    logins = {("narrow", "both"): ACR_PULL, ("narrow", "content"): AcrIdentity({"team/app": frozenset({"pull"})})}
    with FakeEntra(certificate) as entra, FakeAcr(certificate, entra, logins=logins) as acr:
        acr.push(NEW, "team/app", "1")
        listed = entry(acr, username="narrow", password="both")
        assert facts(acr, listed).fetch_record(build_tag_ref(acr), NEW.digest) is not None
        listed = entry(acr, username="narrow", password="content")
        with pytest.raises(RegistryError) as caught:
            facts(acr, listed).fetch_record(build_tag_ref(acr), NEW.digest)
    assert (caught.value.reason, caught.value.is_failure) == (Reason.DENIED, True), "content/read without metadata/read"
    assert "POST /oauth2/exchange" not in acr.asked


def test_acr_records_are_requested_if_config_has_password_for_azure_host(acr):
    def resolve(host: str, port: int) -> list[str]:
        raise OSError(f"nobody knows {host}")

    listed = RegistryEntry("contoso.azurecr.io", username="narrow", password="both")
    oci = OciRegistry([listed], environment={}, sleep=lambda seconds: None, resolve=resolve)
    with pytest.raises(RegistryError, match=r"https://contoso.azurecr.io/acr/v1/.* did not answer"):
        oci.create_facts().fetch_record(TagRef("contoso.azurecr.io/team/app", "1"), NEW.digest)


@pytest.mark.parametrize(
    ("anybody", "is_told"), [(ANYBODY, True), (AcrIdentity({"*": frozenset({"pull"})}), False), (None, False)]
)
def test_acr_record_is_read_without_credential_only_if_metadata_is_public(acr, anybody, is_told):
    acr.anonymous = anybody
    access = EndpointDirectory([entry(acr)])
    http = HttpClient(access.list_trusted_hosts(), environment={})
    recorded = AcrFacts(access, RegistryAuthenticator(http, Keychain(access, {}))).fetch_record(
        build_tag_ref(acr), NEW.digest
    )
    assert (recorded is not None) == is_told


def test_acr_records_are_not_requested_from_mirrors_plain_http_or_other_registries(acr):
    asked = facts(
        acr,
        entry(acr, uses_entra=False),
        RegistryEntry("docker.io", mirror=acr.host),
        RegistryEntry("contoso.azurecr.io", mirror=acr.host),
        RegistryEntry("127.0.0.1:9", uses_entra=True, is_insecure=True),
    )
    for host in (acr.host, "docker.io", "127.0.0.1:9", "ghcr.io", "contoso.azurecr.io", "unlisted.azurecr.io"):
        assert asked.fetch_record(TagRef(f"{host}/team/app", "1"), NEW.digest) is None
    assert acr.received == []


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (HttpReply(500), Reason.REGISTRY_ERROR),
        (HttpReply(429, headers={"Retry-After": "120"}), Reason.RATE_LIMITED),
        (HttpReply(200, b"<html>", {"Content-Type": "text/html"}), Reason.REGISTRY_ERROR),
        (HttpReply(200, b"{}", {"Content-Type": "application/json"}), Reason.REGISTRY_ERROR),
        (HttpReply(200, b"[]", {"Content-Type": "application/json"}), Reason.REGISTRY_ERROR),
        (HttpReply(200, b'{"manifest": 1}', {"Content-Type": "application/json"}), Reason.REGISTRY_ERROR),
        (HttpReply(200, b" " * 5_000_000), Reason.REGISTRY_ERROR),
        (HttpReply(307, headers={"Location": "http://169.254.169.254/"}), Reason.REGISTRY_ERROR),
    ],
)
def test_invalid_acr_response_raises_registry_error_with_reason(acr, reply, reason):
    with HttpListener(lambda received: reply, acr.certificate) as server, pytest.raises(RegistryError) as caught:
        facts(acr, RegistryEntry(server.host, ca=str(acr.certificate.path), uses_entra=True)).fetch_record(
            TagRef(f"{server.host}/team/app", "1"), NEW.digest
        )
    assert caught.value.reason is reason


def test_acr_response_without_times_yields_record_without_times(acr):
    tag = {"tag": {"name": "1", "digest": NEW.digest, "changeableAttributes": {}}}

    def answer(received: ReceivedRequest) -> HttpReply:
        document = tag if "/_tags/" in received.path else {"manifest": {}}
        return HttpReply(200, json.dumps(document).encode(), {"Content-Type": "application/json"})

    with HttpListener(answer, acr.certificate) as server:
        asked = facts(acr, RegistryEntry(server.host, ca=str(acr.certificate.path), uses_entra=True))
        recorded = asked.fetch_record(TagRef(f"{server.host}/team/app", "1"), NEW.digest)
    assert recorded == RegistryRecord(None, (), False, None)


@pytest.mark.parametrize("url", ["http://{host}/acr/v1/x", "https://attacker.example/acr/v1/x", "https://{host}/v2/x"])
def test_azure_library_cannot_send_requests_to_other_urls(acr, url, monkeypatch):
    def astray(self, *_, **options):
        self._client.send_request(HttpRequest("GET", url.format(host=acr.host)))

    monkeypatch.setattr(ContainerRegistryClient, "get_manifest_properties", astray)
    with pytest.raises(RegistryError):
        facts(acr).fetch_record(build_tag_ref(acr), NEW.digest)
    assert acr.received == []


# End of life


def end(text: str) -> dict[str, str]:
    return {END_OF_LIFE: text}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((), None),
        (("2026-05-12",), date(2026, 5, 12)),
        (("2026-05-12T00:00:00Z",), date(2026, 5, 12)),
        (("2026-05-12T23:30:00-08:00",), date(2026, 5, 12)),
        (("2026-05-12", "2027-05-12", "2026-01-01"), date(2027, 5, 12)),
        (("soon", "2026-05-12"), date(2026, 5, 12)),
        (("never",), None),
    ],
)
def test_latest_of_several_attached_end_of_life_dates_is_used(acr, said, expected):
    acr.attach("team/app", NEW.digest, "application/vnd.example.sbom", end("2030-01-01"))
    for text in said:
        acr.attach("team/app", NEW.digest, LIFECYCLE, end(text))
    assert facts(acr).fetch_end_of_life(build_tag_ref(acr), NEW.digest) == expected
    assert acr.received[-1].path.endswith(f"?artifactType={LIFECYCLE.replace('/', '%2F')}")


def referrers(*manifests: object, media_type: str = OCI_INDEX, status: int = 200) -> HttpReply:
    body = json.dumps({"manifests": manifests}).encode()
    return HttpReply(status, body, {"Content-Type": media_type})


@pytest.mark.parametrize(
    "reply",
    [
        HttpReply(404),
        referrers({"artifactType": LIFECYCLE, "annotations": end("2026-05-12")}, media_type="text/html"),
        referrers({"artifactType": "application/vnd.other", "annotations": end("2026-05-12")}),
        referrers({"artifactType": LIFECYCLE, "annotations": [1]}, {"artifactType": LIFECYCLE}, 1, None),
        referrers({"artifactType": LIFECYCLE, "annotations": {END_OF_LIFE: 20260512}}),
        HttpReply(200, b"[", {"Content-Type": OCI_INDEX}),
        HttpReply(200, b"[" * 100_000, {"Content-Type": OCI_INDEX}),
        HttpReply(200, b'{"manifests": {"a": 1}}', {"Content-Type": OCI_INDEX}),
        HttpReply(200, b"[]", {"Content-Type": OCI_INDEX}),
    ],
)
def test_end_of_life_of_image_is_none_if_referrers_have_no_date(acr, reply):
    with HttpListener(lambda received: reply, acr.certificate) as server:
        asked = facts(acr, RegistryEntry(server.host, ca=str(acr.certificate.path), uses_entra=True))
        assert asked.fetch_end_of_life(TagRef(f"{server.host}/team/app", "1"), NEW.digest) is None


def test_failed_referrers_request_raises_registry_error(acr):
    with HttpListener(lambda received: HttpReply(400), acr.certificate) as server:
        asked = facts(acr, RegistryEntry(server.host, ca=str(acr.certificate.path), uses_entra=True))
        with pytest.raises(RegistryError) as caught:
            asked.fetch_end_of_life(TagRef(f"{server.host}/team/app", "1"), NEW.digest)
    assert caught.value.reason is Reason.REGISTRY_ERROR


def test_end_of_life_of_microsoft_image_is_read_through_mirror(acr):
    acr.attach("team/app", NEW.digest, LIFECYCLE, end("2026-05-12"))
    mirrored = RegistryEntry("mcr.microsoft.com", mirror=acr.host)
    asked = facts(acr, entry(acr), mirrored)
    assert asked.fetch_end_of_life(TagRef("mcr.microsoft.com/team/app", "1"), NEW.digest) == date(2026, 5, 12)
    assert asked.fetch_end_of_life(TagRef("docker.io/team/app", "1"), NEW.digest) is None
