"""Who may sign which images: the files that `trust` names, read and checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bot.model.errors import ConfigError, ConfigProblem
from bot.model.trust import Trust, TrustedIdentity, TrustedKey
from bot.settings import schema

MAX_KEY = 64 * 1024
"""Bytes of a file; a public key has some hundred."""


def trusted(entries: tuple[schema.Trust, ...], config: Path) -> tuple[Trust, ...]:
    """Read the files that `trust` names; they are relative to the config. Raises ConfigError with all that is wrong."""
    problems: list[ConfigProblem] = []
    read = tuple(
        _trust(each, config.absolute().parent, f"trust[{index}]", problems) for index, each in enumerate(entries)
    )
    if problems:
        raise ConfigError(str(config), tuple(problems))
    return read


def _trust(entry: schema.Trust, folder: Path, where: str, problems: list[ConfigProblem]) -> Trust:
    return Trust(
        image=entry.image,
        keys=tuple(_keys(entry, folder, where, problems)),
        identities=tuple(TrustedIdentity(each.issuer, each.identity) for each in entry.keyless or ()),
        root=_root(entry, folder, where, problems),
    )


def _root(entry: schema.Trust, folder: Path, where: str, problems: list[ConfigProblem]) -> str | None:
    """Return where the file of roots is; what it holds is read by who verifies."""
    if entry.trusted_root is None:
        return None
    path = folder / entry.trusted_root
    if not path.is_file():
        problems.append(ConfigProblem(f"{where}.trusted_root", "could not be read: it is no file"))
    return str(path)


def _keys(entry: schema.Trust, folder: Path, where: str, problems: list[ConfigProblem]) -> Iterator[TrustedKey]:
    """Yield the keys that can be used, and note why the others cannot."""
    from bot.core.keys import PublicKey  # noqa: PLC0415 - only those wait for it who trust somebody

    for index, path in enumerate(entry.keys or ()):
        try:
            with (folder / path).open("rb") as file:
                key = TrustedKey(path, file.read(MAX_KEY))
            PublicKey.of(key)
        except OSError as error:
            problems.append(ConfigProblem(f"{where}.keys[{index}]", f"could not be read: {error.strerror}"))
        except ValueError as error:
            problems.append(ConfigProblem(f"{where}.keys[{index}]", str(error)))
        else:
            yield key
