"""Read a Renovate config: which images Renovate is configured to update. The file names no image itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from bot.formats._syntax.broken import BrokenFile
from bot.formats._syntax.jsonc import Array, Object, Text, Value, Word, read_json5
from bot.formats._syntax.renovate.presets import Plain
from bot.formats._syntax.renovate.settings import settings_of
from bot.model.remark import RenovateConfig
from bot.model.source import SourceFile

_IN_PACKAGE = "renovate"
_WORDS = {"true": True, "false": False}


def read(file: SourceFile, rank: int, *, is_package: bool) -> Iterator[RenovateConfig]:
    """Yield the Renovate settings of a file; nothing for a `package.json` without the key `renovate`."""
    read = read_json5(file.content)
    config = None if isinstance(read, BrokenFile) else _plain(read.root)
    if is_package:
        config = config.get(_IN_PACKAGE) if isinstance(config, dict) else None
        if config is None:
            return
    yield RenovateConfig(file.path, rank, settings_of(config) if isinstance(config, dict) else None)


def _plain(value: Value) -> Plain:
    match value:
        case Text(text):
            return text
        case Word(word):
            return _WORDS.get(word)
        case Array(_, items):
            return [_plain(item) for item in items]
        case Object(_, items):
            return {key.value: _plain(item) for key, item in items}
        case _:
            assert_never(value)
