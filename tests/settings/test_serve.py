"""The sections `serve` and `queue` of a config."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.model.delivery import SenderKind
from bot.model.errors import ConfigError
from bot.settings import load
from bot.settings.sections.serve import SenderEntry

STATE = "schema: 1\nstate: sqlite:///state.db\n"


def load_text(tmp_path, text):
    path = tmp_path / "basebump.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, requires_forges=False).serve


def test_event_sender_without_name_is_named_after_kind(tmp_path):
    serve = load_text(
        tmp_path, STATE + "serve: {listen: '[::1]:9000', poll: 5m, events: [{kind: acr, secret_env: ACR_SECRET}]}"
    )
    assert [each.endpoint for each in serve.events] == ["acr"]
    assert serve.events == (SenderEntry(kind=SenderKind.ACR, secret_env="ACR_SECRET"),)
    assert (serve.listen, serve.poll) == (("::1", 9000), timedelta(minutes=5))


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("schema: 1\nserve: {}\n", "serve", "requires `state`"),
        (STATE + "queue: postgresql\n", "queue", "requires a `state` in PostgreSQL"),
        (STATE + "serve: {listen: '8080'}\n", "serve.listen", "must be `host:port`"),
        (STATE + "serve: {listen: 'localhost:70000'}\n", "serve.listen", "must be `host:port`"),
        (STATE + "serve: {poll: 30s}\n", "serve.poll", "must be at least `1m`"),
        (
            STATE + "serve: {events: [{kind: acr, secret_env: A}, {kind: acr, secret_env: B}]}\n",
            "serve.events[1].name",
            "an earlier entry is named `acr`, too",
        ),
        (
            STATE + "serve: {events: [{kind: distribution, secret_env: A}]}\n",
            "serve.events[0].registry",
            "is required",
        ),
    ],
)
def test_contradictory_or_missing_serve_keys_are_reported(tmp_path, text, key, message):
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, text)
    [problem] = [each for each in caught.value.problems if each.key == key]
    assert message in problem.message


def test_unset_secret_variable_of_event_sender_is_listed(tmp_path):
    path = tmp_path / "basebump.yaml"
    path.write_text(STATE + "serve: {events: [{kind: acr, secret_env: ACR_SECRET}]}", encoding="utf-8")
    [problem] = load(path, requires_forges=False).list_unset_variables({})
    assert problem.key == "serve.events[0].secret_env"
