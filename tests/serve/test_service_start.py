"""The start of `basebump serve` that fails: what the message says, and that no work begins."""

from __future__ import annotations

import gc
import socket
import threading

import pytest

from bot.serve.service import LOOPS_OF_ONLY_WORKER

SECRET = "EVENTS_SECRET"
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""waitress does not close its sockets if it cannot listen. The process ends then."""


@pytest.fixture
def start(basebump, tmp_path, monkeypatch):
    """Return a function that runs `serve` with an address in a folder with a config, and returns stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(SECRET, "x" * 32)
    (tmp_path / "forge").mkdir()

    def run(listen: str) -> str:
        (tmp_path / "basebump.yaml").write_text(
            "schema: 1\nforges: [{kind: local, url: forge}]\nstate: sqlite:///state.db\n"
            f"serve:\n  listen: {listen}\n  events: [{{kind: signed, secret_env: {SECRET}}}]\n",
            encoding="utf-8",
        )
        code, out, err = basebump("serve")
        gc.collect()
        assert (code, out) == (2, "")
        return err

    return run


def list_worker_threads() -> set[str]:
    return {each.name for each in LOOPS_OF_ONLY_WORKER} & {each.name for each in threading.enumerate()}


def test_service_that_cannot_listen_exits_with_hint_and_starts_no_worker(start):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        assert start(address) == (
            f"error: cannot listen on {address}: Address already in use\n"
            "hint: set `serve.listen` to an address of this machine and a free port\n"
        )
    assert list_worker_threads() == set()


def test_service_with_too_short_secret_exits_with_hint_and_starts_no_worker(start, monkeypatch):
    monkeypatch.setenv(SECRET, "short")
    assert "`openssl rand -hex 32`" in start("127.0.0.1:1")
    assert list_worker_threads() == set()


def test_service_names_listen_address_that_cannot_be_resolved(start):
    assert start("basebump.invalid:8080").startswith("error: cannot listen on basebump.invalid:8080: ")
