"""`basebump work`: processes that do the work of services that receive events in other processes."""

from __future__ import annotations

import signal

import pytest
import requests
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families
from support.free_ports import find_free_port
from support.runs.served_fleet import ServedFleet
from support.waiting import wait_until

from bot import __version__
from bot.cli.work import command
from bot.model.errors import UsageError
from bot.serve.service import GRACE

pytestmark = [pytest.mark.slow, pytest.mark.real("docker-registry"), pytest.mark.real("postgresql")]
SHORT_GRACE = "import bot.serve.service\nbot.serve.service.GRACE = 1.0\n"
WORK = ("work", "--level", "propose")


@pytest.fixture
def fleet(postgresql, tmp_path):
    with ServedFleet(tmp_path, postgresql.fresh()) as fleet:
        fleet.write_config(more="queue: postgresql\n")
        held = fleet.push("base", "base first")
        fleet.add_repositories([{"Dockerfile": f"FROM base:1@{held}\nRUN true\n"}] * 3)
        yield fleet


def test_workers_open_proposals_after_a_push_and_the_receiver_does_no_work(fleet):
    receiver = fleet.start()
    address = f"127.0.0.1:{find_free_port()}"
    workers = [fleet.start(*WORK), fleet.start(*WORK, "--listen", address)]
    fleet.wait_until_read(3)
    fleet.push("base", "base patched")
    wait_until(lambda: len(fleet.list_proposals()) == 3)
    assert receiver.entries("work-done") == []
    wait_until(lambda: sum(entry["opened"] for each in workers for entry in each.entries("work-done")) == 3)
    check_monitoring(address)
    assert [each.end() for each in (*workers, receiver)] == [0, 0, 0]


def check_monitoring(address: str) -> None:
    """Check that a worker answers probes, and serves metrics and nothing else."""
    with requests.Session() as session:
        session.trust_env = False
        answers = {path: session.get(f"http://{address}{path}") for path in ("/livez", "/readyz", "/metrics", "/queue")}
        foreign = session.get(f"http://{address}/metrics", headers={"Host": "evil.example"})
    assert [each.status_code for each in (*answers.values(), foreign)] == [200, 200, 200, 404, 403]
    families = text_string_to_metric_families(answers["/metrics"].text)
    values = {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}
    assert ("basebump_build_info", __version__, "work") in values
    assert values["basebump_state_usable",] == 1
    assert values["basebump_bugs_total",] == values["basebump_state_errors_total",] == 0
    assert values["basebump_work_total", "visit", "done"] >= 3


def test_listen_address_of_work_command_needs_host_and_port():
    done = CliRunner().invoke(command, ["-c", "basebump.yaml", "--listen", "8080"])
    assert done.exit_code == 2
    assert "must be `host:port`" in done.output


def test_unfinished_visit_of_an_ending_worker_is_done_by_another_worker(fleet, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(SHORT_GRACE)
    fleet.start()
    ending = fleet.start(*WORK, environment={"PYTHONPATH": str(tmp_path)})
    fleet.wait_until_read(3)
    with fleet.hold_requests("/git/trees") as (arrived, _):
        fleet.push("base", "base patched")
        assert arrived.wait(60)
        fleet.start(*WORK)
        ending.process.send_signal(signal.SIGTERM)
        assert ending.process.wait(GRACE - 5) == 0
    wait_until(lambda: len(fleet.list_proposals()) == 3)
    [stopped] = ending.entries("stopped")
    assert stopped["gave_back_work"] is True
    assert set(fleet.list_proposals().values()) == {1}


def test_work_command_requires_postgresql_queue(fleet, monkeypatch):
    fleet.write_config()
    monkeypatch.setenv("ACME_TOKEN", "ghp_x")
    done = CliRunner().invoke(command, ["-c", str(fleet.config)])
    assert isinstance(done.exception, UsageError)
    assert "queue: postgresql" in str(done.exception)
