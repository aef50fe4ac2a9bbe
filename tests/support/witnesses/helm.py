"""Helm's own renderer, in a separate process because its Go runtime conflicts with BuildKit's parser."""

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


def render(chart: Path, values: Path | None = None) -> dict[str, list[str]] | None:
    """Return the lines of each rendered template; `values` override the chart's, as `helm --values` does.

    None where Helm refuses the chart.
    """
    command = [sys.executable, __file__, str(chart), *([str(values)] if values is not None else [])]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    if done.returncode:
        return None
    return {path: text.split("\n") for path, text in json.loads(done.stdout).items()}


if __name__ == "__main__":
    from helm_python.chart import Chart, values_from_yaml

    over = values_from_yaml(Path(sys.argv[2]).read_text(encoding="utf-8")) if sys.argv[2:] else None
    with Chart.load(sys.argv[1]) as loaded:
        print(json.dumps(loaded.render(values=over, name="release", namespace="default")))  # noqa: T201  (its one output)
