"""Verify edits of Dockerfiles with dockerfile-parse, which is independent of basebump's own parser."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from io import BytesIO

from bot.core.references.dockerfile_stages import is_base_image
from bot.model.extracted_item import ExtractedReferences
from bot.model.source import Occurrence, SourceFile

MAX_PARSED_BYTES = 64 * 1024
"""Twice the size of the largest known Dockerfile; the run time of dockerfile-parse grows quadratically with it."""

_SCRATCH = "scratch"


@dataclass(frozen=True, slots=True)
class _DockerfileParse:
    """The result of parsing a Dockerfile with dockerfile-parse."""

    images: Counter[str]
    """The values of FROM instructions: images, stages and scratch."""
    stage_names: frozenset[str]
    """Names of the stages."""


def has_unplanned_change(
    before: SourceFile, after: SourceFile, references_before: ExtractedReferences, references_after: ExtractedReferences
) -> bool:
    """Return True if dockerfile-parse finds a different change of FROM images than basebump's own parser.

    Its result counts only if both parsers agree before the edit: dockerfile-parse misreads defaults inside words,
    nested arguments, heredocs, byte-order marks and blank lines inside instructions.
    """
    if max(len(before.content), len(after.content)) > MAX_PARSED_BYTES:
        return False
    old, new = _count_base_images(references_before), _count_base_images(references_after)
    parsed_before = _parse_dockerfile(before.content)
    if parsed_before is None or not _has_same_images(parsed_before, old):
        return False
    parsed_after = _parse_dockerfile(after.content)
    return parsed_after is None or parsed_after.images != parsed_before.images - old + new


def _has_same_images(parsed: _DockerfileParse, images: Counter[str]) -> bool:
    """Return True if dockerfile-parse finds all of our images and, besides, only stages and scratch."""
    others = parsed.images - images
    is_complete = images <= parsed.images
    return is_complete and all(name == _SCRATCH or name.lower() in parsed.stage_names for name in others)


def _count_base_images(references: ExtractedReferences) -> Counter[str]:
    """Return the images of FROM instructions; dockerfile-parse ignores other image references."""
    return Counter(
        str(reference.reference)
        for reference in references
        if isinstance(reference, Occurrence) and is_base_image(reference)
    )


def _parse_dockerfile(content: bytes) -> _DockerfileParse | None:
    """Parse a Dockerfile with dockerfile-parse; None if that fails."""
    # Imported here, so that only runs that edit a Dockerfile load it.
    from dockerfile_parse import DockerfileParser  # noqa: PLC0415
    from dockerfile_parse.parser import image_from  # noqa: PLC0415

    # Parses bytes in memory: without `fileobj` it would open ./Dockerfile, and create it if it does not exist.
    parser = DockerfileParser(fileobj=BytesIO(content))  # type: ignore[arg-type]  # stubs require str
    try:
        images = parser.parent_images
        names = [image_from(each["value"])[1] for each in parser.structure if each["instruction"] == "FROM"]
    except Exception:  # noqa: BLE001 it fails with many types of exceptions, and has no result then
        return None
    return _DockerfileParse(Counter(images), frozenset(name.lower() for name in names if name))
