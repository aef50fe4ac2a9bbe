"""Parses OpenVEX documents of version 0.2.0, and the fields that earlier versions have instead.

https://github.com/openvex/spec
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.advisories.source import MalformedError
from bot.core.evidence.purl import parse_purl
from bot.model.vex import Purl, VexProduct, VexStatement, VexStatus

MAX_DOCUMENT_SIZE = 16 * 1024 * 1024
"""The largest document, in bytes. A distribution's document about one image has a few hundred thousand bytes."""
MAX_REASON_LENGTH = 120
"""The number of characters of an author's reason that are kept, because a table cell shows the reason."""

_CONTEXT = "https://openvex.dev/ns"
_JUSTIFICATIONS = frozenset(
    {
        "component_not_present",
        "vulnerable_code_not_present",
        "vulnerable_code_not_in_execute_path",
        "vulnerable_code_cannot_be_controlled_by_adversary",
        "inline_mitigations_already_exist",
    }
)

JsonObject = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class OpenVexDocument:
    """A parsed OpenVEX document. `author` made all its statements."""

    author: str
    statements: tuple[VexStatement, ...]


def parse_document(content: bytes) -> OpenVexDocument:
    """Parse an OpenVEX document. Raises MalformedError if any part of it is invalid.

    A document with an invalid part is not used at all, because the invalid part could be a newer statement that revokes
    one of the valid statements.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise MalformedError("is not JSON") from None
    match document:
        case {"@context": str(context), "author": str(author), "statements": list(entries)} if (
            context.startswith(_CONTEXT) and author.strip()
        ):
            return OpenVexDocument(author, tuple(_parse_statement(entry, document) for entry in entries))
    raise MalformedError("is not an OpenVEX document: `@context`, `author` or `statements` is missing or invalid")


def _parse_statement(entry: object, document: JsonObject) -> VexStatement:
    status_name = entry.get("status") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(status_name, str) or status_name not in set(VexStatus):
        raise MalformedError("is not a valid OpenVEX document: the `status` of a statement is missing or unknown")
    status = VexStatus(status_name)
    return VexStatement(
        names=frozenset(_parse_names(entry.get("vulnerability"))),
        status=status,
        justification=_parse_reason(entry, status),
        products=tuple(_parse_products(entry)),
        author=str(document["author"]),
        stated_at=_parse_time(entry, document),
    )


def _parse_names(vulnerability: object) -> Iterator[str]:
    match vulnerability:
        case str(name) | {"name": str(name)} if name:
            yield name
            if isinstance(vulnerability, dict):
                yield from (each for each in _get_list(vulnerability, "aliases") if isinstance(each, str))
        case _:
            raise MalformedError("is not a valid OpenVEX document: a statement does not name its vulnerability")


def _parse_reason(entry: JsonObject, status: VexStatus) -> str:
    """Return the author's reason for a statement: the justification, or the impact statement if there is none.

    Return an empty string if the statement has neither. Raises MalformedError if this is so with the status
    `not_affected`, for which OpenVEX requires a reason.
    """
    justification, impact = entry.get("justification"), entry.get("impact_statement")
    if isinstance(justification, str) and justification in _JUSTIFICATIONS:
        return justification.replace("_", " ")
    if isinstance(impact, str) and impact.strip():
        return " ".join(impact[: 2 * MAX_REASON_LENGTH].split())[:MAX_REASON_LENGTH]
    if status is VexStatus.NOT_AFFECTED:
        raise MalformedError(
            "is not a valid OpenVEX document: a statement with the status `not_affected` has no justification and "
            "no impact statement"
        )
    return ""


def _parse_products(entry: JsonObject) -> Iterator[VexProduct]:
    """Yield the products of a statement that have a package URL.

    Products without a package URL are left out, because they cannot be compared with images. This is safe, because a
    statement without products suppresses no findings.
    """
    for product in _get_list(entry, "products"):
        image = _parse_component(product)
        if image is not None:
            subcomponents = [*_get_list(entry, "subcomponents"), *_get_list(product, "subcomponents")]
            packages = tuple(purl for purl in map(_parse_component, subcomponents) if purl is not None)
            yield VexProduct(image, packages if subcomponents else None)


def _parse_component(component: object) -> Purl | None:
    match component:
        case str(purl):
            return parse_purl(purl)
        case {"identifiers": {"purl": str(purl)}}:
            return parse_purl(purl)
        case {"@id": str(purl)}:
            return parse_purl(purl)
    return None


def _get_list(entry: object, key: str) -> Sequence[object]:
    value = entry.get(key, []) if isinstance(entry, dict) else []
    if not isinstance(value, list):
        raise MalformedError(f"is not a valid OpenVEX document: `{key}` is not a list")
    return value


def _parse_time(entry: JsonObject, document: JsonObject) -> datetime:
    """Return the time at which a statement was last changed.

    If the statement has no time, return the time of the document. Raises MalformedError if neither the statement nor
    the document has a time, or if the time is invalid.
    """
    text = entry.get("last_updated") or entry.get("timestamp") or document.get("timestamp")
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise MalformedError(
            "is not a valid OpenVEX document: the time of a statement is missing or not valid"
        ) from None
    return moment.replace(tzinfo=moment.tzinfo or UTC)
