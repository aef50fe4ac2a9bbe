"""A service whose process ends with each visit of one repository, and which is started again each time."""

from __future__ import annotations

from contextlib import suppress

import pytest
from support.runs.served_fleet import ServedFleet
from support.waiting import wait_until

from bot.model.work import MAX_INTERRUPTIONS

pytestmark = pytest.mark.real("docker-registry")
END_DURING_VISIT = """
import os, signal
from datetime import timedelta
from bot.serve import job
from bot.serve.visit_job import VisitJob

job.RETRY_DELAYS = (timedelta(hours=1),)
visit = VisitJob.__call__

def visit_or_end(job, claimed):
    if any(each.key.repository == "acme/r1" for each in claimed):
        os.kill(os.getpid(), signal.SIGKILL)
    return visit(job, claimed)

VisitJob.__call__ = visit_or_end
"""


@pytest.mark.slow
def test_visit_that_crashes_the_process_does_not_stop_other_repositories(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(END_DURING_VISIT)
    with ServedFleet(tmp_path) as fleet:
        fleet.add_repositories([{"Dockerfile": "FROM scratch\n"}] * 3)

        def wait_for_end_or_other_visits() -> bool:
            """Return True if the process ended."""
            with suppress(RuntimeError):  # it ended before it wrote that it had started
                fleet.start(environment={"PYTHONPATH": str(tmp_path)})
            process = fleet.processes[-1].process
            wait_until(lambda: process.poll() is not None or fleet.count_visits() == 2)
            return process.poll() is not None

        assert [wait_for_end_or_other_visits() for _ in range(4)] == [True, True, True, False]
        entries = [each for process in fleet.processes for each in process.entries("work-interrupted")]
        assert [each["interruptions"] for each in entries if each["subject"] == "acme/r1"] == [1, 2, MAX_INTERRUPTIONS]
        delayed = {each["subject"] for each in entries if each["delay"]}
        assert delayed - {"all repositories"} == {"acme/r1"}  # the sweep is still running when the first visit begins
        assert fleet.processes[-1].end() == 0
