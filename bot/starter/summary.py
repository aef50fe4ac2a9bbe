"""Describes the facts that `basebump init` found, and the files that it wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.core.markdown import describe_rest
from bot.model.report import RunReport
from bot.starter.config_text import FolderFindings
from bot.starter.workflow_text import WORKFLOWS

MAX_UNTRANSLATED = 30
"""The maximum number of untranslated settings that are listed for one config of another bot."""
_NEXT_STEP = (
    "Next, in the folder: `basebump scan . --config basebump.yaml` lists updates without writing, and "
    "`basebump doctor --config basebump.yaml` tests tokens, registries and scanners."
)


def summarise_start(report: RunReport, findings: FolderFindings, files: Sequence[str]) -> str:
    """Return the text that `basebump init` prints.

    Args:
        report: The report of a scan of the folder.
        findings: The facts from which the config was written.
        files: The paths of the files that were written.
    """
    written = [*_list_files(files), *_suggest_workflow(findings), _NEXT_STEP]
    return "\n".join([*_list_findings(report, findings), "", *written, *_list_translations(findings)])


def _list_findings(report: RunReport, findings: FolderFindings) -> Iterator[str]:
    references = [verdict.reference for each in report.repositories for verdict in each.verdicts]
    file_count = len({each.path for each in references})
    yield f"Found {_count(len(references), 'image reference')} in {_count(file_count, 'file')}."
    if findings.registries:
        yield f"Registries that are not well known: {', '.join(each.host for each in findings.registries)}."
    if findings.forge is None:
        yield "The folder has no git remote `origin` on a forge, so `forges` in the config is a comment."
    elif findings.forge.kind is None:
        yield f"The software of {findings.forge.url} is unknown, so `forges` in the config is a comment to complete."


def _list_files(files: Sequence[str]) -> Iterator[str]:
    for path in files:
        yield f"Wrote {path}."


def _suggest_workflow(findings: FolderFindings) -> Iterator[str]:
    if findings.workflow is not None:
        written = WORKFLOWS[findings.workflow]
        yield f"{written.page} in basebump's repository describes the next steps, such as permissions."
        if findings.workflow == "github" and not findings.dispatched_workflows:
            yield (
                "No CI will run for proposals: no workflow has the triggers `pull_request` and `workflow_dispatch`, "
                f"so `dispatch` is missing in the config. {written.page} explains it."
            )
        return
    kind = findings.forge.kind if findings.forge is not None else None
    workflow = WORKFLOWS.get(kind) if kind is not None else None
    if workflow is not None:
        command = f"basebump init --workflow {kind}"
        yield f"To run basebump in {workflow.service}, delete this config and run `{command}`."


def _list_translations(findings: FolderFindings) -> Iterator[str]:
    for translation in findings.translations:
        yield ""
        yield f"{translation.bot} ({translation.path}): {_count(len(translation.rules), 'rule')} translated."
        if translation.untranslated:
            yield "Not translated:"
            for each in translation.untranslated[:MAX_UNTRANSLATED]:
                yield f"  {each.origin}: {each.reason}"
        if rest := describe_rest(len(translation.untranslated), MAX_UNTRANSLATED):
            yield f"  {rest}"
        if translation.handover:
            yield f"Until you change its config, {translation.bot} updates images, and basebump leaves them alone."
            yield translation.handover


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
