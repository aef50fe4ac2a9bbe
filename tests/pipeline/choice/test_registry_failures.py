"""An error of one image does not affect the other images in its registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import pytest
from support.listener import HttpListener, HttpReply, ReceivedRequest
from support.runs.worlds import NOW, build_context
from support.values import digest, reference

from bot.demo import images
from bot.model.decision import TrackedImage
from bot.model.image import Resolution, ResolvedTag, UnresolvedTag
from bot.model.image_name import Digest, TagRef
from bot.model.modes import UpdateMode
from bot.model.policy import Policy, PolicyConfig
from bot.model.report import RunFailure
from bot.model.vocabulary import Reason
from bot.net.client import MAX_TRIES
from bot.pipeline.choice.resolve_tags import TagLookup, resolve_tags
from bot.pipeline.choice.tag_listings import list_tags
from bot.pipeline.worker_pool import WorkerPool
from bot.ports import LookupStore
from bot.registries.endpoints import RegistryEntry
from bot.registries.oci import OciRegistry
from bot.state.database import Database
from bot.state.lookups.lookup_store import DatabaseLookupStore
from bot.wiring.state import create_no_state

HELD = digest("held")
IMAGE = images.build_image([images.build_layer({"a": b"b"})])


class TagAnswers(NamedTuple):
    """The result of each tag's lookup, and the failures that were noted."""

    resolutions: Mapping[TagRef, Resolution]
    failures: tuple[RunFailure, ...]


def look_up_tags(
    lines: Iterable[TagRef],
    entries: Iterable[RegistryEntry],
    workers: int = 1,
    memory: LookupStore | None = None,
    held: Digest | None = None,
    **options,
) -> TagAnswers:
    registry = OciRegistry(entries, environment={}, sleep=lambda seconds: None, **options)
    wishes = [TagLookup(line, held, timedelta(), is_written=True) for line in lines]
    stores = create_no_state() if memory is None else replace(create_no_state(), lookups=memory)
    context = build_context(registry, state=stores, registry_pool=WorkerPool(workers))
    policy_config = PolicyConfig(purging_hosts=frozenset())
    resolutions = resolve_tags(wishes, context, policy_config, lambda wish, resolved: False)
    return TagAnswers(resolutions, context.failures.list_all())


def build_manifest_reply(**headers: str) -> HttpReply:
    said = {"Content-Type": IMAGE.media_type, "Docker-Content-Digest": IMAGE.digest}
    return HttpReply(200, IMAGE.content, said | headers)


@pytest.mark.parametrize("workers", [1, 8])
@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        (429, {}, Reason.RATE_LIMITED),
        (500, {}, Reason.REGISTRY_ERROR),
        (503, {}, Reason.REGISTRY_ERROR),
    ],
)
def test_failed_lookup_of_one_image_leaves_lookups_of_others_unaffected(status, headers, reason, workers):
    def answer(received: ReceivedRequest) -> HttpReply:
        if received.path.startswith("/v2/ill/"):
            return HttpReply(status, headers=headers)
        return build_manifest_reply()

    with HttpListener(answer) as server:
        lines = [TagRef(f"{server.host}/{name}", "1") for name in ("a", "b", "ill", "y", "z")]
        answers = look_up_tags(lines, [RegistryEntry(server.host, is_insecure=True)], workers)
    (ill,) = (line for line in lines if line.path == "ill")
    found = answers.resolutions
    assert {line for line, said in found.items() if isinstance(said, ResolvedTag)} == set(lines) - {ill}
    assert isinstance(found[ill], UnresolvedTag)
    assert found[ill].reason is reason
    assert [failed.subject for failed in answers.failures] == [server.host]


def test_head_requests_continue_after_the_registry_limits_pulls():
    """A registry whose tags were all updated gets GET requests, until it limits them, and then HEAD requests."""
    rationed = {"RateLimit-Limit": "100;w=21600"}

    def answer(received: ReceivedRequest) -> HttpReply:
        pulls = sum(each.method == "GET" for each in server.received)
        return build_manifest_reply(**rationed, **{"RateLimit-Remaining": f"{12 - pulls};w=21600"})

    with HttpListener(answer) as server:
        lines = [TagRef(f"{server.host}/{name}", "1") for name in ("a", "b", "c")]
        found = look_up_tags(lines, [RegistryEntry(server.host, is_insecure=True)]).resolutions
    assert [isinstance(found[line], ResolvedTag) for line in lines] == [True, True, False]
    assert server.asked[-1] == "HEAD /v2/c/manifests/1"


def test_failure_of_upstream_is_reported_for_upstream_and_not_for_the_cache():
    with HttpListener(lambda received: build_manifest_reply()) as cache:
        lines = [TagRef(f"{cache.host}/{name}", "1") for name in ("hub/a", "hub/b", "team/web")]
        entries = [
            RegistryEntry(cache.host, "hub", upstream="127.0.0.1:9"),
            RegistryEntry(cache.host, is_insecure=True),
            RegistryEntry("127.0.0.1:9", is_insecure=True),
        ]
        asked: list[int] = []
        answers = look_up_tags(lines, entries, resolve=lambda host, port: asked.append(port) or [host])
    assert asked.count(9) == MAX_TRIES, "the second image is not tried: who is silent for one is silent for all"
    assert [isinstance(answers.resolutions[line], ResolvedTag) for line in lines] == [False, False, True]
    assert [failed.subject for failed in answers.failures] == ["127.0.0.1:9"]


def test_retries_against_unreachable_registry_are_not_repeated_for_every_image():
    asked: list[int] = []

    def lookup(host, port):
        asked.append(port)
        if len(asked) > MAX_TRIES:
            raise OSError
        return [host]

    with HttpListener(lambda received: HttpReply(500, headers={"Connection": "close"})) as server:
        lines = [TagRef(f"{server.host}/{name}", "1") for name in ("a", "b", "c")]
        look_up_tags(lines, [RegistryEntry(server.host, is_insecure=True)], resolve=lookup)
    assert len(asked) == MAX_TRIES + 1


def test_retries_against_unreachable_upstream_are_not_repeated_for_every_tag_list():
    cache, upstream = "127.0.0.1:8", "127.0.0.1:9"
    asked: list[int] = []
    registry = OciRegistry(
        [RegistryEntry(cache, upstream=upstream), RegistryEntry(upstream, is_insecure=True)],
        environment={},
        sleep=lambda seconds: None,
        resolve=lambda host, port: asked.append(port) or [host],
    )
    references = [reference(f"{cache}/{name}:1.2") for name in ("a", "b", "c")]
    moving = Policy(update=UpdateMode.MINOR)
    selected = [TrackedImage(each, each.image.to_tag_ref(), moving) for each in references]
    context = build_context(registry, registry_pool=WorkerPool(1))
    list_tags(selected, context, ())
    assert len(asked) == MAX_TRIES
    assert [failed.subject for failed in context.failures.list_all()] == [upstream]


@pytest.mark.parametrize(("status", "known"), [(404, {HELD: None}), (403, {}), (401, {}), (500, {})])
def test_only_404_means_that_a_digest_is_gone(status, known):
    def answer(received: ReceivedRequest) -> HttpReply:
        return HttpReply(status) if received.path.endswith(HELD) else build_manifest_reply()

    with HttpListener(answer) as server:
        line = TagRef(f"{server.host}/a", "1")
        resolved = look_up_tags([line], [RegistryEntry(server.host, is_insecure=True)], held=HELD).resolutions[line]
    assert isinstance(resolved, ResolvedTag)
    assert resolved.pinned_manifests == known


CHART = images.build_image([images.build_layer({"Chart.yaml": b"name: a"})]).content.replace(
    b"application/vnd.oci.image.config.v1+json", b"application/vnd.cncf.helm.config.v1+json"
)


@pytest.mark.parametrize(
    ("reply", "is_definite"),
    [
        (HttpReply(404), True),
        (HttpReply(200, CHART, {"Content-Type": IMAGE.media_type}), True),
        (HttpReply(200, b"<html>", {"Content-Type": "text/html"}), False),
        *((HttpReply(status), False) for status in (401, 403, 429, 500)),
    ],
)
def test_lookup_result_is_definite_for_404_and_charts_but_not_for_errors(reply, is_definite):
    with HttpListener(lambda received: reply) as server:
        line = TagRef(f"{server.host}/a", "1")
        found = look_up_tags([line], [RegistryEntry(server.host, is_insecure=True)]).resolutions[line]
    assert isinstance(found, UnresolvedTag)
    assert found.is_definite is is_definite


def test_forbidden_redirect_fails_only_the_lookup_of_the_redirected_image():
    def answer(received: ReceivedRequest) -> HttpReply:
        if received.path.startswith("/v2/a/"):
            return HttpReply(307, headers={"Location": "http://10.0.0.1/"})
        return build_manifest_reply()

    with HttpListener(answer) as server:
        lines = [TagRef(f"{server.host}/{name}", "1") for name in ("a", "b")]
        found = look_up_tags(lines, [RegistryEntry(server.host, is_insecure=True)]).resolutions
    assert [isinstance(found[line], ResolvedTag) for line in lines] == [False, True]


def test_image_resolved_by_upstream_is_not_pullable_if_the_cache_lacks_the_image():
    with (
        HttpListener(lambda received: HttpReply(404)) as cache,
        HttpListener(lambda received: build_manifest_reply()) as upstream,
    ):
        lines = [TagRef(f"{cache.host}/hub/{name}", "1") for name in ("a", "b")]
        entries = [
            RegistryEntry(cache.host, "hub", upstream=upstream.host),
            RegistryEntry(cache.host, is_insecure=True),
            RegistryEntry(upstream.host, is_insecure=True),
        ]
        found = look_up_tags(lines, entries).resolutions
    for line in lines:
        resolved = found[line]
        assert isinstance(resolved, ResolvedTag)
        assert resolved.digest == IMAGE.digest
        assert resolved.not_pullable_reason
    assert {received.method for received in upstream.received} == {"HEAD"}


def test_manifest_stored_for_upstream_is_not_used_for_the_cache(tmp_path):
    memory = DatabaseLookupStore(Database.sqlite(tmp_path / "state.db"), lambda: NOW)
    with (
        HttpListener(lambda received: HttpReply(404)) as cache,
        HttpListener(lambda received: build_manifest_reply()) as upstream,
    ):
        cached, direct = TagRef(f"{cache.host}/hub/a", "1"), TagRef(f"{upstream.host}/a", "1")
        entries = [
            RegistryEntry(cache.host, "hub", upstream=upstream.host),
            RegistryEntry(cache.host, is_insecure=True),
            RegistryEntry(upstream.host, is_insecure=True),
        ]
        for _ in range(2):
            resolved = look_up_tags([cached, direct], entries, memory=memory).resolutions[cached]
            assert isinstance(resolved, ResolvedTag)
            assert resolved.not_pullable_reason


@pytest.mark.parametrize("status", [200, 404])
def test_manifest_stored_for_another_repository_is_not_used(tmp_path, status):
    """Both tags point to the same image, which the first repository may list without having it."""
    memory = DatabaseLookupStore(Database.sqlite(tmp_path / "state.db"), lambda: NOW)

    def answer(received: ReceivedRequest) -> HttpReply:
        is_missing = received.path == f"/v2/copy/manifests/{IMAGE.digest}" and status == 404
        return HttpReply(404) if is_missing else build_manifest_reply()

    with HttpListener(answer) as server:
        copy, source = (TagRef(f"{server.host}/{name}", "1") for name in ("copy", "source"))
        entries = [RegistryEntry(server.host, is_insecure=True)]
        for lines in ([source], [copy], [copy, source], [copy, source]):
            found = look_up_tags(lines, entries, memory=memory).resolutions
        resolved = found[copy]
    assert isinstance(resolved, ResolvedTag)
    assert bool(resolved.not_pullable_reason) == (status == 404)
    assert server.asked.count(f"GET /v2/copy/manifests/{IMAGE.digest}") == (3 if status == 404 else 1)


def test_digest_stored_for_another_repository_is_reported_as_gone(tmp_path):
    memory = DatabaseLookupStore(Database.sqlite(tmp_path / "state.db"), lambda: NOW)
    newer = images.build_image([images.build_layer({"a": b"newer"})])

    def answer(received: ReceivedRequest) -> HttpReply:
        if received.path == f"/v2/copy/manifests/{IMAGE.digest}":
            return HttpReply(404)
        if received.path.startswith("/v2/copy/"):
            said = {"Content-Type": newer.media_type, "Docker-Content-Digest": newer.digest}
            return HttpReply(200, newer.content, said)
        return build_manifest_reply()

    with HttpListener(answer) as server:
        copy, source = (TagRef(f"{server.host}/{name}", "1") for name in ("copy", "source"))
        entries = [RegistryEntry(server.host, is_insecure=True)]
        look_up_tags([source], entries, memory=memory)
        resolved = look_up_tags([copy], entries, memory=memory, held=IMAGE.digest).resolutions[copy]
    assert isinstance(resolved, ResolvedTag)
    assert resolved.pinned_manifests == {IMAGE.digest: None}
