"""The claims about forges, and which forge a run of tests showed each of them for: `make claims`.

A module whose tests run over several forges is marked: `pytestmark = pytest.mark.over_forges(gitlab="why it is left
out")`. Its claims are the names of its tests. A tick is for what ran and passed, and for nothing else: a claim of which
some tests were skipped has their number beside it, and the reasons below.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

FORGES = ("local", "github", "github-app", "gitlab", "azure", "gitea", "forgejo")
QUICK_FORGES = ("local", "github")
"""The forges on which `make test` plays whole runs. `make test-slow` plays them on the others."""
VARIANTS = ("github-app", "forgejo")
"""The forges that are tested by `make test-slow` only: most of their code is that of `github` and `gitea`."""
MARK = "over_forges"
_WHOLE_RUNS = Path(__file__).parents[2] / "pipeline"
_PROPERTY = "claim"
_FORGE = re.compile(r"(?<![\w.])(github-app|github|gitlab|azure|gitea|forgejo|local)(?![\w.])")
"""In the id of a test."""


@dataclass
class ClaimResult:
    """The results of one claim on one forge."""

    passed: int = 0
    skipped: int = 0
    has_failed: bool = False
    why_skipped: set[str] = field(default_factory=set)

    @property
    def cell(self) -> str:
        if self.has_failed:
            return "✗"
        if not self.passed:
            return "-"
        if self.skipped:
            return f"✓ {self.passed} of {self.passed + self.skipped}"
        return "✓" if self.passed == 1 else f"✓ {self.passed}"


@dataclass
class ModuleClaims:
    """The claims of one file, in its order."""

    why_left_out: Mapping[str, str]
    claims: dict[str, dict[str, ClaimResult]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(ClaimResult))
    )


def note_claims(items: Iterable[pytest.Item]) -> None:
    """Record the claim and the forge of each test in its report."""
    for item in items:
        mark, forge = item.get_closest_marker(MARK), find_forge(item)
        if mark is not None and forge is not None:
            why = {name.replace("_", "-"): each for name, each in mark.kwargs.items()}
            sentence = item.originalname.removeprefix("test_").replace("_", " ")
            item.user_properties.append((_PROPERTY, (item.location[0], sentence, forge, why)))


def mark_slow_forges(items: Iterable[pytest.Item]) -> None:
    """Mark tests of whole runs as slow on all forges but `QUICK_FORGES`, and the contract tests on `VARIANTS`.

    The claims of whole runs are about basebump, and do not depend on the server. Those of the contract tests do.
    """
    for item in items:
        forge = find_forge(item)
        if forge is None or item.get_closest_marker(MARK) is None:
            continue
        is_whole_run = item.path.is_relative_to(_WHOLE_RUNS)
        if forge in VARIANTS or (is_whole_run and forge not in QUICK_FORGES):
            item.add_marker(pytest.mark.slow)


def can_have_slow_tests(path: Path) -> bool:
    """Return True if the text of a file of tests has a mark by which tests become slow."""
    text = path.read_bytes()
    return any(mark in text for mark in (b"mark.slow", MARK.encode()))


def find_forge(item: pytest.Item) -> str | None:
    """Return the forge in the id of a test; None if there is none."""
    call = getattr(item, "callspec", None)
    found = _FORGE.search(call.id) if call is not None else None
    return found[1] if found is not None else None


def claims_table(reports: Iterable[pytest.TestReport]) -> Iterator[str]:
    """Yield the lines of a table for each module; the reports give the ticks."""
    modules = _read(reports)
    for path in sorted(modules):
        module = modules[path]
        yield from ("", path, "", f"| claim | {' | '.join(FORGES)} |", "|---" * (len(FORGES) + 1) + "|")
        for claim, forges in module.claims.items():
            yield f"| {claim} | {' | '.join(forges[each].cell if each in forges else '-' for each in FORGES)} |"
        yield from _reasons(module)
    yield from ("", *_totals(modules.values()))


def _read(reports: Iterable[pytest.TestReport]) -> dict[str, ModuleClaims]:
    modules: dict[str, ModuleClaims] = {}
    for report in reports:
        for path, claim, forge, why in (value for name, value in report.user_properties if name == _PROPERTY):
            shown = modules.setdefault(path, ModuleClaims(why)).claims[claim][forge]
            shown.passed += report.passed and report.when == "call"
            shown.has_failed |= report.failed
            if report.skipped:
                shown.skipped += 1
                shown.why_skipped.add(
                    str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
                )
    return modules


def _reasons(module: ModuleClaims) -> Iterator[str]:
    """Yield the reasons for the dashes in a table."""
    left_out = [each for each in FORGES if not any(each in forges for forges in module.claims.values())]
    said = [f"- {each}: {module.why_left_out.get(each, 'not among what ran')}" for each in left_out]
    skipped = (
        f"- {forge}, {claim}: {why}"
        for claim, forges in module.claims.items()
        for forge, shown in forges.items()
        for why in sorted(shown.why_skipped)
    )
    lines = [*said, *skipped]
    yield from ("", *lines) if lines else ()


def _totals(modules: Iterable[ModuleClaims]) -> Sequence[str]:
    claims = [forges for module in modules for forges in module.claims.values()]
    each = (
        f"{forge} {sum(forges[forge].cell.startswith('✓') for forges in claims if forge in forges)}" for forge in FORGES
    )
    return [f"{len(claims)} claims; shown for {', '.join(each)}"]
