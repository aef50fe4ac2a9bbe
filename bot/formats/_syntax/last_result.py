"""Remember the last result of a test of bytes, because several formats test the same file one after the other."""

from __future__ import annotations

from collections.abc import Callable

Test = Callable[[bytes], bool]


def remember_last(test: Test) -> Test:
    """Return a function that returns the result of `test`, but calls `test` only for a new bytes object.

    The only section of a file is the same object as the file. Remembering the result saves a tenth of the time in which
    the formats decide which YAML files to parse.
    """
    last: tuple[bytes | None, bool] = (None, False)

    def test_or_remember(raw: bytes) -> bool:
        nonlocal last
        known = last  # a single tuple, because other threads may replace it
        if known[0] is not raw:
            last = known = (raw, test(raw))
        return known[1]

    return test_or_remember
