"""The memory of the last test of the bytes of a file."""

from __future__ import annotations

from bot.formats._syntax.last_result import remember_last


def test_function_that_remembers_last_result_runs_once_for_repeated_bytes():
    tested: list[bytes] = []

    @remember_last
    def is_long(raw: bytes) -> bool:
        tested.append(raw)
        return len(raw) > 3

    first, second = b"long text", b"abc"
    assert [is_long(each) for each in (first, first, second, second, first)] == [True, True, False, False, True]
    assert tested == [first, second, first]
