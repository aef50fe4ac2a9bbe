"""The parts of SARIF 2.1.0 that every such report is made of.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from bot import __version__
from bot.core.markdown import console_line
from bot.model.report import Failed
from bot.reports._json import JsonValue, json_text

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MAX_MESSAGE = 1000
"""Characters of a message; GitHub shows the beginning of one."""
ROOT = "%SRCROOT%"
"""What paths are relative to, by the name that GitHub knows for the root of a repository."""

_ACTS = str.maketrans("[]{}\\", "()()/")
"""What makes links and placeholders of a message, in a plain one, too."""

SarifObject = dict[str, JsonValue]


def sarif_text(runs: Sequence[SarifObject]) -> str:
    """Return the document."""
    return json_text({"$schema": SCHEMA, "version": "2.1.0", "runs": runs})


def run_value(
    rules: Iterable[Rule],
    results: Sequence[SarifObject] | None,
    failed: Sequence[Failed],
    notes: Iterable[str] = (),
    **more: JsonValue,
) -> SarifObject:
    """Return one run of basebump, with what it could not do and `notes` for people.

    `results` is None where nobody could look, which is not the same as nothing found.
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
    """Return words for people, in which nothing is a link or a placeholder."""
    return {"text": console_line(text, MAX_MESSAGE).translate(_ACTS) or "-"}


@dataclass(frozen=True, slots=True)
class Rule:
    """What results are about."""

    id: str
    title: str
    explanation: str
    level: str
    """`error`, `warning` or `note`."""
    page: str | None = None
    """An address that was validated."""
    score: str | None = None
    """From 0.1 to 10, for what is about security."""

    def value(self) -> SarifObject:
        """Return it with all that GitHub asks of a rule."""
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
    """Return a line of a file; a path that is no text keeps its bytes."""
    uri = quote(_bytes(path), safe="/")
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": uri, "uriBaseId": ROOT},
            "region": {"startLine": max(line_number, 1)},
        }
    }


def fingerprint(*identity: str) -> SarifObject:
    """Return by what a result is known again in the next report, wherever it stands by then."""
    return {"basebump/v1": known_by(*identity)}


def known_by(*identity: str) -> str:
    """Return one word for all that makes something the same in the next report."""
    return hashlib.sha256(_bytes("\0".join(identity))).hexdigest()[:32]


def _bytes(text: str) -> bytes:
    """Return the bytes of a path or another text, also where a system or a forge gave what is none."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _note(text: str) -> SarifObject:
    return {"level": "note", "message": message(text)}


def _failure(failed: Failed) -> SarifObject:
    return {
        "level": "error",
        "message": message(f"{failed.subject}: {failed.error}"),
        "properties": {"stage": failed.stage.value},
    }
