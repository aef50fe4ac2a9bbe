"""Tests of the formatting of sizes."""

import pytest

from bot.core.sizes import format_size

SIZES = {
    0: "0 B",
    999: "999 B",
    1000: "1.0 kB",
    999_999: "1.0 MB",
    30_449_999: "30.4 MB",
    7_000_000_000: "7.0 GB",
    10**18: "1000000.0 TB",
}


@pytest.mark.parametrize(("size", "said"), SIZES.items())
def test_sizes_are_formatted_with_readable_units(size, said):
    assert format_size(size) == said
