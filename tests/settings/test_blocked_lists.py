"""Published lists of blocked images: an entry that would silently block nothing is a problem."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.model.errors import ConfigError
from bot.settings import parse_blocklist

DIGEST = f"sha256:{'a' * 64}"
HOSTILE = "0001-01-01T00:00:00+23:59"


def parse(entry: str):
    return parse_blocklist(f"schema: 1\nblocked: [{{{entry}}}]\n".encode(), "blocked.yaml")


def test_blocked_build_range_includes_whole_last_day():
    (builds,) = parse("image: '**', built: {from: 2027-01-30, to: 2027-01-30}, reason: x").builds
    assert builds.built_from == datetime(2027, 1, 30, tzinfo=UTC)
    assert builds.built_to == datetime(2027, 1, 30, 23, 59, 59, 999999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("entry", "where", "message"),
    [
        ("digest: , reason: x", "blocked[0].digest", "is empty"),
        (f"digest: {DIGEST}, reason: ~", "blocked[0].reason", "is empty"),
        ("built: null, image: '**', reason: x", "blocked[0].built", "is empty"),
        ("built: {from: null}, image: '**', reason: x", "blocked[0].built.from", "is empty"),
        ("built: {to: 2027-01-30}, image: null, reason: x", "blocked[0].image", "is empty"),
        ("built: {from: 2027-02-01, to: 2027-01-31}, image: '**', reason: x", "blocked[0].built", "blocks no image"),
        (
            "built: {from: '2027-01-31T13:00:00+00:00', to: 2027-01-31T12:00:00Z}, image: '**', reason: x",
            "blocked[0].built",
            "blocks no image",
        ),
        (f"built: {{from: '{HOSTILE}'}}, image: '**', reason: x", "blocked[0].built.from", "is not a time"),
        (f"digest: {DIGEST}, image: docker.io/Acme/*, reason: x", "blocked[0].image", "matches no image"),
        (f"digest: {DIGEST.upper()}, reason: x", "blocked[0].digest", "is not a digest"),
    ],
)
def test_blocklist_entry_that_would_block_no_image_is_refused(entry, where, message):
    with pytest.raises(ConfigError) as caught:
        parse(entry)
    problem = caught.value.problems[0]
    assert (problem.key, message in problem.message) == (where, True)
