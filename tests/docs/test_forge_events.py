"""The recipes for events of forges: they select the events that basebump reads, and no forge is left out."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
import yaml
from support.docs.written import list_code_blocks
from support.parts import ROOT

from bot.events import azure, gitea, github, gitlab
from bot.model.delivery import SenderKind
from bot.serve import http_server, receiver

PAGE = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Events of forges\n")[2].partition("\n## ")[0]
SCRIPTS = list_code_blocks(SECTION, "sh")
KINDS = sorted(each.value for each in (SenderKind.GITHUB, SenderKind.GITLAB, SenderKind.AZURE, SenderKind.GITEA))


def _run(script: str, folder, program: str) -> list[str]:
    """Run a script with a program that only stores its input and the file that it is called with."""
    (folder / program).write_text(
        '#!/bin/sh\ncase "$*" in *show*) echo 0000-project;; esac\n'
        'for last; do :; done\n{ if [ -f "$last" ]; then cat "$last"; elif [ "$2" = invoke ]; then :; '
        f'else cat; fi; printf "\\0"; }} >> "{folder}/sent"\n'
    )
    (folder / program).chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin"} | dict.fromkeys(re.findall(r"\$([A-Z_]+)", script), "a-secret")
    subprocess.run(["bash", "-eu", "-c", script], cwd=folder, env=environment, check=True, stdin=subprocess.DEVNULL)
    return [each for each in (folder / "sent").read_text().split("\0") if each]


def _find_script(words: str) -> str:
    (script,) = [each for each in SCRIPTS if words in each]
    return script


def test_webhook_config_and_table_on_events_page_name_every_forge():
    (config,) = [yaml.safe_load(text) for text in list_code_blocks(SECTION, "yaml")]

    assert sorted(each["kind"] for each in config["serve"]["events"]) == KINDS
    assert sorted(re.findall(r"^\| `([a-z]+)` \|", SECTION, re.MULTILINE)) == KINDS


def test_command_that_creates_github_webhook_selects_events_that_basebump_reads():
    selected = set(re.findall(r"events\[\]=(\w+)", _find_script("gh api")))

    assert selected == github.READERS.keys() - {"installation", "installation_repositories"}


def test_azure_devops_subscriptions_cover_the_events_that_basebump_reads(tmp_path):
    documents = [json.loads(each) for each in _run(_find_script("az devops"), tmp_path, "az")]

    assert {each["eventType"] for each in documents} == azure.READERS.keys()
    assert all(each["publisherInputs"]["projectId"] == "0000-project" for each in documents)
    assert all(each["consumerInputs"]["basicAuthPassword"] == "a-secret" for each in documents)
    changes = [each["publisherInputs"].get("notificationType") for each in documents if "pull" in each["eventType"]]
    assert sorted(changes) == ["ReviewerVoteNotification", "StatusUpdateNotification"]


@pytest.mark.parametrize("words", ["/groups/acme/hooks", "/api/v4/hooks", "/orgs/acme/hooks"])
def test_webhook_commands_send_json_with_the_secret(words, tmp_path):
    (document,) = [json.loads(each) for each in _run(_find_script(words), tmp_path, "curl")]

    assert "a-secret" in (document.get("token"), document.get("config", {}).get("secret"))


def test_gitea_webhook_command_selects_the_events_that_basebump_reads(tmp_path):
    (document,) = [json.loads(each) for each in _run(_find_script("/orgs/acme/hooks"), tmp_path, "curl")]

    reviews = {each for each in gitea.READERS if each.startswith("pull_request_")}
    assert set(document["events"]) == gitea.READERS.keys() - reviews  # which `pull_request` includes


def test_gitlab_group_hook_and_system_hook_cover_events_that_basebump_reads(tmp_path):
    documents = [json.loads(_run(_find_script(each), tmp_path, "curl")[-1]) for each in ("/groups/", "/api/v4/hooks")]
    selected = {name for document in documents for name, is_on in document.items() if is_on is True}

    words = {
        "push": "push",
        "repository_update": "repository_update",
        "merge_request": "merge_requests",
        "issue": "issues",
    }
    expected = {words.get(each, "project") for each in gitlab.READERS}
    assert selected == {f"{each}_events" for each in expected}


def test_events_page_states_the_delays_between_a_push_and_the_visit():
    assert receiver.PUSH_DELAY.total_seconds() == 5
    assert receiver.LONGEST_PUSH_DELAY.total_seconds() == 60
    assert receiver.NEW_REPOSITORY_DELAY.total_seconds() == 60
    assert "5 seconds after the last of several pushes, at most a minute" in SECTION


def test_events_page_states_the_size_limit_of_a_webhook_delivery():
    assert http_server.MAX_LARGE_BODY >= 25_000_000
    assert "more than 25 MB" in SECTION
