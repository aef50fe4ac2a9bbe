"""Sanitizing of untrusted text for messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.net import sanitize_text
from bot.net.text import MAX_QUOTED_LENGTH


def test_a_text_becomes_one_line_without_control_characters():
    assert sanitize_text("a\r\nb\x1b[31mc\u202ed\u2028e\x00  f") == "a b [31mc d e f"


def test_secrets_are_masked_the_longer_first():
    assert sanitize_text("user:pass and pass", ["pass", "user:pass", ""]) == "[hidden] and [hidden]"


def test_a_secret_is_masked_as_python_quotes_it_too():
    secret = "s3cr3t\n"
    assert sanitize_text(f"no header: {f'Bearer {secret}'!r}", [secret]) == "no header: 'Bearer [hidden]'"


@given(st.text() | st.text(min_size=MAX_QUOTED_LENGTH))
def test_whatever_the_text_its_line_is_bounded_and_printable(text):
    line = sanitize_text(text)
    assert len(line) <= MAX_QUOTED_LENGTH
    assert line.isprintable()
