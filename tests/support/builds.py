"""The build arguments in the facts of build files."""

from __future__ import annotations

from collections.abc import Iterable

from bot.core.references.relate.dockerfile_builds import resolve_builds
from bot.model.cross_file import DockerfileBuild
from bot.model.extracted_item import ExtractedItem


def list_arguments(items: Iterable[ExtractedItem]) -> list[tuple[str, str, int, str | None]]:
    """Return the Dockerfile, the name, the line and the value of each build argument that the items set.

    The value is None if a variable in it is not set.
    """
    facts = [each for each in items if isinstance(each, DockerfileBuild)]
    return [
        (build.dockerfiles[0], argument.name, argument.line_number, resolved.value if resolved is not None else None)
        for build in resolve_builds(facts)
        if build.dockerfiles
        for argument in build.build.arguments
        for resolved in [build.arguments.get(argument.name)]
    ]
