"""Access to the fields of deliveries, which can contain any value.

Every function raises UnreadableDeliveryError if the value does not have the expected form.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence

from bot.model.delivery import UnreadableDeliveryError

MAX_EVENTS = 5_000
"""The largest number of events in one delivery. Event Grid sends at most this number."""
MAX_TEXT_LENGTH = 1_024
"""The largest number of characters of a field. No name of a tag, of a repository or of an action is longer."""
_ID = re.compile(r"[!-~]{1,200}")

JsonObject = Mapping[str, object]


def parse_json(body: bytes) -> object:
    """Return the JSON document in the body of a request."""
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableDeliveryError("the body is not JSON that can be read") from error
    return document


def read_object(value: object, name: str) -> JsonObject:
    """Return a value that must be an object. `name` is the name of the field."""
    if not isinstance(value, dict):
        raise UnreadableDeliveryError(f"`{name}` is not an object")
    return value


def read_objects(value: object, name: str) -> Sequence[JsonObject]:
    """Return a value that must be a list of at most MAX_EVENTS objects."""
    if not isinstance(value, list):
        raise UnreadableDeliveryError(f"`{name}` is not a list")
    if len(value) > MAX_EVENTS:
        raise UnreadableDeliveryError(f"`{name}` has more than {MAX_EVENTS} entries")
    return [read_object(each, f"{name}[]") for each in value]


def read_text(value: object, name: str) -> str:
    """Return a value that must be a text of at most MAX_TEXT_LENGTH characters."""
    if not isinstance(value, str):
        raise UnreadableDeliveryError(f"`{name}` is not a text")
    if len(value) > MAX_TEXT_LENGTH:
        raise UnreadableDeliveryError(f"`{name}` has more than {MAX_TEXT_LENGTH} characters")
    return value


def choose_delivery_id(value: object, content: bytes) -> str:
    """Return the sender's identifier of a delivery; a hash of the delivery's content if there is no identifier."""
    if isinstance(value, str) and _ID.fullmatch(value):
        return value
    return hash_delivery(content)


def hash_delivery(content: bytes) -> str:
    """Return the identifier of a delivery whose signature covers only its content.

    The sender's own identifier is in a header that is not signed. An attacker could therefore copy a delivery and send
    it again with another identifier. A sender that repeats a delivery sends the same content.
    """
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
