"""Child processes see what they may, and end when they must."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from support.waiting import wait_until

from bot import process
from bot.model.errors import ProcessError
from bot.process import ALLOWED_ENVIRONMENT, MAX_ERROR_CHARACTERS, count_usable_cores, end_children, hide_memory, run


def run_python(script: str, **options):
    return run([sys.executable, "-c", script], **options)


def test_result_of_process_has_status_output_and_error_text():
    completed = run_python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (completed.status, completed.output, completed.error_text) == (3, b"out\n", "err")


def test_child_gets_only_allowed_environment_variables(monkeypatch):
    monkeypatch.setenv("BASEBUMP_SECRET", "ours")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    names = run_python("import os; print(*os.environ)").output.decode().split()
    assert "BASEBUMP_SECRET" not in names
    assert "LC_ALL" in names
    assert set(names) <= {*ALLOWED_ENVIRONMENT, "LC_CTYPE"}, "Python itself may add LC_CTYPE"


def test_passed_environment_variables_override_inherited_variables(monkeypatch):
    monkeypatch.setenv("LANG", "C")
    script = "import os; print(os.environ['TOKEN'], os.environ['LANG'])"
    assert run_python(script, environment={"TOKEN": "handed", "LANG": "C.UTF-8"}).output == b"handed C.UTF-8\n"


def test_arguments_are_not_interpreted_by_a_shell():
    assert run([sys.executable, "-c", "import sys; print(sys.argv[1])", "$(id); *"]).output == b"$(id); *\n"


def test_child_runs_in_given_folder(tmp_path):
    assert run_python("import os; print(os.getcwd())", cwd=tmp_path).output.decode().strip() == str(tmp_path)


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_input_of_any_size_reaches_child(size):
    content = b"x" * size
    echoed = run_python("import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())", stdin=content)
    assert echoed.output == content


def test_unread_input_is_not_an_error():
    assert run_python("pass", stdin=b"x" * 3_000_000).status == 0


def test_large_output_on_stdout_and_stderr_causes_no_deadlock():
    completed = run_python(
        "import sys\nfor _ in range(300): sys.stdout.write('o' * 9999); sys.stderr.write('e' * 9999)"
    )
    assert len(completed.output) == 300 * 9999


def test_end_of_long_error_text_is_kept():
    completed = run_python("import sys; sys.stderr.write('x' * 100000 + 'the reason')")
    assert completed.error_text.endswith("the reason")
    assert len(completed.error_text) == MAX_ERROR_CHARACTERS


def test_error_text_with_invalid_utf8_is_shown():
    assert run_python("import sys; sys.stderr.buffer.write(b'bad \\xff')").error_text == "bad \N{REPLACEMENT CHARACTER}"


def test_timeout_kills_processes_started_by_the_child():
    start = time.monotonic()
    with pytest.raises(ProcessError) as raised:
        run(["sh", "-c", "sleep 60; true"], timeout=0.3)
    assert raised.value.is_timeout
    assert time.monotonic() - start < 30


def test_background_process_of_child_does_not_delay_result():
    start = time.monotonic()
    assert run(["sh", "-c", "sleep 60 & echo done"]).output == b"done\n"
    assert time.monotonic() - start < 30


def test_missing_program_is_reported():
    with pytest.raises(ProcessError, match=r"basebump-no-such-program .*install it") as raised:
        run(["basebump-no-such-program"])
    assert raised.value.is_missing


def test_missing_working_folder_is_not_reported_as_missing_program(tmp_path):
    with pytest.raises(ProcessError, match=rf"No such file or directory \({tmp_path}/gone\)") as raised:
        run(["true"], cwd=tmp_path / "gone")
    assert not raised.value.is_missing


def test_program_without_permission_is_not_reported_as_missing(tmp_path):
    with pytest.raises(ProcessError, match="could not be started") as raised:
        run([str(tmp_path)])
    assert not raised.value.is_missing


def test_hanging_child_is_killed_after_the_timeout():
    before = time.monotonic()
    with pytest.raises(ProcessError, match=r"0\.2 seconds") as raised:
        run_python("import time; time.sleep(60)", timeout=0.2)
    assert raised.value.is_timeout
    assert time.monotonic() - before < 30


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_child_with_too_much_output_is_killed(stream):
    endless = f"import sys\nwhile True: sys.{stream}.write('x' * 9999)"
    with pytest.raises(ProcessError, match="more than 100000 bytes"):
        run_python(endless, max_output=100_000, timeout=30)


def test_output_exactly_as_long_as_the_limit_is_accepted():
    assert len(run_python("print('x' * 99, end='')", max_output=99).output) == 99


def test_background_program_runs_before_result_is_requested(tmp_path):
    with process.run_in_background(["sh", "-c", "echo done; touch ended"], cwd=tmp_path) as wait:
        wait_until((tmp_path / "ended").exists)
        assert wait(30).output == b"done\n"


def test_background_program_is_killed_at_the_end_of_the_with_block():
    with process.run_in_background(["sleep", "60"]):
        (child,) = process._RUNNING
    assert child.returncode == -signal.SIGKILL
    assert not process._RUNNING


PR_SET_DUMPABLE = 4
NOBODY = 65534
COUNT_BYTES = "cat /proc/$PPID/environ 2>/dev/null | wc -c"


def _count_readable_bytes(prepare):
    """Return how much of a process's environment its child can read after `prepare`; neither process is root's."""
    reading, writing = os.pipe()
    process_id = os.fork()
    if process_id == 0:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # as for every program that a user starts
        prepare()
        os.write(writing, run(["sh", "-c", COUNT_BYTES], cwd=Path("/")).output)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        count = int(pipe.read())
    os.waitpid(process_id, 0)
    return count


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_child_cannot_read_environment_of_parent_that_hides_memory():
    hide_memory.cache_clear()
    assert _count_readable_bytes(lambda: None) > 0
    assert _count_readable_bytes(hide_memory) == 0


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", 4), ("150000 100000", 2), ("900000 100000", 4), ("50000 100000", 1), ("", 4), ("1 0", 4)],
)
def test_usable_cores_are_limited_by_cpu_affinity_and_container_quota(tmp_path, monkeypatch, quota, cores):
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr("bot.process.CORE_QUOTA", tmp_path / "cpu.max")
    if sys.version_info >= (3, 13):
        monkeypatch.setattr(os, "process_cpu_count", lambda: 4)
    else:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 5}, raising=False)
    assert count_usable_cores() == cores


def test_number_of_usable_cores_is_one_if_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr("bot.process.CORE_QUOTA", tmp_path / "missing")
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "process_cpu_count", lambda: None, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert count_usable_cores() == 1


@pytest.mark.parametrize("argument", ["a\0b", "\ud800"])
def test_children_can_still_be_ended_after_an_invalid_argument_is_refused(argument):
    with pytest.raises(ProcessError, match="null character or a lone surrogate"):
        run(["true", argument])
    assert end_children()
