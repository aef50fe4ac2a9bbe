"""Named build contexts. If a build replaces an image by a build context, the name of the image must not be changed.

BuildKit looks up a base image of a Dockerfile under its familiar name, such as `alpine:3.20` for
`docker.io/library/alpine:3.20`, and removes the tag `latest` from the end (Client.NamedContext in
frontend/dockerui/config.go of moby/buildkit). A digest is part of the name. If a digest were added or replaced,
BuildKit would no longer find the context, and would pull the image instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.core.references.locking import lock_reference
from bot.model.cross_file import CrossFileFact, NamedBuildContext
from bot.model.errors import InvalidReferenceError
from bot.model.extracted_item import ExtractedReferences
from bot.model.image_name import ImageName
from bot.model.source import FilePath, Reference
from bot.model.vocabulary import Reason

MAX_LOCATORS = 100
"""Limit on the inline Dockerfiles of one file for which a context with a certain name is compared by locator. A file
with more of them uses the same name everywhere, so the name is then locked in the whole file."""

_DEFAULT_TAG = "latest"
_PLATFORM_MARK = "::"
"""Separates the name of a context from the platform to which it applies: `alpine::linux/arm64`."""

_LookupName = tuple[str, str | None, str | None]
"""The repository, the tag and the digest under which BuildKit looks up a context."""


def lock_named_contexts(references: ExtractedReferences, facts: Sequence[CrossFileFact]) -> ExtractedReferences:
    """Lock each image reference in a Dockerfile that a build replaces by a named build context.

    A note names the file and the line of the context.
    """
    contexts: dict[FilePath, dict[_LookupName, dict[str, NamedBuildContext]]] = defaultdict(lambda: defaultdict(dict))
    for fact in facts:
        name = _parse_name(fact.name) if isinstance(fact, NamedBuildContext) else None
        if name is not None and isinstance(fact, NamedBuildContext):
            by_locator = contexts[fact.dockerfile][name]
            by_locator.setdefault(fact.locator_prefix if len(by_locator) < MAX_LOCATORS else "", fact)
    if not contexts:
        return references
    return tuple(
        _lock_reference(each, contexts[each.path]) if each.path in contexts and isinstance(each, Reference) else each
        for each in references
    )


def _lock_reference(found: Reference, contexts: Mapping[_LookupName, Mapping[str, NamedBuildContext]]) -> Reference:
    by_locator = contexts.get(_make_lookup_name(found.image), {})
    context = next((each for prefix, each in by_locator.items() if found.locator.startswith(prefix)), None)
    if context is None:
        return found
    note = f"{context.path}:{context.line_number} replaces {found.image} with a build context of this name"
    return replace(lock_reference(found, Reason.NAMED_CONTEXT), notes=(*found.notes, note))


def _parse_name(name: str) -> _LookupName | None:
    """Return the name under which BuildKit finds a context, or None if `name` is the name of a stage or not valid."""
    try:
        return _make_lookup_name(ImageName.parse(name.partition(_PLATFORM_MARK)[0]))
    except InvalidReferenceError:
        return None


def _make_lookup_name(image: ImageName) -> _LookupName:
    tag = image.tag or (None if image.digest else _DEFAULT_TAG)
    return image.repository, tag, image.digest
