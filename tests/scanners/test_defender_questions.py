"""Queries for Microsoft Defender: their content, their number, and the host that gets the token."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.clouds.defender_scene import NEW, OLD, defender_scene, found, why
from support.clouds.entra import RESOURCE_MANAGER
from support.clouds.resource_graph import SUBSCRIPTION, grouped
from support.listener import HttpReply

from bot.demo.images import build_image, build_layer
from bot.model.evidence import UnscannedReason
from bot.scanners import defender


@pytest.fixture
def scene(tmp_path, monkeypatch):
    with defender_scene(tmp_path, monkeypatch) as made:
        yield made


class TestQueries:
    def test_prefetched_images_are_queried_from_defender_together_and_once(self, scene):
        scene.graph.rows = [grouped(each.digest, "CVE-2026-0001") for each in (OLD, NEW)]
        scanner = scene.scanner()
        scanner.prefetch([scene.old, scene.new])
        assert [len(found(scanner.scan(each))) for each in (scene.old, scene.new, scene.old)] == [1, 1, 1]
        scanner.prefetch([scene.new])
        assert len(scene.graph.received) == 2, "one for each model"

    def test_many_images_are_queried_from_defender_in_batches(self, scene, monkeypatch):
        monkeypatch.setattr(defender, "IMAGES_PER_QUERY", 2)
        subjects = [scene.push(build_image([build_layer({"number": str(number).encode()})])) for number in range(5)]
        scene.graph.rows = [grouped(each.digest, "CVE-2026-0001") for each in subjects]
        scanner = scene.scanner()
        scanner.prefetch(subjects)
        assert all(found(scanner.scan(each)) for each in subjects)
        assert len(scene.graph.received) == 6

    def test_all_pages_of_defender_answer_are_read(self, scene, monkeypatch):
        monkeypatch.setattr(defender, "PAGE_SIZES", dict.fromkeys(defender.PAGE_SIZES, 3))
        cves = {f"CVE-2026-{number:04}" for number in range(10)}
        assert found(scene.scan(*(grouped(NEW.digest, each) for each in sorted(cves)))).keys() == cves

    def test_page_size_of_defender_query_is_reduced_if_the_answer_is_too_large(self, scene):
        scene.graph.most_bytes = 6000
        cves = {f"CVE-2026-{number:04}" for number in range(40)}
        assert found(scene.scan(*(grouped(NEW.digest, each) for each in sorted(cves)))).keys() == cves
        tops = [each["options"]["$top"] for each in scene.graph.questions]
        assert min(tops) < 10

    def test_single_defender_row_above_size_limit_fails_the_scan(self, scene):
        scene.graph.most_bytes = 100
        assert "ResponsePayloadTooLarge" in scene.scan(grouped(NEW.digest, "CVE-2026-0001")).detail

    def test_repeated_or_truncated_page_of_defender_answer_fails_the_scan(self, scene):
        page = {"data": [], "$skipToken": "again", "resultTruncated": "false"}
        scene.graph.reply = HttpReply(200, json.dumps(page).encode())
        assert "page twice" in scene.scan().detail
        scene.graph.reply = HttpReply(200, json.dumps({"data": [], "resultTruncated": "true"}).encode())
        assert "more rows" in scene.scan().detail

    def test_next_defender_query_is_delayed_if_quota_is_used_up(self, scene):
        scene.graph.left = 1
        assert found(scene.scan(grouped(NEW.digest, "CVE-2026-0001")))
        assert scene.pauses == [5.0]
        assert len(scene.graph.received) == 2, "it was never refused"

    def test_throttled_defender_query_is_retried_after_pause(self, scene):
        scene.graph.left = 0
        assert found(scene.scan(grouped(NEW.digest, "CVE-2026-0001")))
        assert scene.pauses == [5.0]

    def test_defender_query_is_limited_to_configured_subscriptions(self, scene):
        rows = [grouped(NEW.digest, "CVE-2026-0001")]
        assert found(scene.scan(*rows, subscriptions=[SUBSCRIPTION]))
        assert scene.graph.questions[0]["subscriptions"] == [SUBSCRIPTION]
        elsewhere = "00000000-0000-0000-0000-000000000000"
        assert why(scene.scan(*rows, subscriptions=[elsewhere])) is UnscannedReason.NO_REPORT

    def test_refused_defender_query_names_the_missing_role(self, scene):
        scene.graph.readers = frozenset()
        outcome = scene.scan(grouped(NEW.digest, "CVE-2026-0001"))
        assert why(outcome) is UnscannedReason.FAILED
        assert "AuthorizationFailed" in outcome.detail
        assert "Security Reader" in outcome.detail

    def test_defender_token_for_another_audience_is_refused_and_hidden(self, scene):
        token = scene.graph.entra.token("https://containerregistry.azure.net")
        outcome = scene.scan(token=token)
        assert "InvalidAuthenticationTokenAudience" in outcome.detail
        assert token not in outcome.detail

    @pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"data": {}}', b'{"data": [1]}'])
    def test_malformed_defender_answer_fails_the_scan(self, scene, body):
        scene.graph.reply = HttpReply(200, body)
        assert why(scene.scan()) is UnscannedReason.FAILED


def test_defender_query_for_a_platform_omits_digests_of_other_platforms(scene):
    arm = replace(scene.new, platform="linux/arm64")
    assert why(scene.scan(grouped(NEW.digest, "CVE-2026-0001"), of=arm)) is UnscannedReason.NO_REPORT
    assert NEW.digest not in scene.graph.questions[0]["query"]
    assert scene.new.digest not in scene.graph.questions[0]["query"]


# The host that gets the token


def test_defender_token_is_sent_only_to_resource_manager(scene):
    assert found(scene.scan(grouped(NEW.digest, "CVE-2026-0001")))
    for received in scene.graph.received:
        token = received.headers["authorization"].removeprefix("Bearer ")
        assert scene.graph.entra.read(token, RESOURCE_MANAGER)["aud"] == RESOURCE_MANAGER
    assert set(scene.tunnel.asked) == {"management.azure.com:443"}


def test_redirect_of_defender_query_is_not_followed(scene):
    scene.graph.reply = HttpReply(302, headers={"Location": "https://attacker.example/"})
    assert "answered 302" in scene.scan().detail
    assert set(scene.tunnel.asked) == {"management.azure.com:443"}
