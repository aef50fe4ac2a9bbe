"""Tags whose images can take the place of the image of another tag."""

from __future__ import annotations

import pytest

from bot.core.choice.tags import find_siblings

TAGS = (
    *("3", "3-slim", "3.12", "3.12-slim", "3.12.9-slim", "3.12.10-slim", "3.12.10", "3.13-slim", "3.13.1-slim"),
    *(
        "3.12.11rc1-slim",
        "3.12.10-slim-bookworm",
        "3.12-alpine3.19",
        "3.12.9-alpine3.19",
        "3.12.9-alpine3.20",
        "latest",
    ),
)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("3.12-slim", ["3.12.10-slim", "3.12.9-slim"]),
        ("3-slim", ["3.13.1-slim", "3.13-slim", "3.12.10-slim", "3.12.9-slim", "3.12-slim"]),
        ("3.12-alpine3.19", ["3.12.9-alpine3.19"]),
        ("3.12.9-slim", ["3.12.10-slim"]),
        ("3.12.10", []),
        ("3.13.1-slim", []),
        ("latest", []),
    ],
)
def test_sibling_tags_share_variant_and_version_line_and_are_sorted_newest_first(tag, expected):
    siblings = find_siblings(tag, TAGS)
    assert [each.tag for each in siblings] == expected
    assert all(each.is_same_release is (tag != "3.12.9-slim") for each in siblings)
