"""Child processes that exchange messages with basebump until they are ended.

A message is a number of 8 bytes, which is the length of the content, and the content.
"""

from __future__ import annotations

import contextlib
import os
import select
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

from bot import process

MAX_MESSAGE_BYTES = process.MAX_OUTPUT
"""The maximum length of a message.

A child that announces a longer message is ended, like a child with too much output.
"""
_PIPE_BYTES = 1024 * 1024
"""The requested capacity of the pipe from a child. With the usual 64 KiB, a child waits while basebump is busy. Linux
allows 1 MiB by default (https://man7.org/linux/man-pages/man7/pipe.7.html)."""
_LENGTH = struct.Struct("<Q")


class PipedChild:
    """A running child. No method waits for the child, so a child that hangs does not stop basebump."""

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        """Create the object for a child with these two pipes."""
        self._stdin, self._stdout = stdin.fileno(), stdout.fileno()
        self._incoming, self._outgoing = bytearray(), bytearray()
        self._buffer = memoryview(bytearray(_PIPE_BYTES))
        self.has_ended = False
        """True if the child closed a pipe (for example by ending), or if its message was too long."""
        os.set_blocking(self._stdin, False)
        os.set_blocking(self._stdout, False)
        _enlarge_pipe(self._stdout)

    def send(self, content: bytes) -> None:
        """Queue a message. `receive` continues to write it if the pipe is full."""
        self._outgoing += _LENGTH.pack(len(content)) + content
        self._write()

    def receive(self) -> Iterator[memoryview]:
        """Yield the messages that have arrived completely."""
        self._write()
        self._read()
        while len(self._incoming) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._incoming)
            if length > MAX_MESSAGE_BYTES:
                self.has_ended = True
                return
            end = _LENGTH.size + length
            if len(self._incoming) < end:
                return
            message, self._incoming = self._incoming, self._incoming[end:]
            yield memoryview(message)[_LENGTH.size : end]

    def register(self, poller: select.poll) -> None:
        """Let `poller` report when the child has written something, has room for a queued message, or has ended."""
        poller.register(self._stdout, select.POLLIN)
        if self._outgoing:
            poller.register(self._stdin, select.POLLOUT)

    def _write(self) -> None:
        try:
            while self._outgoing:
                del self._outgoing[: os.write(self._stdin, self._outgoing)]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.has_ended = True

    def _read(self) -> None:
        try:
            while len(self._incoming) <= MAX_MESSAGE_BYTES:
                size = os.readv(self._stdout, [self._buffer])
                if size == 0:
                    self.has_ended = True
                    return
                self._incoming += self._buffer[:size]
        except BlockingIOError:
            return


@contextlib.contextmanager
def start_piped_child(arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[PipedChild]:
    """Start a program, and kill it at the end of the `with` block. Its stderr output is discarded.

    The child gets the variables in `environment`, and the variables of this process that ALLOWED_ENVIRONMENT lists.

    Raises:
        ProcessError: If the program cannot be started.
    """
    with process.run_beside(arguments, environment) as (stdin, stdout):
        yield PipedChild(stdin, stdout)


def wait_for_children(children: Sequence[PipedChild], timeout: float) -> bool:
    """Wait until a child has written something, has room for a queued message, or has ended.

    Return False if none of this happens within `timeout` seconds.
    """
    poller = select.poll()
    for child in children:
        child.register(poller)
    return bool(poller.poll(timeout * 1000))


def read_message(stream: IO[bytes]) -> bytes | None:
    """Read the next message that basebump sent to this process. Return None if basebump sends no further messages."""
    head = stream.read(_LENGTH.size)
    return stream.read(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else None


def write_message(stream: IO[bytes], content: bytes) -> None:
    """Send a message from this process to basebump."""
    stream.write(_LENGTH.pack(len(content)))
    stream.write(content)
    stream.flush()


def _enlarge_pipe(descriptor: int) -> None:
    """Ask the kernel for a pipe of _PIPE_BYTES. Do nothing if the kernel refuses."""
    import fcntl  # noqa: PLC0415 - only children of large trees need it

    with contextlib.suppress(OSError, AttributeError):  # only Linux can change the capacity
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
