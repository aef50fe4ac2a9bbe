"""Events of a forge in the whole service: users cause work within seconds, and basebump itself causes none."""

from __future__ import annotations

import pytest
from support.runs.served_fleet import SECRET, ServedFleet
from support.waiting import wait_until

pytestmark = pytest.mark.real("docker-registry")

LONG_PUSH_DELAY = """
from datetime import timedelta
from bot.serve import receiver

receiver.PUSH_DELAY = receiver.LONGEST_PUSH_DELAY = timedelta(hours=1)
"""
SENDER = "    - {kind: github, secret_env: REGISTRY_SECRET}\n"


@pytest.fixture
def fleet(tmp_path):
    with ServedFleet(tmp_path) as fleet:
        fleet.write_config(SENDER)
        digest = fleet.push("base", "base first")
        fleet.add_repositories([{"Dockerfile": f"FROM base:1@{digest}\nRUN true\n"}])
        yield fleet


def _list_reasons(service) -> list[str]:
    """Return the reasons of the visits that ended."""
    return [each["reason"] for each in service.entries("work-done") if each["kind"] == "visit"]


def _count_accepted(fleet, service) -> int:
    """Return the number of deliveries of the forge that led to work."""
    fleet.forge.deliver()
    fleet.forge.webhooks.wait()
    assert {each.status for each in fleet.forge.webhooks.sent} == {202}
    return sum(each["outcome"] == "accepted" for each in service.entries("delivery") if each["sender"] == "github")


def test_checkbox_and_merge_events_cause_one_visit_without_the_delay_of_pushes(fleet, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(LONG_PUSH_DELAY)
    service = fleet.start(environment={"PYTHONPATH": str(tmp_path)})
    fleet.wait_until_read(1)
    fleet.forge.webhooks.add_hook(f"{fleet.url}/events/github", SECRET)
    (repository,) = fleet.forge.world.repositories.values()
    fleet.push("base", "base patched")
    wait_until(lambda: _list_reasons(service)[1:] == ["image-pushed"])
    (pull,) = repository.pulls
    repository.git.commit(pull.branch, {"notes.txt": "A user adds a file.\n"}, "Add notes")
    assert _count_accepted(fleet, service) == 0

    pull.body = pull.body.replace("- [ ] <!-- basebump:rebase -->", "- [x] <!-- basebump:rebase -->")
    fleet.forge.deliver()
    wait_until(lambda: _list_reasons(service)[2:] == ["request-changed"])

    assert "[x]" not in pull.body
    assert "notes.txt" not in repository.git.files(repository.git.need(pull.branch))
    assert _count_accepted(fleet, service) == 1

    repository.git.merge(pull.branch, "main")
    repository.settle()

    assert pull.merged
    assert _count_accepted(fleet, service) == 3  # the push to the base branch, and the merged request
    assert service.end() == 0
