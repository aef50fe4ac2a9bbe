"""Read files of the installation: templates, example configs, and the record of the source of basebump.

The files are in a wheel or in a checkout.
"""

from __future__ import annotations

import functools
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

_RECORD_NAME = "direct_url.json"
"""The record that pip writes if a package does not come from a package registry.

https://packaging.python.org/en/latest/specifications/direct-url/
"""
_REPOSITORY = re.compile(
    r"https://(?:[^/@]*@)?(?P<page>[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9_.~-]+)+)/?", re.ASCII
)
"""Matches the URL of a repository. A user name or a token in the URL is not part of the group `page`."""
_COMMIT = re.compile(r"[0-9a-f]{40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class InstallSource:
    """The repository and the commit from which basebump was installed."""

    page: str
    """The URL of the repository's page, such as `https://github.com/acme/basebump`."""
    commit: str

    def get_file_page(self, path: str) -> str:
        """Return the URL of a file in the repository. `path` may end with `#` and the name of a section."""
        return f"{self.page}/blob/{self.commit}/{path}"


def read_template(path: str) -> str:
    """Return the content of a file in `templates/`, such as `body.md.j2`."""
    return _find_folder("templates").joinpath(path).read_text(encoding="utf-8")


def prepend_macros(source: str) -> str:
    """Return the template `source` preceded by macros about evidence that it can call.

    `evidence.md.j2` has macros for users' own templates, and `blocks.md.j2` has the blocks of basebump's texts.
    """
    return read_template("evidence.md.j2") + read_template("blocks.md.j2") + source


def prepend_proposal_macros(source: str) -> str:
    """Return the template of a proposal's text preceded by all macros that it can call, also those about proposals."""
    return prepend_macros(read_template("proposal.md.j2") + source)


def read_config(path: str) -> str:
    """Return the content of a file in `config/`, such as `default.yaml`."""
    return _find_folder("config").joinpath(path).read_text(encoding="utf-8")


@functools.cache
def find_install_source(search_path: Sequence[str] | None = None) -> InstallSource | None:
    """Return the repository that basebump was installed from with `pip install git+https://…`.

    Return None for any other kind of installation, because the URLs of pages are then unknown. `search_path` contains
    the folders with installed packages; None means the folders of the running Python.
    """
    from importlib.metadata import Distribution

    folders = list(sys.path if search_path is None else search_path)
    installed = next(iter(Distribution.discover(name="basebump", path=folders)), None)
    return _parse_install_record(installed.read_text(_RECORD_NAME) or "") if installed is not None else None


def _parse_install_record(text: str) -> InstallSource | None:
    try:
        record = json.loads(text)
        address, commit = record["url"], record["vcs_info"]["commit_id"]
    except (ValueError, KeyError, TypeError):
        return None
    match = _REPOSITORY.fullmatch(str(address))
    if match is None or not _COMMIT.fullmatch(str(commit)):
        return None
    return InstallSource(f"https://{match['page'].removesuffix('.git')}", commit)


def _find_folder(kind: str) -> Traversable:
    """Return the folder `templates` or `config`, from the installed wheel or else from the checkout.

    `kind` is the name of the folder.
    """
    packaged = files("bot").joinpath("_data", kind)
    return packaged if packaged.is_dir() else Path(__file__).resolve().parent.parent / kind
