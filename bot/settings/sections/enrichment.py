"""The section `enrichment` of the config file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from bot.model.config_types import addresses, names, texts
from bot.model.config_types.markers import Example, Flag, NonEmptyList
from bot.model.errors import ConfigProblem
from bot.settings.entries import Problems
from bot.settings.paths import ConfigPath, PathOrUrl

_KEV = "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json"
_URL = "A document that is downloaded."


@dataclass(frozen=True, slots=True, kw_only=True)
class VexEntry:
    """The config entry for OpenVEX documents and for the authors whose statements count."""

    path: Annotated[ConfigPath | None, Example("vex")] = None
    """A document, or a folder whose `.json` files are documents. The path is relative to this config file. Each entry
    has either `path` or `url`.
    """
    url: Annotated[addresses.DownloadUrl | None, Example("https://acme.example/vex.json", _URL)] = None
    """The https URL of a document. Each entry has either `url` or `path`."""
    authors: Annotated[NonEmptyList[texts.Glob], Example(["Acme Security *"]), Example(["Acme Security *"], _URL)]
    """Globs for the `author` of a document. The document's statements count only if a glob matches its author."""

    @property
    def location(self) -> Path | str:
        """The path of a file or folder, or a URL as a string."""
        return self.url or self.path or Path()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrichmentSection:
    """The lists and documents about vulnerabilities that basebump reads, and lookups of the sources of images.

    Each list or document is an https URL, or a path relative to this config file. By default, basebump reads none of
    them, and looks up no sources.
    """

    kev: Annotated[PathOrUrl | None, Example(_KEV)] = None
    """CISA's catalogue of vulnerabilities that are known to be exploited (KEV), in JSON. Default: none; no
    vulnerability then counts as exploited.
    """
    epss: Annotated[PathOrUrl | None, Example("lists/epss_scores-current.csv.gz")] = None
    """FIRST's list of EPSS scores in CSV, plain or compressed with gzip. Default: none; no scores are then shown."""
    vex: tuple[VexEntry, ...] = ()
    """Statements that vulnerabilities do not affect an image. Default: none; all findings then count."""
    source_changes: Flag = False
    """If `true`, proposals show how many commits lie between the source revisions of both images, and the release notes
    of the new version. basebump sends the requests to github.com or gitlab.com, if the labels of the images name a
    repository there. Each update is looked up once, and the result is stored in the `state`.
    """
    github_token_env: Annotated[names.VariableName | None, Example("SOURCE_TOKEN")] = None
    """The environment variable with a token for these requests to github.com, which raises the limit from 60 to 5000
    requests per hour. Use a token that can read no private repository, because proposals show the release notes.
    Default: no token is sent, not even that of a configured forge.
    """

    @property
    def has_advisories(self) -> bool:
        """True if a list or a document is set."""
        return self.kev is not None or self.epss is not None or bool(self.vex)


def check_vex(entries: Iterable[VexEntry]) -> Problems:
    """Yield a problem for each entry that does not have exactly one of `path` and `url`."""
    for index, each in enumerate(entries):
        if (each.path is None) is (each.url is None):
            message = "must have either `path` or `url`; hint: set exactly one of these keys"
            yield ConfigProblem(f"enrichment.vex[{index}]", message)
