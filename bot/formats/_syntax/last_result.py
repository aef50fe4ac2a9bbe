"""Remember the last result of a test of bytes, because several formats test the same file one after the other."""

from __future__ import annotations

from collections.abc import Callable

Test = Callable[[bytes], bool]


def remember_last(test: Test) -> Test:
    """Return a function that returns the same as `test`, and calls it only if the bytes are not the same object.

    A text of one section is the same object as its file. In a large tree, this saves about a fifth of the time for
    deciding which YAML files to parse.
    """
    last: tuple[bytes | None, bool] = (None, False)

    def test_or_remember(raw: bytes) -> bool:
        nonlocal last
        known = last  # a single tuple, because other threads may replace it
        if known[0] is not raw:
            last = known = (raw, test(raw))
        return known[1]

    return test_or_remember
