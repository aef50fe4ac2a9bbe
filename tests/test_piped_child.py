"""A child process and basebump exchange messages, and a child that misbehaves does not stop basebump."""

from __future__ import annotations

import sys

import pytest
from support.parts import ROOT

from bot import piped_child
from bot.model.errors import ProcessError
from bot.piped_child import PipedChild, start_piped_child, wait_for_children

IMPORTS = (
    f"import sys, time; sys.path.insert(0, {str(ROOT)!r}); from bot.piped_child import read_message, write_message\n"
)
ECHO = """
while (message := read_message(sys.stdin.buffer)) is not None:
    write_message(sys.stdout.buffer, message)
"""


def start(program: str):
    return start_piped_child([sys.executable, "-c", IMPORTS + program], {})


def receive(child: PipedChild, count: int) -> list[bytes]:
    """Return the next messages, which are fewer than `count` if the child ends."""
    messages: list[bytes] = []
    while len(messages) < count and not child.has_ended:
        assert wait_for_children([child], 60)
        messages += map(bytes, child.receive())
    return messages


def test_messages_of_any_size_are_returned_in_order():
    messages = [b"", b"a", b"b" * 3_000_000, b"c" * 100_000, b"d"]
    with start(ECHO) as child:
        for message in messages:
            child.send(message)
        assert receive(child, len(messages)) == messages


def test_child_has_ended_after_the_last_message_is_received():
    with start("write_message(sys.stdout.buffer, b'last'); sys.stdout.buffer.write(b'incomplete')") as child:
        assert receive(child, 2) == [b"last"]
        assert child.has_ended
        child.send(b"x" * 200_000)
        assert child.has_ended


@pytest.mark.parametrize("program", ["write_message(sys.stdout.buffer, b'x' * 2000)", "print('x' * 2000)"])
def test_message_longer_than_the_limit_ends_the_child_process(monkeypatch, program):
    monkeypatch.setattr(piped_child, "MAX_MESSAGE_BYTES", 1000)
    with start(f"{program}; sys.stdout.flush(); time.sleep(60)") as child:
        assert receive(child, 1) == []
        assert child.has_ended


def test_wait_for_a_silent_child_ends_after_the_timeout():
    with start("time.sleep(60)") as child:
        assert not wait_for_children([child], 0.01)
        assert list(child.receive()) == []
        assert not child.has_ended


def test_program_that_cannot_be_started_is_an_error():
    with (
        pytest.raises(ProcessError, match="/nowhere/program could not be started"),
        start_piped_child(["/nowhere/program"], {}),
    ):
        pass
