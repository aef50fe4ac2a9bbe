"""Renders the parts of SARIF 2.1.0 that all SARIF reports share.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from bot import __version__
from bot.core.markdown import make_console_line
from bot.model.report import RunFailure
from bot.reports.json_text import JsonValue, render_json

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MAX_MESSAGE_LENGTH = 1000
"""The maximum number of characters of a message; GitHub shows only the beginning."""
SOURCE_ROOT = "%SRCROOT%"
"""The base of relative paths. GitHub interprets this name as the root of the repository."""

_ACTIVE_CHARACTERS = str.maketrans("[]{}\\", "()()/")
"""Replacements for characters that start links and placeholders, even in plain text messages."""

SarifObject = dict[str, JsonValue]


def render_sarif(runs: Sequence[SarifObject]) -> str:
    """Return a SARIF document."""
    return render_json({"$schema": SCHEMA, "version": "2.1.0", "runs": runs})


def render_run(
    rules: Iterable[SarifRule],
    results: Sequence[SarifObject] | None,
    failures: Sequence[RunFailure],
    notes: Iterable[str] = (),
    **properties: JsonValue,
) -> SarifObject:
    """Return one run of a SARIF document.

    Args:
        rules: The rules that `results` refer to.
        results: The results; an empty list means that nothing was found. If it is None, the run gets no key `results`,
            which means that it is not known what would be found.
        failures: Failures of basebump, which become notifications with the level `error`.
        notes: Sentences, which become notifications with the level `note`.
        properties: Further properties of the run, such as `automationDetails`.
    """
    notifications = [*map(_render_failure, failures), *map(_render_note, notes)]
    return {
        "tool": {"driver": {"name": "basebump", "version": __version__, "rules": [rule.render() for rule in rules]}},
        "invocations": [{"executionSuccessful": not failures, "toolExecutionNotifications": notifications}],
        "columnKind": "unicodeCodePoints",
        **properties,
        **({"results": results} if results is not None else {}),
    }


def render_message(text: str) -> SarifObject:
    """Return a SARIF message in plain text. Characters that would start a link or a placeholder are replaced."""
    return {"text": make_console_line(text, MAX_MESSAGE_LENGTH).translate(_ACTIVE_CHARACTERS) or "-"}


@dataclass(frozen=True, slots=True)
class SarifRule:
    """A SARIF rule: a kind of result, with a title and an explanation. Results refer to the rule by its ID."""

    id: str
    title: str
    explanation: str
    level: str
    """`error`, `warning` or `note`."""
    help_address: str | None = None
    """The validated address of a page about the rule; None if there is none."""
    security_score: str | None = None
    """The security severity from 0.1 to 10; None if the rule is not about security."""

    def render(self) -> SarifObject:
        """Return the rule as SARIF, with all properties that GitHub requires."""
        security: SarifObject = {"tags": ["security"], "security-severity": self.security_score}
        return {
            "id": self.id,
            "shortDescription": render_message(self.title),
            "fullDescription": render_message(self.title),
            "help": render_message(self.explanation),
            **({"helpUri": self.help_address} if self.help_address is not None else {}),
            "defaultConfiguration": {"level": self.level},
            **({"properties": security} if self.security_score is not None else {}),
        }


def render_location(path: str, line_number: int) -> SarifObject:
    """Return the location of a line in a file.

    The URI contains the original bytes of the path, even if they are not valid UTF-8.
    """
    uri = quote(_encode_text(path), safe="/")
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": uri, "uriBaseId": SOURCE_ROOT},
            "region": {"startLine": max(line_number, 1)},
        }
    }


def render_fingerprints(*identity: str) -> SarifObject:
    """Return the SARIF property with a result's fingerprint, by which services recognise the result in later reports.

    Args:
        identity: Texts that together identify the result even if its line number changes, such as its file and its
            rule.
    """
    return {"basebump/v1": compute_fingerprint(*identity)}


def compute_fingerprint(*identity: str) -> str:
    """Return a hash of the texts that together identify a result, such as its file and its rule."""
    return hashlib.sha256(_encode_text("\0".join(identity))).hexdigest()[:32]


def _encode_text(text: str) -> bytes:
    """Return a text in UTF-8, even if it contains surrogates.

    In a path, Python represents bytes that are not valid UTF-8 as surrogates. These become the original bytes again.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _render_note(text: str) -> SarifObject:
    return {"level": "note", "message": render_message(text)}


def _render_failure(failure: RunFailure) -> SarifObject:
    return {
        "level": "error",
        "message": render_message(f"{failure.subject}: {failure.error}"),
        "properties": {"stage": failure.stage.value},
    }
