"""The only door for child processes: argument lists, an allow-listed environment, caps on time and output."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bot.model.errors import ProcessError

ALLOWED_ENVIRONMENT = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""What a child inherits; every token and secret of ours stays out of it unless it is handed over by name."""
DEFAULT_TIMEOUT = 60.0
"""Seconds; git plumbing answers in milliseconds, a minute means that something hangs."""
MAX_OUTPUT = 256 * 1024 * 1024
"""Bytes on one stream; the report of a large image takes some ten megabytes."""
MAX_ERROR_TEXT = 2000
"""Characters of a child's complaint that are passed on."""
GRACE = 2.0
"""Seconds for reading what is left of a child's output once it has ended."""
_CHUNK = 64 * 1024
_LIVE: set[subprocess.Popen[bytes]] = set()
"""Children that some thread waits for."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A child process that ended by itself."""

    status: int
    output: bytes
    errors: str
    """The end of what it wrote to stderr, at most MAX_ERROR_TEXT characters."""


def run(
    arguments: Sequence[str],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout: float = DEFAULT_TIMEOUT,
    max_output: int = MAX_OUTPUT,
) -> Completed:
    """Run a program and wait for it.

    `environment` is added to what ALLOWED_ENVIRONMENT lets through; `timeout` is in seconds.
    Raises ProcessError when the program is missing, runs too long or says too much; a status other than 0 is no error.
    """
    program = arguments[0]
    try:
        child = subprocess.Popen(  # noqa: S603 - an argument list without a shell, built by our own adapters
            arguments,
            cwd=cwd,
            env=_environment(environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # so that whatever it starts can be ended with it
        )
    except OSError as error:
        missing = isinstance(error, FileNotFoundError) and error.filename == program  # else it is the folder
        gone = "it is not there; install it, or have its folder in PATH"
        why = gone if missing else f"{error.strerror} ({error.filename})"
        raise ProcessError(f"{program} could not be started: {why}", missing=missing) from error
    with child, _live(child):
        readers: list[_Reader] = []
        try:
            readers.extend(_Reader(stream, max_output, child) for stream in (child.stdout, child.stderr) if stream)
            feeder = _started(_feed, child.stdin, stdin)
            waiter = _started(child.wait)  # which itself, with a timeout, sleeps past the end
            waiter.join(timeout)
        except KeyboardInterrupt:  # the child heard nothing of it, in a session of its own
            _kill(child)
            _finish(child, readers)
            raise
        timed_out = waiter.is_alive()
        if timed_out:
            _kill(child)
        _finish(child, (waiter, *readers, feeder))
        if timed_out:
            raise ProcessError(f"{program} took longer than {timeout:g} seconds", timed_out=True)
    output, errors = readers
    if output.overflowed or errors.overflowed:
        raise ProcessError(f"{program} wrote more than {max_output} bytes and was stopped")
    return Completed(child.returncode, output.read, errors.read.decode(errors="replace").strip()[-MAX_ERROR_TEXT:])


def end_children() -> None:
    """End every child that some thread waits for, with all that it started."""
    for child in tuple(_LIVE):
        if child.returncode is None:  # else its number may be somebody else's by now
            _kill(child)


@contextlib.contextmanager
def _live(child: subprocess.Popen[bytes]) -> Iterator[None]:
    _LIVE.add(child)
    try:
        yield
    finally:
        _LIVE.discard(child)


def _finish(child: subprocess.Popen[bytes], threads: Sequence[threading.Thread]) -> None:
    """Wait for the streams of a child that ended; what it left behind may hold them open, and is ended then."""
    for thread in threads:
        thread.join(GRACE)
    if any(thread.is_alive() for thread in threads):
        _kill(child)
        for thread in threads:
            thread.join()


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End the child and all that it started; those that are gone are gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    return {name: os.environ[name] for name in ALLOWED_ENVIRONMENT if name in os.environ} | dict(extra)


def _started(work: Callable[..., object], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


def _feed(stream: IO[bytes] | None, content: bytes) -> None:
    if stream is None:
        return
    try:
        stream.write(content)
        stream.close()
    except OSError:
        pass  # the child ended without reading all of it; its status tells


class _Reader(threading.Thread):
    """Drains one stream, and stops the child when there is too much of it."""

    def __init__(self, stream: IO[bytes], limit: int, child: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream, self._limit, self._child = stream, limit, child
        self._chunks: list[bytes] = []
        self.overflowed = False
        self.start()

    def run(self) -> None:
        size = 0
        while chunk := self._stream.read(_CHUNK):
            size += len(chunk)
            if size > self._limit:
                self.overflowed = True
                _kill(self._child)
                break
            self._chunks.append(chunk)

    @property
    def read(self) -> bytes:
        return b"".join(self._chunks)
