"""Measure a service that has nothing to do: `python bench/idle_service.py [REPOSITORIES] [MINUTES]`.

By default, the state contains 10,000 repositories that use 300 tags, as in `bench/inventory.py`, and each measurement
takes 4 minutes. In the registry on this machine, no tag changes. The first measurement begins after the polls at the
start. During the second measurement, metrics and probes are read as often as Prometheus and Kubernetes read them by
default.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests"), str(PROJECT / "bench")]

import requests  # noqa: E402 - the folders are put on the path above
from inventory import ROUNDS, TAGS, fill, get_digest  # noqa: E402
from support.free_ports import find_free_port  # noqa: E402
from support.listener import HttpListener, HttpReply, ReceivedRequest  # noqa: E402
from support.waiting import wait_until  # noqa: E402

from bot.demo.images import OCI_MANIFEST  # noqa: E402
from bot.model.image_name import TagRef  # noqa: E402
from bot.model.work import SweepWork, WorkPriority, WorkReason, WorkRequest  # noqa: E402
from bot.state.database import Database  # noqa: E402
from bot.state.work.queue import DatabaseWorkQueue  # noqa: E402

CONFIG = """schema: 1
registries: [{{host: docker.io, mirror: "{registry}", insecure: true}}]
forges: [{{kind: github, url: "http://127.0.0.1:9", token_env: TOKEN, repositories: [{{owner: acme}}]}}]
scanners: [{{kind: none}}]
state: sqlite:///{folder}/state.db
serve: {{listen: "127.0.0.1:{port}"}}
"""
DEFAULT_REPOSITORIES, DEFAULT_MINUTES = 10_000, 4
READ_EVERY = {"/metrics": 15, "/readyz": 10, "/livez": 10}
"""The seconds between two requests for metrics or probes."""


def answer(received: ReceivedRequest) -> HttpReply:
    """Answer like a registry in which no tag changes."""
    repository, _, tag = received.path.removeprefix("/v2/").partition("/manifests/")
    tag_ref = TagRef(f"docker.io/{repository}", tag)
    headers = {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": get_digest(tag_ref, len(ROUNDS) - 1)}
    return HttpReply(200, headers={**headers, "Content-Length": "0"})


@contextmanager
def serve(folder: Path, registry: str) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    """Run a service until the end of the `with` block. Yield its process, its URL and its log."""
    port, log = find_free_port(), folder / "log"
    (folder / "basebump.yaml").write_text(CONFIG.format(registry=registry, folder=folder, port=port), encoding="utf-8")
    environment = {**os.environ, "TOKEN": "of-a-benchmark", "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "bot", "serve", "-c", str(folder / "basebump.yaml"), "--level", "propose"]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=stream, stderr=stream)
    try:
        yield process, f"http://127.0.0.1:{port}", log
    finally:
        process.terminate()
        process.wait(60)


def count_entries(log: Path, event: str) -> int:
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
    return sum(json.loads(line)["event"] == event for line in lines)


def read_processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read_memory(pid: int) -> float:
    """Return the resident memory in MiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def read_regularly(url: str, stop: threading.Event) -> None:
    """Read metrics and probes until `stop` is set."""
    session = requests.Session()
    session.trust_env = False
    for second in range(86_400):
        for path, every in READ_EVERY.items():
            if second % every == 0:
                session.get(url + path, timeout=30).raise_for_status()
        if stop.wait(1):
            return


def measure(title: str, pid: int, minutes: float) -> None:
    began, processor = time.monotonic(), read_processor_seconds(pid)
    time.sleep(60 * minutes)
    share = (read_processor_seconds(pid) - processor) / (time.monotonic() - began)
    print(f"  {title:<34} {100 * share:6.2f} % of a processor {read_memory(pid):6.0f} MiB", flush=True)


def main(count: int, minutes: float) -> None:
    """Print the processor time and the memory of a service over a made-up fleet."""
    with tempfile.TemporaryDirectory() as name, HttpListener(answer) as registry:
        folder = Path(name)
        database = Database.sqlite(folder / "state.db")
        fill(database, count)
        sweep = WorkRequest(SweepWork(), WorkPriority.SWEEP, WorkReason.SWEEP, "bench", delay=timedelta(hours=12))
        DatabaseWorkQueue(database).request_work([sweep])
        with serve(folder, registry.host) as (process, url, log):
            wait_until(lambda: count_entries(log, "work-done"), 120)
            time.sleep(5)
            print(f"{count:,} repositories, {len(TAGS)} tags, {len(registry.received)} lookups at the start")
            print(
                f"  {'processor time of start and poll':<34} {read_processor_seconds(process.pid):6.2f} s", flush=True
            )
            measure("idle", process.pid, minutes)
            stop = threading.Event()
            reader = threading.Thread(target=read_regularly, args=(url, stop))
            reader.start()
            measure("with metrics and probes", process.pid, minutes)
            stop.set()
            reader.join()
            problems = count_entries(log, "bug") + count_entries(log, "state-error")
            print(f"  {'errors in the log':<34} {problems:6}")


if __name__ == "__main__":
    given = dict(enumerate(sys.argv))
    main(int(given.get(1, DEFAULT_REPOSITORIES)), float(given.get(2, DEFAULT_MINUTES)))
