"""Measure the cost of runs over an unchanged fleet: `python bench/unchanged_fleet.py [COUNT …]`.

The fleet is on the simulated GitHub of the tests. It has COUNT repositories of one owner, each with a Dockerfile, a
Compose file and a manifest that use three of twenty images. Every run is a separate process. For each run, the numbers
of requests to the forge and to the registry, the processor time and the peak memory are printed. The run over an empty
fleet shows the cost of starting.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).resolve().parent
PROJECT = BENCH.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from support.forges.github.server import GitHubServer  # noqa: E402 - the folders are put on the path above
from support.forges.github.state import GitHubStatus  # noqa: E402 - as above
from support.runs.worlds import LoopbackHub, start_hub  # noqa: E402

TOKEN = "ghp_of-the-bot"
IMAGES = tuple(f"image{number}" for number in range(20))
CURVE = 400
"""The number of repositories for which runs after changes in 0, 1, 10 and 100 % are measured."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one run."""

    forge_requests: int
    head_requests: int
    other_registry_requests: int
    processor_seconds: float
    peak_mebibytes: float
    exit_code: int

    def format_row(self, title: str) -> str:
        return (
            f"| {title} | {self.forge_requests} | {self.head_requests} + {self.other_registry_requests} "
            f"| {self.processor_seconds:.2f} | {self.peak_mebibytes:.0f} | {self.exit_code} |"
        )


class MeasuredFleet:
    """A fleet of repositories on the GitHub stand, and the registry with their images."""

    def __init__(self, folder: Path, loopback: LoopbackHub, count: int) -> None:
        self.folder, self.loopback, self.count = folder, loopback, count
        self.digests = {name: str(loopback.move(name, "1", f"{name} first")) for name in IMAGES}
        self.server = GitHubServer(folder / "github")
        self.server.world.add_token(TOKEN, "basebump-bot")
        for number in range(count):
            self.server.world.add_repository(f"acme/r{number:05}", self.build_files(number), members={"basebump-bot"})
        self.server.start()
        self.config = folder / "basebump.yaml"
        self.write_config(is_stateful=True)

    def write_config(self, *, is_stateful: bool) -> None:
        state = f"state: sqlite:///{self.folder}/state.db\n" if is_stateful else ""
        self.config.write_text(
            "schema: 1\n"
            f'registries:\n  - {{host: docker.io, mirror: "{self.loopback.registry.host}", insecure: true}}\n'
            f'forges: [{{kind: github, url: "{self.server.url}", token_env: ACME_TOKEN, '
            "repositories: [{owner: acme}]}]\n"
            "own: []\nscanners: [{kind: none}]\nproposals: {write_delay: 0s}\n"
            "rollout: {repositories_per_run: 10000, first_proposal: false}\nlimits: {new_per_window: 10000}\n" + state
        )

    def build_files(self, number: int) -> dict[str, str]:
        first, second, third = (IMAGES[(number + offset) % len(IMAGES)] for offset in (0, 7, 13))
        return {
            "Dockerfile": f"FROM {first}:1@{self.digests[first]} AS build\nRUN true {number}\n"
            f"FROM {second}:1@{self.digests[second]}\nCOPY --from=build /a /\n",
            "docker-compose.yml": f"services:\n  db:\n    image: {third}:1@{self.digests[third]}\n",
            "deploy/app.yaml": f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a{number}}}\nspec:\n  containers:\n"
            f'  - {{name: a, image: "{second}:1@{self.digests[second]}"}}\n',
            "src/main.py": f"print({number})\n",
            "README.md": "# a\n",
        }

    def commit(self, numbers: Sequence[int]) -> None:
        """Add a commit to the base branch of these repositories. It changes a file that basebump reads."""
        for number in numbers:
            files = self.build_files(number)
            files["Dockerfile"] += "RUN true\n"
            repository = self.server.world.repositories[f"acme/r{number:05}"]
            repository.git.commit("main", files, "A change")
            repository.settle()

    def pass_checks(self) -> None:
        """Let CI pass on every pull request, so that basebump need not wait for the end of CI."""
        account = self.server.world.accounts["ada"]
        for repository in self.server.world.repositories.values():
            for pull in repository.pulls:
                status = GitHubStatus(self.server.world.next_id(), "ci/build", "success", "", account)
                repository.statuses.setdefault(pull.head, []).append(status)

    def run(self, title: str, *options: str) -> Cost:
        exchanges_before = len(self.server.exchanges)
        served_before = len(self.loopback.registry.served_requests)
        timed = subprocess.run(
            [
                *(sys.executable, BENCH / "timed.py", PROJECT / ".venv/bin/basebump", "run"),
                *("--config", self.config, "--level", "propose", *options),
            ],
            stdout=subprocess.PIPE,
            env={**os.environ, "ACME_TOKEN": TOKEN, "HOME": str(self.folder)},
            text=True,
            check=False,
        )
        seconds, kibibytes = map(float, timed.stdout.split())
        served = self.loopback.registry.served_requests[served_before:]
        heads = sum(each.method == "HEAD" for each in served)
        cost = Cost(
            len(self.server.exchanges) - exchanges_before,
            heads,
            len(served) - heads,
            seconds,
            kibibytes / 1024,
            timed.returncode,
        )
        print(cost.format_row(title), flush=True)
        return cost


HEADER = "| run | forge requests | registry: HEAD + other | processor s | MiB | exit |\n|---|---|---|---|---|---|"


def measure_fleet(count: int) -> None:
    """Print the cost of runs over a fleet of `count` repositories, from the first run to a run with open pull
    requests.
    """
    with tempfile.TemporaryDirectory() as temporary, start_hub() as loopback:
        fleet = MeasuredFleet(Path(temporary), loopback, count)
        print(f"\n{count} repositories:\n\n{HEADER}", flush=True)
        fleet.write_config(is_stateful=False)
        fleet.run("without a state")
        fleet.write_config(is_stateful=True)
        fleet.run("first run with a state")
        fleet.run("unchanged")
        fleet.run("`--image` of 15 %", "--image", f"{IMAGES[0]}:1")
        if count == CURVE:
            for percent in (1, 10, 100):
                fleet.commit(range(count * percent // 100))
                fleet.run(f"{percent} % have a new commit")
                fleet.run("unchanged again")
        loopback.move(IMAGES[0], "1", "moved")
        fleet.run("the tag of 15 % moved")
        fleet.pass_checks()
        fleet.run("after CI passed")
        fleet.run("unchanged, 15 % have an open pull request")
        fleet.server._server.shutdown()  # noqa: SLF001 - checking every exchange takes minutes


if __name__ == "__main__":
    for count in map(int, sys.argv[1:] or ["0", "400", "1000"]):
        measure_fleet(count)
