"""What every sender of a forge promises: proofs, identifiers, and the events of each delivery."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import getitem
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.events.forges import azure, gitea, github, gitlab
from support.events.forges.sent import PLAIN_TEXT, TICKED_TEXT, SendingForge, SentDelivery

from bot.events import find_sender
from bot.events.fields import MAX_EVENTS, MAX_TEXT_LENGTH
from bot.events.forge_changes import MAX_BRANCHES
from bot.events.github import MAX_ADDED_REPOSITORIES
from bot.model.delivery import EventRequest, ParsedDelivery, SenderKind, UnreadableDeliveryError
from bot.work_ports import EventSender

NOW = datetime.fromtimestamp(gitlab.SENT_AT, UTC)
FORGES = (github.FORGE, gitlab.FORGE, azure.FORGE, gitea.FORGE)
PROOFS = [(forge, way) for forge in FORGES for way in forge.proofs]
SENT = [(forge, delivery) for forge in FORGES for delivery in forge.deliveries]
over_forges = pytest.mark.parametrize("forge", FORGES, ids=lambda forge: forge.kind)
over_proofs = pytest.mark.parametrize(("forge", "way"), PROOFS, ids=[f"{forge.kind}-{way}" for forge, way in PROOFS])
over_deliveries = pytest.mark.parametrize(
    ("forge", "sent"), SENT, ids=[f"{forge.kind}-{sent.name}" for forge, sent in SENT]
)


def _sender(forge: SendingForge) -> EventSender:
    return find_sender(SenderKind(forge.kind))


def _parse(forge: SendingForge, request: EventRequest) -> ParsedDelivery:
    return _sender(forge).parse_delivery(request, None)


def _is_proved(forge: SendingForge, way: str, request: EventRequest, now: datetime = NOW) -> bool:
    return _sender(forge).is_proved(request, forge.secrets[way], now)


def _proved(forge: SendingForge, way: str) -> EventRequest:
    sent = forge.deliveries[0]
    return sent.to_request(forge.proofs[way](sent.body))


@over_proofs
def test_forge_delivery_with_the_secret_is_authentic(forge, way):
    assert _is_proved(forge, way, _proved(forge, way))


@over_proofs
def test_forge_delivery_with_another_secret_is_not_authentic(forge, way):
    request = _proved(forge, way)

    assert not _sender(forge).is_proved(request, forge.secrets[way] + "x", NOW)
    assert not _sender(forge).is_proved(request, "", NOW)


@over_proofs
def test_forge_delivery_without_token_or_signature_is_not_authentic(forge, way):
    assert not _is_proved(forge, way, forge.deliveries[0].to_request())
    for name in forge.proofs[way](b""):
        assert not _is_proved(forge, way, forge.deliveries[0].to_request({name: ""}))


@over_proofs
def test_forge_delivery_with_repeated_or_changed_token_is_not_authentic(forge, way):
    request = _proved(forge, way)
    for name, value in forge.proofs[way](request.body).items():
        for wrong in (f"{value},{value}", value[:-1], f"{value}0", value + "é"):
            changed = replace(request, headers={**request.headers, name: wrong})
            assert not _is_proved(forge, way, changed), (name, wrong)


@over_proofs
def test_signature_of_forge_delivery_covers_the_whole_body(forge, way):
    request = _proved(forge, way)
    is_signed = forge.proofs[way](b"a") != forge.proofs[way](b"b")

    assert _is_proved(forge, way, replace(request, body=request.body + b" ")) is not is_signed


@over_proofs
@settings(max_examples=50)
@given(text=st.text(st.characters(max_codepoint=255), max_size=80))
@example(text="Basic !")
@example(text="Basic /w==")
@example(text="Basic Og==")
@example(text="v1," * 30)
@example(text="9" * 400)
@example(text="9" * 5_000)
def test_forge_delivery_with_arbitrary_headers_is_not_authentic(forge, way, text):
    request = _proved(forge, way)
    proof = forge.proofs[way](request.body)
    headers = request.headers | dict.fromkeys(proof, text)

    assert not _is_proved(forge, way, replace(request, headers=headers))
    for name in proof:
        _is_proved(forge, way, replace(request, headers={**request.headers, name: text}))


def test_gitea_delivery_is_authentic_despite_signature_headers_of_other_forges():
    sent = gitea.FORGE.deliveries[0]
    signature = gitea.sign(sent.body)
    request = sent.to_request(
        {
            "x-gitea-signature": signature,
            "x-gogs-signature": signature,
            "x-hub-signature": "sha1=0",
            "x-hub-signature-256": f"sha256={signature}",
        }
    )

    assert _is_proved(gitea.FORGE, "gitea", request)


@pytest.mark.parametrize(("minutes", "is_proved"), [(-6, False), (-4, True), (4, True), (6, False)])
def test_signed_gitlab_delivery_is_authentic_for_five_minutes(minutes, is_proved):
    request = _proved(gitlab.FORGE, "signature")

    assert _is_proved(gitlab.FORGE, "signature", request, NOW + timedelta(minutes=minutes)) is is_proved


def test_gitlab_delivery_with_several_signatures_needs_one_valid_signature():
    request = _proved(gitlab.FORGE, "signature")
    both = f"v1,AAAA {request.headers['webhook-signature']}"

    assert _is_proved(
        gitlab.FORGE, "signature", replace(request, headers={**request.headers, "webhook-signature": both})
    )


def test_gitlab_delivery_is_not_authentic_if_configured_key_is_invalid_base64():
    request = _proved(gitlab.FORGE, "signature")

    assert not _sender(gitlab.FORGE).is_proved(request, "whsec_thirty-two bytes that are no key", NOW)


@over_deliveries
def test_forge_delivery_is_parsed_into_expected_events(forge, sent):
    assert _parse(forge, sent.to_request()).events == tuple(sent.events)


@over_deliveries
def test_repeated_forge_delivery_has_the_same_identifier(forge, sent):
    once, again = _parse(forge, sent.to_request()), _parse(forge, sent.to_request())

    assert once.id == again.id


PROVING_BODY = [(forge, way) for forge, way in PROOFS if forge is not azure.FORGE and "token" not in way]


@pytest.mark.parametrize(("forge", "way"), PROVING_BODY, ids=[f"{forge.kind}-{way}" for forge, way in PROVING_BODY])
def test_copied_delivery_with_changed_unsigned_headers_keeps_its_identifier(forge, way):
    original = _proved(forge, way)
    signed = forge.proofs[way](original.body)
    changed = {name: value if name in signed else "copy" for name, value in original.headers.items()}
    copy = replace(original, headers={**changed, "idempotency-key": "copy"})

    assert _is_proved(forge, way, copy)
    assert _parse(forge, copy).id == _parse(forge, original).id


@over_forges
def test_different_forge_deliveries_have_different_identifiers(forge):
    ids = {_parse(forge, sent.to_request()).id for sent in forge.deliveries}

    assert len(ids) == len(forge.deliveries)


@over_forges
def test_forge_delivery_without_identifier_is_identified_by_content(forge):
    first, second = [
        EventRequest("POST", {"x-gitlab-event-uuid": "the-same"}, {}, json.dumps(document).encode())
        for document in (_without_id(sent) for sent in forge.deliveries[:2])
    ]

    assert _parse(forge, first).id == _parse(forge, first).id != _parse(forge, second).id


def _without_id(sent: SentDelivery) -> dict[str, object]:
    return {key: value for key, value in sent.document.items() if key not in ("notificationId", "subscriptionId")}


def test_forgejo_headers_are_read_like_gitea_headers():
    sent = next(each for each in gitea.FORGE.deliveries if each.name == "approved")
    own = {name.replace("x-gitea", "x-forgejo"): value for name, value in sent.headers.items() if "gitea" in name}

    delivery = _parse(gitea.FORGE, replace(sent.to_request(), headers=own))

    assert delivery == _parse(gitea.FORGE, sent.to_request())
    assert delivery.events == tuple(sent.events)


def test_azure_devops_identifies_a_delivery_by_subscription_and_notification():
    delivery = _parse(azure.FORGE, azure.FORGE.deliveries[0].to_request())

    assert delivery.id.partition("/")[0] == azure.SUBSCRIPTION


@over_forges
@pytest.mark.parametrize("body", [b"", b"[]", b'"text"', b"{", b"\xff", b"1", b"[" * 100_000, b"9" * 5_000])
def test_forge_delivery_with_malformed_body_is_unreadable(forge, body):
    request = replace(forge.deliveries[0].to_request(), body=body)

    with pytest.raises(UnreadableDeliveryError):
        _parse(forge, request)


@over_forges
def test_error_about_forge_delivery_sent_as_form_names_the_setting_to_change(forge):
    request = replace(forge.deliveries[0].to_request(), body=b"payload=%7B%7D")

    with pytest.raises(UnreadableDeliveryError, match="application/json"):
        _parse(forge, request)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@over_deliveries
def test_unexpected_value_in_forge_delivery_never_yields_invalid_repository_name(forge, sent):
    paths = _list_fields(dict(sent.document))

    @settings(max_examples=15, deadline=None)
    @given(path=st.sampled_from(paths), value=ODD)
    def check(path, value):
        body = json.dumps(_replace_field(json.loads(sent.body), path, value)).encode()
        try:
            events = _parse(forge, replace(sent.to_request(), body=body)).events
        except UnreadableDeliveryError:
            return
        assert all(each.repository.isprintable() and each.repository for each in events)

    check()


def _list_fields(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the paths of all fields in a document."""
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, inner in items for found in ((*path, key), *_list_fields(inner, (*path, key)))]


def _replace_field(document: Any, path: tuple[str | int, ...], value: object) -> Any:
    *outer, last = path
    reduce(getitem, outer, document)[last] = value
    return document


@over_forges
@settings(max_examples=60)
@given(document=st.dictionaries(st.text(max_size=8), ODD, max_size=4))
def test_arbitrary_json_in_forge_delivery_yields_no_events(forge, document):
    for headers in {tuple(sent.headers.items()) for sent in forge.deliveries}:
        request = EventRequest("POST", dict(headers), {}, json.dumps(document).encode())
        try:
            assert _parse(forge, request).events == ()
        except UnreadableDeliveryError:
            continue


@pytest.mark.parametrize("name", ["", "a\nb", "a\x1b[31m", "\u202eb", "a" * (MAX_TEXT_LENGTH + 1)])
@over_forges
def test_forge_delivery_with_misleading_repository_name_is_unreadable(forge, name):
    sent = forge.deliveries[0]
    part = forge.repository.rpartition("/")[2] if forge.kind == "azure" else forge.repository
    body = sent.body.replace(json.dumps(part).encode(), json.dumps(name).encode())

    assert body != sent.body
    with pytest.raises(UnreadableDeliveryError):
        _parse(forge, replace(sent.to_request(), body=body))


def test_github_delivery_yields_added_repositories_only_up_to_limit():
    sent = next(each for each in github.FORGE.deliveries if each.name == "installation_repositories added")
    added = [{"full_name": f"acme/{number}"} for number in range(MAX_EVENTS + 1)]
    many = replace(sent, document={**sent.document, "repositories_added": added})

    assert len(_parse(github.FORGE, many.to_request()).events) == MAX_ADDED_REPOSITORIES


@pytest.mark.parametrize(("count", "branches"), [(MAX_BRANCHES, MAX_BRANCHES), (MAX_BRANCHES + 1, 1)])
def test_push_to_too_many_branches_becomes_one_event_without_branch(count, branches):
    refs = [f"refs/heads/b{number}" for number in range(count)]
    of_azure, of_gitlab = (
        next(each for each in forge.deliveries if each.name == "several branches")
        for forge in (azure.FORGE, gitlab.FORGE)
    )
    updates = [{"name": ref, "newObjectId": "1" * 40} for ref in refs]
    changes = [{"ref": ref, "after": "1" * 40} for ref in refs]
    document = {**of_azure.document, "resource": {**of_azure.document["resource"], "refUpdates": updates}}

    for forge, sent in (
        (azure.FORGE, replace(of_azure, document=document)),
        (gitlab.FORGE, replace(of_gitlab, document={**of_gitlab.document, "changes": changes})),
    ):
        events = _parse(forge, sent.to_request()).events
        assert len(events) == branches
        assert (events[0].branch is None) is (count > MAX_BRANCHES)


def test_github_delivery_of_ignored_event_type_is_not_parsed():
    request = EventRequest("POST", {"x-github-event": "star"}, {}, b"not JSON")

    assert _parse(github.FORGE, request).events == ()


def test_recorded_issue_texts_differ_only_in_the_ticked_checkbox():
    assert TICKED_TEXT.replace("[x]", "[ ]") == PLAIN_TEXT != TICKED_TEXT
