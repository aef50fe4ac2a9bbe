"""Reads and checks the files that `trust` names: public keys, certificates and trusted roots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bot.model.errors import ConfigError, ConfigProblem
from bot.model.trust import NotationTrust, TrustedIdentity, TrustedKey, TrustEntry
from bot.settings.named_file import UnreadableFileError, read_bounded
from bot.settings.sections.trust import NotationSection, TrustConfigEntry

MAX_FILE = 1024 * 1024
"""The maximum number of bytes of a file.

A public key has some hundred bytes. The certificates of all authorities that a browser trusts have two hundred
thousand.
"""


def read_trust(entries: tuple[TrustConfigEntry, ...], config: Path) -> tuple[TrustEntry, ...]:
    """Read the files that `trust` names, relative to the config. Raises ConfigError with all their problems."""
    problems: list[ConfigProblem] = []
    trust_entries = tuple(
        _read_trust_entry(each, config.absolute().parent, f"trust[{index}]", problems)
        for index, each in enumerate(entries)
    )
    if problems:
        raise ConfigError(str(config), tuple(problems))
    return trust_entries


def _read_trust_entry(entry: TrustConfigEntry, folder: Path, where: str, problems: list[ConfigProblem]) -> TrustEntry:
    return TrustEntry(
        image_globs=entry.image,
        keys=tuple(_read_keys(entry, folder, where, problems)),
        identities=tuple(TrustedIdentity(each.issuer, each.identity) for each in entry.keyless),
        trusted_root=_find_trusted_root(entry, where, problems),
        notation=_read_notation(entry.notation, folder, f"{where}.notation", problems) if entry.notation else None,
        signed_as=entry.signed_as,
    )


def _read_notation(entry: NotationSection, folder: Path, where: str, problems: list[ConfigProblem]) -> NotationTrust:
    from cryptography import x509  # noqa: PLC0415 - imported only for configs with `trust`

    def read_certificates() -> Iterator[bytes]:
        for index, path in enumerate(entry.certificates):
            try:
                pem = read_bounded(folder / path, MAX_FILE)
                x509.load_pem_x509_certificates(pem)
            except UnreadableFileError as error:
                problems.append(ConfigProblem(f"{where}.certificates[{index}]", str(error)))
            except ValueError:
                problems.append(
                    ConfigProblem(f"{where}.certificates[{index}]", "the file contains no certificates in PEM format")
                )
            else:
                yield pem

    for index, subject in enumerate(entry.subjects):
        try:
            x509.Name.from_rfc4514_string(subject)
        except ValueError:
            problems.append(
                ConfigProblem(
                    f"{where}.subjects[{index}]",
                    "must be a distinguished name; hint: write it in the form `C=US,ST=WA,O=Acme`",
                )
            )
    return NotationTrust(tuple(read_certificates()), entry.subjects)


def _find_trusted_root(entry: TrustConfigEntry, where: str, problems: list[ConfigProblem]) -> str | None:
    """Return the path of the entry's `trusted_root`; None if the entry does not have this key.

    Only the existence of the file is checked here; the signature verifier reads the file. If the file does not exist, a
    problem is added to `problems`.
    """
    if entry.trusted_root is None:
        return None
    if not entry.trusted_root.is_file():
        problems.append(ConfigProblem(f"{where}.trusted_root", "the path does not name an existing file"))
    return str(entry.trusted_root)


def _read_keys(
    entry: TrustConfigEntry, folder: Path, where: str, problems: list[ConfigProblem]
) -> Iterator[TrustedKey]:
    """Yield the entry's public keys. For each key that cannot be used, add a problem to `problems` instead."""
    from bot.core.evidence.public_keys import PublicKey  # noqa: PLC0415 - imported only for configs with `trust`

    for index, path in enumerate(entry.keys):
        try:
            key = TrustedKey(path, read_bounded(folder / path, MAX_FILE))
            PublicKey.load(key)
        except UnreadableFileError as error:
            problems.append(ConfigProblem(f"{where}.keys[{index}]", str(error)))
        except ValueError as error:
            problems.append(ConfigProblem(f"{where}.keys[{index}]", f"the file {error}"))
        else:
            yield key
