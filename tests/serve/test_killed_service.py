"""The service is killed again and again while images are pushed."""

from __future__ import annotations

import pytest
from support.runs.killed_service import kill_service

pytestmark = [pytest.mark.slow, pytest.mark.real("docker-registry")]


def test_repeatedly_killed_service_opens_every_proposal_exactly_once(tmp_path):
    report = kill_service(tmp_path, kills=4)
    assert (report.lost, report.repeated) == ((), ())
    assert report.interrupted >= 2
