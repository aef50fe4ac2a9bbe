"""Extraction as a whole process on one core, beside Renovate's where that is installed."""

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
"""In each, everything runs once: what else the machine does meets all of them."""
SEVEN = {
    "dockerfile": "dockerfile",
    "docker-compose": "compose",
    "kubernetes": "kubernetes",
    "kustomize": "kustomize",
    "helm-values": "helm",
    "github-actions": "github-actions",
    "gitlabci": "gitlab-ci",
}
"""Managers of Renovate, and the formats of basebump that read what they read, and some of them more."""
SAME = [*SEVEN, "argocd", "tekton"]
"""The managers of all that these formats read: objects of Argo CD and Tekton are manifests like others to them."""
EVERY = [
    *(*SAME, "flux", "cloudbuild", "circleci", "devcontainer", "azure-pipelines"),
    *("bitbucket-pipelines", "droneci", "woodpecker", "quadlet", "terraform"),
]
"""All managers of Renovate whose files basebump reads, too."""
MANIFESTS = {"managerFilePatterns": [r"/\.(?:ya?ml|json)$/"]}
"""Renovate must be told which files these are; basebump looks at all of both."""

AS_INSTALLED = {"PYTHONDONTWRITEBYTECODE": ""}
"""Installers compile what they install; in a checkout the first round does."""


@dataclass(frozen=True)
class Cost:
    """What one process took."""

    seconds: float
    """Of processor time, on one core."""
    mebibytes: float

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s, {self.mebibytes:.0f} MiB"


Run = Callable[[], Cost]


def measure_processes(folder: Path) -> None:
    with on_one_core():
        print(f"whole process on one core, medians of {ROUNDS} rounds:")
        theirs = shlex.split(os.environ.get("RENOVATE", "")) or [shutil.which("renovate") or ""]
        if theirs == [""]:
            print(f"  basebump: {medians(all_formats(folder))[0]}")
            print("  Renovate is not installed here: the only ratio is the one to the event stream, above.")
            return
        compare("seven formats, seven managers", seven_formats(folder), renovate(theirs, folder, list(SEVEN)))
        compare("seven formats, all managers of their files", seven_formats(folder), renovate(theirs, folder, SAME))
        compare(f"all formats, {len(EVERY)} managers", all_formats(folder), renovate(theirs, folder, EVERY))


@contextmanager
def on_one_core() -> Iterator[None]:
    """Keep this process and its children on one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def compare(title: str, ours: Run, theirs: Run) -> None:
    try:
        our, their = medians(ours, theirs)
    except subprocess.CalledProcessError:
        print(f"  {title}: one of the two failed, so there is no ratio")
        return
    print(
        f"  {title}: basebump {our}; Renovate {their}: "
        f"{their.seconds / our.seconds:.1f} times as fast, {their.mebibytes / our.mebibytes:.1f} times less memory"
    )


def medians(*runs: Run) -> list[Cost]:
    """Return what each takes, when they take turns. Raises CalledProcessError when one fails."""
    rounds = [[run() for run in runs] for _ in range(ROUNDS)]
    return [
        Cost(median(cost.seconds for cost in costs), median(cost.mebibytes for cost in costs))
        for costs in zip(*rounds, strict=True)
    ]


def all_formats(folder: Path) -> Run:
    command = [sys.executable, "-m", "bot", "scan", "--offline", "--format", "json", str(folder.resolve())]
    return lambda: timed(command, PROJECT, AS_INSTALLED)


def seven_formats(folder: Path) -> Run:
    command = [sys.executable, str(SCAN_SOME), ",".join(SEVEN.values()), str(folder.resolve())]
    return lambda: timed(command, PROJECT, AS_INSTALLED)


def renovate(command: list[str], folder: Path, managers: list[str]) -> Run:
    """Let Renovate extract, and nothing more; it lists what git lists, so the folder must be a repository."""
    config = {
        "onboarding": False,
        "requireConfig": "ignored",
        "useBaseBranchConfig": "none",
        "ignorePaths": [],
        "repositoryCache": "disabled",
        "enabledManagers": managers,
        **{name: MANIFESTS for name in ("kubernetes", "argocd", "tekton") if name in managers},
    }

    def run() -> Cost:
        with tempfile.TemporaryDirectory() as scratch:
            (Path(scratch) / "config.json").write_text(json.dumps(config))
            environment = {
                "RENOVATE_CONFIG_FILE": str(Path(scratch) / "config.json"),
                "RENOVATE_BASE_DIR": scratch,
                "RENOVATE_PLATFORM": "local",
                "RENOVATE_DRY_RUN": "extract",
                "LOG_LEVEL": "fatal",
            }
            return timed(command, folder, environment)

    return run


def timed(command: list[str], where: Path, environment: dict[str, str]) -> Cost:
    """Run a command in a folder. Raises CalledProcessError when it fails."""
    measured = [sys.executable, "-I", "-S", str(TIMED), *command]
    known = {**os.environ, **environment}
    printed = subprocess.run(measured, cwd=where, env=known, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds, kibibytes = printed.split()
    return Cost(float(seconds), int(kibibytes) / 1024)
