"""The history of a tag as quay.io records it. The answers have the form in Red Hat's documentation of the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
from support.listener import HttpListener, HttpReply, ReceivedRequest
from support.values import digest

from bot.model.errors import RegistryError
from bot.model.image import RegistryRecord
from bot.model.image_name import TagRef
from bot.net import HttpClient
from bot.registries.endpoints import EndpointDirectory, RegistryEntry
from bot.registries.oci import HostFacts, OciRegistry
from bot.registries.quay_tags import MAX_PAGES, PER_PAGE, QUAY, QuayTags

OLD, BAD, OTHER = (digest(word) for word in ("old", "bad", "other"))


def entry(tag: str, held: str, start: int, **more: object) -> dict[str, object]:
    stated = {"reversion": False, "is_manifest_list": True, "last_modified": "Thu, 06 Jun 2024 13:33:00 -0000"}
    return {"name": tag, "manifest_digest": held, "start_ts": start, **stated, **more}


HISTORY = [entry("1", BAD, 300), entry("1", OLD, 100, end_ts=200), entry("1", OTHER, 200, end_ts=300)]
CURRENT = [entry("1", BAD, 300), entry("1.0.1", OLD, 90)]


class FakeQuay:
    """Answers as quay.io does for a repository, or with `reply`."""

    def __init__(self) -> None:
        self.history: list[object] = list(HISTORY)
        self.current: list[object] = list(CURRENT)
        self.reply: HttpReply | None = None

    def answer(self, received: ReceivedRequest) -> HttpReply:
        target = urlsplit(received.path)
        query = dict(parse_qsl(target.query))
        assert target.path == "/api/v1/repository/acme/app/tag/"
        assert "authorization" not in received.headers, "the API takes no login of the registry"
        assert query.pop("limit") == str(PER_PAGE)
        if self.reply is not None:
            return self.reply
        if query == {"specificTag": "1"}:
            return self._answer(self.history)
        assert query.pop("onlyActiveTags") == "true"
        start = (int(query.pop("page")) - 1) * PER_PAGE
        return self._answer(self.current[start : start + PER_PAGE])

    def _answer(self, entries: list[object]) -> HttpReply:
        return HttpReply(200, json.dumps({"tags": entries, "page": 1, "has_additional": False}).encode())


@pytest.fixture
def quay() -> Iterator[tuple[FakeQuay, HttpListener, QuayTags]]:
    served = FakeQuay()
    with HttpListener(served.answer) as listener:
        directory = EndpointDirectory([RegistryEntry(listener.host, is_insecure=True)])
        http = HttpClient(directory.list_trusted_hosts(), environment={}, sleep=lambda _: None)
        yield served, listener, QuayTags(directory, http, host=listener.host)


def read(tags: QuayTags):
    return tags.fetch_earlier_records(TagRef(f"{tags.host}/acme/app", "1"))


def test_quay_tag_history_lists_digests_newest_first_with_current_tags(quay):
    served, _, tags = quay
    served.history += [entry("1", "sha512:beef", 400), "no entry", entry("11", digest("similar tag"), 500), {}]
    assert list(read(tags).items()) == [
        (BAD, RegistryRecord(None, ("1",))),
        (OTHER, RegistryRecord(None, ())),
        (OLD, RegistryRecord(None, ("1.0.1",))),
    ]


def test_quay_tag_pages_are_read_up_to_limit(quay):
    served, listener, tags = quay
    served.current = [entry(f"0.{number}", BAD, number) for number in range(PER_PAGE)] + CURRENT
    assert read(tags)[OLD].tags == ("1.0.1",)
    served.current = served.current[:PER_PAGE] * MAX_PAGES + CURRENT
    listener.received.clear()
    assert read(tags)[OLD].tags == ()
    assert len(listener.received) == 1 + MAX_PAGES


@pytest.mark.parametrize("status", [401, 403, 404])
def test_private_or_missing_quay_repository_has_empty_tag_history(quay, status):
    served, _, tags = quay
    served.reply = HttpReply(status, b"{}")
    assert read(tags) == {}


@pytest.mark.parametrize(
    "reply", [HttpReply(200, b"{"), HttpReply(200, b"[]"), HttpReply(200, b'{"tags": 3}'), HttpReply(500)]
)
def test_malformed_quay_history_is_reported_as_failure(quay, reply):
    served, _, tags = quay
    served.reply = reply
    with pytest.raises(RegistryError, match="the history of acme/app:1") as error:
        read(tags)
    assert error.value.is_failure


def test_tag_history_is_requested_only_from_quay_itself():
    registry = OciRegistry([RegistryEntry(QUAY, mirror="127.0.0.1:1", is_insecure=True)], environment={})
    facts = registry.create_facts()
    assert isinstance(facts, HostFacts)
    for repository in ("docker.io/library/python", "quay.io/acme/app", "registry.example.com/acme/app"):
        assert facts.fetch_earlier_records(TagRef(repository, "1")) == {}
