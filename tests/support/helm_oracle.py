"""Helm's own renderer. It is run in a process of its own: it brings another runtime of Go than BuildKit's parser."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path


def find_helm() -> str | None:
    """Return where Helm's renderer is."""
    found = find_spec("helm_python")
    return found.origin if found is not None else None


def render(chart: Path) -> dict[str, list[str]] | None:
    """Return the lines of what each template of a chart renders, None where Helm refuses the chart."""
    done = subprocess.run([sys.executable, __file__, str(chart)], capture_output=True, check=False, timeout=60)
    if done.returncode:
        return None
    return {path: text.split("\n") for path, text in json.loads(done.stdout).items()}


if __name__ == "__main__":
    from helm_python.chart import Chart

    with Chart.load(sys.argv[1]) as loaded:
        print(json.dumps(loaded.render(name="release", namespace="default")))  # noqa: T201  (its one output)
