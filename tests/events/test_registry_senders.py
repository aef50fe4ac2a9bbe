"""The rules that every sender of a registry's events obeys, checked with the same tests for all of them."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.events.deliveries import NOW, PROOFS, SECRET, SampleDelivery, SampleSender, add_headers, load_sender, prove

from bot.events import find_sender
from bot.events.fields import MAX_EVENTS, MAX_TEXT_LENGTH
from bot.events.proof import is_same_secret
from bot.model.delivery import EventRequest, ParsedDelivery, SenderKind, TagPushed, UnreadableDeliveryError

SENDERS = [load_sender(kind) for kind in PROOFS]
SIGNING = [sender for sender in SENDERS if sender.kind in (SenderKind.GHCR, SenderKind.SIGNED)]
DELIVERIES = [delivery for sender in SENDERS for delivery in sender.deliveries]
PUSHES = [delivery for sender in SENDERS for delivery in sender.pushes]
_HOSTS = re.compile(rb"(?:[a-z-]+\.)+(?:io|com|net)\b")

for_every_sender = pytest.mark.parametrize("sender", SENDERS, ids=lambda sender: sender.kind.value)
for_every_push = pytest.mark.parametrize("delivery", PUSHES, ids=lambda each: f"{each.kind.value}: {each.name}")
for_every_delivery = pytest.mark.parametrize("delivery", DELIVERIES, ids=lambda each: f"{each.kind.value}: {each.name}")


def parse(delivery: SampleDelivery, request: EventRequest | None = None) -> ParsedDelivery:
    return find_sender(delivery.kind).parse_delivery(request or prove(delivery), delivery.registry)


def is_proved(kind: SenderKind, request: EventRequest) -> bool:
    return find_sender(kind).is_proved(request, SECRET, NOW)


def name_tags(parsed: ParsedDelivery) -> list[str]:
    return [str(event.tag_ref) for event in parsed.events if isinstance(event, TagPushed)]


def change_proof(request: EventRequest, proof: str) -> EventRequest:
    """Return the request with another proof: the header that depends on the secret."""
    name = next(name for name in request.headers if name == "authorization" or "signature" in name)
    return add_headers(request, {name: proof})


@for_every_delivery
def test_registry_delivery_is_parsed_into_exactly_the_pushed_tags(delivery: SampleDelivery):
    parsed = parse(delivery)
    assert name_tags(parsed) == list(delivery.tags)
    assert {event.digest for event in parsed.events} <= {delivery.digest}
    assert parsed.handshake is None


@for_every_delivery
def test_registry_delivery_with_the_secret_is_authentic(delivery: SampleDelivery):
    assert is_proved(delivery.kind, prove(delivery))


@for_every_sender
def test_registry_delivery_without_token_or_signature_is_not_authentic(sender: SampleSender):
    assert not is_proved(sender.kind, sender.deliveries[0].request)


@for_every_sender
@pytest.mark.parametrize("forged", ["", "another-secret-of-32-characters!", SECRET[:-1], SECRET + "x", SECRET.upper()])
def test_registry_delivery_with_another_secret_is_not_authentic(sender: SampleSender, forged: str):
    assert not is_proved(sender.kind, prove(sender.deliveries[0], forged))


@for_every_sender
@pytest.mark.parametrize("proof", ["", " ", "Bearer", "Bearer ", "sha256=", "sha256=" + "0" * 64, "\ud800", "é" * 5000])
def test_registry_delivery_with_malformed_token_or_signature_is_not_authentic(sender: SampleSender, proof: str):
    assert not is_proved(sender.kind, change_proof(prove(sender.deliveries[0]), proof))


@pytest.mark.parametrize("sender", SIGNING, ids=lambda sender: sender.kind.value)
def test_signature_of_registry_delivery_covers_every_byte_of_the_body(sender: SampleSender):
    request = prove(sender.deliveries[0])
    for position in range(0, len(request.body), 7):
        changed = bytearray(request.body)
        changed[position] ^= 1
        assert not is_proved(sender.kind, replace(request, body=bytes(changed)))


@for_every_sender
def test_registry_deliveries_have_unique_identifiers(sender: SampleSender):
    identifiers = [parse(delivery).id for delivery in sender.deliveries]
    assert len(set(identifiers)) == len(identifiers)
    assert all(re.fullmatch(r"[!-~]{1,200}", each) for each in identifiers)


@for_every_delivery
def test_repeated_registry_delivery_yields_the_identifier_and_events_of_the_first(delivery: SampleDelivery):
    repeated = add_headers(prove(delivery), {"aeg-delivery-count": "3", "x-request-id": "another"})
    assert parse(delivery, repeated) == parse(delivery)


@for_every_sender
def test_registry_delivery_with_unknown_action_yields_no_events(sender: SampleSender):
    if sender.action is None:
        return
    push = sender.pushes[0]
    request = prove(push)
    old, new = (f'"{word}"'.encode() for word in sender.action)
    assert old in request.body
    assert parse(push, replace(request, body=request.body.replace(old, new))).events == ()


@for_every_push
def test_configured_registry_host_replaces_the_hosts_in_a_delivery(delivery: SampleDelivery):
    request = prove(delivery)
    request = replace(request, body=_HOSTS.sub(b"attacker.example", request.body))
    parsed = parse(replace(delivery, registry="registry.internal:5000"), request)
    assert len(parsed.events) == len(delivery.tags)
    assert {tag.partition("/")[0] for tag in name_tags(parsed)} == {"registry.internal:5000"}
    assert "attacker" not in repr(parsed)


@for_every_push
def test_docker_hub_names_in_delivery_are_expanded_to_canonical_form(delivery: SampleDelivery):
    request = prove(delivery)
    request = replace(request, body=re.sub(rb"\b(bases|team|acme)/", b"", request.body, flags=re.IGNORECASE))
    tags = name_tags(parse(replace(delivery, registry="docker.io"), request))
    assert tags
    assert all(tag.startswith("docker.io/library/") for tag in tags)


@for_every_push
@pytest.mark.parametrize("tag", ["../latest", "a b", "-x", "x" * 129, "x\n", "é", "a/b", "a@b"])
def test_registry_delivery_with_invalid_tag_is_unreadable(delivery: SampleDelivery, tag: str):
    old = parse(delivery).events[0].tag_ref.tag
    request = prove(delivery)
    text = json.dumps(tag)[1:-1].encode()
    body = re.sub(rb'("(?:tag|name)": )"[^"]+"', rb'\1"' + text.replace(b"\\", b"\\\\") + b'"', request.body)
    body = body.replace(f":{old}".encode(), b":" + text)
    with pytest.raises(UnreadableDeliveryError, match="is not an image reference"):
        parse(delivery, replace(request, body=body))


@for_every_push
@pytest.mark.parametrize("registry", [None, "registry.example.com"])
def test_registry_delivery_with_invalid_repository_is_unreadable(delivery: SampleDelivery, registry: str | None):
    registry = delivery.registry and registry
    request = prove(delivery)
    for name in (b"..", b"a//b", b"a b", b"x@y", b"x" * 300):
        body = re.sub(rb"\b(bases|team|acme)/", name + b"/", request.body, flags=re.IGNORECASE)
        body = body.replace(b"golang", name).replace(b"quay.io/x", b"quay.io/" + name)
        with pytest.raises(UnreadableDeliveryError):
            parse(replace(delivery, registry=registry), replace(request, body=body))


DEEP = 200_000
ODD_BODIES = {
    "nothing": b"",
    "text": b"push",
    "null": b"null",
    "number": b"1" * 10_000,
    "not a number": b"NaN",
    "empty list": b"[]",
    "empty object": b"{}",
    "deep list": b"[" * DEEP,
    "deep object": b'{"a":' * DEEP,
    "deep and closed": b"[" * DEEP + b"]" * DEEP,
    "not UTF-8": b'{"action": "\xff"}',
    "UTF-16": '{"action": "push"}'.encode("utf-16"),
    "half a character": b'{"action": "\\ud800", "type": "\\ud800", "image": "\\ud800"}',
    "too many events": b'{"events": [' + b"{}," * MAX_EVENTS + b"{}]}",
    "too many events without an object": b"[" + b"{}," * MAX_EVENTS + b"{}]",
    "long action": json.dumps({"action": "x" * 10_000, "type": "x" * 10_000, "image": "x" * 10_000}).encode(),
}


@for_every_sender
@pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES)
def test_registry_delivery_with_unexpected_body_yields_no_events(sender: SampleSender, body: bytes):
    push = sender.pushes[0]
    parsed = parse_or_refuse(push, replace(push.request, body=body))
    assert parsed is None or parsed.events == ()


@for_every_sender
@given(body=st.binary(max_size=200))
def test_arbitrary_body_of_registry_delivery_is_parsed_or_unreadable(sender: SampleSender, body: bytes):
    parse_or_refuse(sender.pushes[0], replace(sender.pushes[0].request, body=body))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just("sha256:" + "a" * 64),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=8,
)


@for_every_sender
@given(data=st.data())
def test_registry_delivery_with_arbitrary_field_value_is_parsed_or_unreadable(
    sender: SampleSender, data: st.DataObject
):
    push = data.draw(st.sampled_from(sender.pushes))
    document = replace_any_value(data, json.loads(push.request.body))
    parse_or_refuse(push, replace(push.request, body=json.dumps(document).encode()))


def replace_any_value(data: st.DataObject, document: object) -> object:
    """Return a JSON document in which another value replaces one that is drawn, at any depth."""
    if not isinstance(document, dict | list) or not document or data.draw(st.integers(0, 5)) == 0:
        return data.draw(JSON_VALUES)
    keys = sorted(document) if isinstance(document, dict) else range(len(document))
    key = data.draw(st.sampled_from(keys))
    document[key] = replace_any_value(data, document[key])
    return document


def parse_or_refuse(delivery: SampleDelivery, request: EventRequest) -> ParsedDelivery | None:
    """Return the parsed request, or None if it is unreadable. Check that its tags and its identifier can be stored."""
    is_proved(delivery.kind, request)
    try:
        parsed = parse(delivery, request)
    except UnreadableDeliveryError:
        return None
    for text in (*name_tags(parsed), parsed.id):
        assert re.fullmatch(r"[!-~]{1,1024}", text)
    return parsed


def test_unreadable_event_leaves_other_events_of_the_batch_readable():
    batch = next(each for each in DELIVERIES if each.name == "batch of CloudEvents")
    documents = json.loads(batch.request.body)
    documents[0]["data"]["target"]["repository"] = "NOT A NAME"
    documents[3]["data"] = None
    parsed = parse(batch, replace(batch.request, body=json.dumps(documents).encode()))
    assert name_tags(parsed) == ["contoso.azurecr.io/bases/python:3.13-slim"]


@pytest.mark.parametrize("host", ["registry", "", "https://x.example", "-", None, 7])
def test_registry_delivery_with_invalid_registry_host_is_unreadable(host: object):
    push = load_sender(SenderKind.ACR).pushes[0]
    document = json.loads(push.request.body)
    document["request"]["host"] = host
    with pytest.raises(UnreadableDeliveryError):
        parse(push, replace(push.request, body=json.dumps(document).encode()))


def repeat_events(count: int, action: str = "pull") -> bytes:
    """Return a delivery of distribution with events of one push or pull."""
    pull = next(each for each in DELIVERIES if each.name == "index with a tag")
    (event,) = json.loads(pull.request.body)["events"]
    return json.dumps({"events": [event | {"action": action}] * count}).encode()


def test_registry_delivery_with_too_many_events_or_too_long_text_is_refused():
    push = load_sender(SenderKind.DISTRIBUTION).pushes[0]
    assert parse(push, replace(push.request, body=repeat_events(MAX_EVENTS))).events == ()
    for body in (repeat_events(MAX_EVENTS + 1), repeat_events(1, "x" * (MAX_TEXT_LENGTH + 1))):
        with pytest.raises(UnreadableDeliveryError, match="has more than"):
            parse(push, replace(push.request, body=body))


@pytest.mark.parametrize("odd", ["", "a b", "é", "x" * 201, "\ud800", "\n", 7, None, ["x"]])
def test_invalid_identifier_of_delivery_is_replaced_by_hash(odd: object):
    push = load_sender(SenderKind.ACR).pushes[0]
    body = json.dumps(json.loads(push.request.body) | {"id": odd}).encode()
    assert re.fullmatch("sha256:[0-9a-f]{64}", parse(push, replace(push.request, body=body)).id)


@pytest.mark.parametrize(
    "name", ["batch of CloudEvents", "all events in one delivery, with the content type of version 3"]
)
def test_batches_that_begin_with_the_same_event_have_different_identifiers(name: str):
    batch = next(each for each in DELIVERIES if each.name == name)
    document = json.loads(batch.request.body)
    (document["events"] if isinstance(document, dict) else document).pop()
    shorter = replace(batch.request, body=json.dumps(document).encode())
    assert parse(batch, shorter).id != parse(batch).id


def test_copied_github_package_delivery_with_another_delivery_header_keeps_its_identifier():
    push = load_sender(SenderKind.GHCR).pushes[0]
    copy = add_headers(prove(push), {"x-github-delivery": "copy"})
    assert parse(push, copy).id == parse(push).id


def test_missing_secret_header_does_not_match_an_empty_secret():
    assert not is_same_secret(None, "")


def test_registry_hosts_in_deliveries_are_lower_cased():
    push = load_sender(SenderKind.ACR).pushes[0]
    request = replace(push.request, body=push.request.body.replace(b"contoso.azurecr.io", b"Contoso.AzureCR.io"))
    assert name_tags(parse(push, request)) == list(push.tags)


def test_authorization_header_with_scheme_other_than_bearer_is_refused():
    request = prove(load_sender(SenderKind.ACR).pushes[0])
    assert is_proved(SenderKind.ACR, add_headers(request, {"authorization": f"bearer {SECRET}"}))
    for other in (f"Basic {SECRET}", SECRET, f"Bearer {SECRET} ", f"Bearer  {SECRET}"):
        assert not is_proved(SenderKind.ACR, add_headers(request, {"authorization": other}))
