"""The webhooks of the test servers, as basebump reads them: users cause events, and basebump itself causes none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from support.events.forges.sent import pushed, repository_changed, request_changed
from support.forges.contract_scene import BRANCH, NEWER_CHANGES, message_of, open_one, proposal, push
from support.forges.gitea.stand import ForgejoStand, GiteaStand
from support.forges.github.stand import GitHubStand
from support.forges.hosted_stand import HostedStand
from support.listener import HttpListener, HttpReply

from bot.core.proposal.marks import mark_withdrawn
from bot.core.proposal.requested_actions import Box
from bot.events import find_sender
from bot.model.dashboard import DASHBOARD_LABEL, RequestedAction
from bot.model.delivery import EventRequest, RepositoryChanged, SenderKind

SECRET = "secret-of-the-webhook"
NAME = "acme/web"
BODY = f"{Box(RequestedAction.REBASE)} Tick this.\n\n{proposal().body}"
BY_USER = request_changed(NAME, is_by_user=True)
STANDS = {"github": GitHubStand, "gitea": GiteaStand, "forgejo": ForgejoStand}


class WebhookReceiver:
    """A stand with a hook, and the events that basebump reads in its deliveries."""

    def __init__(self, stand: HostedStand, listener: HttpListener) -> None:
        self.stand, self._listener = stand, listener
        self._sender = find_sender(SenderKind(stand.kind))
        stand.server.webhooks.add_hook(f"{listener.url}/events/forge", SECRET)

    def take_events(self) -> list[RepositoryChanged]:
        """Return the events since the last call. Every delivery must be proved, and be answered."""
        webhooks = self.stand.server.webhooks
        self.stand.server.deliver()
        webhooks.wait()
        received, self._listener.received[:] = list(self._listener.received), []
        assert {each.status for each in webhooks.sent} <= {202}
        requests = [EventRequest(each.method, each.headers, {}, each.body) for each in received]
        assert all(self._sender.is_proved(each, SECRET, datetime.now(UTC)) for each in requests)
        assert not any(self._sender.is_proved(each, "another", datetime.now(UTC)) for each in requests)
        deliveries = [self._sender.parse_delivery(each, None) for each in requests]
        assert len({each.id for each in deliveries}) == len(deliveries)
        return [event for delivery in deliveries for event in delivery.events]


@pytest.fixture(params=STANDS)
def receiver(request, tmp_path) -> Iterator[WebhookReceiver]:
    stand = STANDS[request.param](tmp_path, {"Dockerfile": "FROM python:3.12-slim\n"})
    with HttpListener(lambda _: HttpReply(202)) as listener:
        yield WebhookReceiver(stand, listener)
        stand.end()


def _propose(receiver: WebhookReceiver) -> None:
    push(receiver.stand)
    receiver.stand.forge().open(proposal(body=BODY))
    receiver.take_events()


def test_push_by_a_user_causes_a_webhook_event(receiver):
    receiver.stand.commit("main", {"Dockerfile": "FROM node:22\n"})

    assert receiver.take_events() == [pushed(NAME)]


def test_basebump_itself_causes_only_push_events_for_branches_of_basebump(receiver):
    push(receiver.stand)
    receiver.stand.forge().open(proposal(body=BODY))
    push(receiver.stand, changes=NEWER_CHANGES, message=message_of("3" * 16), over=receiver.stand.branches()[BRANCH])
    receiver.stand.forge().update_request(open_one(receiver.stand), "Another title", f"{BODY}\nMore.\n")
    withdrawn = mark_withdrawn(BODY)
    receiver.stand.forge().update_request(open_one(receiver.stand), "Another title", withdrawn)
    receiver.stand.forge().close(open_one(receiver.stand))

    assert set(receiver.take_events()) == {pushed(NAME, BRANCH)}


def _close_and_reopen(stand: HostedStand) -> None:
    stand.close_request(BRANCH)
    stand.server.deliver()
    stand.reopen_request(BRANCH)


ACTIONS: dict[str, tuple[Callable[[HostedStand], object], RepositoryChanged]] = {
    "ticked": (lambda stand: stand.edit_body(BRANCH, BODY.replace("[ ]", "[x]")), BY_USER),
    "labelled": (lambda stand: stand.label(BRANCH, "basebump-rebase"), BY_USER),
    "approved": (lambda stand: stand.approve(BRANCH), BY_USER),
    "closed": (lambda stand: stand.close_request(BRANCH), request_changed(NAME)),
    "reopened": (_close_and_reopen, request_changed(NAME)),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_user_action_on_a_pull_request_causes_a_webhook_event(receiver, action):
    act, expected = ACTIONS[action]
    _propose(receiver)

    act(receiver.stand)

    assert set(receiver.take_events()) == {expected}


def test_merge_of_a_pull_request_causes_webhook_events(receiver):
    _propose(receiver)

    receiver.stand.merge_request(BRANCH)

    assert set(receiver.take_events()) == {pushed(NAME), request_changed(NAME)}


def test_ticked_dashboard_checkbox_causes_a_webhook_event(receiver):
    box = f"{Box(RequestedAction.OPEN, BRANCH)} python\n"
    receiver.stand.repository.labels[DASHBOARD_LABEL] = _label_of(receiver.stand)
    (repository,) = receiver.stand.fleet().list_repositories(frozenset())
    dashboard = receiver.stand.fleet().get_dashboard(repository)
    dashboard.write(None, "basebump: base images", f"{box}\n<!-- basebump:dashboard:1 -->\n")
    assert receiver.take_events() == []

    issue = receiver.stand.repository.issues[-1]
    issue.body = issue.body.replace("[ ]", "[x]")

    assert receiver.take_events() == [BY_USER]


def _label_of(stand: HostedStand) -> object:
    return ("ededed", "") if isinstance(stand, GitHubStand) else stand.server.world.next_id()


def test_archiving_or_renaming_a_github_repository_causes_a_webhook_event(tmp_path):
    with HttpListener(lambda _: HttpReply(202)) as listener:
        stand = GitHubStand(tmp_path, {"Dockerfile": "FROM python:3.12-slim\n"})
        receiver = WebhookReceiver(stand, listener)
        stand.repository.archived = True
        assert receiver.take_events() == [repository_changed(NAME)]

        stand.server.world.rename(NAME, "acme/site")

        assert receiver.take_events() == [repository_changed("acme/site")]
        stand.end()


def test_forge_server_without_webhooks_sends_no_deliveries(tmp_path):
    stand = GitHubStand(tmp_path, {"Dockerfile": "FROM python:3.12-slim\n"})
    stand.commit("main", {"Dockerfile": "FROM node:22\n"})
    stand.server.deliver()
    stand.end()

    assert stand.server.webhooks.sent == []
