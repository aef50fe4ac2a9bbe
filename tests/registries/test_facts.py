"""Metadata of images, from annotations and labels."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.core.evidence.build_time import parse_build_time
from bot.model.contents import ImageConfig
from bot.model.image import BaseImage
from bot.registries import facts
from bot.registries.manifest import NotAnImageError

PREFIX = "org.opencontainers.image."
DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01T10:00:00Z", datetime(2026, 11, 1, 10, tzinfo=UTC)),
        ("2026-11-01T12:00:00.123456789+02:00", datetime(2026, 11, 1, 10, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-01T10:00:00", datetime(2026, 11, 1, 10, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", None),
        ("1980-01-01T00:00:01Z", None),
        ("9999-12-31T23:59:59Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        ("", None),
        (1761991200, None),
        (None, None),
    ],
)
def test_image_build_time_is_none_if_invalid_or_epoch(text, moment):
    assert parse_build_time(text) == moment


def test_first_nonempty_annotation_value_is_used():
    said = [{}, {f"{PREFIX}version": ""}, {f"{PREFIX}version": "1"}, {f"{PREFIX}version": "2"}]
    assert facts.get_first_value("version", said) == "1"
    assert facts.get_first_value("source", said) is None


def test_annotation_value_is_cut_to_one_printable_line():
    said = [{f"{PREFIX}source": "https://a\n\x1b[31m" + "x" * 10_000}]
    source = facts.get_first_value("source", said)
    assert source is not None
    assert source.isprintable()
    assert len(source) == facts.MAX_TEXT_LENGTH


def test_base_name_and_base_digest_are_never_combined_from_two_sources():
    said = [{}, {f"{PREFIX}base.digest": DIGEST}, {f"{PREFIX}base.name": "debian:12"}]
    assert facts.get_base_image(said) == BaseImage(None, DIGEST)
    assert facts.get_base_image([{f"{PREFIX}base.name": "a", f"{PREFIX}base.digest": "sha256:x"}]) == BaseImage(
        "a", None
    )
    assert facts.get_base_image([{}]) is None


def config(created: str | None, labels: object) -> facts.ConfigFacts:
    return facts.parse_config(json.dumps({"created": created, "config": {"Labels": labels}}).encode())


def test_build_time_is_read_from_annotation_then_config_then_label():
    built = config("2026-11-01T10:00:00Z", {f"{PREFIX}created": "2020-01-01T00:00:00Z"})
    assert facts.get_build_time([{}], built) == datetime(2026, 11, 1, 10, tzinfo=UTC)
    assert facts.get_build_time([{f"{PREFIX}created": "2026-11-02T00:00:00Z"}], built) == datetime(
        2026, 11, 2, tzinfo=UTC
    )


def test_build_time_of_image_with_epoch_config_is_read_from_label():
    built = config("1970-01-01T00:00:00Z", {f"{PREFIX}created": "2026-11-01T10:00:00Z"})
    assert facts.get_build_time([], built) == datetime(2026, 11, 1, 10, tzinfo=UTC)
    assert facts.get_build_time([], config("1970-01-01T00:00:00Z", None)) is None
    assert facts.get_build_time([], None) is None


@pytest.mark.parametrize("labels", [None, [], "x", {"a": 1, "b": None}])
def test_malformed_image_labels_are_read_as_empty(labels):
    assert config(None, labels).labels == {}


@pytest.mark.parametrize("body", [b"", b"[]", b"[" * 100_000, b"{"])
def test_malformed_image_config_is_refused_as_not_an_image(body):
    with pytest.raises(NotAnImageError, match="config is not"):
        facts.parse_config(body)


def test_image_config_without_runtime_part_is_valid():
    assert facts.parse_config(b'{"os": "linux", "architecture": "arm64", "variant": "v8"}') == facts.ConfigFacts(
        None, "linux/arm64/v8", {}
    )


@pytest.mark.parametrize(
    "runtime", [None, [], {"User": 1, "Entrypoint": "sh", "Cmd": {}, "Env": [1, "A"], "Volumes": 3}]
)
def test_malformed_runtime_part_is_read_as_empty_image_config(runtime):
    start = facts.parse_config(json.dumps({"config": runtime}).encode()).runtime_config
    assert replace(start, environment=()) == ImageConfig()


def test_environment_and_user_in_image_config_are_cut_to_limits():
    runtime = {"Env": [f"V{number}=x" for number in range(1000)], "User": "a\x1b[31m" + "b" * 10_000}
    start = facts.parse_config(json.dumps({"config": runtime}).encode()).runtime_config
    assert len(start.environment) == facts.MAX_LIST_LENGTH
    assert start.user.isprintable()
    assert len(start.user) == facts.MAX_TEXT_LENGTH
