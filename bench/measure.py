"""Measure extraction and look-ups, as ratios within one run: `python bench/measure.py [FOLDER]`.

Without a folder the files are made up. The machine's noise is in both sides of a ratio, so the ratios are what counts.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from support.parts import find_docker_registry  # noqa: E402 - the project is put on the path above
from support.registry import DockerRegistry  # noqa: E402

from bot.cli.terminal import NoProgress  # noqa: E402
from bot.demo.images import ImageStore, Package, debian_root, image, index, layer  # noqa: E402
from bot.formats import all_formats  # noqa: E402
from bot.model.decision import Selected  # noqa: E402
from bot.model.policy import Policy  # noqa: E402
from bot.model.reference import ImageReference, Line  # noqa: E402
from bot.model.source import FilePath, Occurrence, Slot, SourceFile, Span  # noqa: E402
from bot.model.vocabulary import Role  # noqa: E402
from bot.pipeline.pool import NETWORK  # noqa: E402
from bot.pipeline.resolve import resolve  # noqa: E402
from bot.pipeline.survey import survey  # noqa: E402
from bot.ports import GitRepository  # noqa: E402
from bot.registries.access import RegistryEntry  # noqa: E402
from bot.registries.oci import OciRegistry  # noqa: E402
from bot.worktree import WorkTree  # noqa: E402

MADE_UP_FILES = 2000
IMAGES = 100
TRIES = 3


def best(work: Callable[[], object]) -> float:
    """Return the seconds of the fastest of a few tries."""
    times = []
    for _ in range(TRIES):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def make_up(folder: Path) -> None:
    for number in range(MADE_UP_FILES // 2):
        service = folder / f"service-{number}"
        service.mkdir()
        (service / "Dockerfile").write_text(
            f"FROM --platform=$BUILDPLATFORM golang:1.{number % 30} AS build\nWORKDIR /src\nCOPY . .\n"
            "RUN go build -o /app \\\n    ./cmd/app\n\n"
            "FROM gcr.io/distroless/static:nonroot\nCOPY --from=build /app /\n"
        )
        (service / "deploy.yaml").write_text(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec:\n  template:\n    spec:\n"
            f"      containers:\n      - name: app\n        image: ghcr.io/acme/app:{number}\n        ports:\n"
            "        - containerPort: 8080\n        resources: {requests: {cpu: 10m, memory: 32Mi}}\n"
        )


def measure_extraction(folder: Path) -> None:
    tree = WorkTree(folder)
    formats = all_formats()
    found = survey(GitRepository("", "", None, None), tree, formats)
    files = list(tree.entries())
    contents = [
        reading.file.content for reading in found.readings if reading.file.path.lower().endswith((".yaml", ".yml"))
    ]

    def parse_events() -> None:
        for content in contents:
            try:
                for _ in yaml.parse(content.decode(errors="replace"), Loader=yaml.CSafeLoader):
                    pass
            except yaml.YAMLError:
                pass

    everything = best(lambda: survey(GitRepository("", "", None, None), tree, formats))
    read = [SourceFile(reading.file.path, reading.file.content) for reading in found.readings]
    by_name = {file_format.name: file_format for file_format in formats}
    chosen = [(by_name[reading.file_format.name], file) for reading, file in zip(found.readings, read, strict=True)]
    extraction = best(lambda: [list(file_format.extract(file)) for file_format, file in chosen])
    events = best(parse_events)
    of_yaml = [(file_format, file) for file_format, file in chosen if file.path.lower().endswith((".yaml", ".yml"))]
    yaml_extraction = best(lambda: [list(file_format.extract(file)) for file_format, file in of_yaml])
    print(f"extraction: {len(files)} files listed, {len(chosen)} with references, {len(found.occurrences)} references")
    print(f"  list, read and extract: {everything:.2f} s, {len(files) / everything:,.0f} files/s")
    print(f"  extraction of the files with references: {extraction:.2f} s")
    if events:
        ratio = yaml_extraction / events
        print(f"  of their YAML: {yaml_extraction:.2f} s, {ratio:.1f} times the bare C event stream")
    print("  Renovate is not installed here, so there is no ratio to it.")
    reasons = Counter(each.reason.value for each in found.unsupported)
    print(f"  unsupported: {dict(sorted(reasons.items())) or 'none'}")


def measure_lookups() -> None:
    if find_docker_registry() is None:
        print("look-ups: docker-registry is not on this machine, so they were not measured")
        return
    store = ImageStore()
    for number in range(IMAGES):
        root = layer(debian_root("12.7", [Package("base-files", str(number))]))
        store.tag(f"library/image-{number}", "1", index([image([root]), image([root], platform="linux/arm64")]))
    with DockerRegistry() as registry:
        registry.push_store(store)
        entry = RegistryEntry(host="docker.io", mirror=registry.host, insecure=True)
        lines = [Line(f"docker.io/library/image-{number}", "1") for number in range(IMAGES)]
        digests = {line: OciRegistry([entry]).head(line).digest for line in lines}
        for title, held in (("nothing moved", digests), ("everything moved", {})):
            registry.forget()
            start = time.perf_counter()
            places = [place(line, held.get(line)) for line in lines]
            answers = resolve(places, OciRegistry([entry]), NETWORK, NoProgress())
            seconds = time.perf_counter() - start
            requests = len(registry.requests())
            assert not answers.failed
            print(f"look-ups, {title}: {IMAGES} images, {requests / IMAGES:.2f} requests per image, {seconds:.2f} s")


def place(line: Line, digest: str | None) -> Selected:
    reference = ImageReference.parse(f"{line}@{digest}" if digest else str(line))
    occurrence = Occurrence(
        FilePath("Dockerfile"), 1, "dockerfile", str(line), str(line), reference, Role.BASE, Slot(Span(0, 0), b"")
    )
    return Selected(occurrence, line, Policy())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made_up:
        corpus = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(made_up)
        if len(sys.argv) == 1:
            make_up(corpus)
        measure_extraction(corpus)
    measure_lookups()
