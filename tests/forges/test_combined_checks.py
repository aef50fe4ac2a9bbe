"""The outcome of CI on a commit from the outcomes of its checks."""

from __future__ import annotations

import pytest

from bot.forges.hosted.ci import combine_checks
from bot.model.ci import CiOutcome

FAILED, NONE, PASSED, PENDING, UNKNOWN = (
    CiOutcome.FAILED,
    CiOutcome.NONE,
    CiOutcome.PASSED,
    CiOutcome.PENDING,
    CiOutcome.UNKNOWN,
)


@pytest.mark.parametrize(
    ("checks", "outcome"),
    [
        ((), NONE),
        ((NONE,), NONE),
        ((PASSED, NONE), PASSED),
        ((PASSED, UNKNOWN), UNKNOWN),
        ((UNKNOWN, PENDING), PENDING),
        ((PENDING, FAILED, PASSED), FAILED),
    ],
)
def test_ci_outcome_of_commit_is_worst_outcome_of_all_checks(checks, outcome):
    assert combine_checks(checks) is outcome
