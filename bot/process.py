"""The only way to start child processes: without a shell, with few environment variables, and with limits."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, cast

from bot.model.errors import ProcessError

ALLOWED_ENVIRONMENT = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""The environment variables that a child inherits. Tokens and secrets are not passed on unless the caller adds them."""
DEFAULT_TIMEOUT = 60.0
"""Seconds after which a child is killed. Git commands take milliseconds, so after a minute the child hangs."""
MAX_OUTPUT = 256 * 1024 * 1024
"""The maximum number of bytes that a child is allowed to write to each stream.

The report of a large image has ten megabytes.
"""
MAX_ERROR_CHARACTERS = 2000
"""The maximum number of characters of a child's stderr output that are kept."""
DRAIN_TIMEOUT = 2.0
"""Seconds to wait for the remaining output of a child that has ended."""
CORE_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""The processor time that the container of this process gets in each period, such as `150000 100000`
(https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files). The file exists only in containers."""
_CHUNK_BYTES = 64 * 1024
_PR_SET_DUMPABLE = 4
"""From linux/prctl.h; part of the kernel's stable interface."""
_RUNNING: set[subprocess.Popen[bytes]] = set()
"""The children for which a thread waits."""
_STARTING: set[int] = set()
"""The threads that are starting a child, which may run already although it is not in _RUNNING yet."""


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """The result of a child process that ended without being killed by basebump."""

    status: int
    output: bytes
    error_text: str
    """The end of the stderr output, at most MAX_ERROR_CHARACTERS characters."""


def run(
    arguments: Sequence[str],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout: float = DEFAULT_TIMEOUT,
    max_output: int = MAX_OUTPUT,
) -> ProcessResult:
    """Run a program and wait until it ends. A nonzero exit status is not an error, and is returned.

    The child gets the variables in `environment`, and the variables of this process that ALLOWED_ENVIRONMENT lists.
    `timeout` is in seconds, and `max_output` in bytes.

    Raises:
        ProcessError: If the program cannot be started, runs for too long, or writes too much output.
    """
    with run_in_background(arguments, cwd=cwd, environment=environment, stdin=stdin, max_output=max_output) as wait:
        return wait(timeout)


@contextlib.contextmanager
def run_in_background(
    arguments: Sequence[str],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    max_output: int = MAX_OUTPUT,
) -> Iterator[Callable[[float], ProcessResult]]:
    """Run a program while the `with` block does other work. The end of the block kills the program if it still runs.

    The arguments have the same meaning as those of `run`. Yield a function that waits until the program ends. Its
    argument is the maximum number of seconds. Like `run`, it returns the result or raises ProcessError.

    Raises:
        ProcessError: If the program cannot be started.
    """
    with _delay_interrupts() as end_delay:
        child = _start_child(arguments, cwd, environment or {}, subprocess.PIPE)
        with child, _track_child(child):
            running = _RunningChild(child, arguments[0], max_output)
            try:
                running.start_threads(stdin)
                end_delay()
                yield running.wait
            finally:
                running.end()


@contextlib.contextmanager
def run_beside(arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Run a program until the end of the `with` block, which kills it. Yield its stdin and its stdout.

    The child gets the same environment as a child of `run`. Its stderr output is discarded.

    Raises:
        ProcessError: If the program cannot be started.
    """
    with _delay_interrupts() as end_delay:
        child = _start_child(arguments, None, environment, subprocess.DEVNULL)
        with child, _track_child(child):
            try:
                end_delay()
                yield cast("IO[bytes]", child.stdin), cast("IO[bytes]", child.stdout)
            finally:
                _kill_group(child)


@cache
def hide_memory() -> None:
    """Make this process unreadable for other processes of the same user, which include its children.

    On Linux, `/proc/PID/environ` shows the environment that a program was started with, even if the program deletes
    variables later, and `/proc/PID/mem` shows the whole memory. Neither can be read while the process is not dumpable
    (https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html), except by a process that has CAP_SYS_PTRACE, as
    root usually has. Call this before a secret is read and before a third party's program is started. As a side effect,
    a crash leaves no core dump. On other systems, the call does nothing.
    """
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - commands without secrets do not need it

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def count_usable_cores() -> int:
    """Return the number of processor cores that this process is allowed to use; at least 1.

    The number is limited by the processor affinity, and by the quota of a Linux container. From Python 3.13 on,
    `PYTHON_CPU_COUNT` overrides the affinity.
    """
    cores: int | None
    if sys.version_info >= (3, 13):
        cores = os.process_cpu_count()
    elif hasattr(os, "sched_getaffinity"):  # not on macOS
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count()
    return max(1, min(cores or 1, _read_core_quota()))


def _read_core_quota() -> int:
    """Return the quota of the container, rounded up to whole cores; `sys.maxsize` if there is none."""
    try:
        quota, period = CORE_QUOTA.read_text(encoding="ascii").split()
        return -(-int(quota) // int(period))
    except (OSError, ValueError, ZeroDivisionError):  # without a quota, the file contains the word `max`
        return sys.maxsize


def end_children() -> bool:
    """Kill all running children, and all processes that they started.

    Return False if a thread was starting a child meanwhile, because this child may be running now.
    """
    is_complete = not _STARTING
    for child in tuple(_RUNNING):
        if child.returncode is None:  # the process id of an ended child may already belong to another process
            _kill_group(child)
    return is_complete


@contextlib.contextmanager
def _delay_interrupts() -> Iterator[Callable[[], None]]:
    """Delay the handlers of SIGINT and SIGTERM until the block ends, or calls the function that it gets.

    Without the delay, a KeyboardInterrupt that arrives while `subprocess` starts a child would leave an unknown child,
    which basebump could never end. Only the main thread is interrupted, so other threads need no delay.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    received: list[int] = []
    handlers = {
        number: handler
        for number in (signal.SIGINT, signal.SIGTERM)
        if callable(handler := signal.getsignal(number)) and not isinstance(handler, signal.Handlers)
    }
    for number in handlers:
        signal.signal(number, lambda arrived, _: received.append(arrived))

    def end_delay() -> None:
        restored = dict(handlers)
        handlers.clear()
        for number, handler in restored.items():
            signal.signal(number, handler)
        for arrived in received if restored else ():
            restored[signal.Signals(arrived)](arrived, None)

    try:
        yield end_delay
    finally:
        end_delay()


@contextlib.contextmanager
def _track_child(child: subprocess.Popen[bytes]) -> Iterator[None]:
    _RUNNING.add(child)
    _STARTING.discard(threading.get_ident())
    try:
        yield
    finally:
        _RUNNING.discard(child)


def _start_child(
    arguments: Sequence[str], cwd: Path | None, environment: Mapping[str, str], stderr: int
) -> subprocess.Popen[bytes]:
    """Start a program. Raises ProcessError if the program cannot be started."""
    program = arguments[0]
    _STARTING.add(threading.get_ident())
    try:
        return subprocess.Popen(  # noqa: S603 - an argument list without a shell, built by our own adapters
            arguments,
            cwd=cwd,
            env=_build_environment(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,  # makes a process group, so that the child's own children can be killed with it
        )
    except OSError as error:
        _STARTING.discard(threading.get_ident())
        is_missing = isinstance(error, FileNotFoundError) and error.filename == program  # otherwise, `cwd` is missing
        gone = "command not found; hint: install it, or add its folder to PATH"
        why = gone if is_missing else f"{error.strerror} ({error.filename})"
        raise ProcessError(f"{program} could not be started: {why}", is_missing=is_missing) from error
    except ValueError as error:  # the operating system accepts no such parameters
        _STARTING.discard(threading.get_ident())
        raise ProcessError(
            f"{program} could not be started: a parameter contains a null character or a lone surrogate"
        ) from error


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """Kill the child and all processes that it started. Do nothing if they have already ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def _build_environment(extra: Mapping[str, str]) -> dict[str, str]:
    return {name: os.environ[name] for name in ALLOWED_ENVIRONMENT if name in os.environ} | dict(extra)


def _start_thread(work: Callable[..., object], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


def _write_input(stream: IO[bytes] | None, content: bytes) -> None:
    if stream is None:
        return
    try:
        stream.write(content)
        stream.close()
    except OSError:
        pass  # the child ended without reading all input, and its exit status shows whether that is an error


class _RunningChild:
    """A child whose streams are read and written by threads, and the thread that waits until it ends."""

    def __init__(self, child: subprocess.Popen[bytes], program: str, max_output: int) -> None:
        self._child, self._program, self._max_output = child, program, max_output
        self._readers: list[_StreamReader] = []
        self._threads: list[threading.Thread] = []
        self._has_ended = False

    def start_threads(self, stdin: bytes) -> None:
        """Start the threads. The child gets `stdin` as its input."""
        for stream in (self._child.stdout, self._child.stderr):
            if stream is not None:
                self._readers.append(_StreamReader(stream, self._max_output, self._child))
        self._threads.append(_start_thread(_write_input, self._child.stdin, stdin))
        self._threads.append(_start_thread(self._child.wait))  # child.wait with a timeout would poll, and return late

    def wait(self, timeout: float) -> ProcessResult:
        """Wait until the child ends, and return its result. Raises ProcessError as `run` does."""
        waiter = self._threads[-1]
        waiter.join(timeout)
        is_timeout = waiter.is_alive()
        if is_timeout:
            _kill_group(self._child)
        self._join_threads()
        self._has_ended = True
        if is_timeout:
            raise ProcessError(f"{self._program} did not finish within {timeout:g} seconds", is_timeout=True)
        output, errors = self._readers
        if output.has_overflowed or errors.has_overflowed:
            raise ProcessError(f"{self._program} wrote more than {self._max_output} bytes and was killed")
        error_text = errors.content.decode(errors="replace").strip()[-MAX_ERROR_CHARACTERS:]
        return ProcessResult(self._child.returncode, output.content, error_text)

    def end(self) -> None:
        """Kill the child unless `wait` found that it ended.

        After an interrupt, killing the child is necessary: the child did not receive the signal, because it has its own
        session.
        """
        if not self._has_ended:
            _kill_group(self._child)
            self._join_threads()

    def _join_threads(self) -> None:
        """Wait for all threads.

        A process that the child started may keep a stream open. Such a process is killed after a while.
        """
        threads = [*self._threads, *self._readers]
        for thread in threads:
            thread.join(DRAIN_TIMEOUT)
        if any(thread.is_alive() for thread in threads):
            _kill_group(self._child)
            for thread in threads:
                thread.join()


class _StreamReader(threading.Thread):
    """A thread that reads one stream to its end. It kills the child if the child writes more than the limit."""

    def __init__(self, stream: IO[bytes], limit: int, child: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream, self._limit, self._child = stream, limit, child
        self._chunks: list[bytes] = []
        self.has_overflowed = False
        self.start()

    def run(self) -> None:
        size = 0
        while chunk := self._stream.read(_CHUNK_BYTES):
            size += len(chunk)
            if size > self._limit:
                self.has_overflowed = True
                _kill_group(self._child)
                break
            self._chunks.append(chunk)

    @property
    def content(self) -> bytes:
        return b"".join(self._chunks)
