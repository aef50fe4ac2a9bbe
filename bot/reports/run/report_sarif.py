"""Renders `scan` and `run` as SARIF: image references that have an update, or for which an update was rejected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.core.evidence.compare import count_distinct
from bot.core.evidence.effect import summarise_effect
from bot.core.transition import shorten_digest
from bot.model.advisory import AdvisoryList
from bot.model.evidence import Evidence, NotScanned, Severity, UnscannedReason, Urgency
from bot.model.report import RepositoryReport, RunFailure, RunReport, Verdict
from bot.model.vocabulary import REASONS_BY_STATUS, Reason, ReferenceStatus
from bot.reports.parts.json_text import JsonValue
from bot.reports.parts.sarif import LEVELS as LEVEL_ORDER
from bot.reports.parts.sarif import (
    POLICY_SCORES,
    SCORES,
    SarifObject,
    SarifRule,
    get_level,
    render_location,
    render_partial_fingerprints,
    render_run,
    render_sarif,
    render_sentences,
)
from bot.reports.run.report_document import build_evidence_index

if TYPE_CHECKING:  # imported at run time only if there is evidence
    from bot.reports.parts.evidence_document import EvidenceIndex

LEVELS: dict[ReferenceStatus, str] = {
    ReferenceStatus.GONE: "error",
    ReferenceStatus.BLOCKED: "error",
    ReferenceStatus.REFUSED: "warning",
    ReferenceStatus.UPDATE: "warning",
    ReferenceStatus.SUPERSEDED: "warning",
    ReferenceStatus.HELD: "note",
}
"""The statuses that are reported as results, with their levels. The other statuses need no action.

If the fixes of an update are known, its result has the level of the most urgent fix. This level can be higher than the
level of the status. Only the result for an update can have a lower level.
"""

_SECURITY_REASONS = frozenset(
    {
        Reason.DIGEST_BLOCKED,
        Reason.UNSIGNED,
        Reason.SIGNER_CHANGED,
        Reason.SIGNATURE_FAILED,
        *REASONS_BY_STATUS[ReferenceStatus.SUPERSEDED],
    }
)
"""The reasons that are about security: blocked digests, signatures, and tags that no longer receive fixes."""
_NO_REPOSITORY = RepositoryReport("", "", None)
"""Replaces the repositories in the output if no repository was read."""
_UPDATE_TITLE = "There is a newer image than the image in the file, or the file does not pin the image by digest."
_HELP_TEXTS: dict[ReferenceStatus, str] = {
    ReferenceStatus.GONE: "Write the new digest: the image in the file can no longer be pulled.",
    ReferenceStatus.BLOCKED: "Use another image: the message contains the reason for the block, and a replacement.",
    ReferenceStatus.REFUSED: "The image stays as it is. The message gives the reason; a rule of the policy decides.",
    ReferenceStatus.UPDATE: "`basebump run` proposes the update, `basebump scan --write` writes it.",
    ReferenceStatus.SUPERSEDED: "Use another tag: the message names the successor if it is known.",
    ReferenceStatus.HELD: "The image stays as it is until the reason ends, or until a rule accepts it with `accept`.",
}


_FIX_TITLES: dict[Urgency, str] = {
    AdvisoryList.KEV: "A newer image fixes a vulnerability that is known to be exploited.",
    Severity.CRITICAL: "A newer image fixes a critical vulnerability.",
    Severity.HIGH: "A newer image fixes a vulnerability of high severity.",
    Severity.MEDIUM: "A newer image fixes a vulnerability of medium severity.",
    Severity.LOW: "A newer image fixes a vulnerability of low severity.",
}
"""The titles of the rules for updates, from the most to the least urgent fix."""


@dataclass(frozen=True, slots=True)
class _ResultKind:
    """The data about a result that determine its SARIF rule.

    GitHub reads the severity of a result only from its rule, so there is one rule for each severity of fixes.
    """

    status: ReferenceStatus
    reason: Reason | None
    fix: Urgency | None
    """The most urgent fix of an update; None if the fix is unknown, if there is none, or for other statuses."""

    @property
    def identity(self) -> str:
        """The part of the rule ID that stays the same when further vulnerabilities become known."""
        return f"{self.status}/{self.reason}" if self.reason is not None else self.status.value

    @property
    def rule_id(self) -> str:
        return f"{self.identity}/{_get_word(self.fix)}" if self.fix is not None else self.identity

    @property
    def sort_key(self) -> tuple[int, int, int]:
        reasons = REASONS_BY_STATUS[self.status]
        return (
            list(LEVELS).index(self.status),
            reasons.index(self.reason) if self.reason is not None else 0,
            list(_FIX_TITLES).index(self.fix) if self.fix is not None else len(_FIX_TITLES),
        )

    def create_rule(self) -> SarifRule:
        """Return the rule for results of this kind."""
        level = get_level(self.fix) if self.fix is not None else LEVELS[self.status]
        if self.fix is not None:
            title, score = _FIX_TITLES[self.fix], SCORES.get(self.fix)
        else:
            title = self.reason.sentence if self.reason is not None else _UPDATE_TITLE
            score = POLICY_SCORES[level] if self.reason in _SECURITY_REASONS else None
        help_page = f"docs/vocabulary.md#{self.status}"
        return SarifRule(self.rule_id, title, _HELP_TEXTS[self.status], level, None, help_page, score)


def render_report_sarif(report: RunReport) -> str:
    """Return the output of `--format sarif`: one SARIF run for each repository, and at least one run."""
    # Code scanning services show a SARIF file to everyone who can read the alerts of a repository.
    evidence_index = build_evidence_index(report, shows_names=False)
    trees = report.repositories or (_NO_REPOSITORY,)
    return render_sarif(
        [
            _render_run(tree, report, evidence_index, failed)
            for tree, failed in _group_failures_by_repository(trees, report.failed)
        ]
    )


def _group_failures_by_repository(
    trees: Sequence[RepositoryReport], failed: Iterable[RunFailure]
) -> Iterator[tuple[RepositoryReport, Sequence[RunFailure]]]:
    """Yield each repository with its failures.

    A failure that does not belong to a repository, such as a failure of a registry, is yielded with the first
    repository.
    """
    names = {tree.name for tree in trees}
    others = [each for each in failed if each.subject not in names]
    for index, tree in enumerate(trees):
        yield tree, [*(each for each in failed if each.subject == tree.name), *(() if index else others)]


def _render_run(
    tree: RepositoryReport, report: RunReport, evidence_index: EvidenceIndex | None, failed: Sequence[RunFailure]
) -> SarifObject:
    verdicts = [verdict for verdict in tree.verdicts if verdict.status in LEVELS]
    details: dict[str, JsonValue] = {
        "automationDetails": {"id": "/".join(filter(None, ("basebump", tree.forge, tree.name, tree.base_branch))) + "/"}
    }
    return render_run(
        _list_rules(verdicts, report),
        None
        if tree.note or tree is _NO_REPOSITORY
        else [_render_result(verdict, tree, report, evidence_index) for verdict in verdicts],
        failed,
        filter(None, (tree.note,)),
        **(details if tree.forge else {}),
    )


def _list_rules(verdicts: Iterable[Verdict], report: RunReport) -> Iterator[SarifRule]:
    kinds = {_determine_kind(verdict, _find_evidence(verdict, report)) for verdict in verdicts}
    yield from (kind.create_rule() for kind in sorted(kinds, key=lambda kind: kind.sort_key))


def _find_evidence(verdict: Verdict, report: RunReport) -> Evidence | None:
    return report.evidence.get(verdict.transition) if verdict.transition is not None else None


def _determine_kind(verdict: Verdict, evidence: Evidence | None) -> _ResultKind:
    fix = _find_most_urgent_fix(evidence) if verdict.status is ReferenceStatus.UPDATE else None
    return _ResultKind(verdict.status, verdict.reason, fix)


def _find_most_urgent_fix(evidence: Evidence | None) -> Urgency | None:
    """Return the most urgent fix of an update; None if there is none, or if the fix or its severity is unknown.

    A fix for a vulnerability that is known to be exploited is the most urgent one, independently of its severity.
    """
    effect = summarise_effect([evidence]) if evidence is not None else None
    if effect is None:
        return None
    if effect.fixed.exploited:
        return AdvisoryList.KEV
    return effect.fixed.worst if effect.fixed.worst is not Severity.UNKNOWN else None


def _determine_level(status: ReferenceStatus, evidence: Evidence | None) -> str:
    """Return the level of the most urgent fix of a result; if the fix is not known, the level of the status."""
    if evidence is None or evidence.delta is None:
        return LEVELS[status]
    fix_level = get_level(_find_most_urgent_fix(evidence))
    return fix_level if status is ReferenceStatus.UPDATE else max(fix_level, LEVELS[status], key=LEVEL_ORDER.index)


def _get_word(urgency: Urgency) -> str:
    return urgency.word if isinstance(urgency, Severity) else "exploited"


def _render_result(
    verdict: Verdict, tree: RepositoryReport, report: RunReport, evidence_index: EvidenceIndex | None
) -> SarifObject:
    reference, evidence = verdict.reference, _find_evidence(verdict, report)
    kind = _determine_kind(verdict, evidence)
    return {
        "ruleId": kind.rule_id,
        "level": _determine_level(verdict.status, evidence),
        "message": render_sentences(*_describe_verdict(verdict), *_describe_effect(evidence)),
        "locations": [render_location(reference.path, reference.line_number)],
        "partialFingerprints": render_partial_fingerprints(tree.name, reference.path, reference.locator, kind.identity),
        "properties": {
            "reference": str(reference.image),
            "canonical": reference.image.repository,
            "digest": reference.image.digest,
            "new_digest": verdict.new_digest,
            "evidence": evidence_index.render_for_verdict(verdict) if evidence_index is not None else None,
        },
    }


def _describe_verdict(verdict: Verdict) -> Iterator[str]:
    """Yield sentences about an image reference: its update, or the reason against it."""
    reference, transition = verdict.reference.image, verdict.transition
    name = str(replace(reference, digest=None))
    tag = f"{transition.new_tag} " if transition is not None and transition.new_tag else ""
    new_image = f"{tag}{shorten_digest(verdict.new_digest)}" if verdict.new_digest is not None else ""
    if verdict.reason is not None:
        yield f"{name}: {verdict.reason.sentence}"
        yield verdict.detail
        yield f"Its successor is {verdict.successor}." if verdict.successor else ""
        yield f"The newer image is {new_image}." if new_image else ""
    elif reference.digest is not None:
        yield f"{name} can be updated from {shorten_digest(reference.digest)} to {new_image}."
    else:
        yield f"{name} is not pinned by digest."
        yield f"An update pins it to {new_image}."


def _describe_effect(evidence: Evidence | None) -> Iterator[str]:
    """Yield sentences about the vulnerabilities of the old and the newer image, or about missing scans."""
    if evidence is None or evidence.new == NotScanned(UnscannedReason.NO_SCANNER):
        return
    effect = summarise_effect([evidence])
    if effect is not None and evidence.delta is not None:
        remaining = count_distinct(evidence.delta.remaining)
        yield f"The update {effect}."
        yield f"{remaining} {'vulnerability remains' if remaining == 1 else 'vulnerabilities remain'}."
    elif isinstance(evidence.new, NotScanned):
        yield f"The newer image was not scanned: {evidence.new.reason.sentence}."
    elif isinstance(evidence.old, NotScanned):
        yield f"The image in the file was not scanned: {evidence.old.reason.sentence}."
    else:
        count = count_distinct(evidence.new.findings)
        yield f"The newer image has {count} known vulnerabilit{'y' if count == 1 else 'ies'}."
