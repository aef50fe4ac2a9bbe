"""Single steps of a workflow, run with bash as GitHub's runner does, in a copy of the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from support.packaging.action_runner import fill_expressions, read_outputs
from support.parts import ROOT

SHIPPED = (
    *("bot", "config", "deploy", "docs", "templates", "tools"),
    *(
        ".dockerignore",
        ".gitignore",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Dockerfile",
        "LICENSE",
        "Makefile",
        "README.md",
    ),
    *("hatch_build.py", "pyproject.toml", "requirements.lock"),
)
"""What the steps of a release need of a checkout."""
TIMEOUT = 1200.0


@dataclass(frozen=True)
class RanStep:
    """The end of a step."""

    code: int
    log: str
    outputs: Mapping[str, str]


@dataclass(frozen=True)
class WorkflowSteps:
    """The steps of one workflow, by job and name."""

    workflow: str
    folder: Path
    """The checkout of the jobs."""
    environment: Mapping[str, str]
    """The variables that GitHub sets in every job, such as GITHUB_REF_NAME."""
    replaced: Mapping[str, str] = field(default_factory=dict)
    """Variables that the workflow sets to an address on the internet, with addresses on loopback."""

    def run(self, job: str, name: str, **contexts: Any) -> RanStep:
        """Run one step. Its expressions get their values from `contexts`, and an expression without a value fails."""
        described = yaml.safe_load((ROOT / ".github" / "workflows" / self.workflow).read_text(encoding="utf-8"))
        (step,) = [each for each in described["jobs"][job]["steps"] if each.get("name") == name]
        variables = {**described["jobs"][job].get("env", {}), **step.get("env", {})}
        output = self.folder / ".step-output"
        output.write_text("", encoding="utf-8")
        kept = {key: os.environ[key] for key in ("HOME", "LANG", "PATH", "TMPDIR") if key in os.environ}
        kept |= {key: value for key, value in os.environ.items() if key.startswith("PIP_") or key.endswith("CA_BUNDLE")}
        filled = {key: fill_expressions(value, contexts) for key, value in variables.items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder,
            env={**kept, "GITHUB_OUTPUT": str(output), **self.environment, **filled, **self.replaced},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        return RanStep(done.returncode, done.stdout, read_outputs(output))


def copy_checkout(folder: Path) -> Path:
    """Copy the files that a release needs, with their times, and without compiled code."""
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy2(ROOT / name, folder)
    return folder
