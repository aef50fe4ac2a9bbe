"""The course of the demo: a run with proposals, one proposal as its reviewer sees it, and a run without changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from bot import wiring
from bot.demo.fleet import REPOSITORIES, git, make_repositories, write_config
from bot.demo.library import stock
from bot.demo.registry import LoopbackRegistry
from bot.model.report import ProposalReport, RepositoryReport, RunReport
from bot.model.scope import RunScope
from bot.model.vocabulary import ProposalOutcome, RunLevel
from bot.pipeline.run import run_fleets
from bot.ports import ProgressReporter
from bot.reports.text import render_run_text
from bot.wiring.clock import SystemClock

Say = Callable[[str], None]

_RULE = "─" * 78
_COMMENT = re.compile(r"<!--.*?--> ?", re.DOTALL)
"""Comments in the body of a proposal, which a forge does not show."""
_BLANK_LINES = re.compile(r"\n{3,}")
_SHOWN = "api"
"""The repository whose first proposal the demo shows."""


def tell(folder: Path, say: Say, progress: ProgressReporter) -> bool:
    """Run the demo in `folder`, on loopback alone; return True if everything happened as described."""
    clock = SystemClock()
    library = stock(clock.now())
    make_repositories(folder, library)
    with LoopbackRegistry(library.store) as registry:
        config = write_config(folder, registry.host)
        say("The images and vulnerabilities of this demo are made up.")
        say(f"A registry on {registry.host} serves four images, all of them rebuilt since last month.")
        say(f"Three git repositories in {folder / 'repositories'} pin last month's digests.")
        _head(say, "First run: basebump run --config basebump.yaml --level propose")
        first = _run(config, progress)
        say(render_run_text(first))
        _show(folder, first, say)
        before = _refs(folder)
        _head(say, "Second run: the same command again")
        second = _run(config, progress)
        say(render_run_text(second))
        is_quiet = _refs(folder) == before and _all(second, ProposalOutcome.UNCHANGED)
    _head(say, "What happened")
    count = sum(len(repository.proposals) for repository in first.repositories)
    say(f"The first run opened {count} proposals, each a branch with one commit.")
    if is_quiet:
        say("The second run had nothing to do: it changed no branch, no proposal and no commit.")
    else:
        say("The second run changed something, which is a bug.")
    return is_quiet and _all(first, ProposalOutcome.OPENED) and not first.failed and not second.failed


def _run(config: Path, progress: ProgressReporter) -> RunReport:
    wired = wiring.fleet_world(config, RunLevel.PROPOSE, RunScope(), progress, cache=config.parent / "cache")
    return run_fleets(wired.fleets, wired.world, wired.orders)


def _head(say: Say, title: str) -> None:
    say(f"\n{_RULE}\n{title}\n{_RULE}")


def _show(folder: Path, report: RunReport, say: Say) -> None:
    repository, proposal = _first_of(_SHOWN, report)
    _head(say, f"One of the proposals, as its reviewer reads it: {proposal.branch}")
    shown = _BLANK_LINES.sub("\n\n", _COMMENT.sub("", proposal.body))
    say(f"# {proposal.title}\n\n{shown.strip()}")
    _head(say, f"Its whole diff: git diff {repository.base_branch}...{proposal.branch}")
    place = folder / "repositories" / repository.name
    say(git(place, "diff", f"{repository.base_branch}...{proposal.branch}").rstrip())


def _first_of(name: str, report: RunReport) -> tuple[RepositoryReport, ProposalReport]:
    return next(
        (repository, proposal)
        for repository in report.repositories
        if repository.name == name
        for proposal in repository.proposals
    )


def _refs(folder: Path) -> tuple[str, ...]:
    return tuple(git(folder / "repositories" / name, "for-each-ref") for name in REPOSITORIES)


def _all(report: RunReport, outcome: ProposalOutcome) -> bool:
    outcomes = {proposal.outcome for repository in report.repositories for proposal in repository.proposals}
    return outcomes == {outcome}
