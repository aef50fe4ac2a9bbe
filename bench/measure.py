"""Measure extraction, lookups, scans and the fleet page: `python bench/measure.py [FOLDER …]`.

Without a folder, files are generated. Compare the ratios instead of the times, because other work of the machine
affects both sides of a ratio. Renovate is measured, too, if it is installed: as `renovate` on PATH, or as the command
in the variable RENOVATE. Renovate reads the files that git lists, so a folder should be a git repository.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

BENCH = Path(__file__).resolve().parent
sys.path[:0] = [str(BENCH.parent), str(BENCH.parent / "tests"), str(BENCH)]

from assessing import measure_scans  # noqa: E402 - the folders are put on the path above
from extraction import measure_extraction  # noqa: E402
from fleet_page import measure_fleet_page  # noqa: E402
from lookups import measure_lookups  # noqa: E402
from processes import measure_processes  # noqa: E402
from workers import measure_workers  # noqa: E402

GENERATED_SERVICES = 1000


def generate_files(folder: Path) -> None:
    for number in range(GENERATED_SERVICES):
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
    with tempfile.TemporaryDirectory() as generated:
        if len(sys.argv) == 1:
            generate_files(Path(generated))
        for folder in map(Path, sys.argv[1:] or [generated]):
            print(f"{folder}:")
            measure_extraction(folder)
            measure_processes(folder)
            measure_workers(folder)
    measure_lookups()
    measure_scans()
    measure_fleet_page()
