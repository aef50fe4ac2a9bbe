"""The entries of `blocked`: images that must not be used, and lists of such images in files and registries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated, Literal

from bot.core.markdown import make_one_line
from bot.model.blocklist import Block, BlockedBuilds, BlockedDigest, BlocklistEntry
from bot.model.config_types import addresses, texts
from bot.model.config_types.markers import Check, Example, Length, Parse, match_pattern
from bot.model.errors import ConfigProblem, InvalidReferenceError
from bot.model.image_name import Digest, ImageName
from bot.settings.entries import Entry, Problems
from bot.settings.paths import ConfigPath

MAX_ENTRIES = 2000
"""The maximum number of entries of one list. The limit on the size of a file allows about 1500 entries."""
MAX_REASON = 200
"""The maximum number of characters of a reason. Titles, tables and messages show it in one line."""

_BUILT = "All images of some repositories that were built in a range of times."
_DIGEST = r"sha256:[0-9a-f]{64}"
_NO_TIME = "is not a time; hint: write a day as 2027-01-31, or a time as 2027-01-31T12:00:00Z"
_LIST_KEYS = ("path", "url", "oci")
_KINDS = ("digest", "built", *_LIST_KEYS)
_LAST_MOMENT = time(23, 59, 59, 999999)


def _validate_reason(value: str) -> str:
    if len(texts.require_text(value)) > MAX_REASON:
        raise ValueError(f"must not have more than {MAX_REASON} characters; hint: put the details on the linked page")
    if make_one_line(value, MAX_REASON) != value:
        raise ValueError("must be one line of printable text, without white space at its ends")
    return value


def _validate_artifact(value: str) -> str:
    try:
        image = ImageName.parse(value)
    except InvalidReferenceError as error:
        raise ValueError(str(error)) from None
    if image.tag is None and image.digest is None:
        raise ValueError(f"must have a tag or a digest; hint: write `{value}:latest`")
    return value


def _parse_time(value: object) -> datetime | date:
    """Return a day or a time in UTC. YAML has already parsed an unquoted value; a quoted one is parsed here."""
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) and "T" in value.upper() else value
        parsed = date.fromisoformat(parsed) if isinstance(parsed, str) else parsed
        if isinstance(parsed, datetime):
            return parsed.astimezone(UTC) if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(_NO_TIME) from None
    if not isinstance(parsed, date):
        raise ValueError(_NO_TIME)  # noqa: TRY004 - pydantic collects ValueErrors
    return parsed


DigestText = Annotated[
    str, match_pattern(_DIGEST, "digest", "is not a digest; hint: write `sha256:` and 64 lower-case hexadecimal digits")
]
ReasonText = Annotated[str, Check(_validate_reason)]
ArtifactReference = Annotated[str, Check(_validate_artifact)]
BuildTime = Annotated[datetime | date, Parse(_parse_time, {"title": "day or time", "type": "string"})]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltRange:
    """A range of build times. At least one of `from` and `to` is required."""

    from_: Annotated[BuildTime | None, Example("2027-01-30")] = None
    """The first build time that is blocked: a day, or a time in UTC.

    Default: no start; all earlier build times are blocked.
    """
    to: Annotated[BuildTime | None, Example("2027-01-31T12:00:00Z")] = None
    """The last build time that is blocked: a whole day, or a time in UTC.

    Default: no end; all later build times are blocked.
    """

    def get_times(self) -> tuple[datetime | None, datetime | None]:
        """Return the first and the last moment of the range; None for an end that is open."""
        start = _add_time(self.from_, time()) if self.from_ is not None else None
        return start, _add_time(self.to, _LAST_MOMENT) if self.to is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedImageEntry:
    """An entry of a published list of blocked images. It has either `digest` or `built`."""

    digest: Annotated[DigestText | None, Example("sha256:" + "0123456789abcdef" * 4)] = None
    """The digest of an index or of the image of one platform.

    An index is also blocked if one of its images is blocked.
    """
    image: Annotated[
        texts.ImageGlob | None, Example("docker.io/library/*"), Example("registry.example.com/acme/**", _BUILT)
    ] = None
    """A glob for canonical repositories. Required with `built`. Default: the digest is blocked in all repositories."""
    built: Annotated[BuiltRange | None, Example(entry=_BUILT)] = None
    """The build times of the blocked images of the repositories in `image`."""
    reason: Annotated[
        ReasonText | None, Example("malware in libexample"), Example("the build server was compromised", _BUILT)
    ] = None
    """The reason why the images are blocked, at most 200 characters.

    Required, except for lists. Proposals show the reason.
    """
    link: Annotated[addresses.DownloadUrl | None, Example("https://security.example.com/incidents/42")] = None
    """The https URL of a page with details. Default: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedEntry(BlockedImageEntry):
    """The config entry for images that must not be used, or for a list of such images.

    Each entry has exactly one of the keys `digest`, `built`, `path`, `url` and `oci`.
    """

    path: Annotated[ConfigPath | None, Example("blocked.yaml", "A list in a file.")] = None
    """A file with blocked images. The path is relative to this config file."""
    url: Annotated[
        addresses.DownloadUrl | None, Example("https://security.example.com/blocked.yaml", "A list that is downloaded.")
    ] = None
    """The https URL of a file with blocked images. If it cannot be read, nothing is proposed."""
    oci: Annotated[
        ArtifactReference | None, Example("registry.example.com/security/blocked:latest", "A list in a registry.")
    ] = None
    """An artifact in a registry whose only layer is a file with blocked images: `host/path:tag`, or with a digest. If
    it cannot be read, nothing is proposed.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedFile:
    """A file with blocked images, which an entry of `blocked` names."""

    schema: Literal[1]
    """The version of this file format."""
    blocked: Annotated[tuple[BlockedImageEntry, ...], Length(maximum=MAX_ENTRIES)]
    """The blocked images."""


@dataclass(frozen=True, slots=True)
class PublishedBlocklist:
    """A list of blocked images that a run must download. It has either a URL or an artifact."""

    key: str
    """The key in the config, for messages: `blocked[0]`."""
    url: str | None = None
    artifact: str | None = None
    """The reference of an artifact in a registry."""


def list_published_blocklists(entries: Sequence[BlockedEntry]) -> tuple[PublishedBlocklist, ...]:
    """Return the lists that a run must download."""
    return tuple(
        PublishedBlocklist(f"blocked[{index}]", entry.url, entry.oci)
        for index, entry in enumerate(entries)
        if entry.url is not None or entry.oci is not None
    )


def check_entries(entries: Iterable[Entry[BlockedImageEntry]], *, allows_lists: bool) -> Problems:
    """Yield a problem for each entry of `blocked` with too few or too many keys.

    If `allows_lists` is False, the entries are those of a list, which cannot name other lists.
    """
    kinds = _KINDS if allows_lists else _KINDS[: -len(_LIST_KEYS)]
    for entry in entries:
        if entry.value is not None:
            yield from _check_entry(entry.where, entry.value, kinds)


def _check_entry(where: str, entry: BlockedImageEntry, kinds: Sequence[str]) -> Problems:
    used = [kind for kind in kinds if getattr(entry, kind) is not None]
    if len(used) != 1:
        words = ", ".join(f"`{kind}`" for kind in kinds)
        yield ConfigProblem(where, f"must have exactly one of the keys {words}; hint: write one entry for each")
        return
    if used[0] in _LIST_KEYS:
        for key in ("image", "reason", "link"):
            if getattr(entry, key) is not None:
                yield ConfigProblem(f"{where}.{key}", "has no effect here; hint: write it into the entries of the list")
        return
    if entry.reason is None:
        yield ConfigProblem(f"{where}.reason", "is required; hint: say in one line why the image is blocked")
    if entry.built is None:
        return
    if entry.image is None:
        yield ConfigProblem(f"{where}.image", "is required with `built`; hint: write a glob for the repositories")
    start, end = entry.built.get_times()
    if start is None and end is None:
        yield ConfigProblem(f"{where}.built", "must have `from` or `to`; hint: set at least one of these keys")
    elif start is not None and end is not None and start > end:
        yield ConfigProblem(f"{where}.built", "blocks no image: `from` is after `to`; hint: exchange the two times")


def convert_entries(entries: Sequence[BlockedImageEntry]) -> Iterator[BlocklistEntry]:
    """Yield the blocked images. Entries that name a list are left out."""
    for entry in entries:
        block = Block(entry.reason or "", entry.link)
        if entry.digest is not None:
            yield BlockedDigest(Digest(entry.digest), block, entry.image)
        if entry.built is not None:
            yield BlockedBuilds(entry.image or "", *entry.built.get_times(), block)


def _add_time(moment: datetime | date, day_time: time) -> datetime:
    """Return a time unchanged, and a day as `day_time` on this day."""
    return moment if isinstance(moment, datetime) else datetime.combine(moment, day_time, UTC)
