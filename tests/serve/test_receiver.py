"""The receiver of deliveries: proof, bounds, repeated deliveries, and the work that a delivery leads to."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from support.runs.worlds import StandingClock
from support.values import digest, reference
from support.visits import build_settled

from bot.events import find_sender
from bot.model.delivery import SenderKind
from bot.model.image_name import TagRef
from bot.model.inventory import BranchKey, BranchVisit
from bot.model.report import RepositoryReport, Verdict
from bot.model.vocabulary import ReferenceStatus
from bot.model.work import FinishedWork, SweepWork, TagWork, VisitWork, WorkPriority
from bot.serve.app import Application
from bot.serve.http import HttpRequest, Route, Router
from bot.serve.http_server import MAX_BODY
from bot.serve.json_log import JsonLog
from bot.serve.receiver import (
    LONGEST_NEW_REPOSITORY_DELAY,
    MAX_RATE,
    MAX_SWEEP_RATE,
    MAX_TAGS,
    MAX_USER_RATE,
    NEW_REPOSITORY_DELAY,
    PUSH_DELAY,
    ConfiguredSender,
    Receiver,
)
from bot.state.database import Database
from bot.state.inventory.event_inventory import DatabaseEventInventory
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.work.queue import DatabaseWorkQueue
from bot.state.work.service_log import DatabaseServiceLog

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SECRET = "a-secret-of-the-registry"
LISTED = "docker.io/library/debian"
WEB = BranchKey("github", "github.com", "acme/web", "main")


class ReceiverScene:
    """A receiver with a state in a file, in which `acme/web` uses `docker.io/library/node:22`.

    A rule chooses among the tags of `docker.io/library/debian`.
    """

    def __init__(self, folder) -> None:
        self.path = folder / "state.db"
        database = Database.sqlite(self.path)
        report = RepositoryReport(
            "github", "acme/web", "main", (Verdict(reference("node:22"), ReferenceStatus.UP_TO_DATE),)
        )
        settled = build_settled(tag_lists={LISTED: "f"})
        visit = BranchVisit(WEB, "c0ffee", "reader 1", report, (), has_unread_files=False, settled=settled)
        DatabaseInventoryStore(database).record_visits([visit], {}, NOW)
        self.queue, self.service_log = DatabaseWorkQueue(database), DatabaseServiceLog(database)
        senders = [
            ConfiguredSender("lab", SenderKind.DISTRIBUTION, find_sender(SenderKind.DISTRIBUTION), SECRET, "docker.io"),
            ConfiguredSender("grid", SenderKind.EVENT_GRID, find_sender(SenderKind.EVENT_GRID), SECRET),
            ConfiguredSender("gitlab", SenderKind.GITLAB, find_sender(SenderKind.GITLAB), SECRET),
            ConfiguredSender("hub", SenderKind.GITHUB, find_sender(SenderKind.GITHUB), SECRET),
            ConfiguredSender("github", SenderKind.GITEA, find_sender(SenderKind.GITEA), SECRET),
        ]
        clock = StandingClock(NOW)
        self.log = io.StringIO()
        log = JsonLog(clock, self.log)
        own_tags = [TagRef("docker.io/acme/web", "main")]
        receiver = Receiver(senders, DatabaseEventInventory(database), self.service_log, clock, log, own_tags)
        routes = [Route.build(method, "/events/{name}", receiver.receive) for method in ("POST", "OPTIONS")]
        self.router = Router(routes)
        self.application = Application(self.router, log)

    def post(self, document: object, secret: str = SECRET, name: str = "lab", **headers: str):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        headers = {
            "authorization": f"Bearer {secret}",
            **{key.replace("_", "-"): each for key, each in headers.items()},
        }
        return self.router.answer(HttpRequest("POST", f"/events/{name}", headers=headers, body=body))

    def report(self, event: str, document: object):
        """Deliver an event of GitHub."""
        body = json.dumps(document).encode()
        signature = f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}"
        return self.post(body, name="hub", x_hub_signature_256=signature, x_github_event=event)

    def list_pending(self):
        return {each.key: each for each in self.service_log.list_pending(1000)}

    def claim(self):
        """Return the keys of the work that is due now or soon."""
        return [each.key for each in self.service_log.list_pending(100)]

    def outcomes(self) -> list[tuple[str, int]]:
        return [(each.outcome.value, each.repeats) for each in self.service_log.list_deliveries(100)]


@pytest.fixture
def receiver_scene(tmp_path):
    return ReceiverScene(tmp_path)


def build_registry_push(name="library/node", tag="22", event_id="1", action="push"):
    target = {"repository": name, "tag": tag, "digest": digest("new"), "mediaType": "application/json"}
    return {"events": [{"id": event_id, "action": action, "target": target, "request": {"host": "elsewhere:5000"}}]}


def test_two_push_events_of_a_used_tag_request_one_lookup(receiver_scene):
    assert receiver_scene.post(build_registry_push()).status == 202
    assert receiver_scene.post(build_registry_push(event_id="2")).status == 202
    assert receiver_scene.claim() == [TagWork(TagRef("docker.io/library/node", "22"))]


def test_repeated_delivery_is_stored_once_with_number_of_repeats(receiver_scene):
    for _ in range(3):
        assert receiver_scene.post(build_registry_push()).status == 202
    assert receiver_scene.outcomes() == [("accepted", 2)]


def test_push_of_own_image_requests_lookup_although_no_repository_uses_the_tag(receiver_scene):
    assert receiver_scene.post(build_registry_push("acme/web", "main")).status == 202
    assert receiver_scene.post(build_registry_push("acme/web", "c0ffee", event_id="2")).status == 202
    assert receiver_scene.claim() == [TagWork(TagRef("docker.io/acme/web", "main"))]


@pytest.mark.parametrize(
    ("document", "outcome"),
    [
        (build_registry_push(tag="23"), "not-used"),
        (build_registry_push(action="delete"), "ignored"),
        (b"{", "unreadable"),
        ([], "unreadable"),
    ],
)
def test_authentic_delivery_that_requests_no_work_is_accepted_and_stored(receiver_scene, document, outcome):
    assert receiver_scene.post(document).status == 202
    assert (receiver_scene.outcomes(), receiver_scene.claim()) == ([(outcome, 0)], [])


@pytest.mark.parametrize("secret", ["", "another-secret-of-the-registry", SECRET + "x"])
def test_delivery_with_wrong_secret_is_refused_without_detail(receiver_scene, secret):
    response = receiver_scene.post(build_registry_push(), secret)
    assert (response.status, response.body) == (401, b"unauthorized\n")
    assert receiver_scene.claim() == []


def test_refused_deliveries_store_few_records_and_do_not_block_valid_ones(receiver_scene):
    for _ in range(MAX_RATE + 100):
        assert receiver_scene.post(build_registry_push(), "a-wrong-secret-of-somebody").status == 401
    assert receiver_scene.post(build_registry_push()).status == 202
    refused = [repeats for outcome, repeats in receiver_scene.outcomes() if outcome == "refused"]
    assert len(refused) == 1
    assert refused[0] < 60


def test_too_many_authentic_deliveries_per_second_are_answered_with_503(tmp_path, monkeypatch):
    now = 1000.0
    monkeypatch.setattr("bot.serve.receiver.MAX_RATE", 3)
    monkeypatch.setattr("bot.serve.receiver.time", SimpleNamespace(monotonic=lambda: now))
    desk = ReceiverScene(tmp_path)
    assert [desk.post(build_registry_push(action="pull")).status for _ in range(5)] == [202, 202, 202, 503, 503]
    now += 1
    assert desk.post(build_registry_push(action="pull")).status == 202


def test_delivery_with_too_large_body_is_refused_before_parsing(receiver_scene):
    assert receiver_scene.post(b" " * (MAX_BODY + 1)).status == 413
    assert receiver_scene.post(b" " * (MAX_BODY + 1), name="github").status == 401


def test_delivery_of_unknown_sender_is_answered_with_404(receiver_scene):
    assert receiver_scene.post(build_registry_push(), name="nobody").status == 404


def test_event_grid_handshake_is_answered_with_allowed_origin(receiver_scene):
    headers = {"authorization": f"Bearer {SECRET}", "webhook-request-origin": "eventgrid.azure.net"}
    response = receiver_scene.router.answer(HttpRequest("OPTIONS", "/events/grid", headers=headers))
    assert (response.status, dict(response.headers)["WebHook-Allowed-Origin"]) == (200, "eventgrid.azure.net")


def build_gitlab_push(project="acme/web", branch="main"):
    return {
        "object_kind": "push",
        "ref": f"refs/heads/{branch}",
        "before": "1" * 40,
        "after": "2" * 40,
        "project": {"path_with_namespace": project, "default_branch": "main"},
    }


def test_gitlab_event_does_not_match_github_repository_of_the_same_name(receiver_scene):
    response = receiver_scene.post(
        build_gitlab_push(), name="gitlab", x_gitlab_token=SECRET, x_gitlab_event="Push Hook"
    )
    assert (response.status, receiver_scene.claim()) == (202, [])
    assert receiver_scene.outcomes() == [("not-used", 0)]


def test_delivery_is_answered_with_retry_after_if_the_state_cannot_be_used(receiver_scene):
    receiver_scene.path.write_bytes(b"no database" * 1000)
    answers = []
    environment = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/events/lab",
        "HTTP_AUTHORIZATION": f"Bearer {SECRET}",
        "wsgi.input": io.BytesIO(json.dumps(build_registry_push()).encode()),
    }
    receiver_scene.application(environment, lambda status, headers: answers.append((status, dict(headers))))
    assert answers[0][0] == "503 Service Unavailable"
    assert answers[0][1]["Retry-After"] == "5"
    assert "cannot use the state" in receiver_scene.log.getvalue()


def test_delivery_with_thousands_of_made_up_tags_requests_few_lookups(receiver_scene):
    targets = [build_registry_push("library/debian", f"made-up-{number}")["events"][0] for number in range(3000)]
    assert receiver_scene.post({"events": [*targets, *build_registry_push()["events"]]}).status == 202
    waiting = list(receiver_scene.list_pending())
    assert len(waiting) == MAX_TAGS + 1
    assert TagWork(TagRef("docker.io/library/node", "22")) in waiting


def tick_box(desk, number: int):
    issue = {"body": f"- [x] <!-- basebump:open b{number} -->", "labels": [{"name": "basebump-dashboard"}]}
    return desk.report("issues", {"action": "edited", "repository": {"full_name": "acme/web"}, "issue": issue})


def test_repeatedly_ticked_checkbox_loses_priority_over_other_work(receiver_scene):
    visit = VisitWork(WEB.forge, WEB.host, WEB.repository)
    for number in range(MAX_USER_RATE):
        assert tick_box(receiver_scene, number).status == 202
    assert receiver_scene.list_pending()[visit].priority is WorkPriority.USER
    [claimed] = receiver_scene.queue.claim_work("worker", [visit.kind], 1, timedelta(minutes=1))
    finished = FinishedWork(visit, "t", claimed.reason, NOW, NOW, "done")
    receiver_scene.queue.finish_work("worker", claimed, finished)
    tick_box(receiver_scene, MAX_USER_RATE)
    later = receiver_scene.list_pending()[visit]
    assert later.priority is WorkPriority.CHANGE
    assert later.due_at - later.requested_at == PUSH_DELAY


def test_repeatedly_renamed_repositories_delay_the_next_sweep(receiver_scene):
    delays = []
    for number in range(MAX_SWEEP_RATE + 1):
        receiver_scene.report("repository", {"action": "renamed", "repository": {"full_name": f"acme/n{number}"}})
        waiting = receiver_scene.list_pending()[SweepWork()]
        delays.append(waiting.due_at - waiting.requested_at)
    assert delays[0] == NEW_REPOSITORY_DELAY
    assert delays[-1] > LONGEST_NEW_REPOSITORY_DELAY - timedelta(seconds=30)


SIGNED = "sha256=" + hmac.new(SECRET.encode(), b"x", hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("kind", "headers", "is_proved"),
    [
        (SenderKind.GITLAB, {"x-gitlab-token": SECRET}, True),
        (SenderKind.GITLAB, {"x-gitlab-token": "wrong"}, False),
        (SenderKind.GITLAB, {}, False),
        (SenderKind.GITHUB, {"x-hub-signature-256": SIGNED}, False),
        (SenderKind.GITEA, {"x-hub-signature-256": SIGNED}, False),
    ],
)
def test_headers_without_the_secret_do_not_prove_a_sender(kind, headers, is_proved):
    """A signature proves its body, which is not received yet."""
    sender = ConfiguredSender("forge", kind, find_sender(kind), SECRET)
    assert sender.is_proved_by_headers(StandingClock(NOW), "POST", {}, headers) is is_proved
