"""Read the files that a config names: keys, certificates, templates, blocked images and ends of support."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import ValidationError

from bot.core.choice.blocklist import build_blocklist
from bot.model.blocklist import Blocklist, BlocklistEntry
from bot.model.errors import ConfigError, ConfigProblem
from bot.model.rules import ConfiguredEndOfLife
from bot.model.trust import NotationTrust, TrustedKey, TrustEntry
from bot.settings.documents import EndOfLifeFile
from bot.settings.entries import Entry
from bot.settings.reading.config import report_empty_values
from bot.settings.reading.problems import convert_errors
from bot.settings.reading.validation import validate
from bot.settings.reading.yaml_file import MAX_BYTES, parse_document, read_document
from bot.settings.sections.blocked import BlockedEntry, BlockedFile, check_entries, convert_entries
from bot.settings.sections.proposals import TemplatesSection
from bot.settings.sections.trust import NotationSection, TrustConfigEntry

MAX_FILE = 1024 * 1024
"""The maximum number of bytes of a file with keys or certificates.

A public key has some hundred bytes. The certificates of all authorities that a browser trusts have two hundred
thousand.
"""
MAX_TEMPLATE = 256 * 1024
"""The maximum number of bytes of a template. The largest of basebump's own templates has about seven thousand."""


class UnreadableFileError(Exception):
    """Raised if a file cannot be read.

    The message has the reason, but not the name of the file, which the caller adds.
    """


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """Return the content of a file.

    Raises UnreadableFileError if the file cannot be read or is larger than `max_bytes`.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():  # opening a FIFO waits until something writes
            raise UnreadableFileError("the file could not be read: it is not a regular file")
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise UnreadableFileError(f"the file could not be read: {error.strerror}") from None
    if len(content) > max_bytes:
        raise UnreadableFileError(f"the file has more than {max_bytes} bytes; hint: name a smaller file")
    return content


def read_trust(entries: tuple[TrustConfigEntry, ...], config: Path) -> tuple[TrustEntry, ...]:
    """Read the files that `trust` names, relative to the config.

    Raises ConfigError with all problems if a file cannot be used.
    """
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
        identities=entry.keyless,
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


def read_templates(templates: TemplatesSection, config: Path) -> Mapping[str, str]:
    """Return the sources of the operator's own templates; empty if the config names none.

    The keys of the mapping are those of `proposals.templates`: `title`, `body`, `message` and `dashboard`.

    Raises ConfigError with the problems of all templates if a template cannot be used.
    """
    paths = {key: path for key, path in asdict(templates).items() if path is not None}
    if not paths:
        return {}
    from jinja2 import TemplateError  # noqa: PLC0415 - imported only for configs with templates

    from bot.core.proposal.render import compile_template  # noqa: PLC0415 - as above

    sources: dict[str, str] = {}
    problems: list[ConfigProblem] = []
    for kind, path in paths.items():
        where = f"proposals.templates.{kind}"
        try:
            sources[kind] = read_bounded(path, MAX_TEMPLATE).decode()
            compile_template(sources[kind])
        except UnreadableFileError as error:
            problems.append(ConfigProblem(where, str(error)))
        except UnicodeDecodeError:
            problems.append(ConfigProblem(where, "the file is not UTF-8 text; hint: save the file as UTF-8"))
        except TemplateError as error:
            problems.append(ConfigProblem(where, f"the file is not a valid template: {error}"))
    if problems:
        raise ConfigError(str(config), tuple(problems))
    return sources


def read_end_of_life(path: Path) -> tuple[ConfiguredEndOfLife, ...]:
    """Read the file that `end_of_life` names, and return the end of support of each image in it.

    Raises ConfigError with all problems of that file if it is not valid.
    """
    document, yaml_problems = parse_document(read_document(path), str(path))
    try:
        end_of_life_file = validate(EndOfLifeFile, document)
    except ValidationError as error:
        raise ConfigError(str(path), (*yaml_problems, *convert_errors(document, error, EndOfLifeFile))) from None
    if yaml_problems:
        raise ConfigError(str(path), yaml_problems)
    return end_of_life_file.images


def read_blocklist(entries: Sequence[BlockedEntry]) -> Blocklist:
    """Return the blocked images in the config, and in the files that it names by a path.

    Raises ConfigError if such a file cannot be used.
    """
    return build_blocklist(_list_entries(entries))


def parse_blocklist(content: bytes, source: str) -> Blocklist:
    """Return the blocked images in the content of a file. Raises ConfigError with its problems.

    `source` is the name of the file in messages.
    """
    return build_blocklist(convert_entries(parse_blocked_file(content, source).blocked))


def parse_blocked_file(content: bytes, source: str) -> BlockedFile:
    """Parse and validate a file with blocked images.

    Raises ConfigError with all problems if the file is not valid.
    """
    document, yaml_problems = parse_document(content, source)
    try:
        blocked_file = validate(BlockedFile, document)
    except ValidationError as error:
        raise ConfigError(source, (*yaml_problems, *convert_errors(document, error, BlockedFile))) from None
    pairs = zip(document["blocked"], blocked_file.blocked, strict=True)
    entries = [Entry(f"blocked[{index}]", written, value) for index, (written, value) in enumerate(pairs)]
    problems = (*yaml_problems, *report_empty_values(document), *check_entries(entries, allows_lists=False))
    if problems:
        raise ConfigError(source, problems)
    return blocked_file


def _list_entries(entries: Sequence[BlockedEntry]) -> Iterator[BlocklistEntry]:
    yield from convert_entries(entries)
    for entry in entries:
        if entry.path is not None:
            content = read_named_document(entry.path)
            yield from convert_entries(parse_blocked_file(content, str(entry.path)).blocked)


def read_named_document(path: Path) -> bytes:
    """Return the content of a file that the config names.

    Raises ConfigError if the file cannot be read or is too large.
    """
    try:
        return read_bounded(path, MAX_BYTES)
    except UnreadableFileError as error:
        raise ConfigError(str(path), (ConfigProblem("", str(error)),)) from None
