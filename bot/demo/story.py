"""The course of the demo: a run that opens proposals, the text of one proposal, and a run without changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from bot import wiring
from bot.demo.demo_images import build_demo_images
from bot.demo.loopback_registry import LoopbackRegistry
from bot.demo.repositories import REPOSITORIES, make_repositories, run_git, write_config
from bot.model.report import ProposalReport, RepositoryReport, RunReport
from bot.model.run_scope import RunScope
from bot.model.vocabulary import ProposalOutcome, RunLevel
from bot.pipeline.run import run_fleets
from bot.ports import ProgressReporter
from bot.reports.run.report_text import render_run_text

LineWriter = Callable[[str], None]

_RULE = "─" * 78
_COMMENT = re.compile(r"<!--.*?--> ?", re.DOTALL)
"""HTML comments in the body of a proposal, which forges do not show."""
_BLANK_LINES = re.compile(r"\n{3,}")
_SHOWN_REPOSITORY = "api"
"""The repository whose first proposal the demo shows."""


def run_demo(folder: Path, write_line: LineWriter, progress: ProgressReporter) -> bool:
    """Run the demo in `folder`. It uses no network except connections to its own registry on this machine.

    Return True if both runs had the results that the text of the demo describes.
    """
    clock = wiring.SystemClock()
    library = build_demo_images(clock.now())
    make_repositories(folder, library)
    with LoopbackRegistry(library.store) as registry:
        config = write_config(folder, registry.host)
        write_line("The images and vulnerabilities of this demo are made up.")
        write_line(f"A registry on {registry.host} serves five images. Four of them were rebuilt since last month.")
        write_line(f"Three git repositories in {folder / 'repositories'} pin last month's digests.")
        _show_heading(write_line, "First run: basebump run --config basebump.yaml --level propose")
        first = _run_basebump(config, progress)
        write_line(render_run_text(first))
        _show_proposal(folder, first, write_line)
        refs_before = _list_refs(folder)
        _show_heading(write_line, "Second run: the same command again")
        second = _run_basebump(config, progress)
        write_line(render_run_text(second))
        has_changed_nothing = _list_refs(folder) == refs_before and _has_only_outcome(second, ProposalOutcome.UNCHANGED)
    _show_heading(write_line, "What happened")
    count = sum(len(repository.proposals) for repository in first.repositories)
    write_line(f"The first run opened {count} proposals, each a branch with one commit.")
    if has_changed_nothing:
        write_line("The second run had nothing to do: it changed no branch, no proposal and no commit.")
    else:
        write_line("The second run changed something, which is a bug.")
    return (
        has_changed_nothing
        and _has_only_outcome(first, ProposalOutcome.OPENED)
        and not first.failed
        and not second.failed
    )


def _run_basebump(config: Path, progress: ProgressReporter) -> RunReport:
    fleet_run = wiring.build_fleet_context(
        config, RunLevel.PROPOSE, RunScope(), progress, cache=config.parent / "cache"
    )
    return run_fleets(fleet_run.fleets, fleet_run.context, fleet_run.options)


def _show_heading(write_line: LineWriter, title: str) -> None:
    write_line(f"\n{_RULE}\n{title}\n{_RULE}")


def _show_proposal(folder: Path, report: RunReport, write_line: LineWriter) -> None:
    repository, proposal = _find_first_proposal(_SHOWN_REPOSITORY, report)
    _show_heading(write_line, f"One of the proposals, as its reviewer reads it: {proposal.branch}")
    shown = _BLANK_LINES.sub("\n\n", _COMMENT.sub("", proposal.body))
    write_line(f"# {proposal.title}\n\n{shown.strip()}")
    _show_heading(write_line, f"Its whole diff: git diff {repository.base_branch}...{proposal.branch}")
    repository_folder = folder / "repositories" / repository.name
    write_line(run_git(repository_folder, "diff", f"{repository.base_branch}...{proposal.branch}").rstrip())


def _find_first_proposal(name: str, report: RunReport) -> tuple[RepositoryReport, ProposalReport]:
    return next(
        (repository, proposal)
        for repository in report.repositories
        if repository.name == name
        for proposal in repository.proposals
    )


def _list_refs(folder: Path) -> tuple[str, ...]:
    return tuple(run_git(folder / "repositories" / name, "for-each-ref") for name in REPOSITORIES)


def _has_only_outcome(report: RunReport, outcome: ProposalOutcome) -> bool:
    outcomes = {proposal.outcome for repository in report.repositories for proposal in repository.proposals}
    return outcomes == {outcome}
