"""What the trouble of one image costs the others of its registry: nothing."""

from __future__ import annotations

import pytest
from support.listener import Listener, Received, Reply

from bot.cli.terminal import NoProgress
from bot.demo import images
from bot.model.decision import Selected
from bot.model.image import Resolved, Unresolved
from bot.model.policy import Policy
from bot.model.reference import ImageReference, Line
from bot.model.source import FilePath, Occurrence, Slot, Span
from bot.model.vocabulary import Reason, Role
from bot.pipeline.pool import Pool
from bot.pipeline.resolve import resolve
from bot.registries.access import RegistryEntry
from bot.registries.oci import OciRegistry

IMAGE = images.image([images.layer({"a": b"b"})])


def place(line: Line) -> Selected:
    slot = Slot(Span(0, 0), b"")
    text = str(line)
    reference = ImageReference.parse(text)
    found = Occurrence(FilePath("Dockerfile"), 1, "dockerfile", text, text, reference, Role.BASE, slot, slot)
    return Selected(found, line, Policy())


@pytest.mark.parametrize("workers", [1, 8])
@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        (429, {}, Reason.RATE_LIMITED),
        (500, {}, Reason.REGISTRY_ERROR),
        (503, {}, Reason.REGISTRY_ERROR),
    ],
)
def test_the_trouble_of_one_image_is_no_other_ones(status, headers, reason, workers):
    def answer(received: Received) -> Reply:
        if received.path.startswith("/v2/ill/"):
            return Reply(status, headers=headers)
        said = {"Content-Type": IMAGE.media_type, "Docker-Content-Digest": IMAGE.digest}
        return Reply(200, IMAGE.content, said)

    with Listener(answer) as server:
        lines = [Line(f"{server.host}/{name}", "1") for name in ("a", "b", "ill", "y", "z")]
        registry = OciRegistry([RegistryEntry(server.host, insecure=True)], environment={}, sleep=lambda seconds: None)
        answers = resolve(map(place, lines), registry, Pool(workers), NoProgress())
    (ill,) = (line for line in lines if line.path == "ill")
    found = answers.resolutions
    assert {line for line, said in found.items() if isinstance(said, Resolved)} == set(lines) - {ill}
    assert isinstance(found[ill], Unresolved)
    assert found[ill].reason is reason
    assert [failed.subject for failed in answers.failed] == [server.host]
