"""Scan one tree: decide on its image references, and verify the edits. Unlike a run, a scan proposes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from bot.core.choice.verdict import build_verdict
from bot.core.references.select import RepositoryBranch, select_reference
from bot.formats.text import UnreadTextsFormat
from bot.model.decision import Decision, ImageUpdate, TrackedImage, UncheckedReference
from bot.model.forge import GitRepository
from bot.model.phases import ProgressStep
from bot.model.policy import PolicyConfig
from bot.model.report import RepositoryReport, RunReport, Verdict
from bot.model.source import FileChange
from bot.model.vocabulary import RunLevel
from bot.pipeline.references.extract import ExtractResult, extract_references
from bot.ports import FileFormat, FileTree, RulesReader

if TYPE_CHECKING:  # an offline scan does not import these modules, or has already imported them
    from bot.pipeline.choice.decide_updates import DecisionResult
    from bot.pipeline.references.reader_slots import ReaderSlots
    from bot.pipeline.run_context import RunContext


@dataclass(frozen=True, slots=True)
class OfflineContext:
    """The services that an offline scan uses, and the time at which its decisions are made."""

    formats: Sequence[FileFormat]
    now: datetime
    read_rules: RulesReader
    reader_slots: ReaderSlots | None = None
    """The processes that may read the tree; None for only this one."""


@dataclass(frozen=True, slots=True)
class TreeScanResult:
    """The report of a scan, and the verified file changes, which `scan --write` writes."""

    report: RunReport
    extract_result: ExtractResult
    changes: tuple[FileChange, ...] = ()


@dataclass(frozen=True, slots=True)
class TreeDecisions:
    """The decisions on one tree, the evidence on which they are based, and the verified file changes."""

    decisions: tuple[Decision, ...]
    decision_result: DecisionResult
    changes: tuple[FileChange, ...]


def scan_tree(
    tree: FileTree, root: str, context: RunContext | OfflineContext, policy_config: PolicyConfig
) -> TreeScanResult:
    """Scan one tree: decide on its image references, and verify the edits. Nothing is written.

    If the tree has no config file of its own, `policy_config.repository_rules` apply.

    Raises:
        TreeError: If the tree cannot be listed.
        ConfigError: If the config file in the tree is not valid.
    """
    extract_result, policy_config = extract_tree(tree, context, policy_config)
    if isinstance(context, OfflineContext):
        report = RunReport(
            RunLevel.REPORT,
            (_build_report(root, extract_result, _list_offline_verdicts(extract_result, context, policy_config)),),
            unread_texts=extract_result.unread_texts,
        )
        return TreeScanResult(report.add_failures(extract_result.failures), extract_result)
    return _scan_online(extract_result, root, context, policy_config)


def extract_tree(
    tree: FileTree, context: RunContext | OfflineContext, policy_config: PolicyConfig, *, reads_rules: bool = True
) -> tuple[ExtractResult, PolicyConfig]:
    """Extract the image references of one tree. Also return the policy with the rules of the tree's own config file.

    If the tree has no config file of its own, or if `reads_rules` is False, `policy_config.repository_rules` apply.

    Raises:
        TreeError: If the tree cannot be listed.
        ConfigError: If the config file in the tree is not valid.
    """
    progress = None if isinstance(context, OfflineContext) else context.progress
    if progress is not None:
        progress.start_phase(ProgressStep.READ_FOLDER, 1)
    extract_result = extract_references(
        GitRepository("", "", None, None, is_public=False),
        tree,
        (*context.formats, UnreadTextsFormat()),
        context.read_rules if reads_rules else None,
        enclosing_rules=policy_config.repository_rules,
        reader_slots=context.reader_slots,
    )
    if progress is not None:
        progress.advance()
        progress.finish_phase()
    return extract_result, replace(policy_config, repository_rules=extract_result.rules)


def _list_offline_verdicts(
    extract_result: ExtractResult, context: OfflineContext, policy_config: PolicyConfig
) -> list[Verdict]:
    """Return the verdict on every image reference, without network access.

    Skipped references get a final verdict. All others get the status `not-checked`, because only a registry can show
    whether they are up to date.
    """
    today = context.now.date()
    selections = [
        select_reference(policy_config, RepositoryBranch("", ""), reference, today)
        for reference in extract_result.references
    ]
    decisions: list[Decision] = [
        UncheckedReference(selection) if isinstance(selection, TrackedImage) else selection for selection in selections
    ]
    if policy_config.blocklist.by_digest:  # most configs block nothing, and the import takes time
        from bot.core.choice.blocked import report_block

        decisions = [report_block(decision, policy_config.blocklist) for decision in decisions]
    return list(map(build_verdict, decisions))


def _scan_online(
    extract_result: ExtractResult, root: str, context: RunContext, policy_config: PolicyConfig
) -> TreeScanResult:
    """Decide on all image references with network access, and verify the edits."""
    context = context.with_new_log()
    tree_decisions = decide_tree(extract_result, extract_result, context, policy_config)
    verdicts = list(map(tree_decisions.decision_result.build_verdict, tree_decisions.decisions))
    failures = (*extract_result.failures, *context.failures.list_all())
    report = RunReport(
        RunLevel.REPORT,
        (_build_report(root, extract_result, verdicts),),
        dict(tree_decisions.decision_result.evidence),
        failures,
        uses_default_scanner=context.uses_default_scanner,
        exposures=dict(tree_decisions.decision_result.exposures),
        unread_texts=extract_result.unread_texts,
    )
    return TreeScanResult(report, extract_result, tree_decisions.changes)


def decide_tree(
    extract_result: ExtractResult,
    decided_part: ExtractResult,
    context: RunContext,
    policy_config: PolicyConfig,
    needs_evidence: Callable[[ImageUpdate], bool] = lambda _: True,
    *,
    needs_exposure: bool = True,
) -> TreeDecisions:
    """Decide on the image references of `decided_part`, and verify the edits for their updates.

    Args:
        extract_result: All references of the tree, which are needed to verify edits.
        decided_part: The extract result with only the references to decide on. It can be `extract_result` itself.
        context: The services of the run.
        policy_config: The policy.
        needs_evidence: Returns False for an update whose evidence the caller does not need.
        needs_exposure: False if the caller does not need the exposure of the images in use.
    """
    from bot.pipeline.choice.decide_updates import decide_updates
    from bot.pipeline.choice.decided_scan import TreeScan
    from bot.pipeline.references.edit import edit_files

    (decided,), decision_result = decide_updates(
        [TreeScan(decided_part)], context, policy_config, needs_evidence, needs_exposure=needs_exposure
    )
    decisions = decided.decisions
    edit_result = edit_files(extract_result, [each for each in decisions if isinstance(each, ImageUpdate)])
    skips_by_reference = {skip.reference: skip for skip in edit_result.unproved_skips}
    return TreeDecisions(
        tuple(skips_by_reference.get(each.reference, each) for each in decisions),
        decision_result,
        edit_result.changes,
    )


def _build_report(root: str, extract_result: ExtractResult, verdicts: Sequence[Verdict]) -> RepositoryReport:
    return RepositoryReport("", root, None, tuple(verdicts), extract_result.unsupported)
