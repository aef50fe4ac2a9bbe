"""SIGINT ends every command with 130, and SIGTERM with 143, and leaves no process running."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.phase_lines import drop_phase_lines
from support.runs.worlds import write_tree

ROOT = Path(__file__).parents[2]
PATIENCE = 25
"""Seconds; the commands in these tests would otherwise wait longer."""

_HANGS = """#!/bin/sh
echo $$ > {0}/$$.part
mv {0}/$$.part {0}/$$.pid
sleep 120
"""


def _is_running(pid: int) -> bool:
    """Return True if a process is running.

    On Linux, /proc is used because a minimal Debian has no `ps`; other systems have `ps`.
    """
    if Path("/proc/self/stat").exists():
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
        except (FileNotFoundError, ProcessLookupError):
            return False
        return not state.split()[0].startswith("Z")
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listed.stdout.strip() not in {"", "Z", "Zs"}


def wait_for(is_so) -> None:
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.1)
    raise AssertionError("it never came to that")


def accept_interrupts() -> None:
    """Make the commands react to interrupts.

    If a shell runs the tests in the background, they and the processes that they start ignore interrupts.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupt_command(command: list[str], is_waiting, *signals: signal.Signals) -> tuple[int, str]:
    """Start a command, send it signals when it is waiting (SIGINT by default), and return its exit code and stderr."""
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=accept_interrupts,  # noqa: PLW1509 - it sets a signal, and nothing else
    ) as child:
        wait_for(is_waiting)
        for number in signals or (signal.SIGINT,):
            child.send_signal(number)
            time.sleep(0.2)
        try:
            _, errors = child.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            raise
    return child.returncode, drop_phase_lines(errors)


@pytest.fixture
def hanging_program(tmp_path):
    program = tmp_path / "hangs"
    program.write_text(_HANGS.format(tmp_path), encoding="utf-8")
    program.chmod(0o755)
    return program


TERMINATED = "Terminated by SIGTERM before the work was complete, for example by a time limit of the job."


@pytest.mark.parametrize(
    ("number", "code", "message"), [(signal.SIGINT, 130, "Interrupted."), (signal.SIGTERM, 143, TERMINATED)]
)
def test_signal_ends_a_scanner(tmp_path, config, loopback, hanging_program, number, code, message):
    loopback.move("python", "3.12", "now")
    folder = write_tree(tmp_path / "tree", {"Dockerfile": "FROM python:3.12\n"})
    path = config(f"scanners: [{{kind: trivy, binary: {hanging_program}}}]\n")
    command = [sys.executable, "-m", "bot", "scan", str(folder), "--config", path]
    done = interrupt_command(command, lambda: list(tmp_path.glob("*.pid")), number)
    assert (done[0], done[1].strip()) == (code, message)
    (started,) = tmp_path.glob("*.pid")
    wait_for(lambda: not _is_running(int(started.stem)))


def test_second_signal_ends_the_process_at_once_with_its_children(tmp_path, hanging_program):
    program = (
        "import sys, time\nfrom bot import process\nfrom bot.cli.interrupt_signals import InterruptSignals\n"
        "with InterruptSignals(), "
        f"process.run_in_background([{str(hanging_program)!r}]):\n"
        "    try: time.sleep(60)\n    except KeyboardInterrupt: time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program]
    code, _ = interrupt_command(command, lambda: list(tmp_path.glob("*.pid")), signal.SIGINT, signal.SIGTERM)
    assert code == 143
    (started,) = tmp_path.glob("*.pid")
    wait_for(lambda: not _is_running(int(started.stem)))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ignored_signals_remain_ignored(number):
    program = (
        f"import os, signal\nsignal.signal({number.value}, signal.SIG_IGN)\n"
        "from bot import process\nfrom bot.cli.interrupt_signals import InterruptSignals\n"
        f"with InterruptSignals(): os.kill(os.getpid(), {number.value}); print(process.run(['echo', 'done']).output)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (0, "b'done\\n'\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_at_any_time_of_the_start_ends_the_command_without_a_traceback(tmp_path, number, code):
    """The command waits for its input, so that no signal arrives after its end."""
    os.mkfifo(tmp_path / "never-written.json")
    program = (
        "import os, signal, sys\nfrom bot.__main__ import main\nset_handler = signal.signal\n"
        "def set_and_tell(*arguments):\n"
        "    handler = set_handler(*arguments)\n"
        "    os.write(1, b'.')\n"
        "    return handler\n"
        "signal.signal = set_and_tell\nsys.exit(main())"
    )
    command = [sys.executable, "-c", program, "report", str(tmp_path / "never-written.json")]
    for milliseconds in range(0, 300, 15):
        with subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=accept_interrupts,  # noqa: PLW1509 - it sets a signal, and nothing else
        ) as child:
            child.stdout.read(1)
            time.sleep(milliseconds / 1000)
            child.send_signal(number)
            _, errors = child.communicate(timeout=PATIENCE)
        assert child.returncode in {-number, code}
        assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("number", "code", "message"), [(signal.SIGINT, 130, "Interrupted."), (signal.SIGTERM, 143, TERMINATED)]
)
def test_signal_in_a_finalizer_ends_the_process_and_its_children(tmp_path, hanging_program, number, code, message):
    program = (
        "import os, time\nfrom pathlib import Path\nfrom bot import process\n"
        "from bot.cli.interrupt_signals import InterruptSignals\n"
        "class Garbage:\n"
        f"    def __del__(self): os.kill(os.getpid(), {number.value})\n"
        f"with InterruptSignals(), process.run_in_background([{str(hanging_program)!r}]):\n"
        f"    while not list(Path({str(tmp_path)!r}).glob('*.pid')): time.sleep(0.01)\n"
        "    Garbage()\n"
        "    print('the command goes on')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        preexec_fn=accept_interrupts,
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "", message + "\n")
    (started,) = tmp_path.glob("*.pid")
    wait_for(lambda: not _is_running(int(started.stem)))


@pytest.mark.parametrize("error", ["RuntimeError('the import failed')", "click.Abort()"])
def test_error_that_replaces_the_exception_of_a_signal_is_not_reported(error):
    program = (
        "import os, signal, sys, click\nfrom bot.cli import app\n"
        "def fail():\n"
        "    try: os.kill(os.getpid(), signal.SIGTERM)\n"
        f"    except KeyboardInterrupt: raise {error}\n"
        "app.basebump = click.Command('fail', callback=fail)\nsys.exit(app.main([]))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (143, TERMINATED)


def test_other_errors_in_finalizers_are_shown():
    program = (
        "from bot.cli.interrupt_signals import InterruptSignals\n"
        "class Garbage:\n    def __del__(self): raise ValueError('broken')\n"
        "with InterruptSignals(): Garbage()"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr.strip().endswith("ValueError: broken")


@pytest.mark.parametrize(("name", "error"), [("SIGINT", "KeyboardInterrupt"), ("SIGTERM", "Termination")])
def test_signal_ends_a_child_process_that_is_just_being_started(tmp_path, hanging_program, name, error):
    program = (
        "import os, signal, subprocess, time\nfrom pathlib import Path\nfrom bot import process\n"
        "from bot.cli.interrupt_signals import InterruptSignals\n"
        "class Slow(subprocess.Popen):\n"
        "    def __init__(self, *arguments, **options):\n"
        "        super().__init__(*arguments, **options)\n"
        f"        while not list(Path({str(tmp_path)!r}).glob('*.pid')): time.sleep(0.01)\n"
        f"        os.kill(os.getpid(), signal.{name})\n"
        f"subprocess.Popen = Slow\nwith InterruptSignals(): process.run([{str(hanging_program)!r}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        preexec_fn=accept_interrupts,
    )
    assert done.stderr.strip().endswith(error)
    (started,) = tmp_path.glob("*.pid")
    wait_for(lambda: not _is_running(int(started.stem)))


def test_interrupt_ends_all_child_processes_and_starts_no_more(tmp_path, hanging_program):
    program = (
        "from bot import process\nfrom bot.pipeline.worker_pool import WorkerPool\n"
        f"WorkerPool(2).map(lambda _: process.run([{str(hanging_program)!r}]), range(4))"
    )
    code, errors = interrupt_command([sys.executable, "-c", program], lambda: len(list(tmp_path.glob("*.pid"))) == 2)
    assert code != 0
    assert errors.strip().endswith("KeyboardInterrupt")
    assert "Exception in thread" not in errors
    started = list(tmp_path.glob("*.pid"))
    assert len(started) == 2
    wait_for(lambda: not any(_is_running(int(each.stem)) for each in started))


def test_interrupt_does_not_wait_for_answers_of_registries(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        hosts = ["{}:{}".format(*each.getsockname()) for each in (one, other)]
        entries = "".join(f"  - {{host: '{host}', insecure: true}}\n" for host in hosts)
        (tmp_path / "basebump.yaml").write_text(f"schema: 1\nown: []\nregistries:\n{entries}", encoding="utf-8")
        folder = write_tree(tmp_path / "tree", {"Dockerfile": "".join(f"FROM {host}/x:1\n" for host in hosts)})
        command = [sys.executable, "-m", "bot", "scan", str(folder), "--config", str(tmp_path / "basebump.yaml")]
        asked: list[socket.socket] = []  # kept, since a connection that is closed is an answer
        code, errors = interrupt_command(
            command, lambda: asked.extend(each.accept()[0] for each in (one, other)) or asked
        )
        for each in asked:
            each.close()
    assert (code, errors.strip()) == (130, "Interrupted.")


def test_signal_ends_the_step_of_the_action_after_its_last_runner_command(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as forge:
        variables = {
            "BASEBUMP_FOLDER": tmp_path,
            "BASEBUMP_TOKEN": "token",
            "BASEBUMP_SCANNER": "none",
            "GITHUB_API_URL": "http://{}:{}".format(*forge.getsockname()),
            "GITHUB_REPOSITORY": "acme/web",
            "GITHUB_OUTPUT": tmp_path / "output",
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))
        asked: list[socket.socket] = []  # kept, since a connection that is closed is an answer
        with subprocess.Popen(
            [sys.executable, "-m", "bot.cli.github_action"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as step:
            asked.append(forge.accept()[0])
            step.terminate()
            output, _ = step.communicate(timeout=PATIENCE)
        for each in asked:
            each.close()
    first, *_, message, last = output.decode().splitlines()
    assert (step.returncode, message) == (143, TERMINATED)
    assert last == f"::{first.removeprefix('::stop-commands::')}::"


def test_interrupt_ends_worker_processes_that_read_a_folder(tmp_path):
    folder = write_tree(tmp_path / "tree", {f"{number:03}/Dockerfile": "FROM python:3.12\n" for number in range(60)})
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r})\n"
        "from bot import __main__; from bot.cli import scan\n"
        "from bot.pipeline.references import reader_processes, reader_slots\n"
        "from support.reader_trees import SlowTree\n"
        "reader_slots.PROCESS_WORK, reader_processes.MIN_PART_WORK, scan.WorkTree = 1, 10_000, SlowTree\n"
        f"sys.argv[1:] = ['scan', {str(folder)!r}, '--offline', '--jobs', '2']; sys.exit(__main__.main())"
    )
    code, errors = interrupt_command([sys.executable, "-c", program], lambda: list(folder.glob("*.pid")))
    assert (code, errors.strip()) == (130, "Interrupted.")
    (started,) = folder.glob("*.pid")
    wait_for(lambda: not _is_running(int(started.stem)))
