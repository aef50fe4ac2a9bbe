"""Test everything that a run needs, one part of the config after the other. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.model.diagnosis import Check, ConfigArea, Diagnosis, DiagnosisTarget, report_problem
from bot.model.errors import BasebumpError, ConfigError
from bot.model.phases import ProgressStep
from bot.ports import Diagnosable, ProgressReporter


@dataclass(frozen=True, slots=True)
class DiagnosisPart:
    """One part of the config, such as a registry or a forge, with the components to test for it."""

    area: ConfigArea
    subject: str
    """The name of the part, for the message if `prepare` raises an error."""
    prepare: Callable[[], Iterable[Diagnosable]]
    """Returns the components to test. It raises BasebumpError if that fails, for example because a secret is
    missing."""


def diagnose(parts: Sequence[DiagnosisPart], target: DiagnosisTarget, progress: ProgressReporter) -> Diagnosis:
    """Test every part of the config.

    `target` is the kind of run that must be possible with the config, such as a run that only reports. An error in a
    part is reported as a problem of this part, and the other parts are still tested.
    """
    progress.start_phase(ProgressStep.CHECK_CONFIG, len(parts))
    checks: list[tuple[ConfigArea, Check]] = []
    for part in parts:
        checks += [(part.area, check) for check in dict.fromkeys(_examine_part(part, target))]
        progress.advance()
    progress.finish_phase()
    return Diagnosis(target.level, tuple(checks))


def _examine_part(part: DiagnosisPart, target: DiagnosisTarget) -> Iterator[Check]:
    try:
        for each in part.prepare():
            yield from each.examine(target)
    except BasebumpError as error:
        yield report_problem(part.subject, "prepare the check", _format_error(error))


def _format_error(error: BasebumpError) -> str:
    """Return the message of an error as one line, because a ConfigError can contain several problems."""
    return "; ".join(map(str, error.problems)) if isinstance(error, ConfigError) else str(error)
