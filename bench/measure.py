"""Measure extraction and look-ups, as ratios within one run: `python bench/measure.py [FOLDER …]`.

Without a folder the files are made up. The machine's noise is in both sides of a ratio, so the ratios are what counts.
Renovate is measured beside basebump where it is installed: `renovate` on PATH, or a command in the variable RENOVATE.
It lists what git lists, so a folder should be a repository.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

BENCH = Path(__file__).resolve().parent
sys.path[:0] = [str(BENCH.parent), str(BENCH.parent / "tests"), str(BENCH)]

from assessing import measure_assessing  # noqa: E402 - the folders are put on the path above
from extraction import measure_extraction  # noqa: E402
from lookups import measure_lookups  # noqa: E402
from processes import measure_processes  # noqa: E402

MADE_UP_SERVICES = 1000


def make_up(folder: Path) -> None:
    for number in range(MADE_UP_SERVICES):
        service = folder / f"service-{number}"
        service.mkdir()
        (service / "Dockerfile").write_text(
            f"ARG GO=1.{number % 30}\nFROM --platform=$BUILDPLATFORM golang:${{GO}} AS build\nWORKDIR /src\nCOPY . .\n"
            "RUN go build -o /app \\\n    ./cmd/app\n\n"
            "FROM gcr.io/distroless/static:nonroot\nCOPY --from=build /app /\n"
        )
        (service / "deploy.yaml").write_text(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec:\n  template:\n    spec:\n"
            f"      containers:\n      - name: app\n        image: ghcr.io/acme/app:{number}\n        ports:\n"
            "        - containerPort: 8080\n        resources: {requests: {cpu: 10m, memory: 32Mi}}\n"
        )
    for command in (["init", "--quiet", "--initial-branch=main"], ["add", "."]):
        subprocess.run(["git", *command], cwd=folder, check=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made_up:
        if len(sys.argv) == 1:
            make_up(Path(made_up))
        for folder in map(Path, sys.argv[1:] or [made_up]):
            print(f"{folder}:")
            measure_extraction(folder)
            measure_processes(folder)
    measure_lookups()
    measure_assessing()
