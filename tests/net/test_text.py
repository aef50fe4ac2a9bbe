"""Sanitizing of untrusted text for messages."""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode, urlsafe_b64encode
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.net import sanitize_text
from bot.net.safe_text import MAX_QUOTED_LENGTH, mask_secrets


def test_sanitized_text_is_one_line_without_control_characters():
    assert sanitize_text("a\r\nb\x1b[31mc\u202ed\u2028e\x00  f") == "a b [31mc d e f"


def test_longer_secret_is_masked_before_shorter_secret():
    assert sanitize_text("user:pass and pass", ["pass", "user:pass", ""]) == "[hidden] and [hidden]"


def test_secret_in_python_repr_is_masked():
    secret = "s3cr3t\n"
    assert sanitize_text(f"no header: {f'Bearer {secret}'!r}", [secret]) == "no header: 'Bearer [hidden]'"


TOKEN = "glpat-0123456789abcdef"
SECRET = "p a/s\"s'w\\o:r+d&ü\n"
ENCODINGS = {
    "Python": repr,
    "JSON": json.dumps,
    "JSON with Unicode": lambda secret: json.dumps(secret, ensure_ascii=False),
    "JSON with slashes": lambda secret: json.dumps(secret).replace("/", r"\/"),
    "shell": lambda secret: "".join(f"\\{each}" for each in secret),
    "HTML": html.escape,
    "HTML with numbers": lambda secret: "".join(each if each.isalnum() else f"&#{ord(each)};" for each in secret),
    "HTML with hexadecimal numbers": lambda secret: "".join(f"&#x{ord(each):X};" for each in secret),
    "path": quote,
    "query": quote_plus,
    "all": lambda secret: quote(secret, safe=""),
    "lower-case digits": lambda secret: quote(secret, safe="").lower(),
    "every octet": lambda secret: "".join(f"%{octet:02X}" for octet in secret.encode()),
    "percent-encoded twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "userinfo": lambda secret: quote(secret, safe="$&+,;="),
    "Base64": lambda secret: b64encode(secret.encode()).decode(),
    "Base64 for URLs": lambda secret: urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    "percent-encoded Base64": lambda secret: quote(b64encode(secret.encode()).decode(), safe=""),
    "login": lambda secret: b64encode(f"user:{secret}".encode()).decode(),
    "login after percent-encoding": lambda secret: b64encode(f"user:{quote(secret, safe='')}".encode()).decode(),
    "login and more": lambda secret: b64encode(f"ab:{secret}:c".encode()).decode(),
    "another login": lambda secret: b64encode(f"abc:{secret}".encode()).decode(),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("secret", [SECRET, "ghp_0123456789", "correct horse", "p+/=w", "\ud800ab/c"])
def test_secret_is_masked_in_any_common_encoding(encoding, secret):
    if "\ud800" in secret and encoding not in ("Python", "JSON", "shell", "HTML"):
        return
    text = f"before {ENCODINGS[encoding](secret)} after"
    assert "[hidden]" in sanitize_text(text, ["other", secret])
    assert re.fullmatch(r"before [\"']?\\?\[hidden\][\"']? after", mask_secrets(text, ["other", secret]))


@pytest.mark.parametrize("encoding", ["path", "all", "every octet", "Base64", "login", "HTML with numbers"])
@pytest.mark.parametrize("line_break", ["\n", "\r\n    ", "\u200b", "\x00", " \t "])
@given(st.data())
def test_encoded_secret_in_several_lines_is_masked(encoding, line_break, data):
    encoded = ENCODINGS[encoding](TOKEN)
    places = st.sets(st.integers(1, len(encoded) - 1), min_size=1, max_size=9)
    bounds = sorted({0, len(encoded), *data.draw(places)})
    broken = line_break.join(encoded[start:end] for start, end in pairwise(bounds))
    shown = sanitize_text(f"{TOKEN}: {broken} (again: {TOKEN})", [TOKEN])
    assert shown.count("[hidden]") == 3
    assert encoded[4:-4] not in shown.replace(" ", "")


def test_lines_without_a_secret_are_not_joined():
    assert mask_secrets(f"first\n{TOKEN}\nlast", [TOKEN]) == "first\n[hidden]\nlast"


def test_secret_is_masked_in_three_encodings_in_the_same_text():
    login, secret = "user:p/w+1", "p/w+1"
    coded = b64encode(login.encode()).decode()
    text = f"{quote(login, safe='')} {coded} {json.dumps(secret)}"
    assert sanitize_text(text, [secret, login]) == '[hidden] [hidden] "[hidden]"'


@given(st.text(min_size=5), st.text(), st.text())
def test_base64_text_that_contains_a_secret_is_masked(secret, before, after):
    try:
        coded = b64encode(f"{before}{secret}{after}".encode()).decode()
    except UnicodeEncodeError:
        return
    assert mask_secrets(f"x {coded} y", [secret]) == "x [hidden] y"


def test_token_of_thousands_of_characters_is_masked():
    token = "eyJhbGciOiJSUzI1NiJ9." * 200
    assert sanitize_text(f"{token} {b64encode(token.encode()).decode()}", [token]) == "[hidden] [hidden]"


def test_text_that_only_resembles_encoded_secrets_is_unchanged():
    text = "GET /v2/library/nginx/manifests/1.27 eyJhbGciOiJSUzI1NiJ9 %41 &amp; a+b"
    assert sanitize_text(text, ["pass", "ab", "s3cr3t/x"]) == text


@given(st.text() | st.text(min_size=MAX_QUOTED_LENGTH))
def test_sanitized_text_is_bounded_and_printable(text):
    line = sanitize_text(text)
    assert len(line) <= MAX_QUOTED_LENGTH
    assert line.isprintable()
