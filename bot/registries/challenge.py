"""Parses WWW-Authenticate headers (RFC 9110, 11.6.1), and the URLs of token servers in such headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import unquote_plus

from bot.net import BlockedError, Url, sanitize_text

MAX_HEADER_LENGTH = 8192
"""The largest header that is parsed, in characters. Challenges have about 200 characters. The rest of a longer header
is ignored, because no honest server sends one."""

TOKEN_PARAMETERS = frozenset(
    {"account", "client_id", "grant_type", "offline_token", "password", "refresh_token", "scope", "service", "username"}
)
"""The parameters of a token request.

https://distribution.github.io/distribution/spec/auth/token/ and …/auth/oauth/
"""

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - `token` is a term of the grammar
_PARAMETER = re.compile(rf'({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))')
_SCHEME = re.compile(rf"({_TOKEN})(?:[ \t]+|$|(?=,))")
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)")
_SEPARATOR = re.compile(r"[ \t,]*")
_QUERY_SEPARATOR = re.compile(r"[&;]")


@dataclass(frozen=True, slots=True)
class AuthChallenge:
    """An authentication method that a server offers in its response."""

    scheme: str
    """In lower case, such as `bearer` or `basic`."""
    parameters: Mapping[str, str]
    """The names are in lower case. If a name is repeated, the first value is used."""


def parse_challenges(header: str) -> tuple[AuthChallenge, ...]:
    """Return the challenges in a WWW-Authenticate header. Parsing ends at the first invalid part.

    `header` may contain the values of several such headers, joined by commas.
    """
    header = header[:MAX_HEADER_LENGTH]
    challenges: list[AuthChallenge] = []
    position = _skip_separators(header, 0)
    while scheme := _SCHEME.match(header, position):
        position = scheme.end()
        parameters: dict[str, str] = {}
        if not _PARAMETER.match(header, position) and (blob := _TOKEN68.match(header, position)):
            position = blob.end()
        while parameter := _PARAMETER.match(header, position):
            name, quoted, unquoted = parameter.groups()
            value = unquoted if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            parameters.setdefault(name.lower(), value)
            position = _skip_separators(header, parameter.end())
        challenges.append(AuthChallenge(scheme[1].lower(), MappingProxyType(parameters)))
        position = _skip_separators(header, position)
    return tuple(challenges)


def parse_realm(challenge: AuthChallenge) -> Url:
    """Return the URL of the token server in a Bearer challenge.

    Raises BlockedError if the URL is not valid, or if its query has a parameter of a token request. Such a parameter
    would let the registry choose the account or the scope, because many servers use the first of two parameters with
    the same name.
    """
    realm = Url.parse(challenge.parameters["realm"])
    for field in _QUERY_SEPARATOR.split(realm.target.partition("?")[2]):
        name = unquote_plus(field.partition("=")[0])
        # Some servers treat `scope[]` like `scope`, and some ignore upper case and surrounding spaces.
        if name.partition("[")[0].strip().lower() in TOKEN_PARAMETERS:
            sets = f"sets the parameter '{sanitize_text(name)}' of the token request itself"
            raise BlockedError(f"the URL {realm.display_text} {sets}")
    return realm


def _skip_separators(header: str, position: int) -> int:
    separator = _SEPARATOR.match(header, position)
    return separator.end() if separator else position
