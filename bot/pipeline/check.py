"""Check one tree: list the image references that violate the policy, such as references without a digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.core.choice.unevaluated import find_unreadable_violations
from bot.core.choice.violations import find_violations
from bot.core.references.changed_references import (
    is_whole_file,
    select_changed_references,
    select_changed_texts,
)
from bot.core.references.reconcile import find_sharing_with_skipped
from bot.core.references.select import RepositoryBranch, select_reference, skip_unknown_registry
from bot.formats.text import UnreadTextsFormat
from bot.model.check import CheckedReference, CheckReport
from bot.model.decision import Decision, SkippedReference, UncheckedReference
from bot.model.errors import TreeError
from bot.model.policy import PolicyConfig, PolicyRule
from bot.model.vocabulary import FOLDER_REASONS, Reason
from bot.pipeline.checked_references import CheckOptions, build_checked_reference, build_fix_command
from bot.pipeline.references.extract import ExtractResult, extract_references
from bot.pipeline.scan import OfflineContext, extract_tree
from bot.ports import EarlierRevision, FileTree

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
    if options.is_strict or options.is_gate:
        policy_config = replace(policy_config, allow=FOLDER_REASONS)  # whoever adds a file chooses its folder
    if options.is_gate:
        policy_config = replace(policy_config, rules=(*policy_config.rules, PolicyRule(mandatory=True)))
    extract_result, policy_config = extract_tree(tree, context, policy_config, reads_rules=not options.is_gate)
    checked = extract_result if options.since is None else _select_changed(extract_result, context, options.since)
    report = CheckReport(
        root=root,
        is_offline=isinstance(context, OfflineContext),
        since=options.since.name if options.since is not None else None,
        references=(),
        unsupported=checked.unsupported,
        failed=extract_result.failures,
        is_strict=options.is_strict,
        unreadable_violations=tuple(
            tuple(find_unreadable_violations(each, policy_config.blocklist, is_strict=options.is_strict))
            for each in checked.unsupported
        ),
        unread_texts=checked.unread_texts,
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
            find_violations(each, build_fix_command(each, options), (), today, policy_config.blocklist),
            options,
            is_offline=True,
        )
        for each in (
            SkippedReference(each.reference, Reason.CONFLICTING_EDITS) if each.reference in conflicting else each
            for each in decisions
        )
    ]


def _select_changed(
    extract_result: ExtractResult, context: RunContext | OfflineContext, since: EarlierRevision
) -> ExtractResult:
    """Return the extract result with only the references that are not the same in the earlier revision.

    Files that could not be read are kept only if they changed, or if they could be read earlier.

    Raises:
        TreeError: If the files of the revision cannot be listed or read, or contain too many references.
    """
    earlier = extract_references(
        extract_result.repository,
        since.tree,
        (*context.formats, UnreadTextsFormat()),
        reader_slots=context.reader_slots,
    )
    if earlier.failures:
        raise TreeError(earlier.failures[0].error)
    unread_earlier = {each.path for each in earlier.unread_files}
    unparsed = {each.path for each in extract_result.extracted if is_whole_file(each)}
    changed_files = frozenset(filter(since.has_changed, unparsed))
    return replace(
        extract_result,
        extracted=select_changed_references(extract_result.extracted, earlier.extracted, changed_files),
        unread_files=tuple(
            each
            for each in extract_result.unread_files
            if each.path not in unread_earlier or since.has_changed(each.path)
        ),
        unread_texts=select_changed_texts(extract_result.unread_texts, earlier.unread_texts),
    )
