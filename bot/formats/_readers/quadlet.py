"""Read Quadlet units of Podman: the `Image=` setting of container, image and volume units.

See https://docs.podman.io/en/latest/markdown/podman-systemd.unit.5.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.core.references.locking import lock_reference
from bot.formats._syntax.platforms import read_platform
from bot.formats._syntax.reference_positions import (
    TEMPLATE_MARKS,
    ReferencePosition,
    forbid_tag_with_digest,
    format_for_display,
)
from bot.formats._syntax.units import BrokenUnitError, UnitSetting, read_settings
from bot.model.extracted_item import ExtractedItem
from bot.model.source import FilePath, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason, Role

_FORMAT = "quadlet"
_IMAGE_KEY = "Image"
_UNIT_SUFFIXES = (".image", ".build")
"""Suffixes of values that name another unit. Podman takes the image from that unit."""
_REGISTRY_TRANSPORT = "docker://"
"""The prefix of an image in a registry. The prefix is optional. If a value has this prefix, Podman rejects a
combination of a tag and a digest (NewReference in docker/docker_transport.go of containers/image)."""
_OTHER_TRANSPORT = re.compile(
    r"(?:docker-archive|docker-daemon|oci|oci-archive|dir|ostree|containers-storage|sif)(?::.*)?", re.DOTALL
)
"""Values that are not images in a registry (containers-transports(5))."""

_AUTO_UPDATE_KEY = "AutoUpdate"
_REGISTRY_POLICY = "registry"
_AUTO_UPDATE_LABEL = re.compile(r"\bio\.containers\.autoupdate=(?:registry|image)\b")
"""The label that, like `AutoUpdate=`, makes `podman auto-update` pull the tag again (podman-auto-update(1))."""


def read(file: SourceFile, section: str) -> Iterator[ExtractedItem]:
    """Yield the image in a unit, or nothing if the unit names no image.

    `section` is the section for the type of the unit, such as `Container`. Other sections are ignored.
    """
    try:
        settings = [each for each in read_settings(file.content) if each.section == section]
    except BrokenUnitError as error:
        yield UnsupportedText(file.path, error.line_number, format_for_display(error.line), error.reason)
        return
    settings_by_key = {each.key: each for each in settings}
    if _IMAGE_KEY not in settings_by_key:
        return
    found = _read_setting(file.path, settings_by_key[_IMAGE_KEY], _get_platform(settings_by_key))
    if isinstance(found, Reference) and found.image.digest is None and _is_updated_by_podman(settings):
        found = lock_reference(found, Reason.OTHER_WRITER)
    if found is not None:
        yield found


def _is_updated_by_podman(settings: Iterable[UnitSetting]) -> bool:
    """Return True if `podman auto-update` updates the image of the unit.

    Such an image must not be pinned, because `podman auto-update` fails for a reference with both a tag and a digest.
    """
    policy = ""
    for setting in settings:
        if setting.key == _AUTO_UPDATE_KEY:
            policy = setting.value
        elif setting.key == "Label" and _AUTO_UPDATE_LABEL.search(setting.value):
            return True
    return policy == _REGISTRY_POLICY


def _get_platform(settings: dict[str, UnitSetting]) -> str | None:
    """Return the platform that an image unit requests, or None if the unit has no `Arch=`."""
    system, architecture, variant = (
        settings[key].value if key in settings else default
        for key, default in (("OS", "linux"), ("Arch", ""), ("Variant", ""))
    )
    return read_platform("/".join(filter(None, (system, architecture, variant)))) if architecture else None


def _read_setting(path: FilePath, setting: UnitSetting, platform: str | None) -> Reference | UnsupportedText | None:
    text = setting.value
    if not text or text.endswith(_UNIT_SUFFIXES):
        return None
    position = ReferencePosition(
        path,
        _FORMAT,
        Role.THIRD_PARTY,
        setting.value_line_number,
        f"{setting.section}/{setting.key}",
        platform,
        related_lines=() if setting.line_number == setting.value_line_number else (setting.line_number,),
    )
    if TEMPLATE_MARKS.search(text):
        return position.make_unsupported(text, Reason.TEMPLATED)
    if _OTHER_TRANSPORT.fullmatch(text):
        return position.make_not_editable(text, Reason.NOT_AN_IMAGE)
    if setting.value_start is None:
        return position.make_unsupported(text, Reason.MALFORMED)
    if not text.startswith(_REGISTRY_TRANSPORT):
        return position.read_reference(text, setting.value_start)
    prefix_length = len(_REGISTRY_TRANSPORT)
    found = position.read_reference(text[prefix_length:], setting.value_start + prefix_length)
    return forbid_tag_with_digest(found) if isinstance(found, Reference) else found
