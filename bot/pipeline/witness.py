"""A second witness of every edit of a Dockerfile: dockerfile-parse, which knows nothing of how we read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from io import BytesIO

from bot.core.places.stages import is_base
from bot.model.found import Places
from bot.model.source import Occurrence, SourceFile

MAX_WITNESSED_BYTES = 64 * 1024
"""Of one file: twice the largest Dockerfile in the wild. The time that dockerfile-parse needs grows with the square."""

_SCRATCH = "scratch"


@dataclass(frozen=True, slots=True)
class _Testimony:
    """What dockerfile-parse says of a file."""

    images: Counter[str]
    """What the FROM instructions name: images, stages and scratch."""
    names: frozenset[str]
    """Of the stages."""


def objects(before: SourceFile, after: SourceFile, places_before: Places, places_after: Places) -> bool:
    """Say whether dockerfile-parse sees another change in the images of FROM than the places show.

    It is only heard where it agreed with the places before the edit: it misreads defaults in words, arguments in
    arguments, heredocs, byte-order marks and blank lines in instructions, and then its word is worth nothing.
    """
    if max(len(before.content), len(after.content)) > MAX_WITNESSED_BYTES:
        return False
    old, new = _images(places_before), _images(places_after)
    testimony = _testimony(before.content)
    if testimony is None or not _agrees(testimony, old):
        return False
    changed = _testimony(after.content)
    return changed is None or changed.images != testimony.images - old + new


def _agrees(testimony: _Testimony, images: Counter[str]) -> bool:
    """Say whether it sees our images and, besides, only stages."""
    others = testimony.images - images
    is_complete = images <= testimony.images
    return is_complete and all(name == _SCRATCH or name.lower() in testimony.names for name in others)


def _images(places: Places) -> Counter[str]:
    """Return what FROM names; what else names images, dockerfile-parse does not look at."""
    return Counter(str(place.reference) for place in places if isinstance(place, Occurrence) and is_base(place))


def _testimony(content: bytes) -> _Testimony | None:
    """Return what dockerfile-parse says; None where it breaks."""
    # Imported here, so that only those pay for it who edit a Dockerfile.
    from dockerfile_parse import DockerfileParser  # noqa: PLC0415
    from dockerfile_parse.parser import image_from  # noqa: PLC0415

    # Of bytes in memory: without them it would open ./Dockerfile, and write one if there is none.
    parser = DockerfileParser(fileobj=BytesIO(content))  # type: ignore[arg-type]  # its stubs want text; it decodes
    try:
        images = parser.parent_images
        names = [image_from(each["value"])[1] for each in parser.structure if each["instruction"] == "FROM"]
    except Exception:  # noqa: BLE001 it breaks in many ways; then it has nothing to say
        return None
    return _Testimony(Counter(images), frozenset(name.lower() for name in names if name))
