"""The recipes for events of registries: the parser of basebump reads what the scripts and configs of the page send."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest
import yaml
from support.docs.written import list_code_blocks
from support.events.deliveries import NOW, SECRET
from support.events.receiver import SignedReceiver
from support.parts import ROOT

from bot.events import find_sender
from bot.events.proof import REPLAY_WINDOW
from bot.model.delivery import EventRequest, SenderKind

PAGE = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Events of registries\n")[2].partition("\n## ")[0]
DOCUMENTS = [yaml.safe_load(text) for text in list_code_blocks(SECTION, "yaml")]
IMAGE = "registry.example.com/bases/debian:12"
DIGEST = "sha256:" + "a1" * 32


def list_steps():
    """Return the scripts that report a push."""
    (github,) = next(each for each in DOCUMENTS if isinstance(each, list))
    (azure,) = next(each for each in DOCUMENTS if "steps" in each)["steps"]
    return {"GitHub": (github["run"], github["env"]), "Azure": (azure["bash"], azure["env"])}


STEPS = list_steps()


def run_step(script, url, secret=SECRET):
    environment = {"PATH": os.environ["PATH"], "BASEBUMP_URL": url, "BASEBUMP_SECRET": secret, "IMAGE": IMAGE}
    return subprocess.run(
        ["bash", "-c", script], check=False, env=environment, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(("script", "variables"), STEPS.values(), ids=STEPS)
def test_pipeline_steps_in_docs_report_a_pushed_image_to_the_service(script, variables):
    with SignedReceiver() as receiver:
        result = run_step(script, receiver.url)
    assert (result.returncode, result.stderr) == (0, "")
    assert receiver.tags == [IMAGE]
    assert variables.keys() == {"BASEBUMP_URL", "BASEBUMP_SECRET", "IMAGE"}


def test_github_and_azure_steps_that_report_a_push_have_the_same_script():
    (first, _), (second, _) = STEPS.values()
    assert first == second


def test_pipeline_step_in_docs_sends_failed_event_again_with_the_same_identifier():
    with SignedReceiver(failures=1) as receiver:
        assert run_step(STEPS["GitHub"][0], receiver.url).returncode == 0
    first, second = receiver.parsed
    assert first == second


def test_pipeline_step_in_docs_fails_if_the_service_refuses_the_event():
    script = STEPS["GitHub"][0].replace("--retry 5", "--retry 0")
    with SignedReceiver() as receiver:
        assert run_step(script, receiver.url, "another secret").returncode != 0
    assert receiver.tags == []


def test_event_bridge_template_in_docs_produces_a_distribution_notification():
    (targets,) = (json.loads(text) for text in list_code_blocks(SECTION, "json"))
    event = {
        "id": "99999999-0000-4000-8000-000000000001",
        "detail": {"repository-name": "bases/go", "image-tag": "1.25", "image-digest": DIGEST},
    }
    transformer = targets[0]["InputTransformer"]
    body = transformer["InputTemplate"]
    for name, path in transformer["InputPathsMap"].items():
        value = event
        for key in path.removeprefix("$.").split("."):
            value = value[key]
        body = body.replace(f"<{name}>", json.dumps(value))
    (registry,) = set(re.findall(r"`(\d+\.dkr\.ecr\.[\w.-]+)`", SECTION))
    parsed = find_sender(SenderKind.DISTRIBUTION).parse_delivery(EventRequest("POST", {}, {}, body.encode()), registry)
    (pushed,) = parsed.events
    assert (parsed.id, str(pushed.tag_ref), pushed.digest) == (event["id"], f"{registry}/bases/go:1.25", DIGEST)


def test_table_of_senders_has_a_row_for_every_kind_of_registry():
    kinds = re.findall(r"^\| `([a-z-]+)` \|", SECTION, re.MULTILINE)
    forges = {SenderKind.GITHUB, SenderKind.GITLAB, SenderKind.AZURE, SenderKind.GITEA}
    assert sorted(kinds) == sorted(kind.value for kind in SenderKind if kind not in forges)


def test_events_page_states_the_replay_window():
    assert REPLAY_WINDOW.total_seconds() == 5 * 60
    assert "more than five minutes" in SECTION


def test_harbor_delivery_is_accepted_with_only_the_secret_in_the_header():
    request = EventRequest("POST", {"authorization": SECRET}, {}, b"{}")
    assert "without any word in front of it" in SECTION
    assert find_sender(SenderKind.HARBOR).is_proved(request, SECRET, NOW)
