"""Sigstore bundles signed with a key. The tests build them as cosign 3 does, because Debian's cosign cannot."""

from __future__ import annotations

import json
from itertools import count

import pytest
from support.listener import HttpListener, HttpReply
from support.signing.attached import BUNDLE as V3
from support.signing.attached import (
    EMPTY,
    SIGN,
    attach,
    attachment,
    base64_of,
    bundle,
    dump,
    envelope,
    referrers_index,
    statement,
    trusted,
)

from bot.demo import images
from bot.model.signature import (
    BadSignature,
    NoSignature,
    SignatureDefect,
    SignatureUnknown,
    SignedStatement,
    UnsupportedSignature,
    VerifiedSignature,
)
from bot.model.trust import TrustEntry
from bot.registries.endpoints import RegistryEntry
from bot.registries.oci import OciRegistry
from bot.verifiers._attached_artifacts import MAX_FETCHES
from bot.verifiers.cosign import CosignVerifier

pytestmark = pytest.mark.real("docker-registry")

PROVENANCE = "https://slsa.dev/provenance/v1"
_numbers = count()


@pytest.fixture
def image(registry):
    """Push an image to the registry, a different one for each test."""
    made = images.build_image([images.build_layer({"a": b"bundle %d" % next(_numbers)})])
    registry.push(made, "team/app", "1")
    return made


@pytest.fixture
def verify(registry, artifacts, key):
    trust = TrustEntry(("**",), (trusted(key),))
    return lambda image: CosignVerifier(artifacts).verify(f"{registry.host}/team/app", image.digest, trust)


@pytest.fixture
def attach_documents(registry, image):
    """Attach documents to the image as bundles."""

    def attach_bundles(*documents, listed_as=V3, **annotations):
        made = [attachment(image, V3, dump(document), annotations) for document in documents]
        attach(registry, "team/app", image.digest, *made, kind=listed_as)

    return attach_bundles


@pytest.mark.parametrize(
    ("predicate_type", "said"),
    [(SIGN, SignedStatement.SIGNATURE), (PROVENANCE, SignedStatement.PROVENANCE)],
    ids=["signature", "provenance"],
)
def test_bundle_signed_by_listed_key_is_verified(image, attach_documents, verify, key, predicate_type, said):
    attach_documents(bundle(key, image.digest, predicate_type))
    found = verify(image)
    assert isinstance(found, VerifiedSignature)
    assert found.statement is said


@pytest.mark.real("cosign")
def test_cosign_and_basebump_accept_and_refuse_the_same_bundles(
    registry, image, attach_documents, verify, key, stranger, own_keys
):
    attach_documents(bundle(key, image.digest, PROVENANCE))
    reference = f"{registry.host}/team/app@{image.digest}"
    assert isinstance(verify(image), VerifiedSignature)
    assert own_keys.verify_bundle(reference, trusted(key).pem, PROVENANCE)
    assert not own_keys.verify_bundle(reference, trusted(stranger).pem, PROVENANCE)
    attach_documents(bundle(key, images.compute_digest(b"another"), PROVENANCE))
    assert isinstance(verify(image), BadSignature)
    assert not own_keys.verify_bundle(reference, trusted(key).pem, PROVENANCE)


@pytest.mark.parametrize("listed_as", [None, EMPTY], ids=["nothing", "empty"])
def test_bundle_is_found_if_referrers_list_has_no_artifact_type(image, attach_documents, verify, key, listed_as):
    attach_documents(bundle(key, image.digest), listed_as=listed_as)
    assert isinstance(verify(image), VerifiedSignature)


def test_bundle_signed_by_unlisted_key_is_refused(image, attach_documents, verify, stranger):
    attach_documents(bundle(stranger, image.digest))
    assert verify(image) == BadSignature(SignatureDefect.OTHER_SIGNER)


def test_bundle_about_another_image_is_refused(image, attach_documents, verify, key):
    attach_documents(bundle(key, images.compute_digest(b"another")))
    assert verify(image) == BadSignature(SignatureDefect.OTHER_IMAGE)


def test_bundle_with_statement_changed_after_signing_is_refused(image, attach_documents, verify, key):
    signed = bundle(key, images.compute_digest(b"another"))
    signed["dsseEnvelope"]["payload"] = base64_of(dump(statement(image.digest)))
    attach_documents(signed)
    assert verify(image) == BadSignature(SignatureDefect.OTHER_SIGNER)


def test_bundle_signature_that_covers_another_payload_type_is_refused(image, attach_documents, verify, key):
    signed = bundle(key, image.digest)
    payload = dump(statement(image.digest))
    other = envelope(key, payload, kind="application/json")
    signed["dsseEnvelope"]["signatures"] = other["signatures"]
    attach_documents(signed)
    assert verify(image) == BadSignature(SignatureDefect.OTHER_SIGNER)


@pytest.mark.parametrize("annotated", [True, False], ids=["annotated", "not annotated"])
def test_signed_inventory_in_bundle_does_not_count_as_image_signature(image, attach_documents, verify, key, annotated):
    said = {"dev.sigstore.bundle.predicateType": "https://spdx.dev/Document"} if annotated else {}
    attach_documents(bundle(key, image.digest, "https://spdx.dev/Document"), **said)
    assert verify(image) == NoSignature()


def test_valid_bundle_is_verified_despite_other_invalid_bundles(image, attach_documents, verify, key, stranger):
    other = images.compute_digest(b"another")
    attach_documents({"mediaType": V3}, bundle(stranger, image.digest), bundle(key, other), bundle(key, image.digest))
    assert isinstance(verify(image), VerifiedSignature)


@pytest.mark.parametrize(
    "damage",
    [
        {"dsseEnvelope": []},
        {"verificationMaterial": None},
        {"dsseEnvelope": {"payloadType": "text/plain"}},
        {"dsseEnvelope": {"payloadType": "application/vnd.in-toto+json", "payload": "!"}},
        {"dsseEnvelope": {"payloadType": "application/vnd.in-toto+json", "payload": 1}},
        {"dsseEnvelope": {"payloadType": "application/vnd.in-toto+json", "payload": "", "signatures": [1]}},
        {"dsseEnvelope": {"payloadType": "application/vnd.in-toto+json", "payload": "", "signatures": [{}] * 17}},
        {"dsseEnvelope": {"payloadType": "application/vnd.in-toto+json", "payload": "", "signatures": []}},
        {"dsseEnvelope": {"payloadType": "application/vnd.in-toto+json", "payload": "e30=", "signatures": []}},
    ],
)
def test_damaged_bundle_is_reported_as_broken_and_not_as_unsigned(image, attach_documents, verify, key, damage):
    attach_documents(bundle(key, image.digest, **damage))
    found = verify(image)
    assert isinstance(found, BadSignature)
    assert found.defect is SignatureDefect.BROKEN


@pytest.mark.parametrize(
    "subject", [None, [1], [{"digest": None}], [{}], [{"digest": {"sha256": "a"}}] * 1025], ids=repr
)
def test_bundle_with_malformed_subjects_is_reported_as_broken(image, attach_documents, verify, key, subject):
    payload = dump(statement(image.digest, subject=subject))
    attach_documents(bundle(key, image.digest, dsseEnvelope=envelope(key, payload)))
    found = verify(image)
    assert isinstance(found, BadSignature)
    assert found.defect is SignatureDefect.BROKEN


@pytest.mark.parametrize(
    "kind", [{"mediaType": "application/vnd.dev.sigstore.bundle.v9+json"}, {"dsseEnvelope": None}], ids=repr
)
def test_unknown_bundle_format_is_reported_as_unsupported_and_not_as_unsigned(
    image, attach_documents, verify, key, kind
):
    document = {**bundle(key, image.digest), **kind}
    attach_documents({name: value for name, value in document.items() if value is not None})
    assert isinstance(verify(image), UnsupportedSignature)


def test_image_with_too_many_attached_artifacts_is_reported_as_unsupported(registry, image, verify, stranger):
    about = [images.compute_digest(b"%d" % number) for number in range(MAX_FETCHES)]
    strangers = [attachment(image, "text/plain", dump({"number": each})) for each in about]
    attach(registry, "team/app", image.digest, *strangers, kind=None)
    registry.forget()
    assert isinstance(verify(image), NoSignature)
    attach(registry, "team/app", image.digest, *strangers, attachment(image, "text/plain", b"one more"), kind=None)
    registry.forget()
    assert isinstance(verify(image), UnsupportedSignature)
    assert sum("/manifests/sha256:" in request.path for request in registry.requests()) == MAX_FETCHES


def test_valid_bundle_is_verified_if_the_blob_of_another_bundle_is_missing(registry, image, verify, key, stranger):
    lost = attachment(image, V3, dump(bundle(stranger, image.digest)))
    attach(registry, "team/app", image.digest, lost, attachment(image, V3, dump(bundle(key, image.digest))))
    registry.delete_blob("team/app", images.compute_digest(lost.blobs[-1]))
    assert isinstance(verify(image), VerifiedSignature)


class TestReferrersApi:
    """A registry with the referrers API, which Debian's registry lacks."""

    @pytest.fixture
    def serve(self, key, image):
        """Return a function that serves the image's artifacts page by page and verifies the image."""

        def verify_pages(pages, reply=None):
            made = [each for page in pages for each in page]
            manifests = {each.digest: each.content for each in made}
            blobs = {images.compute_digest(blob): blob for each in made for blob in each.blobs}

            def answer(received):
                path, _, query = received.path.partition("?")
                kind, _, wanted = path.removeprefix("/v2/team/app/").partition("/")
                if kind == "referrers" and wanted == image.digest:
                    if reply is not None:
                        return reply
                    number = int(query.removeprefix("page=") or "0")
                    more = number + 1 < len(pages)
                    link = {"Link": f'</v2/team/app/referrers/{wanted}?page={number + 1}>; rel="next"'} if more else {}
                    content = referrers_index(pages[number]).content
                    return HttpReply(body=content, headers={"Content-Type": images.OCI_INDEX, **link})
                found = {"manifests": manifests, "blobs": blobs}.get(kind, {}).get(wanted)
                return HttpReply(404) if found is None else HttpReply(body=found)

            with HttpListener(answer) as server:
                entry = RegistryEntry(server.host, is_insecure=True)
                artifacts = OciRegistry([entry], environment={}, sleep=lambda seconds: None).create_artifacts()
                trust = TrustEntry(("**",), (trusted(key),))
                return CosignVerifier(artifacts).verify(f"{server.host}/team/app", image.digest, trust)

        return verify_pages

    def test_bundles_are_found_on_every_page_of_referrers(self, serve, image, key, stranger):
        first = attachment(image, V3, dump(bundle(stranger, image.digest)))
        second = attachment(image, V3, dump(bundle(key, image.digest)))
        assert isinstance(serve([[first], [second]]), VerifiedSignature)

    def test_image_with_empty_referrers_list_is_unsigned(self, serve):
        assert serve([[]]) == NoSignature()

    def test_signature_is_unknown_if_referrers_list_exceeds_limit(self, serve, image, stranger):
        found = serve([[attachment(image, "text/plain", b"%d" % number)] for number in range(20)])
        assert isinstance(found, SignatureUnknown)
        assert "longer than the limit" in found.detail

    @pytest.mark.parametrize("status", [400, 404, 405, 406, 501])
    def test_referrers_tag_is_read_if_registry_lacks_referrers_api(self, serve, status):
        assert serve([[]], HttpReply(status, b"404 page not found")) == NoSignature()

    def test_referrers_tag_is_read_if_referrers_list_is_an_html_page(self, serve):
        assert serve([[]], HttpReply(body=b"<html>", headers={"Content-Type": "text/html"})) == NoSignature()

    @pytest.mark.parametrize("body", [b"[", b"[]", b"{}", json.dumps({"manifests": {}}).encode()])
    def test_signature_is_unknown_if_referrers_list_is_malformed(self, serve, body):
        found = serve([[]], HttpReply(body=body, headers={"Content-Type": images.OCI_INDEX}))
        assert isinstance(found, SignatureUnknown)

    def test_signature_is_unknown_if_bundle_blob_does_not_match_digest(self, serve, image, key):
        honest = attachment(image, V3, dump(bundle(key, image.digest)))
        forged = images.PlatformImage(honest.content, honest.media_type, (b"{}",))
        assert isinstance(serve([[forged]]), SignatureUnknown)
