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
from bot.model.advisory import AdvisoryList
from bot.model.evidence import Severity, Urgency
from bot.model.report import RunFailure
from bot.reports.parts.json_text import JsonValue, render_json
from bot.resources import find_install_source

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MAX_MESSAGE_LENGTH = 1000
"""The maximum number of characters of a message. GitHub shows only the beginning of a longer message."""
SOURCE_ROOT = "%SRCROOT%"
"""The base of relative paths. GitHub interprets this name as the root of the repository."""

LEVELS = ("note", "warning", "error")
"""The levels of results, from the least to the most important."""
SCORES: dict[Urgency, str] = {
    AdvisoryList.KEV: "10.0",
    Severity.CRITICAL: "9.0",
    Severity.HIGH: "7.0",
    Severity.MEDIUM: "4.0",
    Severity.LOW: "0.1",
}
"""The value of `security-severity` for each severity: the lowest score of the severity on GitHub.

Scanners report severities, but no scores. A vulnerability that is known to be exploited gets the highest score,
independently of its severity. Vulnerabilities of unknown severity have no score.
"""
POLICY_SCORES: dict[str, str] = {"error": "7.0", "warning": "4.0"}
"""The value of `security-severity` for each level of a rule that is about security, but not about a vulnerability.

With default settings, GitHub fails the check of a pull request for new results with a score of 7.0 or more. The check
also fails for other new results with the level `error`. A score therefore does not change which results fail the check.
"""

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
        results: The results; an empty list means that nothing was found. If `results` is None, the run gets no key
            `results`, which means that the results are not known.
        failures: Failures of basebump, which become notifications with the level `error`.
        notes: Sentences, which become notifications with the level `note`.
        properties: Further properties of the run, such as `automationDetails`.
    """
    notifications = [*map(_render_failure, failures), *map(_render_note, notes)]
    source = find_install_source()
    page: SarifObject = {"informationUri": source.page} if source is not None else {}
    driver = {"name": "basebump", "version": __version__, **page, "rules": [rule.render() for rule in rules]}
    return {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": not failures, "toolExecutionNotifications": notifications}],
        "columnKind": "unicodeCodePoints",
        **properties,
        **({"results": results} if results is not None else {}),
    }


def render_message(text: str) -> SarifObject:
    """Return a SARIF message in plain text. Characters that would start a link or a placeholder are replaced."""
    return {"text": make_console_line(text, MAX_MESSAGE_LENGTH).translate(_ACTIVE_CHARACTERS) or "-"}


def render_sentences(*sentences: str) -> SarifObject:
    """Return a SARIF message with these sentences. Missing full stops are added. Empty sentences are left out.

    Services with little space show only the first sentence, so it must be clear without the other sentences.
    """
    return render_message(
        " ".join(each if each.endswith((".", "!", "?")) else f"{each}." for each in sentences if each)
    )


def get_level(urgency: Urgency | None) -> str:
    """Return the level of a result about vulnerabilities: that of the most urgent one; None if there are none."""
    match urgency:
        case AdvisoryList.KEV | Severity.CRITICAL:
            return "error"
        case Severity.HIGH:
            return "warning"
        case _:
            return "note"


@dataclass(frozen=True, slots=True)
class SarifRule:
    """A SARIF rule: a kind of result, with a title and an explanation. Results refer to the rule by its ID."""

    id: str
    title: str
    explanation: str
    level: str
    """`error`, `warning` or `note`."""
    help_address: str | None = None
    """The validated URL of a page about the rule; None if there is none."""
    help_page: str | None = None
    """The section of basebump's documentation about the rule, such as `docs/check.md#findings`; None if there is none.

    The section's URL is known only if basebump was installed from a repository.
    """
    security_score: str | None = None
    """The security severity from 0.1 to 10; None if the rule is not about security."""

    def render(self) -> SarifObject:
        """Return the rule as SARIF, with all properties that GitHub requires."""
        security: SarifObject = {"tags": ["security"], "security-severity": self.security_score}
        more = f" See {self.help_page} in basebump's documentation." if self.help_page is not None else ""
        address = self._get_help_address()
        return {
            "id": self.id,
            "shortDescription": render_message(self.title),
            "fullDescription": render_message(self.title),
            "help": render_message(self.explanation + more),
            **({"helpUri": address} if address is not None else {}),
            "defaultConfiguration": {"level": self.level},
            **({"properties": security} if self.security_score is not None else {}),
        }

    def _get_help_address(self) -> str | None:
        source = find_install_source()
        if self.help_address is not None or self.help_page is None or source is None:
            return self.help_address
        return source.get_file_page(self.help_page)


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


def render_partial_fingerprints(*identity: str) -> SarifObject:
    """Return the SARIF property with the ID of a result. Services recognise the result in later reports by this ID.

    Args:
        identity: Texts that together identify the result even if its line number changes, such as its file and its
            rule.
    """
    return {"basebump/v1": compute_result_id(*identity)}


def compute_result_id(*identity: str) -> str:
    """Return a hash of the texts that together identify a result, such as its file and its rule."""
    return hashlib.sha256(_encode_text("\0".join(identity))).hexdigest()[:32]


def _encode_text(text: str) -> bytes:
    """Return a text in UTF-8, even if it contains surrogates.

    In a path, Python represents bytes that are not valid UTF-8 as surrogates. They are converted back to the original
    bytes.
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
