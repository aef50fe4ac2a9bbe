"""Read Quadlet build units of Podman.

See https://docs.podman.io/en/latest/markdown/podman-systemd.unit.5.html.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from bot.formats._syntax.build_options import list_build_arguments, parse_build_options, parse_option_text
from bot.formats._syntax.reference_positions import format_for_display
from bot.formats._syntax.units import BrokenUnitError, UnitSetting, read_settings
from bot.model.cross_file import BuildArgument, DockerfileBuild
from bot.model.extracted_item import ExtractedItem
from bot.model.source import SourceFile, UnsupportedText

_WORKING_FOLDERS = ("unit", "file")
"""Values of `SetWorkingDirectory=` that are no paths. The path of the Dockerfile then begins at the unit's folder."""


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the build of a build unit that sets build arguments. Other build units name no image."""
    try:
        settings = [each for each in read_settings(file.content) if each.section == "Build"]
    except BrokenUnitError as error:
        yield UnsupportedText(file.path, error.line_number, format_for_display(error.line), error.reason)
        return
    arguments = tuple(argument for each in settings for argument in _list_arguments(each))
    values = {each.key: each for each in settings}
    if arguments and (named := values.get("File")) is not None:
        folder = values["SetWorkingDirectory"].value if "SetWorkingDirectory" in values else ""
        yield DockerfileBuild(
            file.path,
            named.line_number,
            "quadlet",
            context=parse_option_text("" if folder in _WORKING_FOLDERS else folder),
            dockerfile=parse_option_text(named.value),
            arguments=arguments,
        )


def _list_arguments(setting: UnitSetting) -> Iterator[BuildArgument]:
    """Yield the arguments that a setting of a build unit passes to `podman build`."""
    try:
        words = shlex.split(setting.value)
    except ValueError:
        words = setting.value.split()
    if setting.key == "BuildArg":
        words = [f"--build-arg={each}" for each in words]
    if setting.key in ("BuildArg", "PodmanArgs"):
        yield from list_build_arguments(tuple(parse_build_options(words)), setting.line_number)
