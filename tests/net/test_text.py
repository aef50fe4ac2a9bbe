"""Sanitizing of untrusted text for messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.net import plain
from bot.net.text import MAX_QUOTED


def test_a_text_becomes_one_line_without_control_characters():
    assert plain("a\r\nb\x1b[31mc\u202ed\u2028e\x00  f") == "a b [31mc d e f"


def test_secrets_are_masked_the_longer_first():
    assert plain("user:pass and pass", ["pass", "user:pass", ""]) == "[hidden] and [hidden]"


def test_a_secret_is_masked_as_python_quotes_it_too():
    secret = "s3cr3t\n"
    assert plain(f"no header: {f'Bearer {secret}'!r}", [secret]) == "no header: 'Bearer [hidden]'"


@given(st.text() | st.text(min_size=MAX_QUOTED))
def test_whatever_the_text_its_line_is_bounded_and_printable(text):
    line = plain(text)
    assert len(line) <= MAX_QUOTED
    assert line.isprintable()
