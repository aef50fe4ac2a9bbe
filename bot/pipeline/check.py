"""Check one tree: list the image references that violate the policy, such as references without a digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.core.choice.unevaluated import find_unreadable_violations
from bot.core.choice.violations import find_violations
from bot.core.references.changed_references import ChangedFile, ChangedFiles
from bot.core.references.reconcile import find_sharing_with_skipped
from bot.core.references.select import RepositoryBranch, select_reference, skip_unknown_registry
from bot.model.check import CheckedReference, CheckReport
from bot.model.decision import Decision, SkippedReference, UncheckedReference
from bot.model.policy import PolicyConfig
from bot.model.vocabulary import Reason
from bot.pipeline.checked_references import CheckOptions, build_checked_reference
from bot.pipeline.references.extract import ExtractResult
from bot.pipeline.scan import OfflineContext, extract_tree
from bot.ports import FileTree, RevisionDiff

if TYPE_CHECKING:  # an offline check never imports `run_context`, to start faster
    from bot.pipeline.run_context import RunContext


def check_tree(
    tree: FileTree, root: str, context: RunContext | OfflineContext, policy_config: PolicyConfig, options: CheckOptions
) -> CheckReport:
    """Check the image references of one tree.

    Raises:
        TreeError: If the tree cannot be listed, or its changes cannot be determined.
        ConfigError: If the config file in the tree is not valid.
    """
    extract_result, policy_config = extract_tree(tree, context, policy_config)
    checked = extract_result if options.since is None else _select_changed(extract_result, options.since)
    report = CheckReport(
        root=root,
        is_offline=isinstance(context, OfflineContext),
        since=options.since.revision if options.since is not None else None,
        references=(),
        unsupported=checked.unsupported,
        failed=extract_result.failures,
        is_strict=options.is_strict,
        unreadable_violations=tuple(
            tuple(find_unreadable_violations(each, policy_config.blocklist, is_strict=options.is_strict))
            for each in checked.unsupported
        ),
    )
    if isinstance(context, OfflineContext):
        return replace(report, references=tuple(_check_offline(checked, context, policy_config, options)))
    from bot.pipeline.check_online import check_online

    context = context.with_new_log()
    checked_references = check_online(extract_result, checked, context, policy_config, options)
    failures = dict.fromkeys(context.failures.list_all())
    return replace(report, references=checked_references, failed=(*extract_result.failures, *failures))


def _check_offline(
    checked: ExtractResult, context: OfflineContext, policy_config: PolicyConfig, options: CheckOptions
) -> Sequence[CheckedReference]:
    """Check references without network access. This can find missing digests, and digests that an entry blocks."""
    today = context.now.date()
    selections = (
        select_reference(policy_config, RepositoryBranch("", ""), reference, today) for reference in checked.references
    )
    known_registry_selections = (skip_unknown_registry(policy_config, reference) for reference in selections)
    decisions: list[Decision] = [
        reference if isinstance(reference, SkippedReference) else UncheckedReference(reference)
        for reference in known_registry_selections
    ]
    conflicting = find_sharing_with_skipped(decisions)
    return [
        build_checked_reference(
            each,
            find_violations(each, options.fix_command, (), today, policy_config.blocklist),
            options,
            is_offline=True,
        )
        for each in (
            SkippedReference(each.reference, Reason.CONFLICTING_EDITS) if each.reference in conflicting else each
            for each in decisions
        )
    ]


def _select_changed(extract_result: ExtractResult, revision_diff: RevisionDiff) -> ExtractResult:
    """Return the extract result with only the references that a change affects.

    A reference is kept if a changed line contains the reference, or if a changed line of another file uses the image of
    the reference. Files that could not be read are kept only if they changed.
    """
    paths = {reference.path for reference in (*extract_result.extracted, *extract_result.unread_files)}
    paths |= {path for reference in extract_result.references for path, _ in reference.usages}
    files = {
        path: ChangedFile(
            readings[0].file.content if (readings := extract_result.get_readings(path)) else b"", changed_lines
        )
        for path, changed_lines in revision_diff.list_changed_lines(paths).items()
        if changed_lines
    }
    change = ChangedFiles(files)
    return replace(
        extract_result,
        extracted=tuple(filter(change.is_touched, extract_result.extracted)),
        unread_files=tuple(filter(change.is_touched, extract_result.unread_files)),
    )
