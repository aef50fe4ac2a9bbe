"""Renders the parts of SARIF 2.1.0 that all SARIF reports share.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from bot import __version__
from bot.core.markdown import console_line
from bot.model.report import RunFailure
from bot.reports._json import JsonValue, json_text

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MAX_MESSAGE = 1000
"""Characters of a message; GitHub shows only its beginning."""
ROOT = "%SRCROOT%"
"""The base of relative paths; GitHub takes this name for the root of the repository."""

_ACTS = str.maketrans("[]{}\\", "()()/")
"""Characters that start links and placeholders, even in plain text messages."""

SarifObject = dict[str, JsonValue]


def sarif_text(runs: Sequence[SarifObject]) -> str:
    """Return a SARIF document."""
    return json_text({"$schema": SCHEMA, "version": "2.1.0", "runs": runs})


def run_value(
    rules: Iterable[Rule],
    results: Sequence[SarifObject] | None,
    failed: Sequence[RunFailure],
    notes: Iterable[str] = (),
    **more: JsonValue,
) -> SarifObject:
    """Return one run of a SARIF document, with failures and notes as notifications.

    `results` is None if the images or files could not be read, which differs from an empty list.
    """
    notifications = [*map(_failure, failed), *map(_note, notes)]
    return {
        "tool": {"driver": {"name": "basebump", "version": __version__, "rules": [rule.value() for rule in rules]}},
        "invocations": [{"executionSuccessful": not failed, "toolExecutionNotifications": notifications}],
        "columnKind": "unicodeCodePoints",
        **more,
        **({"results": results} if results is not None else {}),
    }


def message(text: str) -> SarifObject:
    """Return a plain text message without links and placeholders."""
    return {"text": console_line(text, MAX_MESSAGE).translate(_ACTS) or "-"}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that results refer to."""

    id: str
    title: str
    explanation: str
    level: str
    """`error`, `warning` or `note`."""
    page: str | None = None
    """A validated address of a page about the rule."""
    score: str | None = None
    """Security severity from 0.1 to 10; None if the rule is not about security."""

    def value(self) -> SarifObject:
        """Return the rule with all properties that GitHub requires."""
        security: SarifObject = {"tags": ["security"], "security-severity": self.score}
        return {
            "id": self.id,
            "shortDescription": message(self.title),
            "fullDescription": message(self.title),
            "help": message(self.explanation),
            **({"helpUri": self.page} if self.page is not None else {}),
            "defaultConfiguration": {"level": self.level},
            **({"properties": security} if self.score is not None else {}),
        }


def location(path: str, line_number: int) -> SarifObject:
    """Return the location of a line; a path that is not valid UTF-8 keeps its bytes."""
    uri = quote(_bytes(path), safe="/")
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": uri, "uriBaseId": ROOT},
            "region": {"startLine": max(line_number, 1)},
        }
    }


def fingerprint(*identity: str) -> SarifObject:
    """Return the fingerprint by which the same result is recognised in the next report, even on another line."""
    return {"basebump/v1": known_by(*identity)}


def known_by(*identity: str) -> str:
    """Return a hash of the properties that identify a result in later reports."""
    return hashlib.sha256(_bytes("\0".join(identity))).hexdigest()[:32]


def _bytes(text: str) -> bytes:
    """Encode a text that may hold bytes that are not valid UTF-8, from a file system or a forge."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _note(text: str) -> SarifObject:
    return {"level": "note", "message": message(text)}


def _failure(failed: RunFailure) -> SarifObject:
    return {
        "level": "error",
        "message": message(f"{failed.subject}: {failed.error}"),
        "properties": {"stage": failed.stage.value},
    }
