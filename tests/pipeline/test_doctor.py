"""Tests of one part of a config after the other: an error is a problem of its part, and no check is repeated."""

from __future__ import annotations

import pytest

from bot.cli.terminal import NoProgress
from bot.model.diagnosis import (
    CheckStatus,
    ConfigArea,
    DiagnosisTarget,
    report_incomplete,
    report_ok,
    report_problem,
    report_unknown,
)
from bot.model.errors import ConfigError, ConfigProblem, ForgeError
from bot.model.vocabulary import RunLevel
from bot.pipeline.doctor import DiagnosisPart, diagnose

AIM = DiagnosisTarget(RunLevel.PUSH, "basebump/")
WELL, WRONG = report_ok("web", "read", "it is there"), report_problem("web", "write", "it is not; do this")


class FakeExaminer:
    """Yields the given checks, and then raises the given error."""

    def __init__(self, *checks, error=None):
        self.checks, self.error = checks, error

    def examine(self, aim):
        assert aim is AIM
        yield from self.checks
        if self.error is not None:
            raise self.error


def build_part(*examined, area=ConfigArea.FORGES):
    return DiagnosisPart(area, "a forge", lambda: examined)


def test_doctor_checks_parts_of_the_config_in_order():
    found = diagnose(
        [build_part(FakeExaminer(WELL), area=ConfigArea.CONFIG), build_part(FakeExaminer(WRONG), FakeExaminer(WELL))],
        AIM,
        NoProgress(),
    )
    assert found.checks == ((ConfigArea.CONFIG, WELL), (ConfigArea.FORGES, WRONG), (ConfigArea.FORGES, WELL))
    assert found.level is RunLevel.PUSH


def test_equal_checks_by_two_examiners_of_a_config_part_are_reported_once():
    found = diagnose(
        [build_part(FakeExaminer(WELL)), build_part(FakeExaminer(WRONG, WELL), FakeExaminer(WELL, WRONG))],
        AIM,
        NoProgress(),
    )
    assert [check for _, check in found.checks] == [WELL, WRONG, WELL]


def test_error_in_one_part_of_config_is_reported_and_other_parts_are_checked():
    parts = [build_part(FakeExaminer(WELL, error=ForgeError("it is down; try again"))), build_part(FakeExaminer(WELL))]
    found = diagnose(parts, AIM, NoProgress())
    first, broken, last = [check for _, check in found.checks]
    assert (first, last) == (WELL, WELL)
    assert (broken.subject, broken.status, broken.result) == ("a forge", CheckStatus.PROBLEM, "it is down; try again")


def test_several_config_errors_of_a_part_are_reported_on_one_line():
    def unmade():
        raise ConfigError("basebump.yaml", (ConfigProblem("a.b", "no"), ConfigProblem("c", "neither")))

    (check,) = [
        check for _, check in diagnose([DiagnosisPart(ConfigArea.STATE, "state", unmade)], AIM, NoProgress()).checks
    ]
    assert (check.status, check.result) == (CheckStatus.PROBLEM, "a.b: no; c: neither")


def test_diagnosis_raises_unexpected_exception_of_a_check():
    with pytest.raises(ZeroDivisionError):
        diagnose([build_part(FakeExaminer(error=ZeroDivisionError()))], AIM, NoProgress())


def test_diagnosis_is_unhealthy_only_if_a_check_reports_a_problem_or_was_not_completed():
    unknown = report_unknown("web", "write", "nobody says")
    assert diagnose([build_part(FakeExaminer(WELL, unknown))], AIM, NoProgress()).is_healthy
    incomplete = report_incomplete("docker.io", "look up a tag", "no answer")
    for each in (WRONG, incomplete):
        assert not diagnose([build_part(FakeExaminer(WELL, unknown, each))], AIM, NoProgress()).is_healthy
