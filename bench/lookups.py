"""Look-ups against a real registry on this machine: how many requests an image costs."""

from __future__ import annotations

import time

from support.parts import find_docker_registry
from support.registry import DockerRegistry

from bot.cli.terminal import NoProgress
from bot.demo.images import ImageStore, Package, debian_root, image, index, layer
from bot.model.decision import Selected
from bot.model.policy import Policy
from bot.model.reference import ImageReference, Line
from bot.model.source import FilePath, Occurrence, Slot, Span
from bot.model.vocabulary import Role
from bot.pipeline.pool import NETWORK
from bot.pipeline.resolve import resolve
from bot.registries.access import RegistryEntry
from bot.registries.oci import OciRegistry

IMAGES = 100


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
    slot = Slot(Span(0, 0), b"")
    occurrence = Occurrence(
        FilePath("Dockerfile"), 1, "dockerfile", str(line), str(line), reference, Role.BASE, slot, slot
    )
    return Selected(occurrence, line, Policy())
