"""The end of the service by signals, and its probes and metrics, as a process."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from support.runs.served_fleet import ServedFleet
from support.waiting import wait_until

from bot.serve.service import GRACE

pytestmark = [pytest.mark.slow, pytest.mark.real("docker-registry")]
SHORT_GRACE = "import bot.serve.service\nbot.serve.service.GRACE = 1.0\n"
KUBERNETES_GRACE = 30
"""Seconds after which Kubernetes kills a pod that should end."""


@pytest.fixture
def fleet(tmp_path):
    with ServedFleet(tmp_path) as fleet:
        held = fleet.push("base", "base first")
        fleet.add_repositories([{"Dockerfile": f"FROM base:1@{held}\nRUN true\n"}] * 3)
        yield fleet


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_during_a_visit_ends_the_service_after_the_visit(fleet, number):
    service = fleet.start()
    fleet.wait_until_read(3)
    with fleet.hold_requests("POST.*pulls") as (arrived, may_answer):
        fleet.push("base", "base patched")
        assert arrived.wait(60)
        service.process.send_signal(number)
        wait_until(lambda: service.entries("stopping"))
        assert get(fleet, "/livez").status_code == 200
        assert get(fleet, "/readyz").text == "the service is stopping\n"
        may_answer.set()
        assert service.process.wait(GRACE) == 0
    [stopped] = service.entries("stopped")
    assert stopped["gave_back_work"] is False
    assert fleet.list_proposals() == {"acme/r0": 1, "acme/r1": 1, "acme/r2": 1}


def test_grace_period_of_service_ends_before_kubernetes_kills_the_process():
    assert GRACE <= KUBERNETES_GRACE - 5


@pytest.mark.parametrize("second_signal", [False, True])
def test_unfinished_visit_is_released_at_the_end_and_done_after_the_next_start(fleet, tmp_path, second_signal):
    environment = {}
    if not second_signal:
        (tmp_path / "short").mkdir()
        (tmp_path / "short" / "sitecustomize.py").write_text(SHORT_GRACE)
        environment = {"PYTHONPATH": str(tmp_path / "short")}
    service = fleet.start(environment=environment)
    fleet.wait_until_read(3)
    with fleet.hold_requests("r[12]/git/trees") as (arrived, _):
        fleet.push("base", "base patched")
        assert arrived.wait(60)
        service.process.send_signal(signal.SIGTERM)
        wait_until(lambda: service.entries("stopping"))
        if second_signal:
            service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(GRACE - 5) == 0
        [stopped] = service.entries("stopped")
        assert stopped["gave_back_work"] is True
    assert fleet.list_proposals() == {}
    fleet.start()
    wait_until(lambda: len(fleet.list_proposals()) == 3, 60)
    assert fleet.list_proposals() == {"acme/r0": 1, "acme/r1": 1, "acme/r2": 1}


def test_second_service_using_the_same_state_file_ends_with_an_error(fleet):
    fleet.start()
    command = [sys.executable, "-m", "bot", "serve", "-c", str(fleet.config)]
    environment = {"ACME_TOKEN": "x" * 20, "REGISTRY_SECRET": "x" * 20, "HOME": str(fleet.folder)}
    second = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert second.stderr.startswith("error: another `basebump serve` uses the state in ")


def test_service_process_answers_probes_and_serves_metrics(fleet):
    service = fleet.start()
    fleet.wait_until_read(3)
    fleet.push("base", "base patched")
    wait_until(lambda: len(fleet.list_proposals()) == 3)
    wait_until(lambda: sum(each["opened"] for each in service.entries("work-done")) == 3)
    assert (get(fleet, "/livez").text, get(fleet, "/readyz").text) == ("live\n", "ready\n")
    samples = {
        (each.name, *sorted(each.labels.values())): each.value
        for family in text_string_to_metric_families(get(fleet, "/metrics").text)
        for each in family.samples
    }
    assert samples["basebump_push_to_proposal_seconds_count",] == 3
    assert samples["basebump_proposals_opened_total",] == 3
    assert samples["basebump_deliveries_total", "accepted", "registry"] >= 1
    assert samples["basebump_work_total", "done", "visit"] >= 3
    assert samples["basebump_work_total", "done", "sweep"] == 1
    assert samples["basebump_state_usable",] == 1
    assert get(fleet, "/metrics", Host="evil.example").status_code == 403
    assert service.end() == 0


def test_service_with_a_config_that_became_invalid_stays_ready_and_says_so(fleet):
    service, valid = fleet.start(), fleet.config.read_text()
    assert get(fleet, "/readyz").text == "ready\n"
    fleet.config.write_text("schema: 1\nforges: nonsense\n")
    wait_until(lambda: get(fleet, "/readyz").text.startswith("ready\nconfig: invalid since 20"))
    assert get(fleet, "/readyz").status_code == 200
    assert "basebump_config_valid 0" in get(fleet, "/metrics").text
    [entry] = service.entries("config-invalid")
    assert "forges" in entry["error"]
    fleet.config.write_text(valid)
    wait_until(lambda: get(fleet, "/readyz").text == "ready\n")
    assert service.end() == 0


def get(fleet, path: str, **headers: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(fleet.url + path, headers=headers, timeout=30)
