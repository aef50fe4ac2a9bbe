"""Measures extraction as a process on one core, and compares the time with Renovate's if Renovate is installed."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

PROJECT = Path(__file__).resolve().parent.parent
TIMED = Path(__file__).resolve().parent / "timed.py"
SCAN_SOME = TIMED.with_name("scan_some.py")
ROUNDS = 3
"""The number of rounds. In each round, every program runs once, so that other work of the machine affects all
programs.
"""
SEVEN = {
    "dockerfile": "dockerfile",
    "docker-compose": "compose",
    "kubernetes": "kubernetes",
    "kustomize": "kustomize",
    "helm-values": "helm",
    "github-actions": "github-actions",
    "gitlabci": "gitlab-ci",
}
"""Managers of Renovate, and the formats of basebump that read the same files. Some formats also read other files."""
SAME = [*SEVEN, "argocd", "tekton"]
"""The managers of all files that the seven formats read. The format `kubernetes` also reads objects of Argo CD and
Tekton.
"""
EVERY = [
    *(*SAME, "flux", "cloudbuild", "circleci", "devcontainer", "azure-pipelines"),
    *("bitbucket-pipelines", "droneci", "woodpecker", "quadlet", "terraform"),
    *("nuget", "bazel", "bazel-module"),
]
"""All managers of Renovate whose files basebump reads."""
MANIFESTS = {"managerFilePatterns": [r"/\.(?:ya?ml|json)$/"]}
"""Renovate needs patterns for the files with manifests. They match all YAML and JSON files, because basebump examines
all of these.
"""

AS_INSTALLED = {"PYTHONDONTWRITEBYTECODE": ""}
"""Lets Python write compiled files, as an installation has them. In a checkout, the first round writes these files."""


@dataclass(frozen=True)
class ProcessCost:
    """The cost of one process."""

    seconds: float
    """The processor time, on one core."""
    mebibytes: float

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s, {self.mebibytes:.0f} MiB"


Run = Callable[[], ProcessCost]


def measure_processes(folder: Path) -> None:
    with use_one_core():
        print(f"whole process on one core, medians of {ROUNDS} rounds:")
        theirs = shlex.split(os.environ.get("RENOVATE", "")) or [shutil.which("renovate") or ""]
        if theirs == [""]:
            print(f"  basebump: {measure_medians(build_full_run(folder))[0]}")
            print("  Renovate is not installed, so the only ratio is the one above.")
            return
        print_comparison(
            "seven formats, seven managers", build_partial_run(folder), build_renovate_run(theirs, folder, list(SEVEN))
        )
        print_comparison(
            "seven formats, all managers of their files",
            build_partial_run(folder),
            build_renovate_run(theirs, folder, SAME),
        )
        print_comparison(
            f"all formats, {len(EVERY)} managers", build_full_run(folder), build_renovate_run(theirs, folder, EVERY)
        )


@contextmanager
def use_one_core() -> Iterator[None]:
    """Restrict this process and its children to one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def print_comparison(title: str, ours: Run, theirs: Run) -> None:
    try:
        our, their = measure_medians(ours, theirs)
    except subprocess.CalledProcessError:
        print(f"  {title}: there is no ratio, because basebump or Renovate failed")
        return
    print(
        f"  {title}: basebump {our}; Renovate {their}: "
        f"{their.seconds / our.seconds:.1f} times as fast, {their.mebibytes / our.mebibytes:.1f} times less memory"
    )


def measure_medians(*runs: Run) -> list[ProcessCost]:
    """Return the median cost of each run. The runs take turns. Raises CalledProcessError if a run fails."""
    rounds = [[run() for run in runs] for _ in range(ROUNDS)]
    return [
        ProcessCost(median(cost.seconds for cost in costs), median(cost.mebibytes for cost in costs))
        for costs in zip(*rounds, strict=True)
    ]


def build_full_run(folder: Path) -> Run:
    command = [sys.executable, "-m", "bot", "scan", "--offline", "--format", "json", str(folder.resolve())]
    return lambda: run_timed(command, PROJECT, AS_INSTALLED)


def build_partial_run(folder: Path) -> Run:
    command = [sys.executable, str(SCAN_SOME), ",".join(SEVEN.values()), str(folder.resolve())]
    return lambda: run_timed(command, PROJECT, AS_INSTALLED)


def build_renovate_run(command: list[str], folder: Path, managers: list[str]) -> Run:
    """Return a run of Renovate that only extracts.

    Renovate reads the files that git lists, so the folder must be a git repository.
    """
    config = {
        "onboarding": False,
        "requireConfig": "ignored",
        "useBaseBranchConfig": "none",
        "ignorePaths": [],
        "repositoryCache": "disabled",
        "enabledManagers": managers,
        **{name: MANIFESTS for name in ("kubernetes", "argocd", "tekton") if name in managers},
    }

    def run() -> ProcessCost:
        with tempfile.TemporaryDirectory() as scratch:
            (Path(scratch) / "config.json").write_text(json.dumps(config))
            environment = {
                "RENOVATE_CONFIG_FILE": str(Path(scratch) / "config.json"),
                "RENOVATE_BASE_DIR": scratch,
                "RENOVATE_PLATFORM": "local",
                "RENOVATE_DRY_RUN": "extract",
                "LOG_LEVEL": "fatal",
            }
            return run_timed(command, folder, environment)

    return run


def run_timed(command: list[str], where: Path, environment: dict[str, str]) -> ProcessCost:
    """Run a command in a folder, and return its cost. Raises CalledProcessError if the command fails."""
    measured = [sys.executable, "-I", "-S", str(TIMED), *command]
    known = {**os.environ, **environment}
    printed = subprocess.run(measured, cwd=where, env=known, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds, kibibytes = printed.split()
    return ProcessCost(float(seconds), int(kibibytes) / 1024)
