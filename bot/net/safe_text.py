"""Sanitizes untrusted text for messages."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote, quote_plus, unquote

MAX_QUOTED_LENGTH = 200
"""The largest number of characters that are quoted from a server's message: enough for a sentence, but not for a
page."""
HIDDEN = "[hidden]"
MIN_CODED_LENGTH = 5
"""The smallest length, in characters, of a part of a Base64 text that is searched for. A shorter part also occurs in
texts without the secret."""
MAX_PATTERN_LENGTH = 1000
"""The largest length, in characters, of a secret whose quoted and percent-encoded forms are searched for. Longer
secrets are tokens, which quoting and percent-encoding do not change. A regular expression for such a secret would take
long to compile."""

_BASE64_WORD = re.compile(rf"[A-Za-z0-9+/_=%-]{{{MIN_CODED_LENGTH},}}", re.ASCII)
_PARTIAL_CHARACTERS = (0, 2, 3)
"""The number of Base64 characters that depend on the bytes before a secret, if there are 0, 1 or 2 bytes before the
secret."""


def sanitize_text(text: str, secrets: Iterable[str] = (), limit: int = MAX_QUOTED_LENGTH) -> str:
    """Return `text` as one line of at most `limit` printable characters, with all `secrets` masked.

    `secrets` are needed if `text` is from a response: a server may repeat the credential of the request in its
    response.
    """
    line = " ".join(_replace_invisible(mask_secrets(text, secrets), " ").split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


class UnsendableSecretError(ValueError):
    """A secret contains characters that an HTTP header cannot contain. The message does not quote the secret."""


def clean_secret(secret: str) -> str:
    """Return a secret in the form that HTTP headers can contain, without line breaks at its end.

    Raises UnsendableSecretError if the result is empty, or has other characters than the printable characters of ASCII
    (RFC 9110, section 5.5).
    """
    cleaned = secret.rstrip("\r\n")
    if not cleaned or not cleaned.isascii() or not cleaned.isprintable():
        raise UnsendableSecretError("it is empty, or contains characters that HTTP does not allow in a header")
    return cleaned


def mask_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return `text` in which HIDDEN replaces every secret. A secret that contains another one is replaced first.

    A secret is also found if some of its characters are quoted (as in Python, JSON, a shell or HTML) or percent-encoded
    (RFC 3986) up to four times, and after that in Base64 (RFC 4648), alone or as a part of a longer text such as
    `user:password`. The whole word in Base64 is replaced. An empty secret is ignored.

    If a secret is broken into several lines, or has other invisible characters in it, the lines are joined.
    """
    longest_first = sorted(set(filter(None, secrets)), key=len, reverse=True)
    masked = _mask_unbroken(text, longest_first)
    joined = _join_lines(masked)
    masked_again = _mask_unbroken(joined, longest_first) if joined != masked else joined
    return masked if masked_again == joined else masked_again


def _join_lines(text: str) -> str:
    """Return `text` without line breaks and invisible characters, and without the spaces around them."""
    return "".join(each.strip() for each in re.split("\n+", _replace_invisible(text, "\n")))


def _replace_invisible(text: str, replacement: str) -> str:
    return "".join(character if character.isprintable() else replacement for character in text)


def _mask_unbroken(text: str, longest_first: Sequence[str]) -> str:
    for secret in longest_first:
        text = text.replace(secret, HIDDEN)
        if len(secret) <= MAX_PATTERN_LENGTH:
            text = re.sub("".join(map(_match_encoded, secret)), HIDDEN, text)
    spellings = (each for secret in longest_first for each in _list_spellings(secret))
    coded_parts = [part for spelling in spellings for part in _encode_parts(spelling)]

    def mask_word(word: re.Match[str]) -> str:
        standard = unquote(word[0]).replace("-", "+").replace("_", "/")
        return HIDDEN if any(part in standard for part in coded_parts) else word[0]

    return _BASE64_WORD.sub(mask_word, text) if coded_parts else text


def _match_encoded(character: str) -> str:
    """Return a regular expression that matches one character of a secret: unchanged, quoted or percent-encoded."""
    octets = character.encode("utf-8", "surrogatepass")
    spellings = {
        rf"\\?{re.escape(character)}",
        re.escape(repr(character)[1:-1]),
        re.escape(html.escape(character)),
        *(rf"(?i:\\{kind}0*{ord(character):x})" for kind in "xuU"),
        rf"(?i:&\#(?:0*{ord(character)}|x0*{ord(character):x})(?:;|(?![0-9a-f])))",
        f"(?i:{''.join(f'%(?:25){{0,3}}{octet:02x}' for octet in octets)})",
        *([r"\+"] if character == " " else []),
    }
    return f"(?:{'|'.join(sorted(spellings))})"


def _list_spellings(secret: str) -> set[str]:
    """Return a secret unchanged and percent-encoded, as in the part of a URL before the `@`."""
    return {secret, *(encode(secret, safe="", errors="surrogatepass") for encode in (quote, quote_plus))}


def _encode_parts(secret: str) -> Iterator[str]:
    """Yield the parts of Base64 texts that depend only on the secret, for each of its three possible positions."""
    octets = secret.encode("utf-8", "surrogatepass")
    for offset, skipped in enumerate(_PARTIAL_CHARACTERS):
        whole = (offset + len(octets)) * 8 // 6  # the last character can depend on the bytes after the secret
        part = base64.b64encode(bytes(offset) + octets).decode("ascii")[skipped:whole]
        if len(part) >= MIN_CODED_LENGTH:
            yield part
