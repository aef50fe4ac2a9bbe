"""One file per file format; `_syntax` has the tokenisers they share."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from bot.ports import FileFormat


@cache
def all_formats() -> tuple[FileFormat, ...]:
    """Return the `FORMAT` of every module of this package, sorted by name."""
    names = (module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    formats: list[FileFormat] = [import_module(f"{__name__}.{name}").FORMAT for name in names]
    return tuple(sorted(formats, key=lambda file_format: file_format.name))
