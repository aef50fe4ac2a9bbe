"""Reads the lifetime of a token from its unverified claims, to renew the token in time. This module does no I/O."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any


def parse_lifetime(token: str) -> int | None:
    """Return the lifetime of a JSON Web Token in seconds; None if the token does not state its lifetime.

    The lifetime is the time from the claim `iat`, or `nbf` if `iat` is missing, to the claim `exp`. It is computed only
    from the token, so that a wrong local clock does not matter.

    https://www.rfc-editor.org/rfc/rfc7519#section-4.1
    """
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, claims, signature
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return None
    fields: dict[str, Any] = claims if isinstance(claims, dict) else {}
    begin, end = fields.get("iat", fields.get("nbf")), fields.get("exp")
    if not isinstance(begin, int) or not isinstance(end, int):
        return None
    return max(end - begin, 0)
