"""The images in resources of Azure, for Bicep files and for ARM templates in JSON.

See https://learn.microsoft.com/azure/templates/ for the properties of each resource type.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from bot.core.references.locking import lock_reference
from bot.formats._syntax.reference_positions import TEMPLATE_MARKS, ReferencePosition, UniqueLocators
from bot.model.source import FilePath, Reference, UnsupportedText
from bot.model.vocabulary import Reason, Role

_SITE_PROPERTIES = ("linuxfxversion", "windowsfxversion")
"""Properties of web apps. They contain an image only after `DOCKER|`, and otherwise the name of a runtime."""
_CONTAINER_LISTS = ("containers", "initcontainers")
_APP_PATHS = frozenset(("properties", "template", each, "image") for each in _CONTAINER_LISTS)
_SITE_PATHS = frozenset(("properties", "siteconfig", each) for each in _SITE_PROPERTIES)
_IMAGE_PATHS: Mapping[str, frozenset[tuple[str, ...]]] = {
    "microsoft.app/containerapps": _APP_PATHS,
    "microsoft.app/jobs": _APP_PATHS,
    "microsoft.containerinstance/containergroups": frozenset(
        ("properties", each, "properties", "image") for each in _CONTAINER_LISTS
    ),
    "microsoft.web/sites": _SITE_PATHS,
    "microsoft.web/sites/slots": _SITE_PATHS,
    "microsoft.web/sites/config": frozenset(("properties", each) for each in _SITE_PROPERTIES),
    "microsoft.web/sites/slots/config": frozenset(("properties", each) for each in _SITE_PROPERTIES),
}
"""The paths of properties that contain images, by resource type. All names are in lower case, because Azure compares
them without case. The positions in arrays are left out."""
_SITE_IMAGE = re.compile(r"DOCKER\|", re.IGNORECASE)


class TemplateString(NamedTuple):
    """A string in a template, with the byte offset of its text."""

    text: str
    start: int
    is_literal: bool
    """True if the file contains `text` literally at `start`, without escapes."""


class NamedTemplateValue(NamedTuple):
    """A parameter or a variable of a template."""

    value: TemplateString | None
    """The default of the parameter, or the value of the variable. None if there is no value, or if an expression
    computes the value."""
    is_parameter: bool
    is_limited: bool
    """True if the template allows only some values, so that the default must not be edited."""


class ImageValue(NamedTuple):
    """The value of a property that contains an image."""

    locator: str
    property_name: str
    source: str
    """The value as it is written in the file."""
    start: int
    value: TemplateString | str | None
    """A string, the name of a parameter or a variable, or None for any other expression."""


def is_image_property(resource_type: str, path: tuple[str, ...]) -> bool:
    """Return True if the property `path` of a resource contains an image, or the runtime of a web app.

    The names in `path` must be in lower case. `resource_type` may have any case.
    """
    return path in _IMAGE_PATHS.get(resource_type.lower(), ())


@dataclass(frozen=True, slots=True)
class TemplateImages:
    """The images of one template, and the parameters and variables that they use."""

    path: FilePath
    format: str
    get_line_number: Callable[[int], int]
    named_values: Mapping[str, NamedTemplateValue]
    use_counts: Mapping[str, int]
    """How often the template uses each parameter and variable, as an image or for another purpose."""

    def read_values(self, values: Iterable[ImageValue]) -> Iterator[Reference | UnsupportedText]:
        """Yield the images in `values`, in the order of the file."""
        ordered = sorted(values, key=lambda each: each.start)
        image_counts = Counter(each.value for each in ordered if isinstance(each.value, str))
        locators = UniqueLocators()
        for value in ordered:
            position = ReferencePosition(
                self.path,
                self.format,
                Role.THIRD_PARTY,
                self.get_line_number(value.start),
                locators.make_unique(value.locator),
            )
            if isinstance(value.value, str):
                yield from self._read_named(position, value, value.value, image_counts)
            else:
                yield from _read_string(position, value, value.value)

    def _read_named(
        self, position: ReferencePosition, value: ImageValue, name: str, image_counts: Mapping[str, int]
    ) -> Iterator[Reference | UnsupportedText]:
        """Yield the image in the default of the parameter or variable `name`.

        The digest is written to the default. The digest is not editable if the template uses this default elsewhere,
        too.
        """
        named = self.named_values.get(name)
        if named is None or named.value is None:
            if value.property_name not in _SITE_PROPERTIES:
                is_unset = named is not None and named.is_parameter
                yield position.make_unsupported(
                    value.source, Reason.UNRESOLVED_ARGUMENT if is_unset else Reason.TEMPLATED
                )
            return
        is_shared = named.is_limited or self.use_counts.get(name, 0) > image_counts[name]
        related = position._replace(related_lines=(self.get_line_number(named.value.start),))
        for found in _read_string(related, value, named.value):
            if isinstance(found, UnsupportedText):
                yield found
            else:
                used = replace(found, written=value.source, variables=(name,))
                yield lock_reference(used, Reason.SHARED_ARGUMENT) if is_shared else used


def _read_string(
    position: ReferencePosition, value: ImageValue, string: TemplateString | None
) -> Sequence[Reference | UnsupportedText]:
    """Return the image in a string, or nothing if the string is empty or names the runtime of a web app.

    `string` is None if the value is computed.
    """
    is_site = value.property_name in _SITE_PROPERTIES
    if string is None:
        is_ignored = is_site and _SITE_IMAGE.search(value.source) is None
        return () if is_ignored else (position.make_unsupported(value.source, Reason.TEMPLATED),)
    prefix = _SITE_IMAGE.match(string.text) if is_site else None
    text = string.text[prefix.end() :] if prefix is not None else string.text
    if not text or (is_site and prefix is None):
        return ()
    if TEMPLATE_MARKS.search(text):
        return (position.make_unsupported(text, Reason.TEMPLATED),)
    if not string.is_literal:
        return (position.make_unsupported(text, Reason.MALFORMED),)
    return (position.read_reference(text, string.start + len(string.text) - len(text)),)
