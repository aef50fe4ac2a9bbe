"""Setup of all tests: real parts or a named skip, only loopback as network, fixed random inputs in CI."""

from __future__ import annotations

import gc
import importlib
import os
import socket
import sys
import tempfile
from fnmatch import fnmatch
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings
from support.forges.claims import can_have_slow_tests, claims_table, mark_slow_forges, note_claims
from support.forges.kill_points import summarize_kills
from support.parts import OPTIONAL, PARTS, REQUIREMENTS
from support.phase_lines import drop_phase_lines

MEMORY_FOR_TEMPORARY_FILES = 4 << 30
"""Bytes that must be free, a multiple of what the tests need at any time. Without them, temporary files are on disk."""

settings.register_profile("dev", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True)
settings.register_profile("thorough", settings.get_profile("dev"), max_examples=2000)  # of `make properties`
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def _import_iri_grammar_when_needed() -> None:
    """Replace a module that jsonschema imports by one that imports the real module at the first call.

    The real module takes two seconds to compile the grammar of IRIs. Only the schema of SBOMs has IRIs.
    """
    name = "rfc3987_syntax"
    deferred = ModuleType(name)

    def is_valid_syntax(term: str, value: str) -> bool:
        if sys.modules[name] is deferred:
            del sys.modules[name]
        return importlib.import_module(name).is_valid_syntax(term, value)

    deferred.is_valid_syntax = is_valid_syntax
    sys.modules.setdefault(name, deferred)


def _keep_temporary_files_in_memory() -> None:
    """Let this process and its children make temporary files in memory if there is enough and nothing else is asked.

    The tests make and delete half a million files, most of them in small repositories. On a disk this takes a sixth of
    the processor time of all tests.
    """
    folder = Path("/dev/shm")
    if "TMPDIR" in os.environ or not os.access(folder, os.W_OK | os.X_OK):
        return
    system = os.statvfs(folder)
    free = min(system.f_bavail * system.f_frsize, os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    if free >= MEMORY_FOR_TEMPORARY_FILES and not system.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder)


_keep_temporary_files_in_memory()
_import_iri_grammar_when_needed()
# The tests and the modules that they import make millions of objects, and next to none of these are garbage.
gc.disable()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("real"):
        (part,) = mark.args
        if PARTS[part]() is None:
            needs = REQUIREMENTS.get(part, "")
            if os.environ.get("CI") and part not in OPTIONAL:
                pytest.fail(f"{part} is not available on this machine, and CI is set{needs}", pytrace=False)
            pytest.skip(f"optional: {part} is not available on this machine{needs}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--claims", action="store_true", help="list the claims about forges, ticked where they passed")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return one worker more than there are cores, and two for the slow tests, which wait for processes more often.

    While one test waits for another process, another test can run.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + (2 if config.option.markexpr == "slow" else 1)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Let `-m slow` read only the files that can have such tests: a tenth of all files, and a quarter of the time."""
    if config.option.markexpr != "slow" or not fnmatch(collection_path.name, "test_*.py"):
        return None
    return None if can_have_slow_tests(collection_path) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    note_claims(items)
    mark_slow_forges(items)
    paths = {item.path for item in items if item.get_closest_marker("slow") is not None}
    unnoticed = sorted(str(path) for path in paths if not can_have_slow_tests(path))
    if unnoticed:
        raise pytest.UsageError(f"`-m slow` does not find the slow tests of these files: {', '.join(unnoticed)}")


def pytest_collection_finish() -> None:
    """Exclude everything that exists so far from garbage collection, which begins here, and make it rarer.

    The collected tests stay until the end. To search them again and again took a tenth of the time of all tests.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("claims"):
        terminalreporter.section("claims about forges")
        reports = (
            each for kind in ("passed", "failed", "error", "skipped") for each in terminalreporter.getreports(kind)
        )
        for line in claims_table(reports):
            terminalreporter.line(line)
    kills = summarize_kills(terminalreporter.getreports("passed"))
    if kills is not None:
        terminalreporter.section("runs that were killed")
        terminalreporter.line(kills)


@pytest.fixture(scope="session", autouse=True)
def _connections_with_deadlines():
    """Fail if code of basebump opens a connection to a host that is not limited by `bot.net.deadlines`.

    A client library that opens connections of its own would otherwise wait without end for a slow server.
    """
    connect = socket.socket.connect

    def connect_checked(opened: socket.socket, address: object) -> None:
        callers = []
        frame = sys._getframe(1)
        while frame is not None:
            callers.append(frame.f_globals.get("__name__", ""))
            frame = frame.f_back
        is_own = opened.family != socket.AF_UNIX and any(each.startswith("bot.") for each in callers)
        assert not is_own or "bot.net.deadlines" in callers, f"a connection without a deadline: {callers}"
        connect(opened, address)

    socket.socket.connect = connect_checked
    yield
    socket.socket.connect = connect


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory):
    """Return a function that gives an empty home folder, which is reused while it stays empty.

    Few tests do, and to make a folder for each of the others took longer than what most of them claim.
    """
    homes = tmp_path_factory.mktemp("homes")
    paths = (homes / str(number) for number in count())
    last: list[Path] = []

    def give() -> Path:
        if not last or any(last[-1].iterdir()):
            last.append(next(paths))
            last[-1].mkdir()
        return last[-1]

    return give


@pytest.fixture(autouse=True)
def isolated_home(empty_home, monkeypatch):
    """Isolate the test from this machine's credentials, git config, proxies and CI variables."""
    home = empty_home()
    monkeypatch.setenv("HOME", str(home))
    for variable in (
        "DOCKER_CONFIG",
        "DOCKER_AUTH_CONFIG",
        "REGISTRY_AUTH_FILE",
        "XDG_RUNTIME_DIR",
        "XDG_CONFIG_HOME",
        "GITHUB_TOKEN",
        "GITHUB_ACTIONS",
        "GITLAB_CI",
        "NO_COLOR",
    ):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    return home


@pytest.fixture(autouse=True)
def no_installed_scanner(request, monkeypatch):
    """Hide the scanners that are installed on this machine.

    Tests of the real Trivy, and tests with the fixture `installed_scanners`, find the scanners of this machine.
    """
    from bot.scanners import grype, trivy  # noqa: PLC0415 - collecting tests does not need it

    needs_trivy = any(mark.args == ("trivy",) for mark in request.node.iter_markers("real"))
    if needs_trivy or "installed_scanners" in request.fixturenames:
        return
    find_grype, find_trivy = grype.find_grype, trivy.find_trivy
    monkeypatch.setattr(grype, "find_grype", lambda binary=None: find_grype(binary) if binary else None)
    monkeypatch.setattr(trivy, "find_trivy", lambda binary=None, *_: find_trivy(binary) if binary else None)


@pytest.fixture
def installed_scanners():
    """Let a test find the scanners that are installed on this machine."""


@pytest.fixture
def loopback():
    """Yield a registry in place of Docker Hub, and the other parts that a run needs."""
    from support.runs.worlds import start_hub  # noqa: PLC0415 - most tests need nothing of it

    with start_hub() as world:
        yield world


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL server for all tests of this process that only need a fresh database each."""
    from support.postgresql import PostgresqlServer  # noqa: PLC0415 - most tests need nothing of it

    with PostgresqlServer() as server:
        yield server


@pytest.fixture
def no_pauses(monkeypatch):
    """Let HTTP clients repeat requests at once: whatever does not answer will not answer later either."""
    from bot.net import client  # noqa: PLC0415 - most tests need nothing of it

    monkeypatch.setattr(client, "RETRY_PAUSES", (0.0,) * len(client.RETRY_PAUSES))


@pytest.fixture
def basebump(capsys):
    """Run the command line in this process; return exit code, stdout, and stderr without the lines about phases."""
    from bot.cli.app import main  # noqa: PLC0415 - most tests need nothing of it

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, drop_phase_lines(captured.err)

    return run
