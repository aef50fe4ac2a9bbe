"""Extraction as a whole process on one core, beside Renovate's where that is installed."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
TIMED = Path(__file__).resolve().parent / "timed.py"
SCAN_SOME = TIMED.with_name("scan_some.py")
TRIES = 3
SEVEN = {
    "dockerfile": "dockerfile",
    "docker-compose": "compose",
    "kubernetes": "kubernetes",
    "kustomize": "kustomize",
    "helm-values": "helm",
    "github-actions": "github-actions",
    "gitlabci": "gitlab-ci",
}
"""Managers of Renovate, and the formats of basebump that read the same kinds of files."""
EVERY = [
    *(*SEVEN, "flux", "argocd", "tekton", "cloudbuild", "circleci", "devcontainer", "azure-pipelines"),
    *("bitbucket-pipelines", "droneci", "woodpecker", "quadlet", "terraform"),
]
"""All managers of Renovate whose files basebump reads, too."""
ANY_YAML = {"managerFilePatterns": [r"/\.ya?ml$/"]}


@dataclass(frozen=True)
class Cost:
    """What one process took."""

    seconds: float
    mebibytes: float


def measure_processes(folder: Path) -> None:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        every = cheapest([sys.executable, "-m", "bot", "scan", "--offline", "--format", "json", str(folder)], {})
        seven = cheapest([sys.executable, str(SCAN_SOME), ",".join(SEVEN.values()), str(folder)], {})
        print(f"whole process, one core: {every.seconds:.2f} s, {every.mebibytes:.0f} MiB")
        print(f"  with seven kinds of files: {seven.seconds:.2f} s, {seven.mebibytes:.0f} MiB")
        command = shlex.split(os.environ.get("RENOVATE", "")) or [shutil.which("renovate") or ""]
        if command == [""]:
            print("  Renovate is not installed here, so there is no ratio to it.")
            return
        compare("the same seven kinds", seven, renovate(command, folder, list(SEVEN)))
        compare(f"all that both read ({len(EVERY)} managers)", every, renovate(command, folder, EVERY))
    finally:
        os.sched_setaffinity(0, cores)


def compare(title: str, ours: Cost, theirs: Cost | None) -> None:
    if theirs is None:
        print(f"  Renovate with {title} failed, so there is no ratio to it.")
        return
    print(
        f"  Renovate with {title}: {theirs.seconds:.2f} s, {theirs.mebibytes:.0f} MiB;"
        f" {theirs.seconds / ours.seconds:.1f} times the time, {theirs.mebibytes / ours.mebibytes:.1f} times the memory"
    )


def renovate(command: list[str], folder: Path, managers: list[str]) -> Cost | None:
    """Let Renovate extract, and nothing more; it lists what git lists, so the folder must be a repository."""
    with tempfile.TemporaryDirectory() as scratch:
        config = Path(scratch) / "config.json"
        config.write_text(
            json.dumps(
                {
                    "onboarding": False,
                    "requireConfig": "ignored",
                    "useBaseBranchConfig": "none",
                    "ignorePaths": [],
                    "repositoryCache": "disabled",
                    "enabledManagers": managers,
                    **{name: ANY_YAML for name in ("kubernetes", "argocd", "tekton") if name in managers},
                }
            )
        )
        environment = {
            "RENOVATE_CONFIG_FILE": str(config),
            "RENOVATE_BASE_DIR": scratch,
            "RENOVATE_PLATFORM": "local",
            "RENOVATE_DRY_RUN": "extract",
            "LOG_LEVEL": "fatal",
        }
        try:
            return cheapest(command, environment, folder)
        except subprocess.CalledProcessError:
            return None


def cheapest(command: list[str], environment: dict[str, str], folder: Path | None = None) -> Cost:
    """Return the fastest of a few runs. Raises CalledProcessError when one fails."""
    return min((run(command, environment, folder) for _ in range(TRIES)), key=lambda cost: cost.seconds)


def run(command: list[str], environment: dict[str, str], folder: Path | None) -> Cost:
    timed = [sys.executable, "-I", "-S", str(TIMED), *command]
    where, known = folder or PROJECT, {**os.environ, **environment}
    printed = subprocess.run(timed, cwd=where, env=known, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds, kibibytes = printed.split()
    return Cost(float(seconds), int(kibibytes) / 1024)
