"""A fleet that `basebump serve` takes care of: a real docker-registry, GitHub's stand, and the service as a process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Self

import requests
from support.forges.github.server import GitHubServer
from support.forges.server import ApiRequest, ForgeReply
from support.free_ports import find_free_port
from support.registries.docker_registry import DockerRegistry
from support.runs.worlds import build
from support.waiting import wait_until

from bot.model.image_name import Digest

TOKEN, SECRET = "ghp_of-the-bot", "a secret of the registry".replace(" ", "-")
EVENTS_PATH = "/events/registry"
START_TIMEOUT = 120.0
"""Seconds; a machine under load needs a few."""


@dataclass
class ServiceProcess:
    """A process of `basebump serve` or `basebump work`."""

    process: subprocess.Popen[bytes]
    log_file: Path

    def entries(self, event: str | None = None) -> list[dict[str, Any]]:
        """Return the entries of its log, of one event if one is named."""
        lines = self.log_file.read_text(encoding="utf-8").splitlines()
        entries = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [each for each in entries if event in (None, each["event"])]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self, seconds: float = 100.0) -> int:
        """Ask it to end, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


class ServedFleet:
    """Repositories `acme/r0`, `acme/r1` and so on. Each file is given by a function of the number of the repository."""

    def __init__(self, folder: Path, state: str | None = None) -> None:
        self.folder, self.port = folder, find_free_port()
        self.state = state or f"sqlite:///{folder}/state.db"
        receiver = {
            "name": "basebump",
            "url": f"{self.url}{EVENTS_PATH}",
            "headers": {"Authorization": [f"Bearer {SECRET}"]},
            "timeout": "5s",
            "threshold": 3,
            "backoff": "1s",
            "ignore": {"mediatypes": ["application/octet-stream"], "actions": ["pull"]},
        }
        self.registry = DockerRegistry(endpoints=(receiver,))
        self.forge = GitHubServer(folder / "github")
        self.processes: list[ServiceProcess] = []
        self.config = folder / "basebump.yaml"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.registry.__enter__()
        self.forge.world.add_token(TOKEN, "basebump-bot")
        self.forge.start()
        self.write_config()
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.processes:
            if each.process.poll() is None:
                each.kill()
        self.forge.stop()
        self.registry.__exit__()

    def write_config(self, serve: str = "", more: str = "") -> None:
        self.config.write_text(
            "schema: 1\n"
            f'registries: [{{host: docker.io, mirror: "{self.registry.host}", insecure: true}}]\n'
            f'forges: [{{kind: github, url: "{self.forge.url}", token_env: ACME_TOKEN, '
            "repositories: [{owner: acme}]}]\n"
            "own: []\nscanners: [{kind: none}]\nproposals: {write_delay: 0s}\n"
            "rollout: {repositories_per_run: 10000, first_proposal: false}\n"
            f"limits: {{new_per_window: 10000}}\nstate: {self.state}\n"
            f"serve:\n  listen: 127.0.0.1:{self.port}\n  events:\n"
            "    - {kind: distribution, name: registry, registry: docker.io, secret_env: REGISTRY_SECRET}\n"
            f"{serve}{more}",
            encoding="utf-8",
        )

    def push(self, name: str, content: str, tag: str = "1") -> Digest:
        return self.registry.push(build(content), f"library/{name}", tag)

    def add_repositories(self, files: Iterable[Mapping[str, str]]) -> None:
        for number, each in enumerate(files):
            self.forge.world.add_repository(f"acme/r{number}", dict(each), members={"basebump-bot"})

    def start(self, *arguments: str, environment: Mapping[str, str] | None = None) -> ServiceProcess:
        """Start `basebump` with these arguments; by default `serve`, and wait until it is ready."""
        command = arguments or ("serve", "--level", "propose")
        log_file = self.folder / f"service-{len(self.processes)}.log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "bot", command[0], "-c", str(self.config), *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    "ACME_TOKEN": TOKEN,
                    "REGISTRY_SECRET": SECRET,
                    "HOME": str(self.folder),
                    **(environment or {}),
                },
            )
        service = ServiceProcess(process, log_file)
        self.processes.append(service)
        wait_until(lambda: process.poll() is not None or service.entries("started"), START_TIMEOUT)
        if process.poll() is not None:
            raise RuntimeError(log_file.read_text(encoding="utf-8"))
        return service

    @contextmanager
    def hold_requests(self, pattern: str, after: int = 0) -> Iterator[tuple[threading.Event, threading.Event]]:
        """Let the forge answer requests whose method and path contain a pattern only after the `with` block.

        The first `after` of them are answered at once. Yield an event that is set when a request arrives that is held,
        and an event that lets the forge answer earlier.
        """
        arrived, may_answer, perform = threading.Event(), threading.Event(), self.forge.perform
        numbers = count()

        def hold(asked: ApiRequest) -> ForgeReply:
            if re.search(pattern, f"{asked.method} {asked.path}") and next(numbers) >= after:
                arrived.set()
                may_answer.wait(120)
            return perform(asked)

        self.forge.perform = hold
        try:
            yield arrived, may_answer
        finally:
            may_answer.set()
            self.forge.perform = perform

    def wait_until_read(self, count: int, seconds: float = 60.0) -> None:
        """Wait until the first visit of this many repositories ended."""
        wait_until(lambda: self.count_visits() >= count, seconds, 0.2)

    def count_visits(self) -> int:
        done = [entry for each in self.processes for entry in each.entries("work-done")]
        return len({entry["subject"] for entry in done if entry["kind"] == "visit"})

    def list_proposals(self) -> dict[str, int]:
        """Return the number of pull requests of each repository that has some."""
        repositories = self.forge.world.repositories.values()
        return {each.name: len(each.pulls) for each in repositories if each.pulls}

    def deliver(self, document: object, secret: str = SECRET, path: str = EVENTS_PATH) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            headers = {"Authorization": f"Bearer {secret}"}
            return session.post(self.url + path, json=document, headers=headers, timeout=30)
