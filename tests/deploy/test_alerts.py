"""The alert rules for Prometheus, checked and tested by Prometheus' own tool."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from support.parts import ROOT, find_promtool
from support.service.exposure import save_exposure
from support.stage_scene import build_scene

from bot.model.delivery import Delivery, DeliveryOutcome
from bot.model.work import FinishedWork, PollWork, SweepWork, WorkPriority, WorkReason, WorkRequest
from bot.serve.config_watch import ConfigWatch
from bot.serve.json_log import JsonLog
from bot.serve.kept_answer import KeptAnswer
from bot.serve.metrics import MeasuredProcess, ServiceMetrics
from bot.serve.work_tally import DeliveryTally
from bot.state.database import Database
from bot.state.work.metrics_reader import DatabaseMetricsReader
from bot.state.work.queue import DatabaseWorkQueue
from bot.state.work.service_log import DatabaseServiceLog
from bot.wiring import SystemClock

RULES = ROOT / "deploy" / "monitoring" / "basebump-alerts.yaml"
AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
HEALTHY = {
    'basebump_build_info{command="serve"}': "1x2400",
    'basebump_build_info{command="work"}': "1x2400",
    "basebump_service_start_timestamp_seconds": "0x2400",
    "basebump_state_usable": "1x2400",
    "basebump_config_valid": "1x2400",
    "basebump_state_errors_total": "0x2400",
    "basebump_bugs_total": "0x2400",
    "basebump_sweep_interval_seconds": "43200x2400",
    'basebump_last_success_timestamp_seconds{kind="sweep"}': "0+300x2400",
    'basebump_queue_oldest_due_seconds{kind="visit"}': "3x2400",
    'basebump_queue_failing{kind="visit"}': "0x2400",
    'basebump_queue_interrupted{kind="visit"}': "0x2400",
    'basebump_work_total{kind="visit",result="failed"}': "0x2400",
    'basebump_polls_total{host="docker.io",result="failed"}': "0x2400",
    'basebump_deliveries_total{sender="registry",outcome="refused"}': "0x2400",
    'basebump_last_delivery_timestamp_seconds{sender="registry",outcome="accepted"}': "0+300x2400",
    'basebump_running_unwanted_digests{reason="gone"}': "0x2400",
    'basebump_stuck{state="proposed",reason="review"}': "5x2400",
    'basebump_stuck{state="merged",reason="build-failed"}': "0x2400",
    'basebump_clusters{result="failed"}': "0x2400",
    'basebump_exposed_images{severity="exploited",fix="in-update"}': "0x2400",
    'basebump_exposed_images{severity="critical",fix="in-update"}': "7x2400",
    "basebump_digests_in_use": "830x2400",
    "basebump_known_digests": "816x2400",
    'basebump_push_to_proposal_seconds_bucket{le="60"}': "0+5x2400",
    'basebump_push_to_proposal_seconds_bucket{le="600"}': "0+5x2400",
    'basebump_push_to_proposal_seconds_bucket{le="3600"}': "0+5x2400",
    'basebump_push_to_proposal_seconds_bucket{le="+Inf"}': "0+5x2400",
}
"""One sample every five minutes of a service that has no problems."""
PROBLEMS = {
    "BasebumpDown": {'basebump_build_info{command="serve"}': "_x2400"},
    "BasebumpStateErrors": {"basebump_state_errors_total": "0+5x2400"},
    "BasebumpConfigInvalid": {"basebump_config_valid": "0x2400"},
    "BasebumpBug": {"basebump_bugs_total": "0+5x2400"},
    "BasebumpQueueNotMoving": {'basebump_queue_oldest_due_seconds{kind="visit"}': "0+300x2400"},
    "BasebumpNoSweep": {'basebump_last_success_timestamp_seconds{kind="sweep"}': "0x2400"},
    "BasebumpVisitsFailing": {'basebump_queue_failing{kind="visit"}': "6x2400"},
    "BasebumpWorkInterrupted": {'basebump_queue_interrupted{kind="visit"}': "1x2400"},
    "BasebumpVisitsGivenUp": {'basebump_work_total{kind="visit",result="failed"}': "0+5x2400"},
    "BasebumpPollsFailing": {'basebump_polls_total{host="docker.io",result="failed"}': "0+5x2400"},
    "BasebumpDeliveriesStopped": {
        'basebump_last_delivery_timestamp_seconds{sender="registry",outcome="accepted"}': "0x2400"
    },
    "BasebumpDeliveriesRefused": {'basebump_deliveries_total{sender="registry",outcome="refused"}': "0+5x2400"},
    "BasebumpRunsUnwantedDigests": {'basebump_running_unwanted_digests{reason="gone"}': "1x2400"},
    "BasebumpUpdatesStuck": {'basebump_stuck{state="merged",reason="build-failed"}': "2x2400"},
    "BasebumpClusterNotRead": {'basebump_clusters{result="failed"}': "1x2400"},
    "BasebumpExploitedInUse": {'basebump_exposed_images{severity="exploited",fix="in-update"}': "1x2400"},
    "BasebumpExposureUnknown": {"basebump_known_digests": "700x2400"},
    "BasebumpSlow": {
        'basebump_push_to_proposal_seconds_bucket{le="60"}': "0x2400",
        'basebump_push_to_proposal_seconds_bucket{le="600"}': "0x2400",
    },
}
"""For each alert, the samples that are different when it should be sent."""


def list_rules() -> list[dict]:
    [group] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return group["rules"]


@pytest.fixture
def metrics_text(tmp_path) -> str:
    """Return metrics with at least one sample of each metric."""
    database, clock = Database.sqlite(tmp_path / "state.db"), SystemClock()
    queue = DatabaseWorkQueue(database)
    deliveries = DeliveryTally(DatabaseServiceLog(database), ["registry"])
    stages = KeptAnswer("stages", lambda _: build_scene(), clock)
    stages.load(timedelta(seconds=20))
    log = JsonLog(clock, StringIO())
    measured = MeasuredProcess(log, ConfigWatch(lambda: None, clock, log), AT)
    metrics = ServiceMetrics(DatabaseMetricsReader(database), deliveries, measured, timedelta(hours=12), stages)
    metrics.begin()
    save_exposure(database, AT)
    deliveries.record_delivery(Delivery("registry", "1", AT, DeliveryOutcome.ACCEPTED, ""), ())
    for key in (PollWork("docker.io"), SweepWork()):
        queue.request_work([WorkRequest(key, WorkPriority.SWEEP, WorkReason.POLL, "1")])
        [claimed] = queue.claim_work("a", [key.kind], 1, timedelta(minutes=1))
        queue.finish_work("a", claimed, FinishedWork(key, "1", claimed.reason, AT, AT, "done"))
    return metrics.render()


def test_alert_rules_use_only_metrics_and_labels_that_are_exported(metrics_text):
    samples = [each for family in text_string_to_metric_families(metrics_text) for each in family.samples]
    labels = {each.name: set(each.labels) for each in samples}
    values = {(each.name, name, value) for each in samples for name, value in each.labels.items()}
    for rule in list_rules():
        found = re.findall(r"(basebump_[a-z_]+)(?:\{([^}]*)\})?", rule["expr"])
        assert found, rule["alert"]
        for name, selector in found:
            assert name in labels, f"{rule['alert']}: {name}"
            for label, operator, text in re.findall(r'([a-z]+)(=~|!=|=)"([^"]*)"', selector):
                known = {value for each, key, value in values if (each, key) == (name, label)}
                assert set(text.split("|")) <= known or operator == "!=", f"{rule['alert']}: {label}={text}"


def test_every_alert_rule_has_a_severity_a_summary_and_a_test():
    rules = list_rules()
    assert [each["alert"] for each in rules] == list(PROBLEMS)
    assert all(set(each["annotations"]) == {"summary", "description"} for each in rules)
    assert {each["labels"]["severity"] for each in rules} == {"critical", "warning"}


@pytest.mark.real("promtool")
def test_promtool_accepts_the_metrics_and_the_alert_rules(metrics_text):
    lint = subprocess.run(
        [find_promtool(), "check", "metrics"], input=metrics_text, text=True, capture_output=True, check=False
    )
    assert (lint.returncode, lint.stderr) == (0, "")
    check = subprocess.run(
        [find_promtool(), "check", "rules", "--lint-fatal", RULES], text=True, capture_output=True, check=False
    )
    assert check.returncode == 0, check.stdout


@pytest.mark.slow
@pytest.mark.real("promtool")
def test_each_alert_fires_only_for_the_problem_named_by_the_alert(tmp_path):
    alerts = {each["alert"]: each for each in list_rules()}
    scenes = [(None, {}), *PROBLEMS.items()]
    tests = [
        {
            "name": problem or "healthy",
            "interval": "5m",
            "input_series": [{"series": name, "values": text} for name, text in (HEALTHY | changes).items()],
            "promql_expr_test": [
                {
                    "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                    "eval_time": "8d",
                    "exp_samples": [{"labels": f'{{alertname="{problem}"}}', "value": 1}] if problem else [],
                }
            ],
        }
        for problem, changes in scenes
    ]
    assert set(alerts) == {problem for problem, _ in scenes if problem}
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1h", "tests": tests}))
    done = subprocess.run([find_promtool(), "test", "rules", file], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
