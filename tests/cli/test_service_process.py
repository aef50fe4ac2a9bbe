"""How the processes of the service receive the signals that end them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_signal_that_arrives_in_another_thread_ends_the_wait_of_the_main_thread():
    program = (
        "import signal, threading, time\nfrom bot.cli.service_process import EndSignals\n"
        "def receive():\n"
        "    time.sleep(0.5)\n"
        "    for number in (signal.SIGTERM, signal.SIGINT): signal.pthread_kill(threading.get_ident(), number)\n"
        "    time.sleep(60)\n"
        "signals = EndSignals()\nthreading.Thread(target=receive, daemon=True).start()\n"
        "print(signals.wait())\ntime.sleep(0.1)\nprint(signals.has_another(), signals.has_another())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=25
    )
    assert done.stdout.split() == ["SIGTERM", "True", "False"]
