"""Record the packages, versions and fixed CVE ids of one Debian release from the changelogs of its packages.

    PYTHONPATH=.:tests .venv/bin/python -m support.pictures.record

This needs Debian with root, because apt fetches the package lists of another release into a folder of its own. The
sources of that release are those of this machine with another code name, so no address is written down here. For each
source package one binary package is downloaded, and its changelog is read:
`/usr/share/doc/PACKAGE/changelog.Debian.gz`, or `changelog.gz` if the package is native to Debian.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

RECORD = Path(__file__).with_name("debian.json")

RELEASE, VERSION = "bookworm", "12"
PUBLISHED = datetime(2023, 6, 10, tzinfo=UTC)
"""The day on which Debian published the release; the versions of that day are the oldest ones in the record."""

SLIM = (
    *("?essential", "apt", "ca-certificates", "netbase", "tzdata", "openssl"),
    *("libbz2-1.0", "libffi8", "liblzma5", "libreadline8", "libsqlite3-0", "libssl3"),
)
"""What an image such as `python:3.12-slim` installs."""
FULL = (
    *("?essential", "apt", "autoconf", "automake", "bzip2", "ca-certificates", "curl", "default-libmysqlclient-dev"),
    *("dpkg-dev", "file", "g++", "gcc", "git", "gnupg", "imagemagick", "libbz2-dev", "libc6-dev"),
    *("libcurl4-openssl-dev", "libdb-dev", "libevent-dev", "libffi-dev", "libgdbm-dev", "libglib2.0-dev"),
    *("libgmp-dev", "libjpeg-dev", "libkrb5-dev", "liblzma-dev", "libmagickcore-dev", "libmagickwand-dev"),
    *("libmaxminddb-dev", "libncurses5-dev", "libncursesw5-dev", "libpng-dev", "libpq-dev", "libreadline-dev"),
    *("libsqlite3-dev", "libssl-dev", "libtool", "libwebp-dev", "libxml2-dev", "libxslt-dev", "libyaml-dev", "make"),
    *("mercurial", "netbase", "openssh-client", "patch", "procps", "sq", "subversion", "tzdata", "unzip", "wget"),
    *("xz-utils", "zlib1g-dev"),
)
"""What an image such as `node:22`, with compilers and headers, installs."""
IMAGES = {"slim": SLIM, "full": FULL}

LEFT_OUT = frozenset({"linux-libc-dev"})
"""Packages that the images do not get: the changelog of the kernel, whose headers nobody runs, has 4,000 CVE ids."""

TITLE_LENGTH = 80
"""Characters of a title; some changelogs explain a fix at length."""
MINIMUM_WORDS = 3
"""Words of a title; fewer are the rest of a sentence that had only the id."""
_PUNCTUATION = " :,;.-/'\"`*+&"

_HEADER = re.compile(r"^(?P<source>[a-z0-9][a-z0-9+.-]*) \((?P<version>[^()\s]+)\) (?P<suites>[^;]+);")
_TRAILER = re.compile(r"^ -- .*>  (?P<date>.+)$")
_BULLET = re.compile(r"^\s*[-*+•]\s+")
_CVE = re.compile(r"\bCVE-\d{4}-\d{4,}\b")
_IDS_FIRST = re.compile(
    rf"^\W*(security\W+|fix(es)?:?\s+)?(?P<ids>{_CVE.pattern}([\s,/&]+(and\s+)?{_CVE.pattern})*)\s*:", re.IGNORECASE
)
"""A bullet that begins with the ids of its fixes; it may mention further ids, which are not fixed by it."""
_NOT_A_FIX = re.compile(
    r"\b(revert(s|ed|ing)?|not (affected|vulnerable|exploitable)|does not affect|unaffected|regression|typo"
    r"|no patch needed|add (a )?tests? for|the fix for CVE|fixed this class)\b",
    re.IGNORECASE,
)
_SEVERITY = re.compile(r"\bCVSS: (?P<severity>low|medium|high|critical)\b")
_NOISE = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\S*\.(patch|diff)\b\S*",
        r"\(?\b(closes|lp|bug|addresses):? ?#[^)\s]*(, ?#\d+)*\)?",
        r"\bgh-\d+\b|\bGHSA(-\w{4}){3}\b|\bGLIBC-SA-[\d-]+|\bGNUTLS-SA-[\d-]+|\bTEMP-[\w-]+",
        r"\[[^\]]*(fixes|cvss|security)[^\]]*\]",
        _CVE.pattern,
        r"\b(reported|spotted|discovered|found) by\b.*",
        r"(?<!\w)[(\[][\s,;:/&]*[)\]]",
        r"\((?-i:[A-ZÀ-Þ])[\w.]+ (?-i:[A-ZÀ-Þ])[^()]*\)",
        r"^[\s:]*\(|\([^()]*$",
    )
)
_LEADING = re.compile(
    r"^(fix(es|ed)?( for)?|address(es|ed)?|backport(ed)?( fix(es)?)?( for)?|resolve[sd]?|security( fix(es)?)?|update"
    r"|for|and|an?|the|there (is|was))\b[: ,]*",
    re.IGNORECASE,
)
_SAYS_NOTHING = re.compile(
    r"^(new upstream|(add|apply|import|cherry-pick|pull|include|refresh|use)\b.*\b(patch|upstream|commit|fix)"
    r"|minimal stop-gap|this includes|security (issue|update|fix)|multiple|various|several|prevent$"
    r"|upstream (security )?fix$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ChangelogParagraph:
    """Wrapped lines of an entry, joined."""

    text: str
    is_bullet: bool


@dataclass(frozen=True, slots=True)
class RecordedFix:
    """The statement of an entry about a vulnerability that it fixes."""

    title: str
    severity: str


@dataclass(frozen=True, slots=True)
class ChangelogEntry:
    """An entry of a changelog."""

    source: str
    version: str
    suites: str
    date: datetime
    paragraphs: tuple[ChangelogParagraph, ...]


@dataclass(slots=True)
class ChangelogUpload:
    """A version that the release had, and the CVE ids that its changelog mentions since the version before it."""

    version: str
    suite: str
    date: datetime
    fixes: dict[str, RecordedFix] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        stated = {id_: fix.severity for id_, fix in sorted(self.fixes.items()) if fix.severity}
        return {
            "version": self.version,
            "suite": self.suite,
            "date": f"{self.date.astimezone(UTC):%Y-%m-%d}",
            **({"fixes": {id_: fix.title for id_, fix in sorted(self.fixes.items())}} if self.fixes else {}),
            **({"severities": stated} if stated else {}),
        }


def parse_changelog(text: str) -> Iterator[ChangelogEntry]:
    """Parse a Debian changelog (deb-changelog(5)), newest entry first."""
    header, lines = None, []
    for line in text.splitlines():
        if found := _HEADER.match(line):
            header, lines = found, []
        elif header and (found := _TRAILER.match(line)):
            date = parsedate_to_datetime(found["date"].strip())
            date = date if date.tzinfo else date.replace(tzinfo=UTC)
            yield ChangelogEntry(
                header["source"], header["version"], header["suites"].strip(), date, tuple(_join(lines))
            )
            header = None
        elif header:
            lines.append(line)


def _join(lines: Iterable[str]) -> Iterator[ChangelogParagraph]:
    """Join the wrapped lines of each bullet and of each paragraph below a bullet."""
    words: list[str] = []
    is_bullet = False
    for line in (*lines, ""):
        starts = bool(_BULLET.match(line))
        if words and (starts or not line.strip()):
            yield ChangelogParagraph(" ".join(words), is_bullet)
            words = []
        if not words:
            is_bullet = starts
        words += _BULLET.sub("", line).split()


def list_uploads(entries: Iterable[ChangelogEntry]) -> list[ChangelogUpload]:
    """List the versions of the release, newest first; the last one is the version of its first day.

    Entries for other suites belong to the next version that was uploaded to this release.
    """
    uploads: list[ChangelogUpload] = []
    fixed: set[str] = set()
    for entry in entries:
        is_of_release = RELEASE in entry.suites
        is_first = not is_of_release and entry.date < PUBLISHED and "experimental" not in entry.suites
        if is_of_release or is_first or not uploads:
            suite = next((each for each in entry.suites.split() if RELEASE in each), entry.suites.split()[0])
            uploads.append(ChangelogUpload(entry.version, suite, entry.date))
        if is_first:
            break  # what this version fixed was never missing in the release
        for id_, fix in _find_fixes(entry):
            known = uploads[-1].fixes.setdefault(id_, fix)
            uploads[-1].fixes[id_] = RecordedFix(known.title or fix.title, known.severity or fix.severity)
    for upload in reversed(uploads):  # the first version that mentions an id is the one that fixes it
        upload.fixes = {id_: fix for id_, fix in upload.fixes.items() if id_ not in fixed}
        fixed |= upload.fixes.keys()
    return uploads


def _find_fixes(entry: ChangelogEntry) -> Iterator[tuple[str, RecordedFix]]:
    bullet = ""
    for number, paragraph in enumerate(entry.paragraphs):
        bullet = paragraph.text if paragraph.is_bullet else bullet
        if _NOT_A_FIX.search(paragraph.text):
            continue
        first = _IDS_FIRST.match(paragraph.text)
        ids = sorted(set(_CVE.findall(first["ids"] if first else paragraph.text)))
        below = entry.paragraphs[number + 1 : number + 2]
        texts = [paragraph.text if paragraph.is_bullet else bullet]
        texts += [each.text for each in below if not each.is_bullet and not _CVE.search(each.text)]
        title = next(filter(None, map(_make_title, texts)), "") if len(ids) == 1 else ""
        severity = _SEVERITY.search(paragraph.text)
        for id_ in ids:
            yield id_, RecordedFix(title, severity["severity"] if severity else "")


def _make_title(text: str) -> str:
    """Return the words of a bullet that describe a vulnerability; empty if it has only the id."""
    for noise in _NOISE:
        text = noise.sub(" ", text)
    text = re.split(r"(?<=[a-z)])[.;] |\. *$", re.sub(r"\s+", " ", text).strip(_PUNCTUATION))[0]
    for _ in range(4):
        text = _LEADING.sub("", text).strip(_PUNCTUATION)
    if text.endswith(")") and text.count(")") > text.count("("):
        text = text[:-1].strip(_PUNCTUATION)
    if _SAYS_NOTHING.match(text) or len(text.split()) < MINIMUM_WORDS:
        return ""
    if len(text) > TITLE_LENGTH:
        text = text[: TITLE_LENGTH - 1].rsplit(" ", 1)[0].rstrip(" ,;:(-") + "…"
    return text[0].upper() + text[1:] if re.match(r"[a-z]+[ ,]", text) else text


class AptLists:
    """apt with the package lists of the release, in a separate folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for path in ("etc/apt/sources.list.d", "etc/apt/preferences.d", "etc/apt/apt.conf.d", "var/lib/dpkg"):
            (folder / path).mkdir(parents=True)
        for path in ("var/lib/apt/lists/partial", "var/cache/apt/archives/partial"):
            (folder / path).mkdir(parents=True)
        (folder / "var/lib/dpkg/status").touch()
        self._copy_sources()
        options = f'Dir "{folder}";\nDir::State::status "{folder}/var/lib/dpkg/status";\n'
        (folder / "apt.conf").write_text(f'{options}APT::Sandbox::User "root";\nAcquire::Languages "none";\n')
        self.run("apt-get", "--quiet=2", "update")

    def _copy_sources(self) -> None:
        here = dict(re.findall(r"^(\w+)=(.*)$", Path("/etc/os-release").read_text(), re.MULTILINE))["VERSION_CODENAME"]
        listed = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
        for path in listed:
            if path.is_file() and here in (text := path.read_text()):
                target = path.relative_to("/")
                (self._folder / target).write_text(text.replace(here, RELEASE))

    def run(self, *command: str) -> str:
        environment = os.environ | {"APT_CONFIG": str(self._folder / "apt.conf"), "LC_ALL": "C"}
        return subprocess.run(command, env=environment, cwd=self._folder, check=True, stdout=-1, text=True).stdout

    def resolve(self, wanted: Iterable[str]) -> list[str]:
        """Return the names of the packages that an installation of `wanted` on an empty disk installs."""
        planned = self.run("apt-get", "--simulate", "--no-install-recommends", "install", *wanted)
        names = {name.partition(":")[0] for name in re.findall(r"^Inst (\S+) ", planned, re.MULTILINE)}
        return sorted(names - LEFT_OUT)

    def describe(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return the fields of the newest version of each package, from the package lists."""
        shown = self.run("apt-cache", "--no-all-versions", "show", *names)
        stanzas = [dict(re.findall(r"^([\w-]+): (.*)$", each, re.MULTILINE)) for each in shown.strip().split("\n\n")]
        return {stanza["Package"]: stanza for stanza in stanzas}

    def read_changelog(self, package: str) -> str | None:
        """Return the changelog in a package; None if the package shares that of another package."""
        self.run("apt-get", "--quiet=2", "download", package)
        (path,) = self._folder.glob("*.deb")
        unpacked = subprocess.run(["dpkg-deb", "--fsys-tarfile", path], check=True, stdout=-1).stdout
        path.unlink()
        with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
            members = {member.name.removeprefix("./"): member for member in archive if member.isfile()}
            for name in ("changelog.Debian.gz", "changelog.gz"):
                if member := members.get(f"usr/share/doc/{package}/{name}"):
                    content = archive.extractfile(member)
                    assert content is not None
                    return gzip.decompress(content.read()).decode(errors="replace")
        return None


def _source_of(stanza: dict[str, str]) -> tuple[str, str]:
    """Return the name and the version of the source package that a package was built from."""
    name, _, version = stanza.get("Source", stanza["Package"]).partition(" ")
    return name, version.strip("()") or stanza["Version"]


def _record_source(apt: AptLists, source: str, binaries: list[dict[str, str]]) -> dict[str, object]:
    for stanza in sorted(binaries, key=lambda each: int(each["Size"])):
        text = apt.read_changelog(stanza["Package"])
        entries = [entry for entry in parse_changelog(text or "") if entry.source == source]
        if entries:
            return {
                "changelog": {"package": stanza["Package"], "version": stanza["Version"]},
                "uploads": [upload.as_json() for upload in list_uploads(entries)],
            }
    raise LookupError(f"no package of {source} has its changelog")


def record(folder: Path) -> dict[str, object]:
    """Fetch everything that the record has."""
    apt = AptLists(folder)
    images = {name: apt.resolve(wanted) for name, wanted in IMAGES.items()}
    packages = apt.describe(sorted({name for names in images.values() for name in names}))
    by_source: dict[str, list[dict[str, str]]] = {}
    for stanza in packages.values():
        by_source.setdefault(_source_of(stanza)[0], []).append(stanza)
    sources = {}
    for source, binaries in sorted(by_source.items()):
        sources[source] = _record_source(apt, source, binaries)
    return {
        "origin": {
            "method": "apt-get download PACKAGE; usr/share/doc/PACKAGE/changelog.Debian.gz in it",
            "recorded": f"{datetime.now(UTC):%Y-%m-%d}",
            "release": RELEASE,
            "version": VERSION,
            "script": f"tests/support/pictures/{Path(__file__).name}",
        },
        "images": images,
        "packages": {
            name: {"source": _source_of(stanza)[0], "version": stanza["Version"], "size": int(stanza["Size"])}
            for name, stanza in sorted(packages.items())
        },
        "sources": sources,
    }


def write_record(value: dict[str, object], path: Path) -> None:
    """Write a record with one line for each package and each upload, so that changes can be reviewed."""
    path.write_text(_lay_out(value, depth=4) + "\n", encoding="utf-8")


def _lay_out(value: object, depth: int, indent: int = 0) -> str:
    """Return JSON that is indented for the outer `depth` levels; values below stay on one line."""
    if not value or not depth or not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        if not isinstance(value[0], dict):
            return json.dumps(value, ensure_ascii=False)
        lines = [_lay_out(each, 0) for each in value]
        opening, closing = "[]"
    else:
        is_leaf = all(not isinstance(each, dict | list) for each in value.values())
        if is_leaf and indent:
            return json.dumps(value, ensure_ascii=False)
        lines = [f"{json.dumps(key)}: {_lay_out(each, depth - 1, indent + 1)}" for key, each in value.items()]
        opening, closing = "{}"
    margin = " " * (indent + 1)
    return f"{opening}\n{margin}" + f",\n{margin}".join(lines) + f"\n{' ' * indent}{closing}"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_record(record(Path(folder)), RECORD)


if __name__ == "__main__":
    main()
