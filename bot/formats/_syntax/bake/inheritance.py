"""Resolve the inheritance of bake targets: the Dockerfile and the build arguments of each target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.formats._syntax.bake.bake_file import BakeTarget
from bot.formats._syntax.tree_paths import resolve_dockerfile
from bot.model.source import FilePath

MAX_VISITS = 50_000
"""Limit on the targets visited, with their arguments and their `inherits`, counted again for every target that inherits
from them; the largest files have hundreds."""


def list_arguments(path: FilePath, targets: Sequence[BakeTarget]) -> Iterator[tuple[FilePath, str, int]]:
    """Yield Dockerfile, name and offset of every argument that a target has; none for inline Dockerfiles."""
    by_name = {target.name: target for target in targets}
    visits = 0
    for target in targets:
        context: str | None = None
        dockerfile: str | None = None
        arguments: dict[str, int] = {}
        is_inline = False
        for each in _resolve_inheritance(target, by_name):
            visits += 1 + len(each.arguments) + len(each.inherits)
            if visits > MAX_VISITS:
                return
            context = each.context if context is None else context
            dockerfile = each.dockerfile if dockerfile is None else dockerfile
            is_inline = is_inline or each.inline_dockerfile is not None
            arguments |= {name: start for name, start in each.arguments if name not in arguments}
        built_dockerfile = None if is_inline else resolve_dockerfile(path, context, dockerfile)
        if built_dockerfile is not None:
            yield from ((built_dockerfile, name, start) for name, start in arguments.items())


def _resolve_inheritance(target: BakeTarget, by_name: dict[str, BakeTarget]) -> Iterator[BakeTarget]:
    """Yield a target and the targets that it inherits from, each before those that it overrides."""
    visited_names: set[str] = set()
    pending = [target]
    while pending:
        each = pending.pop()
        if each.name not in visited_names:
            visited_names.add(each.name)
            yield each
            pending += [by_name[name] for name in each.inherits if name in by_name]
